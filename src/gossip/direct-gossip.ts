import type { GossipVerdict, NodeId } from '../network/network.ts';
import type { GossipLimits } from './limits.ts';

export interface DirectGossipOptions {
  readonly limits: GossipLimits;
  /** Takes one message of the peer's rate, the same as for what it broadcasts. */
  readonly mayForward: (peer: NodeId) => boolean;
  /** Never rejects. */
  readonly judge: (message: Uint8Array, peer: NodeId) => Promise<GossipVerdict>;
  readonly onTrue: (message: Uint8Array) => void;
  readonly onLie: (peer: NodeId) => void;
}

/** What one peer has said that is not judged yet. */
interface Queue {
  length: number;
  last: Promise<void>;
  isForgotten: boolean;
}

/**
 * Gossip that peers send to us over their links: their policies for channels with us, and from Lightning peers all that they hear (BOLT 7). Broadcasts are counted
 * and wait their turn in `GossipTopic`; here each peer's messages are judged one after the other, at the same rate, and what is beyond it
 * or too much to wait is dropped. Policies are sent again with each connection.
 */
export class DirectGossip {
  readonly #options: DirectGossipOptions;
  readonly #queues = new Map<NodeId, Queue>();

  constructor(options: DirectGossipOptions) {
    this.#options = options;
  }

  /** Has a message judged in its turn. False, with nothing done about it, where the peer says too much. */
  hear(message: Uint8Array, peer: NodeId): boolean {
    const { limits, mayForward } = this.#options;
    const queue = this.#queues.get(peer) ?? { length: 0, last: Promise.resolve(), isForgotten: false };
    if (message.length > limits.maxMessageBytes || queue.length >= limits.maxDirectPerPeer || !mayForward(peer)) return false;
    this.#queues.set(peer, queue);
    queue.length++;
    queue.last = queue.last.then(() => this.#judge(message, peer, queue));
    return true;
  }

  /** The peer has turned out to lie: what it has said and is not judged yet is not heard. */
  forget(peer: NodeId): void {
    const queue = this.#queues.get(peer);
    if (queue !== undefined) queue.isForgotten = true;
  }

  async #judge(message: Uint8Array, peer: NodeId, queue: Queue): Promise<void> {
    const verdict = queue.isForgotten ? 'ignore' : await this.#options.judge(message, peer);
    if (--queue.length === 0) this.#queues.delete(peer);
    // Of what it brings, gossipsub passes on and counts by itself.
    if (verdict === 'accept') this.#options.onTrue(message);
    if (verdict === 'reject') this.#options.onLie(peer);
  }
}
