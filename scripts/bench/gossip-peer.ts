/** A peer that speaks gossip and nothing else: it tells what it is told to, and keeps what it hears. */
import { createHash } from 'node:crypto';
import { toString } from 'uint8arrays';
import type { NodeProcess } from '../../src/cluster/node-process.ts';
import { createLibp2pNetwork } from '../../src/network/libp2p-network.ts';
import type { Network } from '../../src/network/network.ts';
import { initFeatures } from '../../src/node/features.ts';
import { encodeMessage } from '../../protocols/wire/messages.ts';
import { REGTEST } from './gossip-bench.ts';

export class GossipPeer {
  readonly network: Network;
  /** When each message was heard first (`performance.now()`), by `keyOf`. */
  readonly heard = new Map<string, number>();

  private constructor(network: Network) {
    this.network = network;
  }

  /** Starts a peer and links it to the nodes. */
  static async join(name: string, nodes: readonly NodeProcess[]): Promise<GossipPeer> {
    const privateKey = new Uint8Array(createHash('sha256').update(`peer ${name}`).digest());
    const peer = new GossipPeer(createLibp2pNetwork({ privateKey, listen: ['/ip4/127.0.0.1/tcp/0'], chainHash: REGTEST }));
    await peer.network.start({
      onPeerConnected: (nodeId) => peer.network.send(nodeId, [encodeMessage({ type: 'init', globalfeatures: new Uint8Array(), features: initFeatures })]),
      onPeerDisconnected: () => {},
      onMessage: () => {},
      onGossip: async (message) => {
        const key = keyOf(message);
        if (!peer.heard.has(key)) peer.heard.set(key, performance.now());
        return 'accept';
      },
      onGossipDistrusted: () => {},
      onSyncRequest: async function* () {},
    });
    for (const node of nodes) await peer.network.connect(node.id, node.address);
    return peer;
  }

  tell(message: Uint8Array): Promise<void> {
    return this.network.publishGossip(message);
  }

  stop(): Promise<void> {
    return this.network.stop();
  }
}

export function keyOf(message: Uint8Array): string {
  return toString(new Uint8Array(createHash('sha256').update(message).digest()), 'base64');
}
