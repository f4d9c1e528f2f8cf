import type { NodeId } from '../network/network.ts';

/** Ids end in what is as good as random. */
const DIGITS = 8;

/**
 * Of which nodes a sync asks for the announcements though there are some here. The answers to a range query say nothing of
 * nodes (BOLT 7), so that there is no way to know of a newer announcement but to ask for it. Ids stand on a circle, and each sync takes the next piece
 * of it, wide enough for about so many nodes: each has its turn, however the graph grows, and nothing is remembered of any.
 */
export class NodeRounds {
  readonly #nodesPerSync: number;
  #from = 0;

  constructor(nodesPerSync: number) {
    this.#nodesPerSync = nodesPerSync;
  }

  /** Whose turn it is in the next sync, among so many nodes. */
  next(nodeCount: number): (nodeId: NodeId) => boolean {
    const from = this.#from;
    const width = Math.min(1, this.#nodesPerSync / Math.max(1, nodeCount));
    this.#from = (from + width) % 1;
    return (nodeId) => (placeOf(nodeId) - from + 1) % 1 < width;
  }
}

/** From 0 to 1. */
function placeOf(nodeId: NodeId): number {
  return Number.parseInt(nodeId.slice(-DIGITS), 16) / 16 ** DIGITS;
}
