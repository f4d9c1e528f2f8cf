import { CAPACITY, EDGE, EDGE_FIELDS, OTHER } from './edge-lists.ts';
import type { ExtraEdge } from './extra-edges.ts';
import { EDGE_LOADED, NODE_EXCLUDED, type Terrain } from './terrain.ts';

/** A way of a flow, from us to the payee, and what takes it. */
export interface FlowWay {
  readonly edges: readonly number[];
  readonly amount: number;
}

export interface Flow {
  readonly amount: number;
  readonly ways: readonly FlowWay[];
}

/** How an edge is used on an augmenting way: with the flow, or against what flows over it. */
interface Arc {
  readonly edge: number;
  readonly isForward: boolean;
}

export interface FlowRequest {
  readonly wanted: number;
  /** No way of the flow is to carry less. */
  readonly least: number;
  /** How many times the amount fees may make of it: room for them is left (default: none is). */
  readonly growth?: number;
}

/**
 * How much could be sent to the payee in parts of at least `least`, up to `wanted`: the maximum flow through all channels
 * by what they announce, fees and minima left aside. Ford and Fulkerson with scaling: wide ways first, so that some dozens
 * of searches do.
 */
export function maximumFlow(terrain: Terrain, { wanted, least, growth = 1 }: FlowRequest): Flow {
  const flows = new Flows(terrain, growth);
  let amount = 0;
  for (let width = wanted; amount < wanted; width /= 2) {
    const narrowest = Math.max(Math.ceil(width), least, 1);
    for (let way = flows.augmenting(narrowest); way !== undefined && amount < wanted; way = flows.augmenting(narrowest)) {
      const pushed = Math.min(wanted - amount, ...way.map((arc) => flows.room(arc)));
      for (const arc of way) flows.push(arc, pushed);
      amount += pushed;
    }
    if (narrowest === Math.max(least, 1)) break;
  }
  return { amount, ways: flows.takeWays() };
}

const UNREACHED = -1;
const AT_SOURCE = -2;

class Flows {
  readonly #terrain: Terrain;
  readonly #growth: number;
  readonly #flow = new Map<number, number>();
  /** By the node that they lead into: the edges with a flow. */
  readonly #into = new Map<number, Set<number>>();

  constructor(terrain: Terrain, growth: number) {
    this.#terrain = terrain;
    this.#growth = growth;
  }

  room({ edge, isForward }: Arc): number {
    const flow = this.#flow.get(edge) ?? 0;
    return isForward ? this.#mostOf(edge) - flow : flow;
  }

  push({ edge, isForward }: Arc, amount: number): void {
    const flow = (this.#flow.get(edge) ?? 0) + (isForward ? amount : -amount);
    const to = this.#terrain.toOf(edge);
    const into = this.#into.get(to) ?? new Set();
    this.#into.set(to, into);
    if (flow === 0) {
      this.#flow.delete(edge);
      into.delete(edge);
    } else {
      this.#flow.set(edge, flow);
      into.add(edge);
    }
  }

  /** A shortest way with at least so much room on each arc. */
  augmenting(narrowest: number): Arc[] | undefined {
    const terrain = this.#terrain;
    const { source, payee, nodeSlots } = terrain;
    // By node, the arc by which it was reached: twice its edge, and one more against the edge.
    const via = new Int32Array(nodeSlots).fill(UNREACHED);
    const queue = new Int32Array(nodeSlots);
    let last = 0;
    queue[last++] = source;
    via[source] = AT_SOURCE;
    const reach = (node: number, edge: number, isForward: boolean): void => {
      if (via[node] !== UNREACHED || this.room({ edge, isForward }) < narrowest) return;
      via[node] = 2 * edge + (isForward ? 0 : 1);
      queue[last++] = node;
    };
    for (let place = 0; place < last && via[payee] === UNREACHED; place++) {
      const node = queue[place] as number;
      this.#eachOut(node, narrowest, (edge, to) => reach(to, edge, true));
      for (const edge of this.#into.get(node) ?? []) reach(terrain.fromOf(edge), edge, false);
    }
    if (via[payee] === UNREACHED) return undefined;
    const way: Arc[] = [];
    for (let node = payee; node !== source; ) {
      const arc = via[node] as number;
      const [edge, isForward] = [arc >> 1, (arc & 1) === 0];
      way.push({ edge, isForward });
      node = isForward ? terrain.fromOf(edge) : terrain.toOf(edge);
    }
    return way.reverse();
  }

  /** Takes the flow apart into ways, the widest it can at each step. */
  takeWays(): FlowWay[] {
    const { source, payee } = this.#terrain;
    const ways: FlowWay[] = [];
    for (;;) {
      const edges: number[] = [];
      const seen = new Set<number>();
      let node = payee;
      while (node !== source && !seen.has(node)) {
        seen.add(node);
        const into = [...(this.#into.get(node) ?? [])];
        if (into.length === 0) return ways;
        const widest = into.reduce((a, b) => ((this.#flow.get(b) ?? 0) > (this.#flow.get(a) ?? 0) ? b : a));
        edges.unshift(widest);
        node = this.#terrain.fromOf(widest);
      }
      const amount = Math.min(...edges.map((edge) => this.#flow.get(edge) ?? 0));
      for (const edge of edges) this.push({ edge, isForward: true }, -amount);
      // A circle of the flow carries nothing to the payee: it is only taken away.
      if (node === source) ways.push({ edges, amount });
    }
  }

  #eachOut(node: number, narrowest: number, visit: (edge: number, to: number) => void): void {
    const { roads, graphNodes, arrays, nodeMask, source, edgeMask } = this.#terrain;
    const isForwarding = node === source || ((nodeMask[node] as number) & NODE_EXCLUDED) === 0;
    if (!isForwarding || (node < graphNodes && node !== source && arrays.nodeUsable[node] === 0)) return;
    for (const edge of this.#terrain.extraOutOf(node)) if (this.#isOpen(edge)) visit(edge.id, edge.to);
    if (node >= graphNodes || node === source) return;
    const { edges, begin, count } = roads.outOf;
    const from = (begin[node] as number) * EDGE_FIELDS;
    const end = from + (count[node] as number) * EDGE_FIELDS;
    for (let at = from; at < end; at += EDGE_FIELDS) {
      if ((edges[at + CAPACITY] as number) < narrowest) continue;
      const edge = edges[at + EDGE] as number;
      // What other parts hold takes from an edge's room, but does not close it.
      if (edgeMask[edge] === 0 || edgeMask[edge] === EDGE_LOADED) visit(edge, edges[at + OTHER] as number);
    }
  }

  #isOpen({ id, disabled }: ExtraEdge): boolean {
    return !disabled && !this.#terrain.isExcluded(id);
  }

  #mostOf(edge: number): number {
    const { graphEdges, arrays } = this.#terrain;
    const capacity = edge < graphEdges ? (arrays.capacity[edge >> 1] as number) : this.#terrain.extra(edge).capacity;
    return Math.floor((capacity - this.#terrain.loadOf(edge)) / this.#growth);
  }
}
