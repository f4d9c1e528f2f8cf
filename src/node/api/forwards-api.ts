import { channelIdOf } from '../../../machines/channel/context.ts';
import type { ChannelData } from '../../../machines/channel/data.ts';
import { formatScid } from '../../../protocols/gossip/short-channel-id.ts';
import type { NodeApi, Output } from '../../api/contract.ts';
import { hexOf } from '../../channels/channel-store.ts';
import type { ForwardRecord } from '../../payments/records.ts';
import type { Node } from '../node.ts';

type ForwardView = Output<'forwards'>['forwards'][number];
type ChannelNames = Pick<ForwardView['incoming'], 'channelId' | 'shortChannelId'>;

/** What this node forwarded, through the API. */
export function forwardsApi(node: Node): Pick<NodeApi, 'forwards'> {
  return {
    forwards: async ({ status, limit, offset }) => {
      const page = { ...(limit !== undefined && { limit }), ...(offset !== undefined && { offset }) };
      const { total, forwards } = node.payments.listForwards({ ...page, ...(status && { status }) });
      const { earnedMsat: feeMsat, lostMsat } = node.payments.forwardTotals();
      const names = channelNames(node);
      return { total, feeMsat, lostMsat, forwards: forwards.map((forward) => forwardView(forward, names)) };
    },
  };
}

/** The names of channels by their indexes, each read but once. */
function channelNames(node: Node): (channelIndex: number | undefined) => ChannelNames {
  const known = new Map<number, ChannelNames>();
  return (channelIndex) => {
    if (channelIndex === undefined) return {};
    const found = known.get(channelIndex);
    if (found !== undefined) return found;
    const data = node.channels.get(channelIndex)?.data ?? node.channelStore.load(channelIndex)?.data;
    const names = data === undefined ? {} : namesOf(data);
    known.set(channelIndex, names);
    return names;
  };
}

const namesOf = (data: ChannelData): ChannelNames => ({
  channelId: hexOf(channelIdOf(data)),
  ...(data.shortChannelId !== undefined && { shortChannelId: formatScid(data.shortChannelId) }),
});

function forwardView(forward: ForwardRecord, names: (channelIndex: number | undefined) => ChannelNames): ForwardView {
  const { status, state, paymentHash, incomingMsat, outgoingMsat, outgoingHtlcId, feeMsat, failureCode } = forward;
  return {
    status,
    state,
    paymentHash: hexOf(paymentHash),
    incoming: { ...names(forward.incomingChannelIndex), htlcId: forward.incomingHtlcId, amountMsat: incomingMsat },
    outgoing: {
      ...names(forward.outgoingChannelIndex),
      shortChannelId: formatScid(forward.outgoingShortChannelId),
      ...(outgoingHtlcId !== undefined && { htlcId: outgoingHtlcId }),
      amountMsat: outgoingMsat,
    },
    feeMsat: feeMsat > 0n ? feeMsat : 0n,
    ...(feeMsat < 0n && { lostMsat: -feeMsat }),
    ...(failureCode !== undefined && { failureCode }),
    createdAtMs: forward.createdAtMs,
    ...(forward.finishedAtMs !== undefined && { finishedAtMs: forward.finishedAtMs }),
  };
}
