import type { NodeId } from '../network/network.ts';
import type { Clock } from '../runtime/clock.ts';

/** Ids end in what is as good as random. */
const DIGITS = 8;

/**
 * Of which nodes a sync asks for the announcements though there are some here. The answers to a range query say nothing of
 * nodes (BOLT 7), so that there is no way to know of a newer announcement but to ask for it. Ids stand on a circle, and each sync takes the next piece
 * of it, wide enough for about so many nodes: each has its turn, however the graph grows, and nothing is remembered of any. Once round, the next round
 * waits until its time has come, so that a small graph is not asked for again by each sync.
 */
export class NodeRounds {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #nodesPerSync: number;
  readonly #roundMs: number;
  #begunAt = Number.NEGATIVE_INFINITY;
  /** How far this round has come; 1: it is complete. */
  #from = 1;

  /** `roundMs`: the least time from the beginning of one round to that of the next. */
  constructor(clock: Pick<Clock, 'now'>, nodesPerSync: number, roundMs: number) {
    this.#clock = clock;
    this.#nodesPerSync = nodesPerSync;
    this.#roundMs = roundMs;
  }

  /** Whose turn it is in the next sync, among so many nodes. */
  next(nodeCount: number): (nodeId: NodeId) => boolean {
    const now = this.#clock.now();
    // A clock that was set back must not put it off.
    if (this.#from === 1 && Math.abs(now - this.#begunAt) >= this.#roundMs) {
      this.#begunAt = now;
      this.#from = 0;
    }
    const from = this.#from;
    const to = Math.min(1, from + this.#nodesPerSync / Math.max(1, nodeCount));
    this.#from = to;
    return (nodeId) => {
      const place = placeOf(nodeId);
      return place >= from && place < to;
    };
  }
}

/** From 0 up to, but not, 1. */
function placeOf(nodeId: NodeId): number {
  return Number.parseInt(nodeId.slice(-DIGITS), 16) / 16 ** DIGITS;
}
