import { decodeAddresses } from '../../protocols/gossip/addresses.ts';
import { decodeGossip, isGossip } from '../../protocols/gossip/gossip-message.ts';
import { toHostPort } from '../../protocols/gossip/node-address.ts';
import type { NodeId } from '../network/network.ts';
import type { GossipStore } from './store.ts';

/** Where a node says that it can be reached by Lightning's transport, as `host:port`; nothing of one that has not announced itself. */
export function announcedAddresses(store: Pick<GossipStore, 'nodeAnnouncement'>, nodeId: NodeId): string[] {
  const raw = store.nodeAnnouncement(nodeId);
  const gossip = raw && decodeGossip(raw);
  if (gossip === undefined || !isGossip(gossip, 'node_announcement')) return [];
  return decodeAddresses(gossip.message.addresses).addresses.map(toHostPort);
}
