import type { NodeId } from '../network/network.ts';
import type { ChannelGraph } from './graph.ts';
import { POLICY_KNOWN, type GraphListener } from './graph-arrays.ts';
import { CAPACITY, CLTV, EDGE, EdgeLists, FEE_BASE, FEE_PPM, LEAST, MOST, OTHER } from './edge-lists.ts';
import type { ChannelDirection, Liquidity, LiquidityBounds, LiquidityListener } from './liquidity.ts';
import { Scratch } from './scratch.ts';
import { grown } from './typed-arrays.ts';

/**
 * The graph once more, as a search reads it: the usable edges out of each node and into it, and beside them what the
 * liquidity estimate knows of each. It follows the graph lazily, node by node: call `refresh` before a search.
 */
export class Roads implements GraphListener, LiquidityListener {
  readonly graph: ChannelGraph;
  readonly liquidity: Liquidity;
  readonly scratch = new Scratch();
  readonly outOf = new EdgeLists();
  readonly into = new EdgeLists();
  /** By the graph's edge: 0, or one more than its place in `#known`. */
  knownAt = new Int32Array(0);
  /** By the graph's node: those that failed. */
  readonly failedNodes = new Map<number, NodeId>();
  readonly #known: (LiquidityBounds | undefined)[] = [];
  readonly #freeKnown: number[] = [];
  readonly #changedNodes = new Set<number>();

  constructor(graph: ChannelGraph, liquidity: Liquidity) {
    this.graph = graph;
    this.liquidity = liquidity;
    for (let node = 0; node < graph.nodeSlots; node++) this.#changedNodes.add(node);
    graph.listen(this);
    liquidity.listen(this);
  }

  /** Brings it up to date with the graph. */
  refresh(): void {
    const { nodeSlots, channelSlots } = this.graph;
    this.outOf.resize(nodeSlots);
    this.into.resize(nodeSlots);
    if (this.knownAt.length < 2 * channelSlots) {
      this.knownAt = grown(this.knownAt, Math.max(2 * channelSlots, 2 * this.knownAt.length));
    }
    for (const node of this.#changedNodes) this.#rewrite(node);
    this.#changedNodes.clear();
  }

  /** What is known of a graph edge's liquidity; undefined for most. */
  boundsOf(edge: number): LiquidityBounds | undefined {
    const place = this.knownAt[edge] as number;
    return place === 0 ? undefined : this.#known[place - 1];
  }

  edgeChanged(edge: number): void {
    const { ends } = this.graph.arrays();
    this.#changedNodes.add(ends[edge] as number);
    this.#changedNodes.add(ends[edge ^ 1] as number);
  }

  directionLearned(edge: ChannelDirection, bounds: LiquidityBounds | undefined): void {
    const c = this.graph.channelIndex(edge.shortChannelId);
    if (c !== undefined && 2 * c < this.knownAt.length) this.#lay(2 * c + edge.direction, bounds);
  }

  nodeLearned(nodeId: NodeId, failure: object | undefined): void {
    const node = this.graph.nodeIndex(nodeId);
    if (node === undefined) return;
    if (failure === undefined) this.failedNodes.delete(node);
    else this.failedNodes.set(node, nodeId);
  }

  #lay(edge: number, bounds: LiquidityBounds | undefined): void {
    const place = this.knownAt[edge] as number;
    if (bounds === undefined) {
      if (place === 0) return;
      this.#known[place - 1] = undefined;
      this.#freeKnown.push(place);
      this.knownAt[edge] = 0;
    } else if (place !== 0) this.#known[place - 1] = bounds;
    else {
      const free = this.#freeKnown.pop() ?? this.#known.length + 1;
      this.#known[free - 1] = bounds;
      this.knownAt[edge] = free;
    }
  }

  /** Reads the edges of a node afresh from the graph, and puts them into order. */
  #rewrite(node: number): void {
    const { graph, liquidity } = this;
    const { firstInto, nextInto, shortChannelId } = graph.arrays();
    const into: number[] = [];
    for (let edge = firstInto[node] as number; edge !== -1; edge = nextInto[edge] as number) {
      into.push(edge);
      // A channel that came may stand where another was.
      const out = edge ^ 1;
      this.#lay(out, liquidity.boundsOf({ shortChannelId: shortChannelId[out >> 1] as bigint, direction: (out & 1) as 0 | 1 }));
    }
    this.#fill(this.into, node, into, 1);
    this.#fill(this.outOf, node, into.map((edge) => edge ^ 1), 0);
    const nodeId = into.length === 0 ? undefined : graph.nodeId(node);
    if (nodeId !== undefined && liquidity.hasNodeFailed(nodeId)) this.failedNodes.set(node, nodeId);
    else this.failedNodes.delete(node);
  }

  /** `side`: 0 for edges that begin at the node, 1 for those that end there. */
  #fill(lists: EdgeLists, node: number, all: readonly number[], side: 0 | 1): void {
    const { policyFlags, channelUsable, htlcMaximum, htlcMinimum, capacity, ends, feeBase, feePpm, cltvExpiryDelta } = this.graph.arrays();
    const mostOf = (edge: number): number => Math.min(htlcMaximum[edge] as number, capacity[edge >> 1] as number);
    const usable = all.filter((edge) => policyFlags[edge] === POLICY_KNOWN && channelUsable[edge >> 1] === 1);
    if (usable.length > 1) usable.sort((a, b) => mostOf(b) - mostOf(a) || a - b);
    lists.clear(node, usable.length);
    for (const edge of usable) {
      const other = ends[side === 0 ? edge ^ 1 : edge] as number;
      const at = lists.append(node, other);
      const { edges } = lists;
      edges[at + OTHER] = other;
      edges[at + MOST] = mostOf(edge);
      edges[at + LEAST] = htlcMinimum[edge] as number;
      edges[at + FEE_BASE] = feeBase[edge] as number;
      edges[at + FEE_PPM] = feePpm[edge] as number;
      edges[at + CLTV] = cltvExpiryDelta[edge] as number;
      edges[at + CAPACITY] = capacity[edge >> 1] as number;
      edges[at + EDGE] = edge;
    }
  }
}
