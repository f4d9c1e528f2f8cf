import { channelIdOf } from '../../../machines/channel/context.ts';
import type { ChannelSnapshot } from '../../../machines/channel/channel.ts';
import type { ChannelData } from '../../../machines/channel/data.ts';
import { HtlcTable, type HtlcRows } from '../../../machines/htlc/htlc-table.ts';
import { formatScid } from '../../../protocols/gossip/short-channel-id.ts';
import { decodeAlias } from '../../../protocols/gossip/node-announcement.ts';
import { ApiError } from '../../api/errors.ts';
import { parseChannelRef, type ChannelRef } from '../../api/fields.ts';
import { hexOf, mustLoad } from '../../channels/channel-store.ts';
import type { LiveChannel } from '../../channels/live-channel.ts';
import { knownNode } from '../../gossip/known-node.ts';
import { displayTxid } from '../../sweep/sweep.ts';
import type { Node } from '../node.ts';

/** A channel as the API looks at it: live, or ended and read from disk. */
export interface ShownChannel {
  readonly snapshot: Omit<ChannelSnapshot, 'htlcs'>;
  /** Those that are still to be settled: none of a channel that is over. */
  readonly htlcs: HtlcTable;
  /** Those that its commitments have, also once it is over. */
  readonly committed: HtlcRows;
  readonly live: LiveChannel | undefined;
  readonly error: string | undefined;
}

export function shownLive(node: Node, live: LiveChannel): ShownChannel {
  const { value, data, htlcs, index } = live;
  const isFrozen = node.channels.isFrozen(index);
  const error = isFrozen ? 'frozen after a fault in this node: restart it, and report it' : undefined;
  return { snapshot: { value, data }, htlcs, committed: htlcs, live, error };
}

/** The channels that are over, oldest first. */
export function shownEnded(node: Node): ShownChannel[] {
  return node.channelStore.indexes('ended').map((index) => {
    const snapshot = mustLoad(node.channelStore, index);
    const committed = { rows: () => snapshot.htlcs };
    return { snapshot, htlcs: new HtlcTable(), committed, live: undefined, error: undefined };
  });
}

/** The one channel that a person calls so, be it over or not. Throws `ApiError` where there is none, or more than one. */
export function findChannel(node: Node, ref: string): ShownChannel {
  const parsed = parseChannelRef(ref);
  const isMeant = ({ snapshot }: ShownChannel): boolean => isNamed(snapshot.data, parsed);
  const live = [...node.channels.all()].map((channel) => shownLive(node, channel)).filter(isMeant);
  return one(live.length > 0 ? live : shownEnded(node).filter(isMeant), ref);
}

function isNamed(data: ChannelData, ref: ChannelRef): boolean {
  switch (ref.kind) {
    case 'shortChannelId':
      return data.shortChannelId !== undefined && formatScid(data.shortChannelId) === ref.shortChannelId;
    case 'outpoint':
      return data.funding !== undefined && displayTxid(data.funding.txid) === ref.txid && data.funding.outputIndex === ref.outputIndex;
    case 'channelId':
      return hexOf(channelIdOf(data)).startsWith(ref.prefix);
  }
}

function one<T>(matches: readonly T[], ref: string): T {
  const [match] = matches;
  if (match === undefined) {
    throw new ApiError('notFound', 'channel_not_found', `no channel is called ${ref}`, { hint: 'see `runnel channels`' });
  }
  if (matches.length > 1) {
    throw new ApiError('invalid', 'channel_ambiguous', `${matches.length} channels begin with ${ref}`, { hint: 'give more of the channel id' });
  }
  return match;
}

/** What a node is called in a sentence: as it calls itself, else by the beginning of its id. */
export const nodeName = (node: Node, nodeId: string): string => aliasOf(node, nodeId) ?? nodeId.slice(0, 12);

/** What a node calls itself in its announcement; nothing, where that is empty (BOLT 7 lets it be). */
export function aliasOf(node: Node, nodeId: string): string | undefined {
  const gossip = knownNode(node.gossip.store, nodeId);
  return gossip && (decodeAlias(gossip.message.alias) || undefined);
}
