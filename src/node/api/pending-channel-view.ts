import { Transaction } from 'bitcoinjs-lib';
import { equals } from 'uint8arrays';
import { feerateOf } from '../../../machines/channel/balances.ts';
import type { ChannelSnapshot } from '../../../machines/channel/channel.ts';
import { closingRequest } from '../../../machines/channel/closing.ts';
import { channelIdOf, negotiated } from '../../../machines/channel/context.ts';
import type { ChannelData, ChannelFailure } from '../../../machines/channel/data.ts';
import { buildClosing } from '../../../machines/commitment/closing-transaction.ts';
import type { BuiltCommitment } from '../../../machines/commitment/commitment-transaction.ts';
import type { HtlcTable } from '../../../machines/htlc/htlc-table.ts';
import { outputsOfCommitment } from '../../../machines/onchain/ending-outputs.ts';
import type { OutputRow } from '../../../machines/onchain/output.ts';
import { formatScid } from '../../../protocols/gossip/short-channel-id.ts';
import type { StateValue } from '../../api/fields.ts';
import { hexOf } from '../../channels/channel-store.ts';
import { lifecycleOf } from '../../channels/live-channel.ts';
import { displayTxid } from '../../sweep/sweep.ts';
import {
  blocksUntil, heightOfDepth, outputViews, transactionView, type Outlook, type PendingChannel, type PendingOutput,
} from './pending-view.ts';

type Closing = NonNullable<PendingChannel['closing']>;
type ClosingKind = Closing['kind'];
type Totals = PendingChannel['totals'];

/** A channel, and what the node around it knows of it. */
export interface PendingSubject {
  readonly snapshot: Omit<ChannelSnapshot, 'htlcs'>;
  readonly htlcs: HtlcTable;
  /** Our latest commitment, if the peer ever signed one and the channel is live. */
  readonly own: BuiltCommitment | undefined;
  /** Unix time in milliseconds since which the channel is in its state; looked up only where it is shown. */
  readonly sinceMs: () => number | undefined;
  readonly alias: string | undefined;
  /** Why it stands still, if it does. */
  readonly error: string | undefined;
}

/** What of the node the views of a channel need. */
export interface Here extends Omit<Outlook, 'cheatersDelay'> {
  /** What a transaction of ours in a block, by its displayed txid, paid for taking outputs of channels. */
  readonly feeOf: (txid: string) => bigint | undefined;
}

export interface PendingView {
  readonly view: PendingChannel;
  /** What transactions in blocks cost us, by their txids: one may serve several channels. */
  readonly fees: ReadonlyMap<string, bigint>;
}

/** What closes a channel, in words. */
export const closingText: Readonly<Record<ClosingKind, string>> = {
  mutual: 'the transaction that both signed',
  local: 'our commitment transaction',
  remote: "the peer's commitment transaction",
  remoteNext: "the peer's next commitment transaction",
  revoked: 'a commitment transaction that the peer had revoked: all of it is ours',
  ahead: "a commitment transaction of the peer's that is ahead of what we know: we lost state",
  unknown: 'a transaction that this node cannot explain',
};

/** How a channel closes: the part of its statechart's state, or what is left of it once all is over. */
export function closingKindOf({ value: { lifecycle }, data }: PendingSubject['snapshot']): ClosingKind | undefined {
  const [state, kind, which] = pathOf(lifecycle);
  if (state === 'failed') return data.localSignatures === undefined ? undefined : 'local';
  if (state === 'closed') return kindOfEnding(data);
  if (state !== 'closing' || kind === undefined) return undefined;
  return kind === 'remote' && which === 'next' ? 'remoteNext' : (kind as ClosingKind);
}

/** The transaction that ends a channel, if there is one by now. */
export function closingOf(subject: PendingSubject, { height, sweepOf, depths }: Here): Closing | undefined {
  const { snapshot, own } = subject;
  const { data } = snapshot;
  const kind = closingKindOf(snapshot);
  if (kind === undefined) return undefined;
  const confirmedAt = data.fundingSpend?.blockHeight;
  const isWaiting = confirmedAt === undefined;
  const transaction = closingTransaction(subject);
  const txid = transaction?.getId() ?? (data.ending && displayTxid(data.ending.txid));
  const anchor = own?.outputs.find((output) => output.kind === 'local_anchor');
  const isOurs = isWaiting && kind === 'local';
  const bump = isOurs && own && anchor ? sweepOf({ txid: own.txid, outputIndex: anchor.index }) : undefined;
  const sinceMs = isWaiting ? subject.sinceMs() : undefined;
  const confirmationsNeeded = depths.irrevocableDepth;
  return {
    kind,
    ...(txid !== undefined && { txid }),
    ...(transaction && { feeSat: data.fundingSatoshis - paidBy(transaction) }),
    confirmations: isWaiting ? 0 : Math.max(0, height - confirmedAt + 1),
    confirmationsNeeded,
    blocksLeft: isWaiting ? confirmationsNeeded : blocksUntil(heightOfDepth(confirmedAt, confirmationsNeeded), height),
    ...(sinceMs !== undefined && { sinceMs }),
    ...(kind === 'local' && { feeratePerKw: feerateOf(data, 'local', 'latest') }),
    ...(bump && { bump: transactionView(bump) }),
    text: closingText[kind],
  };
}

