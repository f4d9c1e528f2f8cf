import type { Network, NodeId } from '../network/network.ts';
import type { GossipSync } from './sync.ts';

export interface DisputesOptions {
  readonly network: Pick<Network, 'distrustGossip'>;
  readonly sync: Pick<GossipSync, 'areTwiceAnnounced'>;
}

/**
 * An update that is not signed by its channel's node is forged, or its channel was announced twice: to us with one pair of
 * nodes, to the peer with another, by who has the funding keys and wants to set honest nodes against each other. So the peer is
 * asked for the announcement that it knows. One that is as good as ours ends the channel for both (BOLT 7: the nodes are blacklisted);
 * whoever has none made the update up.
 */
export class Disputes {
  readonly #options: DisputesOptions;
  /** One at a time with each peer. */
  readonly #open = new Set<NodeId>();

  constructor(options: DisputesOptions) {
    this.#options = options;
  }

  /** Resolves when it is settled; never rejects. */
  async settle(peer: NodeId, scid: bigint): Promise<void> {
    if (this.#open.has(peer)) return;
    this.#open.add(peer);
    try {
      if (!(await this.#isHonest(peer, scid))) this.#options.network.distrustGossip(peer);
    } finally {
      this.#open.delete(peer);
    }
  }

  async #isHonest(peer: NodeId, scid: bigint): Promise<boolean> {
    try {
      return await this.#options.sync.areTwiceAnnounced(peer, [scid]);
    } catch {
      // It gives no account of what it told.
      return false;
    }
  }
}
