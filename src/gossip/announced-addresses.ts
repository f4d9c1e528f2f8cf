import { decodeAddresses } from '../../protocols/gossip/addresses.ts';
import { toHostPort } from '../../protocols/gossip/node-address.ts';
import type { NodeId } from '../network/network.ts';
import { knownNode } from './known-node.ts';
import type { GossipStore } from './store.ts';

/** Where a node says that it can be reached by Lightning's transport, as `host:port`; nothing of one that has not announced itself. */
export function announcedAddresses(store: Pick<GossipStore, 'nodeAnnouncement'>, nodeId: NodeId): string[] {
  const gossip = knownNode(store, nodeId);
  return gossip === undefined ? [] : decodeAddresses(gossip.message.addresses).addresses.map(toHostPort);
}
