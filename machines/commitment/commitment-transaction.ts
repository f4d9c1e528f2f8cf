import { Transaction } from 'bitcoinjs-lib';
import { compare } from 'uint8arrays/compare';
import { obscureCommitmentNumber, type PaymentBasepoints } from './commitment-number.ts';
import { CommitmentError } from './errors.ts';
import { ANCHOR_SATOSHIS, htlcTransactionFee, openerCost, trimThreshold } from './fees.ts';
import type { CommitmentKeys } from './keys.ts';
import {
  anchorScript,
  fundingScript,
  htlcScripts,
  p2wpkh,
  p2wsh,
  toLocalScript,
  toRemoteAnchorsScript,
} from './scripts.ts';
import type { CommitmentFormat, CommitmentHtlc, CommitmentSpec } from './spec.ts';
import { transactionHash } from './transaction-hash.ts';

/**
 * What stays the same for all commitment transactions of one owner in one channel. "Local" is the owner (the node that
 * can broadcast them), "remote" the other one, whichever of the two builds them.
 */
export interface CommitmentParameters extends PaymentBasepoints {
  readonly format: CommitmentFormat;
  /** 32 bytes in internal order, as in `funding_created`. */
  readonly fundingTxid: Uint8Array;
  readonly fundingOutputIndex: number;
  readonly fundingSatoshis: bigint;
  readonly localFundingPubkey: Uint8Array;
  readonly remoteFundingPubkey: Uint8Array;
  /** Whether the owner of the commitment opened the channel, and so pays the fee and the anchors. */
  readonly localIsOpener: boolean;
  /** The owner's. */
  readonly dustLimitSatoshis: bigint;
  /** The delay that the other node imposed on the owner, in blocks. */
  readonly toSelfDelay: number;
}

interface Output {
  /** Its position in the transaction. */
  readonly index: number;
  readonly amountSatoshis: bigint;
  readonly scriptPubkey: Uint8Array;
}

/** An output that is not an HTLC. Only the P2WPKH `to_remote` of a channel without anchors has no witness script. */
export interface BalanceOutput extends Output {
  readonly kind: 'to_local' | 'to_remote' | 'local_anchor' | 'remote_anchor';
  readonly witnessScript: Uint8Array | undefined;
}

/**
 * The output of an HTLC, with the unsigned HTLC-timeout (offered) or HTLC-success (received) transaction that spends
 * it.
 */
export interface HtlcOutput extends Output {
  readonly kind: 'htlc';
  readonly witnessScript: Uint8Array;
  readonly htlc: CommitmentHtlc;
  readonly transaction: Transaction;
}

export type CommitmentOutput = BalanceOutput | HtlcOutput;

/** An unsigned commitment transaction and all that is needed to sign, check, complete and spend it. */
export interface BuiltCommitment {
  readonly parameters: CommitmentParameters;
  readonly keys: CommitmentKeys;
  readonly commitmentNumber: number;
  readonly transaction: Transaction;
  /** 32 bytes in internal order. */
  readonly txid: Uint8Array;
  /** In the transaction's order. */
  readonly outputs: readonly CommitmentOutput[];
  /** The outputs that are HTLCs, in the transaction's order: that of the `htlc_signature`s in `commitment_signed`. */
  readonly htlcs: readonly HtlcOutput[];
  /** The HTLCs too small to have an output. */
  readonly trimmedHtlcs: readonly CommitmentHtlc[];
  /** What the miner gets: the funding amount less all outputs, trimmed HTLCs and fractions of satoshis included. */
  readonly feeSatoshis: bigint;
}

type UnplacedOutput = Omit<BalanceOutput, 'index'> | Omit<HtlcOutput, 'index' | 'transaction'>;

const EMPTY = new Uint8Array();

/**
 * Builds the commitment transaction of `commitmentNumber` (0 is the first) for its owner (BOLT 3, "Commitment
 * Transaction Construction").
 *
 * Throws `CommitmentError`: `unbalanced_commitment` when a balance is negative or balances and HTLCs do not add up to
 * the capacity; `outputs_exceed_funding` when the opener cannot even pay for the anchors; `invalid_commitment_number`.
 * That the opener can pay the whole fee above its reserve is for BOLT 2's rules to check: here the fee takes what there
 * is.
 */