/** All that is pending of a channel. */
export function pendingView(subject: PendingSubject, from: Here): PendingView {
  const { snapshot, htlcs, alias } = subject;
  const { data, value } = snapshot;
  const lifecycle = lifecycleOf(value);
  const closing = closingOf(subject, from);
  const outputs = outputViews(rowsOf(subject, from.height), outlookOf(data, from));
  const fees = feesOf(subject, outputs, from);
  const opening = lifecycle === 'opening' || lifecycle === 'confirming';
  const { shortChannelId, failure, confirmation } = data;
  const view: PendingChannel = {
    channelId: hexOf(channelIdOf(data)),
    ...(shortChannelId !== undefined && { shortChannelId: formatScid(shortChannelId) }),
    nodeId: hexOf(data.remoteNodeId),
    ...(alias !== undefined && { alias }),
    state: lifecycle,
    text: subject.error ?? textOf(snapshot, htlcs.size, closing, outputs, from.height),
    ...(opening && {
      confirmations: confirmation === undefined ? 0 : Math.max(0, from.height - confirmation.blockHeight + 1),
      confirmationsNeeded: data.minimumDepth,
    }),
    numHtlcs: htlcs.size,
    ...(closing && { closing }),
    outputs,
    totals: { ...amountsOf(subject, closing, outputs), feesSat: sum([...fees.values()]) },
    ...(failure && { reason: { by: failure.by, code: failure.code, text: reasonText(failure) } }),
  };
  return { view, fees };
}

export const noTotals: Totals = { limboSat: 0n, recoveredSat: 0n, lostSat: 0n, feesSat: 0n };

/** All of them together; what they paid in fees is given, since a transaction may serve several. */
export function totalsOf(channels: readonly PendingChannel[], feesSat: bigint): Totals {
  const of = (key: keyof Totals): bigint => sum(channels.map(({ totals }) => totals[key]));
  return { limboSat: of('limboSat'), recoveredSat: of('recoveredSat'), lostSat: of('lostSat'), feesSat };
}

function textOf(
  { data, value }: PendingSubject['snapshot'],
  numHtlcs: number,
  closing: Closing | undefined,
  outputs: readonly PendingOutput[],
  height: number,
): string {
  const depth = data.confirmation === undefined ? 0 : Math.max(0, height - data.confirmation.blockHeight + 1);
  const away = value.connection === 'offline' ? '; the peer is offline' : '';
  switch (lifecycleOf(value)) {
    case 'opening':
      return 'being opened: the funding transaction is not made yet';
    case 'confirming':
      return depth < data.minimumDepth
        ? `opening: ${depth} of ${data.minimumDepth} confirmations`
        : `opening: deep enough, waiting for the peer to say so too${away}`;
    case 'shuttingDown':
      return `shutting down: ${numHtlcs} ${numHtlcs === 1 ? 'HTLC' : 'HTLCs'} left${away}`;
    case 'negotiatingClose':
      return `agreeing with the peer on the closing fee${away}`;
    case 'failed':
      return closing === undefined
        ? 'failed: the peer never signed a commitment'
        : 'our commitment transaction waits for a block';
    case 'fallenBehind':
      return 'we lost state: our money comes when the peer broadcasts its commitment transaction';
    case 'closing':
      return `closing by ${closing?.text ?? 'an unknown transaction'}: ${progress(closing, outputs)}`;
    case 'closed':
      return `closed by ${closing?.text ?? 'an unknown transaction'}`;
    case 'normal':
      return 'open';
    case 'abandoned':
      return 'given up before a funding transaction was made';
  }
}

function progress(closing: Closing | undefined, outputs: readonly PendingOutput[]): string {
  const { confirmations = 0, confirmationsNeeded = 0 } = closing ?? {};
  const open = outputs.filter(({ holder, account }) => holder === 'nobody' && account === 'limbo').length;
  const deep = confirmations < confirmationsNeeded ? `${confirmations} of ${confirmationsNeeded}` : confirmations;
  const depth = confirmations === 0 ? 'waits for a block' : `${deep} confirmations`;
  return open === 0 ? depth : `${depth}, ${open} ${open === 1 ? 'output' : 'outputs'} of ours open`;
}

/** What is watched, or would be if our commitment that waits for a block were in one. */
export function rowsOf({ snapshot: { data, value }, htlcs, own }: PendingSubject, height: number): readonly OutputRow[] {
  if (lifecycleOf(value) !== 'failed' || own === undefined) return data.outputs;
  return outputsOfCommitment(own, 'local', htlcs, height).map((row) => ({ ...row, state: 'unconfirmed' }));
}

