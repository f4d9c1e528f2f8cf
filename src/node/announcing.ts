import { fromHostPort } from '../../protocols/gossip/node-address.ts';
import { Announcer } from '../gossip/announcer.ts';
import type { GossipService } from '../gossip/gossip-service.ts';
import type { NodeId } from '../network/network.ts';
import type { ChannelGraph } from '../routing/graph.ts';
import type { ChannelUpdates } from './channel-updates.ts';
import { nodeFeatures } from './features.ts';
import type { NodeOptions } from './node-options.ts';

export interface AnnouncingOptions
  extends Pick<NodeOptions, 'chainHash' | 'clock' | 'signer' | 'profile' | 'network' | 'announcerTimes'> {
  readonly self: NodeId;
  readonly gossip: GossipService;
  readonly graph: ChannelGraph;
  readonly updates: ChannelUpdates;
  readonly sendToPeer: (peer: NodeId, message: Uint8Array) => void;
}

/** Listened on, these tell nobody where to dial. */
const ANY_HOST = new Set(['0.0.0.0', '::']);

/** The announcer of this node: what it says goes to gossip or to a peer, and is kept for failure messages. */
export function createAnnouncer(options: AnnouncingOptions): Announcer {
  const { self, chainHash, clock, signer, profile, network, gossip, graph, updates, announcerTimes } = options;
  return new Announcer({
    self,
    chainHash,
    clock,
    sign: (hash) => signer.node.signGossip(hash),
    profile: () => {
      const { alias, rgbColor, announce } = profile;
      // BOLT 7's addresses are where a node speaks BOLT 8.
      const addresses = (announce.length > 0 ? announce : network.listenAddresses()).flatMap((text) => fromHostPort(text) ?? []);
      return { alias, rgbColor, features: nodeFeatures, addresses: addresses.filter(({ host }) => !ANY_HOST.has(host)) };
    },
    lastPolicy: (shortChannelId, direction) => graph.policy(shortChannelId, direction),
    lastNodeTimestamp: () => gossip.store.nodeTimestamp(self),
    publish: (message) => {
      updates.noteOurs(message);
      gossip.publish(message);
    },
    sendToPeer: (peer, message) => {
      updates.noteOurs(message);
      options.sendToPeer(peer, message);
    },
    ...(announcerTimes && { times: announcerTimes }),
  });
}
