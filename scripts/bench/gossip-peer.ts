/** A peer that speaks gossip and nothing else: it tells what it is told to, keeps what it hears, and passes nothing on. */
import { createHash } from 'node:crypto';
import { toString } from 'uint8arrays';
import { createLibp2pNetwork } from '../../src/network/libp2p-network.ts';
import { NetworkError } from '../../src/network/errors.ts';
import type { Network } from '../../src/network/network.ts';
import { initFeatures } from '../../src/node/features.ts';
import { encodeMessage } from '../../protocols/wire/messages.ts';
import { REGTEST } from './gossip-bench.ts';

const LINK_ATTEMPTS = 5;

/** A node that it is linked to. */
export interface GossipNode {
  readonly id: string;
  readonly address: string;
}

export class GossipPeer {
  readonly network: Network;
  /** When each message was heard first (`performance.now()`), by `keyOf`. */
  readonly heard = new Map<string, number>();

  private constructor(network: Network) {
    this.network = network;
  }

  /** Starts a peer and links it to the nodes. Nobody can dial it unless it listens, so that it has no other ways than over them. */
  static async join(name: string, nodes: readonly GossipNode[], listen: readonly string[] = []): Promise<GossipPeer> {
    const privateKey = new Uint8Array(createHash('sha256').update(`peer ${name}`).digest());
    const peer = new GossipPeer(createLibp2pNetwork({ privateKey, listen, chainHash: REGTEST }));
    await peer.network.start({
      onPeerConnected: (nodeId) => peer.network.send(nodeId, [encodeMessage({ type: 'init', globalfeatures: new Uint8Array(), features: initFeatures })]),
      onPeerAddress: () => {},
      onPeerDisconnected: () => {},
      onMessage: () => {},
      onGossip: async (message) => {
        const key = keyOf(message);
        if (!peer.heard.has(key)) peer.heard.set(key, performance.now());
        return 'ignore';
      },
      onGossipDistrusted: () => true,
      onSyncRequest: async function* () {},
    });
    for (const node of nodes) await peer.#link(node);
    return peer;
  }

  /** On a machine that has more to do than it can, an answer may come too late. */
  async #link({ id, address }: GossipNode): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.network.connect(id, address);
      } catch (error) {
        if (!(error instanceof NetworkError) || attempt === LINK_ATTEMPTS) throw error;
      }
    }
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
