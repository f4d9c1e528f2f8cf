import { openerCost } from '../../../machines/commitment/fees.ts';
import { FORMAT } from '../../../machines/channel/balances.ts';
import { channelIdOf, negotiated } from '../../../machines/channel/context.ts';
import { localCommitment } from '../../../machines/channel/requests.ts';
import { buildCommitment, type BuiltCommitment } from '../../../machines/commitment/commitment-transaction.ts';
import type { HtlcRow } from '../../../machines/htlc/htlc-table.ts';
import type { OutputRow } from '../../../machines/onchain/output.ts';
import { formatScid } from '../../../protocols/gossip/short-channel-id.ts';
import type { NodeApi, Output } from '../../api/contract.ts';
import { hexOf } from '../../channels/channel-store.ts';
import { lifecycleOf, type LiveChannel } from '../../channels/live-channel.ts';
import { alarmAdvice } from '../alarm-advice.ts';
import type { Node } from '../node.ts';
import { pendingView, totalsOf, type Here, type PendingSubject, type PendingView } from './pending-channel-view.ts';
import { blocks, blocksUntil, nameOf } from './pending-view.ts';
import { aliasOf, shownEnded, shownLive, type ShownChannel } from './shown-channel.ts';
import { sweepFees } from './sweep-fees.ts';

type Pending = Output<'pending'>;
type AlarmView = Pending['alarms'][number];
type Deadline = Pending['deadlines'][number];

/** HTLCs of open channels that expire within so many blocks are told. */
const NEAR_BLOCKS = 24;
/** Entries of a journal that are looked through for the channel's last change of state. */
const JOURNAL_SEARCH = 500;
/** More transactions than any wallet has. */
const ALL = 0xffff_ffff;

/** The states of a channel that is on its way into the chain. */
const CLOSING: ReadonlySet<string> = new Set(['shuttingDown', 'negotiatingClose', 'failed', 'fallenBehind', 'closing']);

/** What is pending, through the API. */
export function pendingApi(node: Node): Pick<NodeApi, 'pending'> {
  return {
    pending: async () => {
      const all = [...node.channels.all()];
      const here = hereOf(node);
      const pending = all.filter(({ lifecycle }) => lifecycle !== 'normal');
      const views = pending.map((channel) => pendingOf(node, shownLive(node, channel), here));
      const channels = views.map(({ view }) => view);
      const fees = new Map(views.flatMap((view) => [...view.fees]));
      const feesSat = [...fees.values()].reduce((sum, fee) => sum + fee, 0n);
      return {
        blockHeight: node.height,
        channels,
        deadlines: all.flatMap((channel) => deadlinesOf(channel, node.height)),
        alarms: alarmsOf(node),
        totals: totalsOf(channels, feesSat),
      };
    },
  };
}

/** Whether a channel is on its way into the chain. */
export const isClosing = ({ lifecycle }: LiveChannel): boolean => CLOSING.has(lifecycle);

/** Where the node cannot go on by itself. */
export function alarmsOf(node: Node): AlarmView[] {
  return node.alarms.list().map(({ code, message, channelIndex, sinceMs }) => {
    const channel = channelIndex === undefined ? undefined : node.channels.get(channelIndex);
    return { code, message, ...(channel && { channelId: hexOf(channelIdOf(channel.data)) }), sinceMs, advice: alarmAdvice[code] };
  });
}

/** All that is pending of one channel. */
export const pendingOf = (node: Node, shown: ShownChannel, here: Here = hereOf(node)): PendingView =>
  pendingView(subjectOf(node, shown), here);

/** The node as the views of one answer see it: what is costly to find out is found out once, and only if asked for. */
export function hereOf(node: Node): Here {
  const nets = once(() => walletNets(node));
  const fees = once(() => sweepFees(allOutputs(node), nets()));
  return {
    height: node.height,
    depths: node.options.channelPolicy,
    sweepOf: (outpoint) => node.sweeper.status(outpoint),
    isPostponed: (outpoint) => node.sweeper.isPostponed(outpoint),
    feeOf: (txid) => fees().get(txid),
  };
}

