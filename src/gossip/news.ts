import { toString } from 'uint8arrays';
import { updateDirection } from '../../protocols/gossip/channel-update.ts';
import { decodeGossip, isGossip, type Gossip } from '../../protocols/gossip/gossip-message.ts';
import type { GossipNews, Introduction, NodeId } from '../network/network.ts';
import { knownNode } from './known-node.ts';
import type { GossipStore } from './store.ts';

type Known = Pick<GossipStore, 'graph' | 'announcement' | 'nodeAnnouncement'>;

/**
 * What peers are to be told once a message is in the store. Nothing of an announcement of a channel, nor of a node whose channels are not told
 * of yet: BOLT 7 has an announcement of a channel go with its first update, and those of its nodes come after it.
 */
export function newsOf(gossip: Gossip, from: NodeId, store: Known): GossipNews | undefined {
  if (isGossip(gossip, 'channel_update')) {
    const { shortChannelId } = gossip.message;
    // Of a channel with updates of both nodes one was told of before. Of one with one alone nobody remembers whether it was.
    const isFirst = store.graph.policy(shortChannelId, updateDirection(gossip.message) === 0 ? 1 : 0) === undefined;
    return { gossip, from, isFirst, introduction: once(() => introductionOf(shortChannelId, store)) };
  }
  if (isGossip(gossip, 'node_announcement') && isToldOf(toString(gossip.message.nodeId, 'hex'), store)) {
    return { gossip, from, isFirst: false, introduction: () => undefined };
  }
  return undefined;
}

function isToldOf(nodeId: NodeId, { graph }: Known): boolean {
  return graph.channelsOf(nodeId).some((scid) => graph.policy(scid, 0) !== undefined || graph.policy(scid, 1) !== undefined);
}

function introductionOf(shortChannelId: bigint, store: Known): Introduction | undefined {
  const raw = store.announcement(shortChannelId);
  const announcement = raw && decodeGossip(raw);
  if (announcement === undefined || !isGossip(announcement, 'channel_announcement')) return undefined;
  const { nodeId1, nodeId2 } = announcement.message;
  return { announcement, nodes: [nodeId1, nodeId2].flatMap((nodeId) => knownNode(store, toString(nodeId, 'hex')) ?? []) };
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
