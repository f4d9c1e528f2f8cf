import { CAPACITY, EDGE, EDGE_FIELDS, OTHER } from './edge-lists.ts';
import { UNREACHED, type Reached } from './reached.ts';
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

/** How an edge is used on an augmenting way: twice its number with the flow, and one more against what flows over it. */
type Arc = number;

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
 * of searches do, each from both ends at once, and on from where there is less to look at.
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

/** Edges with a flow, by a node at one of their ends. */
class EdgesByNode {
  readonly #edges = new Map<number, Set<number>>();

  add(node: number, edge: number): void {
    this.#edges.set(node, (this.#edges.get(node) ?? new Set()).add(edge));
  }

  delete(node: number, edge: number): void {
    this.#edges.get(node)?.delete(edge);
  }

  at(node: number): Iterable<number> {
    return this.#edges.get(node) ?? NONE;
  }
}

const NONE: readonly number[] = [];

class Flows {
  readonly #terrain: Terrain;
  readonly #growth: number;
  readonly #flow = new Map<number, number>();
  readonly #into = new EdgesByNode();
  readonly #outOf = new EdgesByNode();
  readonly #fromSource: Reached;
  readonly #fromPayee: Reached;

  constructor(terrain: Terrain, growth: number) {
    this.#terrain = terrain;
    this.#growth = growth;
    const { fromSource, fromPayee } = terrain.roads.scratch.flow;
    this.#fromSource = fromSource;
    this.#fromPayee = fromPayee;
  }

  room(arc: Arc): number {
    const edge = arc >> 1;
    const flow = this.#flow.get(edge) ?? 0;
    return (arc & 1) === 0 ? this.#mostOf(edge) - flow : flow;
  }

  push(arc: Arc, amount: number): void {
    const edge = arc >> 1;
    const flow = (this.#flow.get(edge) ?? 0) + ((arc & 1) === 0 ? amount : -amount);
    const [from, to] = [this.#terrain.fromOf(edge), this.#terrain.toOf(edge)];
    if (flow === 0) {
      this.#flow.delete(edge);
      this.#into.delete(to, edge);
      this.#outOf.delete(from, edge);
    } else {
      this.#flow.set(edge, flow);
      this.#into.add(to, edge);
      this.#outOf.add(from, edge);
    }
  }

  /** A short way with at least so much room on each arc. */
  augmenting(narrowest: number): Arc[] | undefined {
    const { source, payee, nodeSlots } = this.#terrain;
    this.#fromSource.begin(source, nodeSlots);
    this.#fromPayee.begin(payee, nodeSlots);
    for (;;) {
      const isForward = this.#fromSource.waiting <= this.#fromPayee.waiting;
      const [own, other] = isForward ? [this.#fromSource, this.#fromPayee] : [this.#fromPayee, this.#fromSource];
      if (own.waiting === 0) return undefined;
      const meeting = this.#expand(own, other, own.next(), isForward, narrowest);
      if (meeting !== undefined) return this.#wayOver(meeting);
    }
  }

  /** Looks at all arcs at a node: out of it on the side of the source, into it on the payee's. Returns a node that both sides have reached. */
  #expand(own: Reached, other: Reached, node: number, isForward: boolean, narrowest: number): number | undefined {
    const terrain = this.#terrain;
    const { roads, graphNodes, source, edgeMask } = terrain;
    const { via } = own;
    const reach = (next: number, arc: Arc): boolean => {
      if (via[next] !== UNREACHED || this.room(arc) < narrowest) return false;
      own.add(next, arc);
      return other.via[next] !== UNREACHED;
    };
    // Whatever flows already may be taken back.
    for (const edge of (isForward ? this.#into : this.#outOf).at(node)) {
      const next = isForward ? terrain.fromOf(edge) : terrain.toOf(edge);
      if (reach(next, 2 * edge + 1)) return next;
    }
    if (isForward && node !== source && !this.#forwards(node)) return undefined;
    for (const { id, from, to, disabled } of isForward ? terrain.extraOutOf(node) : terrain.extraInto(node)) {
      const next = isForward ? to : from;
      if (disabled || terrain.isExcluded(id) || !(next === source || isForward || this.#forwards(next))) continue;
      if (reach(next, 2 * id)) return next;
    }
    if (node >= graphNodes || node === source) return undefined;
    const { edges, begin, count } = isForward ? roads.outOf : roads.into;
    const first = (begin[node] as number) * EDGE_FIELDS;
    const end = first + (count[node] as number) * EDGE_FIELDS;
    for (let at = first; at < end; at += EDGE_FIELDS) {
      const next = edges[at + OTHER] as number;
      if (via[next] !== UNREACHED || next === source || (edges[at + CAPACITY] as number) < narrowest) continue;
      const edge = edges[at + EDGE] as number;
      // What other parts hold takes from an edge's room, but does not close it.
      if (edgeMask[edge] !== 0 && edgeMask[edge] !== EDGE_LOADED) continue;
      if ((isForward || this.#forwards(next)) && reach(next, 2 * edge)) return next;
    }
    return undefined;
  }

  #wayOver(meeting: number): Arc[] {
    const { source, payee } = this.#terrain;
    const way: Arc[] = [];
    for (let node = meeting; node !== source; ) {
      const arc = this.#fromSource.via[node] as number;
      way.unshift(arc);
      node = this.#endOf(arc, 'from');
    }
    for (let node = meeting; node !== payee; ) {
      const arc = this.#fromPayee.via[node] as number;
      way.push(arc);
      node = this.#endOf(arc, 'to');
    }
    return way;
  }

  #endOf(arc: Arc, end: 'from' | 'to'): number {
    const isBeginning = (end === 'from') === ((arc & 1) === 0);
    return isBeginning ? this.#terrain.fromOf(arc >> 1) : this.#terrain.toOf(arc >> 1);
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
        const into = [...this.#into.at(node)];
        if (into.length === 0) return ways;
        const widest = into.reduce((a, b) => ((this.#flow.get(b) ?? 0) > (this.#flow.get(a) ?? 0) ? b : a));
        edges.unshift(widest);
        node = this.#terrain.fromOf(widest);
      }
      const amount = Math.min(...edges.map((edge) => this.#flow.get(edge) ?? 0));
      for (const edge of edges) this.push(2 * edge, -amount);
      // A circle of the flow carries nothing to the payee: it is only taken away.
      if (node === source) ways.push({ edges, amount });
    }
  }

  /** BOLT 7: no payment is routed through a node with unknown even features. */
  #forwards(node: number): boolean {
    const { graphNodes, arrays, nodeMask } = this.#terrain;
    return ((nodeMask[node] as number) & NODE_EXCLUDED) === 0 && (node >= graphNodes || arrays.nodeUsable[node] === 1);
  }

  #mostOf(edge: number): number {
    const { graphEdges, arrays } = this.#terrain;
    const capacity = edge < graphEdges ? (arrays.capacity[edge >> 1] as number) : this.#terrain.extra(edge).capacity;
    return Math.floor((capacity - this.#terrain.loadOf(edge)) / this.#growth);
  }
}