export function buildCommitment(
  parameters: CommitmentParameters,
  commitmentNumber: number,
  keys: CommitmentKeys,
  spec: CommitmentSpec,
): BuiltCommitment {
  expectBalanced(parameters, spec);
  const { format, dustLimitSatoshis } = parameters;
  const { untrimmed, trimmed } = trim(parameters, spec);
  const toLocalWitnessScript = toLocalScript(keys, parameters.toSelfDelay);
  const toLocalScriptPubkey = p2wsh(toLocalWitnessScript);

  const unplaced: UnplacedOutput[] = htlcOutputs(format, keys, untrimmed);
  const { toLocalSatoshis, toRemoteSatoshis } = balancesAfterCost(parameters, spec, untrimmed.length);
  const hasToLocal = toLocalSatoshis >= dustLimitSatoshis;
  const hasToRemote = toRemoteSatoshis >= dustLimitSatoshis;
  if (hasToLocal) {
    unplaced.push({
      kind: 'to_local',
      amountSatoshis: toLocalSatoshis,
      scriptPubkey: toLocalScriptPubkey,
      witnessScript: toLocalWitnessScript,
    });
  }
  if (hasToRemote) unplaced.push(toRemoteOutput(format, keys, toRemoteSatoshis));
  if (format === 'anchors') {
    // Each node has an anchor only if it has something at stake in this transaction.
    if (hasToLocal || untrimmed.length > 0) unplaced.push(anchor('local_anchor', parameters.localFundingPubkey));
    if (hasToRemote || untrimmed.length > 0) unplaced.push(anchor('remote_anchor', parameters.remoteFundingPubkey));
  }
  unplaced.sort(compareOutputs);

  const { locktime, sequence } = obscureCommitmentNumber(parameters, commitmentNumber);
  const transaction = new Transaction();
  transaction.version = 2;
  transaction.locktime = locktime;
  transaction.ins = [
    { hash: parameters.fundingTxid, index: parameters.fundingOutputIndex, script: EMPTY, sequence, witness: [] },
  ];
  transaction.outs = unplaced.map(({ scriptPubkey, amountSatoshis }) => ({
    script: scriptPubkey,
    value: amountSatoshis,
  }));
  const txid = transactionHash(transaction);

  const outputs = unplaced.map((output, index): CommitmentOutput => {
    if (output.kind !== 'htlc') return { ...output, index };
    const outpoint = { txid, index };
    return { ...output, index, transaction: htlcTransaction(format, spec, output, outpoint, toLocalScriptPubkey) };
  });
  return {
    parameters,
    keys,
    commitmentNumber,
    transaction,
    txid,
    outputs,
    htlcs: outputs.filter((output) => output.kind === 'htlc'),
    trimmedHtlcs: trimmed,
    feeSatoshis: feeOf(parameters, outputs),
  };
}

/** The witness script of the funding output that the commitment spends. */
export function commitmentFundingScript({ localFundingPubkey, remoteFundingPubkey }: CommitmentParameters): Uint8Array {
  return fundingScript(localFundingPubkey, remoteFundingPubkey);
}

function expectBalanced({ fundingSatoshis }: CommitmentParameters, spec: CommitmentSpec): void {
  const inHtlcs = spec.htlcs.reduce((sum, { amountMsat }) => sum + amountMsat, 0n);
  const total = spec.toLocalMsat + spec.toRemoteMsat + inHtlcs;
  const negative = spec.toLocalMsat < 0n || spec.toRemoteMsat < 0n || spec.htlcs.some((htlc) => htlc.amountMsat < 0n);
  if (total === fundingSatoshis * 1000n && !negative) return;
  throw new CommitmentError(
    'unbalanced_commitment',
    `expected balances and HTLCs of 0 or more that add up to ${fundingSatoshis * 1000n} msat, ` +
      `got ${spec.toLocalMsat} to local, ${spec.toRemoteMsat} to remote and ${inHtlcs} in HTLCs`,
    { fundingSatoshis, toLocalMsat: spec.toLocalMsat, toRemoteMsat: spec.toRemoteMsat, htlcsMsat: inHtlcs },
  );
}

function trim({ format, dustLimitSatoshis }: CommitmentParameters, { feeratePerKw, htlcs }: CommitmentSpec) {
  const threshold = {
    offered: trimThreshold(format, feeratePerKw, dustLimitSatoshis, 'offered') * 1000n,
    received: trimThreshold(format, feeratePerKw, dustLimitSatoshis, 'received') * 1000n,
  };
  const untrimmed: CommitmentHtlc[] = [];
  const trimmed: CommitmentHtlc[] = [];
  for (const htlc of htlcs) (htlc.amountMsat < threshold[htlc.direction] ? trimmed : untrimmed).push(htlc);
  return { untrimmed, trimmed };
}

