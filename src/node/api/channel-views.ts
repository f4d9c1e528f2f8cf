import { Transaction } from 'bitcoinjs-lib';
import { STEPS } from '../../../machines/forwarding/balance-fee.ts';
import { balancesBeside, spendableMsat } from '../../../machines/channel/balances.ts';
import { channelIdOf, negotiated } from '../../../machines/channel/context.ts';
import type { ChannelData, SideParameters } from '../../../machines/channel/data.ts';
import type { ChannelSnapshot } from '../../../machines/channel/channel.ts';
import type { HtlcRows } from '../../../machines/htlc/htlc-table.ts';
import { stageOf } from '../../../machines/htlc/htlc-states.ts';
import { formatScid } from '../../../protocols/gossip/short-channel-id.ts';
import type { Output } from '../../api/contract.ts';
import { decodeEntry } from '../../channels/decoded.ts';
import { entryText, type ChainedEntry } from '../../channels/journal.ts';
import { hexOf } from '../../channels/channel-store.ts';
import { lifecycleOf } from '../../channels/live-channel.ts';
import { displayTxid } from '../../sweep/sweep.ts';
import type { Node } from '../node.ts';
import { closingTree } from './closing-tree.ts';
import { commitmentsOf } from './commitment-views.ts';
import { hereOf, pendingOf, subjectOf } from './pending-api.ts';
import { aliasOf, type ShownChannel } from './shown-channel.ts';
import type { EndingEntries } from './ending-entries.ts';
import { whyOf } from './why.ts';

export { displayTxid };

export type ChannelSummary = Output<'channels'>['channels'][number];
export type ChannelDetail = Output<'channel'>;
type JournalEntryView = Output<'journal'>['entries'][number];

/** The states in which there is, or may be, a transaction that ends the channel. */
const ENDING: ReadonlySet<string> = new Set([
  'shuttingDown',
  'negotiatingClose',
  'failed',
  'fallenBehind',
  'closing',
  'closed',
]);

export function summaryOf(node: Node, shown: ShownChannel, here = hereOf(node)): ChannelSummary {
  const { snapshot, htlcs, error } = shown;
  const { data, value } = snapshot;
  const pending = ENDING.has(lifecycleOf(value)) ? pendingOf(node, shown, here).view : undefined;
  const nodeId = hexOf(data.remoteNodeId);
  const isNegotiated = data.remote !== undefined;
  const { localMsat, remoteMsat } = balancesBeside(data, htlcs);
  const alias = aliasOf(node, nodeId);
  const reason = data.failure?.reason ?? error;
  return {
    channelId: hexOf(channelIdOf(data)),
    ...(data.shortChannelId !== undefined && { shortChannelId: formatScid(data.shortChannelId) }),
    nodeId,
    ...(alias !== undefined && { alias }),
    ...(data.funding && { fundingOutpoint: `${displayTxid(data.funding.txid)}:${data.funding.outputIndex}` }),
    state: lifecycleOf(value),
    stateValue: value,
    connection: value.connection,
    opener: data.isOpener ? 'local' : 'remote',
    announced: data.announce,
    capacitySat: data.fundingSatoshis,
    localMsat,
    remoteMsat,
    spendableMsat: isNegotiated && lifecycleOf(value) === 'normal' ? spendableMsat(negotiated(data), htlcs, 'local') : 0n,
    receivableMsat: isNegotiated && lifecycleOf(value) === 'normal' ? spendableMsat(negotiated(data), htlcs, 'remote') : 0n,
    numHtlcs: htlcs.size,
    ...(reason !== undefined && { error: reason }),
    ...(pending && { ...(pending.closing && { closing: pending.closing }), limboSat: pending.totals.limboSat }),
  };
}

/** HTLCs as the API shows them. */
export function htlcViews(htlcs: HtlcRows): ChannelDetail['htlcs'] {
  return [...htlcs.rows()].map(({ details, state }) => ({
    htlcId: details.id,
    direction: details.direction,
    amountMsat: details.amountMsat,
    paymentHash: hexOf(details.paymentHash),
    cltvExpiry: details.cltvExpiry,
    state,
    inLocalCommitment: stageOf(state, 'local') === 'in',
    inRemoteCommitment: stageOf(state, 'remote') === 'in',
  }));
}

