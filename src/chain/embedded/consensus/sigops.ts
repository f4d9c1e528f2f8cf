import { opcodes } from 'bitcoinjs-lib';
import {
  type Instruction,
  isPayToScriptHash,
  isPushOnly,
  lastPush,
  parseScript,
  witnessProgram,
} from '../script/parse.ts';
import { WITNESS_SCALE_FACTOR } from './params.ts';
import type { ChainTransaction } from './transaction.ts';

const MULTISIG_SIGOPS = 20;

/**
 * The signature checks in a script. `accurate` counts a multisig by the number of keys that stands before it, as P2SH
 * and witness scripts are counted; otherwise it counts as 20.
 */
export function countSigops(script: Uint8Array, accurate: boolean): number {
  let count = 0;
  let previous: Instruction | undefined;
  for (const instruction of parseScript(script).instructions) {
    const { opcode } = instruction;
    if (opcode === opcodes.OP_CHECKSIG || opcode === opcodes.OP_CHECKSIGVERIFY) count++;
    if (opcode === opcodes.OP_CHECKMULTISIG || opcode === opcodes.OP_CHECKMULTISIGVERIFY) {
      const keys = previous === undefined ? 0 : previous.opcode - opcodes.OP_1 + 1;
      count += accurate && keys >= 1 && keys <= 16 ? keys : MULTISIG_SIGOPS;
    }
    previous = instruction;
  }
  return count;
}

/** The signature checks that stand in the transaction itself, whatever it spends, in BIP 141's weighted cost. */
export function legacySigopsCost({ transaction }: ChainTransaction): number {
  const scripts = [...transaction.ins, ...transaction.outs].map(({ script }) => countSigops(script, false));
  return scripts.reduce((sum, count) => sum + count, 0) * WITNESS_SCALE_FACTOR;
}

/**
 * All signature checks of a transaction in BIP 141's weighted cost. `spentScripts[i]` is the script that input i
 * spends.
 */
export function sigopsCost(transaction: ChainTransaction, spentScripts: readonly Uint8Array[]): number {
  let cost = legacySigopsCost(transaction);
  if (transaction.isCoinbase) return cost;
  for (const [i, { script: scriptSig, witness }] of transaction.transaction.ins.entries()) {
    let spent = spentScripts[i] ?? new Uint8Array(0);
    if (isPayToScriptHash(spent) && isPushOnly(scriptSig)) {
      const redeemScript = lastPush(scriptSig) ?? new Uint8Array(0);
      cost += countSigops(redeemScript, true) * WITNESS_SCALE_FACTOR;
      spent = redeemScript;
    }
    cost += witnessSigops(spent, witness);
  }
  return cost;
}

function witnessSigops(script: Uint8Array, witness: readonly Uint8Array[]): number {
  const program = witnessProgram(script);
  if (program?.version !== 0) return 0;
  if (program.program.length === 20) return 1;
  const witnessScript = witness.at(-1);
  return program.program.length === 32 && witnessScript !== undefined ? countSigops(witnessScript, true) : 0;
}
