import type { NodeId } from '../network/network.ts';
import type { Clock } from '../runtime/clock.ts';
import type { GossipLimits } from './limits.ts';

/** Ids end in what is as good as random. */
const DIGITS = 8;

type RoundLimits = Pick<GossipLimits, 'nodesRenewed' | 'nodeRoundMs' | 'maxSyncPeers'>;

/**
 * Of which nodes a sync asks for the announcements though there are some here. The answers to a range query say nothing of
 * nodes (BOLT 7), so that there is no way to know of a newer announcement but to ask for it. Ids stand on a circle, and each sync takes the next piece
 * of it, wide enough for about so many nodes: each has its turn, however the graph grows, and nothing is remembered of any. A round goes about the circle
 * several times, since a peer may know less than others, fail or be silent; then no more is asked until the next round's time has come, so that a small
 * graph is not asked for again by each sync.
 */
export class NodeRounds {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #limits: RoundLimits;
  #begunAt = Number.NEGATIVE_INFINITY;
  /** How far this round has come, in turns about the circle. */
  #from = Number.POSITIVE_INFINITY;

  constructor(clock: Pick<Clock, 'now'>, limits: RoundLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** Whose turn it is in the next sync, among so many nodes. */
  next(nodeCount: number): (nodeId: NodeId) => boolean {
    const { nodesRenewed, nodeRoundMs, maxSyncPeers: turns } = this.#limits;
    const now = this.#clock.now();
    // A clock that was set back must not put it off.
    if (this.#from >= turns && Math.abs(now - this.#begunAt) >= nodeRoundMs) {
      this.#begunAt = now;
      this.#from = 0;
    }
    const from = this.#from;
    if (from >= turns) return () => false;
    const width = Math.min(1, turns - from, nodesRenewed / Math.max(1, nodeCount));
    this.#from = from + width;
    return (nodeId) => (placeOf(nodeId) - (from % 1) + 1) % 1 < width;
  }
}

/** From 0 up to, but not, 1. */
function placeOf(nodeId: NodeId): number {
  return Number.parseInt(nodeId.slice(-DIGITS), 16) / 16 ** DIGITS;
}
