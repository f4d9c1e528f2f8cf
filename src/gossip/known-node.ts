import { decodeGossip, isGossip, type GossipOf } from '../../protocols/gossip/gossip-message.ts';
import type { NodeId } from '../network/network.ts';
import type { GossipStore } from './store.ts';

/** What a node has said of itself last (BOLT 7, "The `node_announcement` Message"); undefined of one that has not announced itself. */
export function knownNode(store: Pick<GossipStore, 'nodeAnnouncement'>, nodeId: NodeId): GossipOf<'node_announcement'> | undefined {
  const raw = store.nodeAnnouncement(nodeId);
  const gossip = raw && decodeGossip(raw);
  return gossip !== undefined && isGossip(gossip, 'node_announcement') ? gossip : undefined;
}
