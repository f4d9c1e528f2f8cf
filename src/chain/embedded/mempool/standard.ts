import type { TxOutput } from 'bitcoinjs-lib';
import type { Coin } from '../consensus/coins.ts';
import { WITNESS_SCALE_FACTOR } from '../consensus/params.ts';
import { countSigops } from '../consensus/sigops.ts';
import type { ChainTransaction } from '../consensus/transaction.ts';
import { RejectedError } from '../rejection.ts';
import { multisigOf, outputType } from '../script/classify.ts';
import { isPayToScriptHash, isPushOnly, isUnspendable, lastPush, witnessProgram } from '../script/parse.ts';
import { feeAtRateSat } from './feerate.ts';

const MAX_STANDARD_WEIGHT = 400_000;
const MAX_SCRIPT_SIG_SIZE = 1_650;
const MAX_DATA_CARRIER_SIZE = 83;
const MAX_BARE_MULTISIG_KEYS = 3;
const MAX_P2SH_SIGOPS = 15;
const MAX_P2WSH_SCRIPT_SIZE = 3_600;
const MAX_P2WSH_STACK_ITEMS = 100;
const MAX_P2WSH_ITEM_SIZE = 80;
/** Smaller transactions could be mistaken for an inner node of a block's merkle tree. */
const MIN_STRIPPED_SIZE = 65;
/** One that pays no fee may have an output of dust, which a child must then spend. */
const MAX_DUST_OUTPUTS = 1;
const DUST_RELAY_FEERATE_SAT_PER_KVB = 3_000n;

/**
 * The least that an output must be worth to be relayed: what spending it would cost at 3 sat/vB. 330 satoshi for P2WSH,
 * 294 for P2WPKH, 546 for P2PKH (BOLT 3, "Dust Limits" has the same figures).
 */
export function dustThresholdSat(script: Uint8Array): bigint {
  if (isUnspendable(script)) return 0n;
  const outputSize = 8 + (script.length < 0xfd ? 1 : 3) + script.length;
  const scriptSigSize = witnessProgram(script) === undefined ? 107 : Math.floor(107 / WITNESS_SCALE_FACTOR);
  return feeAtRateSat(DUST_RELAY_FEERATE_SAT_PER_KVB, outputSize + 32 + 4 + 1 + scriptSigSize + 4);
}

/**
 * Checks what relay policy asks of a transaction by itself. Throws `RejectedError`.
 *
 * Versions 1 and 2 alone are taken: version 3's own topology rules (BIP 431) are not kept here.
 */
export function checkStandard({ transaction, weight, strippedSize }: ChainTransaction): void {
  const { version, ins, outs } = transaction;
  if (version !== 1 && version !== 2) throw new RejectedError('policy', 'version');
  if (weight > MAX_STANDARD_WEIGHT) throw new RejectedError('policy', 'tx-size');
  for (const { script } of ins) {
    if (script.length > MAX_SCRIPT_SIG_SIZE) throw new RejectedError('policy', 'scriptsig-size');
    if (!isPushOnly(script)) throw new RejectedError('policy', 'scriptsig-not-pushonly');
  }
  for (const { script } of outs) {
    if (!isStandardOutput(script)) throw new RejectedError('policy', 'scriptpubkey');
  }
  if (outs.filter(isDust).length > MAX_DUST_OUTPUTS) throw new RejectedError('policy', 'dust');
  if (outs.filter(({ script }) => outputType(script) === 'nulldata').length > 1) {
    throw new RejectedError('policy', 'multi-op-return');
  }
  if (strippedSize < MIN_STRIPPED_SIZE) throw new RejectedError('policy', 'tx-size-small');
}

/** Nobody may be paid to mine dust. Throws `RejectedError`. */
export function checkDustWithoutFee({ transaction }: ChainTransaction, feeSat: bigint): void {
  if (feeSat !== 0n && transaction.outs.some(isDust)) {
    throw new RejectedError('policy', 'dust', 'tx with dust output must be 0-fee');
  }
}

/** Checks what relay policy asks of the outputs that are spent and of how they are spent. Throws `RejectedError`. */
export function checkStandardInputs({ transaction }: ChainTransaction, coins: readonly Coin[]): void {
  for (const [i, { script }] of coins.entries()) {
    const type = outputType(script);
    const scriptSig = transaction.ins[i]?.script ?? new Uint8Array(0);
    const redeemScript = type === 'scripthash' ? lastPush(scriptSig) : new Uint8Array(0);
    const standard =
      type !== 'nonstandard' &&
      type !== 'witness_unknown' &&
      redeemScript !== undefined &&
      countSigops(redeemScript, true) <= MAX_P2SH_SIGOPS;
    if (!standard) throw new RejectedError('policy', 'bad-txns-nonstandard-inputs');
  }
  for (const [i, { script }] of coins.entries()) {
    const input = transaction.ins[i];
    if (input !== undefined && !isStandardWitness(script, input.script, input.witness)) {
      throw new RejectedError('policy', 'bad-witness-nonstandard');
    }
  }
}

function isDust({ value, script }: TxOutput): boolean {
  return value < dustThresholdSat(script);
}

function isStandardOutput(script: Uint8Array): boolean {
  const type = outputType(script);
  if (type === 'multisig') return (multisigOf(script)?.keys ?? 0) <= MAX_BARE_MULTISIG_KEYS;
  if (type === 'nulldata') return script.length <= MAX_DATA_CARRIER_SIZE;
  return type !== 'nonstandard';
}

function isStandardWitness(script: Uint8Array, scriptSig: Uint8Array, witness: readonly Uint8Array[]): boolean {
  if (witness.length === 0) return true;
  if (outputType(script) === 'anchor') return false;
  const spent = isPayToScriptHash(script) ? lastPush(scriptSig) : script;
  const program = spent && witnessProgram(spent);
  if (program === undefined) return false;
  if (program.version !== 0 || program.program.length !== 32) return true;
  const stack = witness.slice(0, -1);
  return (
    (witness.at(-1)?.length ?? 0) <= MAX_P2WSH_SCRIPT_SIZE &&
    stack.length <= MAX_P2WSH_STACK_ITEMS &&
    stack.every(({ length }) => length <= MAX_P2WSH_ITEM_SIZE)
  );
}