/** What each of the wallet's transactions brought it. */
function walletNets({ wallet }: Node): Map<string, bigint> {
  const standing = wallet.listTransactions(ALL).filter(({ conflicted }) => !conflicted);
  return new Map(standing.map(({ txid, netSat }) => [txid, netSat]));
}

const allOutputs = (node: Node): OutputRow[] => [
  ...[...node.channels.all()].flatMap(({ data }) => data.outputs),
  ...shownEnded(node).flatMap(({ snapshot }) => snapshot.data.outputs ?? []),
];

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

/** A channel as the pending views look at it. */
export function subjectOf(node: Node, { snapshot, htlcs, live, error }: ShownChannel): PendingSubject {
  return {
    snapshot,
    htlcs,
    own: live && ownCommitment(live),
    sinceMs: () => lastMove(node, snapshot.data.channelIndex),
    alias: aliasOf(node, hexOf(snapshot.data.remoteNodeId)),
    error,
  };
}

/** Our latest commitment transaction, unsigned, if the peer ever signed one: what a forced close broadcasts. */
export function ownCommitment({ data, htlcs, keys }: LiveChannel): BuiltCommitment | undefined {
  if (data.localSignatures === undefined) return undefined;
  const own = localCommitment(negotiated(data), htlcs, (number) => keys.channel.perCommitmentPoint(number), 'latest');
  return buildCommitment(own.parameters, own.commitmentNumber, own.keys, own.spec);
}

/** What a forced close costs: the blocks that our money waits, and what we pay for the commitment with its anchors. */
export function forcedCost({ data }: LiveChannel, own: BuiltCommitment): { delayBlocks: number; feeSat: bigint } {
  const feeSat = data.isOpener ? openerCost(FORMAT, data.feeratePerKw, own.htlcs.length) : 0n;
  return { delayBlocks: own.parameters.toSelfDelay, feeSat };
}

/** HTLCs of a channel that is not on chain yet and that expire soon. */
export function deadlinesOf(channel: Pick<LiveChannel, 'data' | 'value' | 'htlcs'>, height: number): Deadline[] {
  const { data, value, htlcs } = channel;
  const lifecycle = lifecycleOf(value);
  if (lifecycle !== 'normal' && lifecycle !== 'shuttingDown') return [];
  const { shortChannelId } = data;
  return [...htlcs.rows()]
    .filter(({ details }) => details.cltvExpiry - height <= NEAR_BLOCKS)
    .sort((a, b) => a.details.cltvExpiry - b.details.cltvExpiry)
    .map((row) => ({
      channelId: hexOf(channelIdOf(data)),
      ...(shortChannelId !== undefined && { shortChannelId: formatScid(shortChannelId) }),
      ...deadlineOf(row, height),
    }));
}

function deadlineOf({ details }: HtlcRow, height: number): Omit<Deadline, 'channelId' | 'shortChannelId'> {
  const { id, direction, amountMsat, paymentHash, cltvExpiry } = details;
  const at = `at height ${cltvExpiry}`;
  const when = cltvExpiry <= height ? `expired ${at}` : `expires in ${blocks(cltvExpiry - height)}, ${at}`;
  return {
    htlcId: id,
    direction,
    amountMsat,
    paymentHash: hexOf(paymentHash),
    cltvExpiry,
    blocksLeft: blocksUntil(cltvExpiry, height),
    text: `${nameOf(details)} ${when}`,
  };
}

/** When the channel last changed its state, by its journal. */
function lastMove(node: Node, channelIndex: number): number | undefined {
  const length = node.channelStore.journalHead(channelIndex)?.length ?? 0;
  const tail = node.channelStore.journal(channelIndex, Math.max(0, length - JOURNAL_SEARCH), JOURNAL_SEARCH);
  return tail.findLast(({ entry }) => 'lifecycle' in entry.transitions)?.entry.time;
}