/** What stands where; fees are reckoned apart. */
function amountsOf(
  { snapshot: { data, value } }: PendingSubject,
  closing: Closing | undefined,
  outputs: readonly PendingOutput[],
): Omit<Totals, 'feesSat'> {
  const of = (account: PendingOutput['account']): bigint =>
    sum(outputs.filter((output) => output.account === account).map(({ amountSat }) => amountSat));
  const amounts = { limboSat: of('limbo'), recoveredSat: of('recovered'), lostSat: of('lost') };
  switch (lifecycleOf(value)) {
    case 'shuttingDown':
    case 'negotiatingClose':
    case 'fallenBehind':
      return { ...amounts, limboSat: data.toLocalMsat / 1000n };
    case 'closing':
    case 'closed': {
      if (closing?.kind !== 'mutual') return amounts;
      const ours = mutualShare(data);
      return closing.confirmations === 0 ? { ...amounts, limboSat: ours } : { ...amounts, recoveredSat: ours };
    }
    default:
      return amounts;
  }
}

/** BOLT 3, "Fee Calculation": the opener pays for the transaction that ends the channel; ours that spend it, we. */
function feesOf(
  { snapshot: { data } }: PendingSubject,
  outputs: readonly PendingOutput[],
  { feeOf }: Here,
): Map<string, bigint> {
  const fees = new Map<string, bigint>();
  if (data.isOpener && data.fundingSpend !== undefined) {
    const transaction = Transaction.fromBuffer(data.fundingSpend.transaction);
    // What HTLCs without an output were worth went to the miners too, but is told as lost or was not ours.
    const dust = outputs.filter(({ kind }) => kind === 'no_output');
    const dustSat = sum(dust.map(({ amountSat }) => amountSat));
    const feeSat = data.fundingSatoshis - paidBy(transaction) - dustSat;
    fees.set(transaction.getId(), feeSat > 0n ? feeSat : 0n);
  }
  for (const { spendingTxid } of outputs) {
    const feeSat = spendingTxid === undefined ? undefined : feeOf(spendingTxid);
    if (spendingTxid !== undefined && feeSat !== undefined) fees.set(spendingTxid, feeSat);
  }
  return fees;
}

/** As far as it is known: in a block, or to be in one. */
export function closingTransaction({ snapshot: { data, value }, own }: PendingSubject): Transaction | undefined {
  if (data.fundingSpend !== undefined) return Transaction.fromBuffer(data.fundingSpend.transaction);
  return lifecycleOf(value) === 'failed' ? own?.transaction : mutualClose(data)?.transaction;
}

function mutualClose(data: ChannelData) {
  if (data.agreedClosing === undefined) return undefined;
  const { parameters, feeSatoshis } = closingRequest(negotiated(data), data.agreedClosing.feeSatoshis, 'remote');
  return buildClosing(parameters, feeSatoshis);
}

/** Our part of the closing transaction that both signed. */
function mutualShare(data: ChannelData): bigint {
  const { fundingSpend, localShutdownScript } = data;
  if (fundingSpend === undefined) {
    const ours = mutualClose(data)?.outputs.filter(({ payee }) => payee === 'local') ?? [];
    return sum(ours.map(({ amountSatoshis }) => amountSatoshis));
  }
  const { outs } = Transaction.fromBuffer(fundingSpend.transaction);
  return sum(outs.filter(({ script }) => equals(script, localShutdownScript)).map(({ value }) => value));
}

function kindOfEnding({ ending, fundingSpend, remoteShutdownScript }: ChannelData): ClosingKind | undefined {
  if (fundingSpend === undefined) return undefined;
  if (ending === undefined) return remoteShutdownScript === undefined ? 'unknown' : 'mutual';
  if (ending.owner === 'local') return 'local';
  if (ending.perCommitmentSecret !== undefined) return 'revoked';
  return ending.perCommitmentPoint === undefined ? 'ahead' : 'remote';
}

const outlookOf = (data: ChannelData, from: Here): Outlook => ({
  ...from,
  cheatersDelay: data.local.toSelfDelay,
});

/** The names of the states from the outermost in. */
function pathOf(value: StateValue): string[] {
  if (typeof value === 'string') return [value];
  const [first] = Object.entries(value);
  return first === undefined ? [] : [first[0], ...pathOf(first[1])];
}

const paidBy = (transaction: Transaction): bigint => sum(transaction.outs.map(({ value }) => value));
const sum = (amounts: readonly bigint[]): bigint => amounts.reduce((total, amount) => total + amount, 0n);

/** Why a channel ended and by whom, in a sentence. */
function reasonText({ by, code, reason }: ChannelFailure): string {
  if (code === 'peer_error') return `ended by the peer, which says: ${reason}`;
  return `ended by ${by === 'local' ? 'us' : 'the peer'}: ${reason}`;
}
