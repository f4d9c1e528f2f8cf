import { Transaction } from 'bitcoinjs-lib';
import { equals } from 'uint8arrays';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import { readCommitmentNumber } from '../commitment/commitment-number.ts';
import { buildCommitment, type BuiltCommitment } from '../commitment/commitment-transaction.ts';
import { lookupSecret, secretIndex } from '../commitment/secrets.ts';
import { isLostOwn, outputsOfCommitment, outputsOfLostOwn, outputsOfRevoked, outputsOfUnknown } from '../onchain/ending-outputs.ts';
import type { OutputRow } from '../onchain/output.ts';
import { negotiated, type ChannelContext } from './context.ts';
import type { ChannelData, EndingCommitment, NegotiatedChannel } from './data.ts';
import type { FundingSpent } from './events.ts';
import { isAwaitingRevocation } from './reestablish.ts';
import { localCommitment, previousRemoteCommitment, remoteCommitment, type CommitmentRequest } from './requests.ts';

/**
 * Which of the transactions that may spend the funding output one is (BOLT 5, "General Nomenclature"). `ahead` is a
 * commitment of the peer's that this node cannot rebuild, since it has lost state.
 */
export type SpendKind = 'mutual' | 'local' | 'remoteCurrent' | 'remoteNext' | 'revoked' | 'ahead' | 'unknown';

interface Spend {
  readonly kind: SpendKind;
  readonly transaction: Transaction;
  /** Of `local`, `remoteCurrent` and `remoteNext`. */
  readonly built?: BuiltCommitment;
  /** Of all commitments. */
  readonly commitmentNumber?: number;
  readonly perCommitmentPoint?: Uint8Array;
}

/** The chart's guards ask one after the other of the same event, and each answer takes the building of commitments. */
const answers = new WeakMap<FundingSpent, { readonly data: ChannelData; readonly kind: SpendKind | undefined }>();

/** Undefined for bytes that are no transaction, or one that does not spend the funding output. */
export function kindOfSpend(context: ChannelContext, event: FundingSpent): SpendKind | undefined {
  const known = answers.get(event);
  if (known?.data === context.data) return known.kind;
  const kind = spendOf(context, event.transaction)?.kind;
  answers.set(event, { data: context.data, kind });
  return kind;
}

/** What a commitment in a block leaves to do: which it is, and the outputs to watch. Undefined for all that is none. */
export function endingOf(
  context: ChannelContext,
  { transaction: bytes, blockHeight, pastHtlcs = [] }: FundingSpent,
): { readonly ending: EndingCommitment; readonly outputs: readonly OutputRow[] } | undefined {
  const spend = spendOf(context, bytes);
  if (spend?.commitmentNumber === undefined) return undefined;
  const channel = negotiated(context.data);
  const { kind, transaction, built, commitmentNumber, perCommitmentPoint } = spend;
  const secret = kind === 'revoked' ? secretOf(channel, commitmentNumber) : undefined;
  const ending: EndingCommitment = {
    txid: transaction.getHash(),
    owner: kind === 'local' ? 'local' : 'remote',
    commitmentNumber,
    perCommitmentPoint: secret === undefined ? perCommitmentPoint : secp256k1.publicKey(secret),
    perCommitmentSecret: secret,
  };
  if (built !== undefined) {
    return { ending, outputs: outputsOfCommitment(built, ending.owner, context.htlcs, blockHeight) };
  }
  if (kind === 'local' && perCommitmentPoint !== undefined) {
    return { ending, outputs: outputsOfLostOwn(channel, transaction, perCommitmentPoint, context.htlcs, blockHeight) };
  }
  const outputs =
    ending.perCommitmentPoint === undefined
      ? outputsOfUnknown(channel, transaction, context.htlcs, blockHeight)
      : outputsOfRevoked(channel, transaction, ending.perCommitmentPoint, context.htlcs, pastHtlcs, blockHeight);
  return { ending, outputs };
}

/** The number of a commitment that the peer has revoked, if the bytes are one: its past HTLCs must be looked up. */
export function revokedNumberOf(data: ChannelData, transaction: Transaction): number | undefined {
  if (data.remote === undefined) return undefined;
  const number = readCommitmentNumber(basepointsOf(negotiated(data)), transaction);
  return number !== undefined && number < data.remoteRevocations ? number : undefined;
}

