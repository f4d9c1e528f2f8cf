import { CAPACITY, CLTV, EDGE, EDGE_FIELDS, FEE_BASE, FEE_PPM, LEAST, MOST, NOWHERE, OTHER } from './edge-lists.ts';
import { TypedHeap } from './heap.ts';
import { forwardingFeeMsat } from './msat.ts';
import type { ExtraEdge } from './extra-edges.ts';
import { EDGE_LOADED, NODE_EXCLUDED, NODE_FAILED, NODE_HAS_EXTRA, type Terrain } from './terrain.ts';
import { isHopeless, type Prices } from './weights.ts';

/**
 * By what a distance is measured: what a route is chosen by; one of the things that it is limited in; the first with a
 * surcharge on fees, blocks and hops; or how narrow the narrowest edge on the way is, as its largest HTLC in msat below zero.
 */
export type Measure = 'cost' | 'fee' | 'blocks' | 'hops' | 'mixed' | 'narrowness';

/** What a way costs more than its cost: for each msat of fee, for each block, and for each hop. */
export interface Surcharge {
  readonly ofFee: number;
  readonly ofBlock: number;
  readonly ofHop: number;
}

/** How a search measures: every edge carries the same amount. */
export interface Metric {
  readonly measure: Measure;
  readonly amount: number;
  /** No edge can be used that carries more at least: what is paid on top would break the limit on fees. */
  readonly maxAmount: number;
  readonly prices: Prices;
  /** Of the measure `mixed`. */
  readonly surcharge?: Surcharge;
}

/** Which way a search goes: from us, or from its target against the direction of the edges. */
export type Side = 'forward' | 'backward';

/** What a search does not look beyond: changed while it runs. */
export interface Horizon {
  /** No way of such a length or more is of interest. */
  farthest: number;
  /** How far a node is from where the search is to come to, at least. */
  atLeast(node: number): number;
}

/** One of the searches by which distances are found: what it has reached, and what it is to look at next. */
export class Frontier {
  readonly #side: Side;
  /** By node; Infinity: not reached. */
  distance = new Float64Array(0);
  /** By node: the edge by which it was reached. */
  via = new Int32Array(0);
  readonly #heap = new TypedHeap();
  /** Nodes nearer than this are reached, and their distances final. */
  radius = 0;

  constructor(side: Side) {
    this.#side = side;
  }

  reset(nodeSlots: number): void {
    if (this.distance.length < nodeSlots) {
      this.distance = new Float64Array(nodeSlots);
      this.via = new Int32Array(nodeSlots);
    }
    this.distance.fill(Infinity, 0, nodeSlots);
    this.#heap.clear();
    this.radius = 0;
  }

  get size(): number {
    return this.#heap.size;
  }

  /** The least distance that a node can have. */
  atLeast(node: number): number {
    const distance = this.distance[node] as number;
    return distance < this.radius ? distance : this.radius;
  }

  improve(node: number, distance: number, edge: number): void {
    if (distance >= (this.distance[node] as number)) return;
    this.distance[node] = distance;
    this.via[node] = edge;
    this.#heap.push(distance, node);
  }

