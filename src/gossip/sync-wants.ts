import type { NodeId } from '../network/network.ts';
import type { FundingCheck } from './funding-check.ts';
import type { GossipLimits } from './limits.ts';
import type { GossipStore } from './store.ts';
import { WANT } from './sync-messages.ts';
import { UNKNOWN_TIMESTAMP, type SyncOffer } from './sync-offer.ts';

/** What is missing here of one channel that a peer offers. */
export interface Want {
  readonly shortChannelId: bigint;
  /** BOLT 7, `encoded_query_flags`. */
  readonly flags: bigint;
  /** What it is about: nobody else is asked for the same meanwhile. */
  readonly subjects: readonly (bigint | NodeId)[];
}

/** What is missing of the channel at an index of an offer; undefined if nothing. */
export type Wanted = (index: number) => Want | undefined;

/**
 * A channel's announcement and updates: what is unknown, and what is newer and says something else. An update that says the
 * same at a later time is wanted only once ours has come half the way to being stale: most of what a network sends around
 * are such repetitions. The same goes for one of which the peer does not tell how new it is (BOLT 9's `gossip_queries_ex` is optional). Nor is
 * a channel wanted that the chain knew nothing of just now.
 */
export function wantedChannels(
  offer: SyncOffer, store: GossipStore, funding: Pick<FundingCheck, 'isEmpty'>, limits: GossipLimits, nowSeconds: number,
): Wanted {
  const oldest = nowSeconds - limits.staleAfterSeconds;
  const ageing = nowSeconds - limits.staleAfterSeconds / 2;
  return (index) => {
    const shortChannelId = offer.shortChannelIds[index] ?? 0n;
    const isKnown = store.channel(shortChannelId) !== undefined;
    if (!isKnown && funding.isEmpty(shortChannelId)) return undefined;
    const theirs = [offer.timestamps[2 * index] ?? 0, offer.timestamps[2 * index + 1] ?? 0] as const;
    // Both sides have been silent for two weeks: it would be pruned at once. (0 is no update, perhaps since the channel is new.)
    if (!isKnown && theirs.every((timestamp) => timestamp !== 0 && timestamp < oldest)) return undefined;
    let flags = isKnown ? 0n : WANT.announcement;
    for (const direction of [0, 1] as const) {
      const ours = isKnown ? store.graph.timestamp(shortChannelId, direction) : 0;
      const isUntold = theirs[direction] === UNKNOWN_TIMESTAMP;
      const isSame = isKnown && (isUntold || offer.checksums[2 * index + direction] === store.updateChecksum(shortChannelId, direction));
      const isWanted = theirs[direction] > ours && theirs[direction] >= oldest && !(isSame && ours >= ageing);
      if (isWanted) flags |= WANT.updates[direction];
    }
    return flags === 0n ? undefined : { shortChannelId, flags, subjects: [shortChannelId] };
  };
}

/**
 * The announcements of nodes that have none here, or whose turn it is to be asked for again (`NodeRounds`), each over one of the
 * node's channels; not of those in `asked`.
 */
export function wantedNodes(
  offer: SyncOffer, store: GossipStore, isTheirTurn: (nodeId: NodeId) => boolean, asked: ReadonlySet<bigint | NodeId>,
): Wanted {
  return (index) => {
    const shortChannelId = offer.shortChannelIds[index] ?? 0n;
    const channel = store.graph.channel(shortChannelId);
    if (channel === undefined) return undefined;
    const ends = [channel.nodeId1, channel.nodeId2] as const;
    let flags = 0n;
    const subjects: NodeId[] = [];
    for (const direction of [0, 1] as const) {
      const nodeId = ends[direction];
      if (asked.has(nodeId) || (store.nodeTimestamp(nodeId) !== undefined && !isTheirTurn(nodeId))) continue;
      flags |= WANT.nodes[direction];
      subjects.push(nodeId);
    }
    return flags === 0n ? undefined : { shortChannelId, flags, subjects };
  };
}