function spendOf({ data, htlcs, environment }: ChannelContext, bytes: Uint8Array): Spend | undefined {
  const transaction = spendingOf(data, bytes);
  if (transaction === undefined) return undefined;
  const channel = negotiated(data);
  const txid = transaction.getHash();
  const commitmentNumber = readCommitmentNumber(basepointsOf(channel), transaction);
  if (commitmentNumber === undefined) return { kind: isMutualClose(data, transaction) ? 'mutual' : 'unknown', transaction };
  for (const [kind, number, request] of knownCommitments(channel, htlcs, environment)) {
    if (number !== commitmentNumber) continue;
    const { parameters, keys, spec, perCommitmentPoint } = request();
    const built = buildCommitment(parameters, commitmentNumber, keys, spec);
    if (equals(txid, built.txid)) return { kind, transaction, built, commitmentNumber, perCommitmentPoint };
  }
  if (commitmentNumber < data.remoteRevocations) return { kind: 'revoked', transaction, commitmentNumber };
  // This node may have closed the channel before it lost the state in which it did.
  const perCommitmentPoint = environment.localPoint(commitmentNumber);
  if (isLostOwn(channel, transaction, perCommitmentPoint)) return { kind: 'local', transaction, commitmentNumber, perCommitmentPoint };
  return { kind: 'ahead', transaction, commitmentNumber };
}

/** The commitments that may stand on chain without anyone having cheated or lost anything, by their numbers. */
function knownCommitments(
  channel: NegotiatedChannel,
  htlcs: ChannelContext['htlcs'],
  { localPoint }: ChannelContext['environment'],
): readonly (readonly [SpendKind, number, () => CommitmentRequest])[] {
  const { localCommitmentNumber, remoteCommitmentNumber, remoteRevocations } = channel;
  // A channel that came back from a backup knows nothing but its keys.
  if (channel.localSignatures === undefined) return [];
  const local = ['local', localCommitmentNumber, () => localCommitment(channel, htlcs, localPoint, 'latest')] as const;
  const latest = (): CommitmentRequest => remoteCommitment(channel, htlcs);
  if (!isAwaitingRevocation(channel)) return [local, ['remoteCurrent', remoteCommitmentNumber, latest]];
  return [
    local,
    ['remoteCurrent', remoteRevocations, () => previousRemoteCommitment(channel, htlcs)],
    ['remoteNext', remoteCommitmentNumber, latest],
  ];
}

/** BOLT 3, "Efficient Per-commitment Secret Storage": each one that the peer gave can be had again. */
const secretOf = ({ remoteSecrets }: NegotiatedChannel, commitmentNumber: number): Uint8Array | undefined =>
  lookupSecret(remoteSecrets, secretIndex(commitmentNumber));

function basepointsOf({ isOpener, local, remote }: NegotiatedChannel) {
  return {
    openerPaymentBasepoint: (isOpener ? local : remote).paymentBasepoint,
    accepterPaymentBasepoint: (isOpener ? remote : local).paymentBasepoint,
  };
}

/** The transaction, if it is one and spends the channel's funding output. */
function spendingOf({ funding }: ChannelData, bytes: Uint8Array): Transaction | undefined {
  let transaction: Transaction;
  try {
    transaction = Transaction.fromBuffer(bytes);
  } catch {
    return undefined;
  }
  const spends = transaction.ins.some(({ hash, index }) => index === funding?.outputIndex && equals(hash, funding.txid));
  return spends ? transaction : undefined;
}

/** A mutual close pays to nothing but the scripts of the two shutdowns. */
function isMutualClose({ isRecovered, localShutdownScript, remoteShutdownScript }: ChannelData, { outs }: Transaction): boolean {
  // What was agreed on is lost. Both have signed it, and it is no commitment: it is what they closed the channel with.
  if (isRecovered) return true;
  if (remoteShutdownScript === undefined) return false;
  return outs.every(({ script }) => equals(script, localShutdownScript) || equals(script, remoteShutdownScript));
}
