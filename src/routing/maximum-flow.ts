import { EDGE, EDGE_FIELDS, MOST, OTHER } from './edge-lists.ts';
import { NODE_EXCLUDED, type ExtraEdge, type Terrain } from './terrain.ts';

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

/**
 * How much could be sent to the payee in parts of at least `least`, up to `wanted`: the maximum flow through all channels
 * by what they announce, fees and minima left aside. Ford and Fulkerson with scaling: wide ways first, so that some dozens
 * of searches do. No channel is given more in all parts together than it takes in one.
 */
export function maximumFlow(terrain: Terrain, wanted: number, least: number): Flow {
  const flows = new Flows(terrain);
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

class Flows {
  readonly #terrain: Terrain;
  readonly #flow = new Map<number, number>();
  /** By the node that they lead into: the edges with a flow. */
  readonly #into = new Map<number, Set<number>>();

  constructor(terrain: Terrain) {
    this.#terrain = terrain;
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
    const { source, payee } = this.#terrain;
    const reachedBy = new Map<number, Arc | undefined>([[source, undefined]]);
    const queue = [source];
    const reach = (node: number, arc: Arc): void => {
      if (reachedBy.has(node) || this.room(arc) < narrowest) return;
      reachedBy.set(node, arc);
      queue.push(node);
    };
    for (let place = 0; place < queue.length && !reachedBy.has(payee); place++) {
      const node = queue[place] as number;
      this.#eachOut(node, narrowest, (edge, to) => reach(to, { edge, isForward: true }));
      for (const edge of this.#into.get(node) ?? []) reach(this.#terrain.fromOf(edge), { edge, isForward: false });
    }
    const way: Arc[] = [];
    for (let node = payee; node !== source; ) {
      const arc = reachedBy.get(node);
      if (arc === undefined) return undefined;
      way.push(arc);
      node = arc.isForward ? this.#terrain.fromOf(arc.edge) : this.#terrain.toOf(arc.edge);
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
      if ((edges[at + MOST] as number) < narrowest) break;
      const edge = edges[at + EDGE] as number;
      if (edgeMask[edge] === 0) visit(edge, edges[at + OTHER] as number);
    }
  }

  #isOpen({ id, disabled }: ExtraEdge): boolean {
    return !disabled && !this.#terrain.isExcluded(id);
  }

  #mostOf(edge: number): number {
    const { graphEdges, arrays } = this.#terrain;
    if (edge < graphEdges) return Math.min(arrays.htlcMaximum[edge] as number, arrays.capacity[edge >> 1] as number);
    const { htlcMaximum, capacity } = this.#terrain.extra(edge);
    return Math.min(htlcMaximum, capacity);
  }
}