/** `ended`: what its journal has of its end, where it has come to one. */
export function detailOf(node: Node, shown: ShownChannel, journalTail: readonly JournalEntryView[], ended: EndingEntries | undefined): ChannelDetail {
  const { data, value } = shown.snapshot;
  const { htlcs, committed, live } = shown;
  const lifecycle = lifecycleOf(value);
  const here = hereOf(node);
  const pending = lifecycle === 'normal' || lifecycle === 'abandoned' ? undefined : pendingOf(node, shown, here).view;
  const tree = pending && closingTree(subjectOf(node, shown), here, pending);
  const why = ended && whyOf(shown.snapshot, ended);
  const commitments = commitmentsOf(data, committed, (number) => keysOf(node, data, live).perCommitmentPoint(number));
  return {
    ...summaryOf(node, shown, here),
    feeratePerKw: data.feeratePerKw,
    fundingConfirmations: data.confirmation === undefined ? 0 : node.height - data.confirmation.blockHeight + 1,
    minimumDepth: data.minimumDepth,
    ...(commitments && { commitments }),
    limits: { local: limitsOf(data.local), ...(data.remote && { remote: limitsOf(data.remote) }) },
    policies: policiesOf(node, data, value),
    htlcs: htlcViews(htlcs),
    ...(data.fundingSpend && { closingTxid: txidOf(data.fundingSpend.transaction) }),
    ...(pending && { pending }),
    ...(why && { why }),
    ...(tree && { closingTree: tree }),
    journalTail: [...journalTail],
  };
}

/** A channel that is over has no keys in memory. */
const keysOf = (node: Node, { channelIndex }: ChannelData, live: ShownChannel['live']) =>
  live?.keys.channel ?? node.options.signer.channel(channelIndex);

/** `isDecoded`: by field as well. */
export function entryView({ entry, hash }: ChainedEntry, isDecoded = false): JournalEntryView {
  return {
    sequence: entry.sequence,
    timeMs: entry.time,
    event: entry.event.type === 'message' && 'name' in entry.event ? entry.event.name : entry.event.type,
    ...(entry.wire && { wire: hexOf(entry.wire) }),
    ...(isDecoded && { decoded: decodeEntry(entry) }),
    transitions: entry.transitions as JournalEntryView['transitions'],
    htlcs: Object.fromEntries(Object.entries(entry.htlcs).map(([key, state]) => [key, state === 'ended' ? null : state])),
    text: entryText(entry),
    hash: hexOf(hash),
  };
}

const limitsOf = (side: SideParameters) => ({
  dustLimitSat: side.dustLimitSatoshis,
  channelReserveSat: side.channelReserveSatoshis,
  maxHtlcValueInFlightMsat: side.maxHtlcValueInFlightMsat,
  htlcMinimumMsat: side.htlcMinimumMsat,
  maxAcceptedHtlcs: side.maxAcceptedHtlcs,
  toSelfDelay: side.toSelfDelay,
});

function policiesOf(node: Node, data: ChannelData, value: ChannelSnapshot['value']): ChannelDetail['policies'] {
  const { shortChannelId } = data;
  const theirs = shortChannelId === undefined ? undefined : node.graph.policy(shortChannelId, hexOf(data.remoteNodeId) < node.nodeId ? 0 : 1);
  return {
    local: localPolicy(node, data, value.connection !== 'online'),
    ...(theirs && {
      remote: {
        feeBaseMsat: BigInt(theirs.feeBaseMsat),
        feeProportionalMillionths: theirs.feeProportionalMillionths,
        cltvExpiryDelta: theirs.cltvExpiryDelta,
        htlcMinimumMsat: BigInt(theirs.htlcMinimumMsat),
        htlcMaximumMsat: BigInt(theirs.htlcMaximumMsat),
        disabled: theirs.disabled,
      },
    }),
  };
}

export function localPolicy(node: Node, data: ChannelData, disabled: boolean): ChannelDetail['policies']['local'] {
  const { feeBaseMsat, feeProportionalMillionths, cltvExpiryDelta } = node.policies.of(data.channelIndex);
  const followsBalance = followingOf(node, data);
  const capacityMsat = data.fundingSatoshis * 1000n;
  const allowedMsat = data.remote?.maxHtlcValueInFlightMsat ?? 0n;
  return {
    feeBaseMsat: BigInt(feeBaseMsat),
    feeProportionalMillionths,
    cltvExpiryDelta,
    htlcMinimumMsat: data.remote?.htlcMinimumMsat ?? 0n,
    htlcMaximumMsat: allowedMsat < capacityMsat ? allowedMsat : capacityMsat,
    disabled,
    ...(followsBalance && { followsBalance }),
  };
}

/** How the fee of a channel follows its balance, if it does. Steps are counted from 1. */
function followingOf({ policies, balanceFees, channels }: Node, { channelIndex }: ChannelData): ChannelDetail['policies']['local']['followsBalance'] {
  const { follow } = policies.of(channelIndex);
  if (follow === undefined) return undefined;
  const now = policies.stepOf(channelIndex);
  if (now === undefined) return undefined;
  const live = channels.get(channelIndex);
  const waits = live && balanceFees.waiting(live);
  return {
    ...follow,
    step: now.step + 1,
    numSteps: STEPS,
    ...(waits && { wantedStep: waits.step + 1, nextChangeAt: Math.ceil(waits.untilMs / 1_000) }),
  };
}

const txidOf = (transaction: Uint8Array): string => Transaction.fromBuffer(transaction).getId();