function htlcOutputs(format: CommitmentFormat, keys: CommitmentKeys, untrimmed: readonly CommitmentHtlc[]) {
  if (untrimmed.length === 0) return [];
  const scriptOf = htlcScripts(format, keys);
  return untrimmed.map((htlc) => {
    const witnessScript = scriptOf(htlc);
    const amountSatoshis = htlc.amountMsat / 1000n;
    return { kind: 'htlc' as const, amountSatoshis, scriptPubkey: p2wsh(witnessScript), witnessScript, htlc };
  });
}

/** What the opener cannot pay makes its balance negative: then it has no output, and the fee is what is left. */
function balancesAfterCost(parameters: CommitmentParameters, spec: CommitmentSpec, untrimmedHtlcs: number) {
  const cost = openerCost(parameters.format, spec.feeratePerKw, untrimmedHtlcs);
  return {
    toLocalSatoshis: spec.toLocalMsat / 1000n - (parameters.localIsOpener ? cost : 0n),
    toRemoteSatoshis: spec.toRemoteMsat / 1000n - (parameters.localIsOpener ? 0n : cost),
  };
}

function toRemoteOutput(format: CommitmentFormat, { remotePubkey }: CommitmentKeys, amountSatoshis: bigint) {
  if (format !== 'anchors') {
    return { kind: 'to_remote', amountSatoshis, scriptPubkey: p2wpkh(remotePubkey), witnessScript: undefined } as const;
  }
  const witnessScript = toRemoteAnchorsScript(remotePubkey);
  return { kind: 'to_remote', amountSatoshis, scriptPubkey: p2wsh(witnessScript), witnessScript } as const;
}

function anchor(kind: 'local_anchor' | 'remote_anchor', fundingPubkey: Uint8Array) {
  const witnessScript = anchorScript(fundingPubkey);
  return { kind, amountSatoshis: ANCHOR_SATOSHIS, scriptPubkey: p2wsh(witnessScript), witnessScript };
}

/**
 * BOLT 3, "Transaction Output Ordering": amount, script, then expiry, in which HTLCs with the same hash and amount
 * differ only inside their HTLC transactions. The id settles what is left, where either order gives the same bytes.
 */
function compareOutputs(a: UnplacedOutput, b: UnplacedOutput): number {
  if (a.amountSatoshis !== b.amountSatoshis) return a.amountSatoshis < b.amountSatoshis ? -1 : 1;
  const byScript = compare(a.scriptPubkey, b.scriptPubkey);
  if (byScript !== 0 || a.kind !== 'htlc' || b.kind !== 'htlc') return byScript;
  return a.htlc.cltvExpiry - b.htlc.cltvExpiry || (a.htlc.id < b.htlc.id ? -1 : 1);
}

/** BOLT 3, "HTLC-Timeout and HTLC-Success Transactions". */
function htlcTransaction(
  format: CommitmentFormat,
  { feeratePerKw }: CommitmentSpec,
  { htlc, amountSatoshis }: Omit<HtlcOutput, 'index' | 'transaction'>,
  outpoint: { txid: Uint8Array; index: number },
  scriptPubkey: Uint8Array,
): Transaction {
  const transaction = new Transaction();
  transaction.version = 2;
  transaction.locktime = htlc.direction === 'offered' ? htlc.cltvExpiry : 0;
  const sequence = format === 'anchors' ? 1 : 0;
  transaction.ins = [{ hash: outpoint.txid, index: outpoint.index, script: EMPTY, sequence, witness: [] }];
  const fee = htlcTransactionFee(format, feeratePerKw, htlc.direction);
  transaction.outs = [{ script: scriptPubkey, value: amountSatoshis - fee }];
  return transaction;
}

function feeOf({ fundingSatoshis }: CommitmentParameters, outputs: readonly CommitmentOutput[]): bigint {
  const feeSatoshis = outputs.reduce((left, { amountSatoshis }) => left - amountSatoshis, fundingSatoshis);
  if (feeSatoshis >= 0n) return feeSatoshis;
  throw new CommitmentError(
    'outputs_exceed_funding',
    `the outputs exceed the funding amount of ${fundingSatoshis} sat by ${-feeSatoshis} sat: ` +
      'the opener cannot pay for the anchors',
    { fundingSatoshis, missingSatoshis: -feeSatoshis },
  );
}