  /** The nearest node that was not looked at; -1 if there is none. */
  next(): number {
    for (let node = this.#heap.pop(); node !== -1; node = this.#heap.pop()) {
      if (this.#heap.poppedKey > (this.distance[node] as number)) continue;
      this.radius = this.#heap.poppedKey;
      return node;
    }
    this.radius = Infinity;
    return -1;
  }

  /** Looks at every edge of a node. */
  expand(terrain: Terrain, metric: Metric, node: number, goal: number, horizon: Horizon): void {
    const { nodeMask, graphNodes, arrays } = terrain;
    const mask = nodeMask[node] as number;
    if (this.#side === 'forward') {
      if ((mask & NODE_EXCLUDED) !== 0) return;
      // BOLT 7: no payment is routed through a node with unknown even features.
      if (node < graphNodes && arrays.nodeUsable[node] === 0) return;
    }
    if (node < graphNodes && node !== terrain.source) this.#expandGraph(terrain, metric, node, goal, horizon);
    if ((mask & NODE_HAS_EXTRA) !== 0) this.#expandExtra(terrain, metric, node);
  }

  /** The inner loop of all routing: it looks at some ten thousand edges a search. */
  #expandGraph(terrain: Terrain, metric: Metric, node: number, goal: number, horizon: Horizon): void {
    const { measure, amount, maxAmount, prices, surcharge } = metric;
    const { roads, payee, source, edgeMask, nodeMask, arrays: { nodeUsable } } = terrain;
    const isForward = this.#side === 'forward';
    const { edges, begin, count, only } = isForward ? roads.outOf : roads.into;
    const { knownAt } = roads;
    const { distance, via } = this;
    const heap = this.#heap;
    const key = distance[node] as number;
    const ownProbability = isForward ? terrain.nodeProbability(node) : 1;
    const isPriced = measure === 'cost' || measure === 'mixed';
    const from = (begin[node] as number) * EDGE_FIELDS;
    const end = from + (count[node] as number) * EDGE_FIELDS;
    for (let at = from; at < end; at += EDGE_FIELDS) {
      const most = edges[at + MOST] as number;
      // The edges that carry most come first.
      if (most < amount) break;
      const other = edges[at + OTHER] as number;
      const before = distance[other] as number;
      if (before <= key) continue;
      const mask = nodeMask[other] as number;
      // From a dead end no way goes on but back.
      const neighbour = only[other] as number;
      if ((neighbour === node || neighbour === NOWHERE) && other !== goal && (mask & NODE_HAS_EXTRA) === 0) continue;
      if (!isForward && ((mask & NODE_EXCLUDED) !== 0 || nodeUsable[other] === 0 || other === source)) continue;
      const edge = edges[at + EDGE] as number;
      const load = edgeMask[edge] === 0 ? 0 : edgeMask[edge] === EDGE_LOADED ? terrain.loadOf(edge) : Infinity;
      if (load > 0 && load + amount > (edges[at + CAPACITY] as number)) continue;
      const least = edges[at + LEAST] as number;
      let sent = amount;
      if (least > amount && measure !== 'narrowness') {
        if (least > most || least > maxAmount || (isForward ? other : node) === payee) continue;
        sent = least;
      }
      let reached = key;
      if (measure === 'hops') reached += 1;
      else if (measure === 'narrowness') reached = Math.max(key, -Math.min(most, (edges[at + CAPACITY] as number) - load));
      else if (measure === 'blocks') reached += edges[at + CLTV] as number;
      else {
        const fee = forwardingFeeMsat(sent, edges[at + FEE_BASE] as number, edges[at + FEE_PPM] as number);
        reached += fee;
        if (isPriced && reached < before) {
          const blocks = edges[at + CLTV] as number;
          if (surcharge !== undefined) reached += fee * surcharge.ofFee + blocks * surcharge.ofBlock + surcharge.ofHop;
          reached += prices.ofLock(sent + fee, blocks);
          const probability = isForward ? ownProbability : (mask & NODE_FAILED) === 0 ? 1 : terrain.nodeProbability(other);
          if (load > 0) {
            const { lower, upper, works } = terrain.estimateOf(edge);
            if (isHopeless(lower, upper, load + sent)) continue;
            reached += prices.ofRisk(lower, upper, load + sent, works * probability) - prices.ofRisk(lower, upper, load, works * probability);
          } else if (knownAt[edge] === 0) reached += prices.ofRisk(0, (edges[at + CAPACITY] as number) + 1, sent, probability);
          else {
            const { lower, upper, works } = terrain.estimateOf(edge);
            reached += prices.ofRisk(lower, upper, sent, works * probability);
          }
        }
      }
      if (reached >= before || reached > horizon.farthest) continue;
      if (reached + horizon.atLeast(other) > horizon.farthest) continue;
      distance[other] = reached;
      via[other] = edge;
      heap.push(reached, other);
    }
  }

  #expandExtra(terrain: Terrain, metric: Metric, node: number): void {
    const isForward = this.#side === 'forward';
    const key = this.distance[node] as number;
    for (const edge of isForward ? terrain.extraOutOf(node) : terrain.extraInto(node)) {
      const other = isForward ? edge.to : edge.from;
      if ((this.distance[other] as number) <= key || !carries(terrain, edge, metric)) continue;
      if (!isForward && !edge.isLocal && !mayForward(terrain, edge.from)) continue;
      const length = lengthOf(terrain, edge, metric);
      this.improve(other, metric.measure === 'narrowness' ? Math.max(key, length) : key + length, edge.id);
    }
  }
}

function mayForward({ nodeMask, graphNodes, arrays }: Terrain, node: number): boolean {
  return ((nodeMask[node] as number) & NODE_EXCLUDED) === 0 && (node >= graphNodes || arrays.nodeUsable[node] === 1);
}

function lengthOf(terrain: Terrain, edge: ExtraEdge, { measure, amount, prices, surcharge }: Metric): number {
  const { id, from, isLocal, htlcMinimum, htlcMaximum, capacity, cltvExpiryDelta, feeBase, feePpm, estimate } = edge;
  if (measure === 'narrowness') return -Math.min(htlcMaximum, capacity - terrain.loadOf(id));
  if (measure === 'hops') return 1;
  if (measure === 'blocks') return cltvExpiryDelta;
  // One of our own channels: no fee, no delta, no doubt about the balance.
  if (isLocal) return surcharge?.ofHop ?? 0;
  const sent = Math.max(amount, htlcMinimum);
  const fee = forwardingFeeMsat(sent, feeBase, feePpm);
  if (measure === 'fee') return fee;
  const { lower, upper, works } = estimate;
  const extra = surcharge === undefined ? 0 : fee * surcharge.ofFee + cltvExpiryDelta * surcharge.ofBlock + surcharge.ofHop;
  const risk = prices.ofRisk(lower, upper, sent, works * terrain.nodeProbability(from));
  return fee + extra + prices.ofLock(sent + fee, cltvExpiryDelta) + risk;
}

/** Whether the edge may carry the amount, or its minimum where that is larger; the payee gets what it asked for and not more. */
function carries(terrain: Terrain, { id, disabled, htlcMinimum, htlcMaximum, capacity, to }: ExtraEdge, { measure, amount, maxAmount }: Metric): boolean {
  if (disabled || terrain.isExcluded(id)) return false;
  const most = Math.min(htlcMaximum, capacity - terrain.loadOf(id));
  if (measure === 'narrowness') return most >= amount;
  return (htlcMinimum <= amount || to !== terrain.payee) && Math.max(amount, htlcMinimum) <= Math.min(most, maxAmount);
}
