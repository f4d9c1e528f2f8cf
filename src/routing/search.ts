import { CAPACITY, CLTV, EDGE, EDGE_FIELDS, FEE_BASE, FEE_PPM, LEAST, MOST, OTHER } from './edge-lists.ts';
import type { TypedHeap } from './heap.ts';
import type { Comparison, Labels } from './labels.ts';
import { forwardingFeeMsat } from './msat.ts';
import { stepOver } from './path.ts';
import type { Surcharge } from './frontier.ts';
import type { Reach } from './reach.ts';
import { NODE_HAS_EXTRA, type Terrain } from './terrain.ts';
import type { Prices } from './weights.ts';

/** The limits of one search, as the arithmetic of the router has them. */
export interface SearchLimits {
  /** What the payee receives. */
  readonly amount: number;
  /** The most that the first HTLC may carry: the amount and the fee limit. */
  readonly maxAmount: number;
  readonly finalCltvDelta: number;
  readonly maxCltvDelta: number;
  readonly maxHops: number;
  readonly prices: Prices;
  readonly maxLabels: number;
}

/** Where a search begins, backwards: at the payee, or where the end of the way is settled already. */
export interface SearchStart {
  readonly node: number;
  /** What the node must receive. */
  readonly amount: number;
  /** The price of locked time and likely failures from there on, in msat. */
  readonly risk: number;
  /** How many blocks from now the HTLC that it receives must expire, at the earliest. */
  readonly cltv: number;
  readonly hops: number;
}

/** How far each node is from us at least, by each of the limits, and by the cost. */
export interface LimitBounds {
  readonly cost: Reach;
  readonly fee: Reach;
  readonly blocks: Reach;
  readonly hops: Reach;
}

/** What is known before the exact search, which looks for what costs less than `knownCost`. */
export type LowerBounds = { readonly knownCost: number } & (
  /** How far each node is from us at least, by cost. Unless `isLimited` the limits on lock and hops do not matter, as it seems. */
  | { readonly kind: 'cost'; readonly cost: Reach; readonly isLimited?: boolean }
  /** They matter, and every cheap way breaks them: distances by the cost with a surcharge. */
  | { readonly kind: 'mixed'; readonly mixed: Reach; readonly surcharge: Surcharge }
  /** They matter, and no way is known. */
  | { readonly kind: 'limits'; readonly limits: LimitBounds }
);

/** The labels of a finished search, until the next begins, and the one at our own node: -1 if there is none. */
export interface SearchOutcome {
  readonly labels: Labels;
  readonly best: number;
  /** The search stopped at its bound on labels. */
  readonly exhausted: boolean;
  readonly broken: BrokenLimits;
}

/** The edges over which no way keeps to a limit, as far as the search had to look. */
export interface BrokenLimits {
  /** The fee limit, by raising the amount to a minimum. */
  readonly htlc_minimum: ReadonlySet<number>;
  readonly fee_limit: ReadonlySet<number>;
  readonly cltv_limit: ReadonlySet<number>;
  readonly hop_limit: ReadonlySet<number>;
}

/**
 * The exact search: backwards from the payee, label by label in the order of what a way through the label costs at
 * least. The first label to reach our node is the cheapest path. It looks only at ways that may still be cheaper than
 * one that is known, which at mainnet's size leaves some dozens of labels. See `findPath`.
 */
export class Search {
  readonly #terrain: Terrain;
  readonly #limits: SearchLimits;
  readonly #bounds: LowerBounds;
  readonly #labels: Labels;
  readonly #heap: TypedHeap;
  readonly #broken = {
    htlc_minimum: new Set<number>(), fee_limit: new Set<number>(), cltv_limit: new Set<number>(), hop_limit: new Set<number>(),
  };
  #best = -1;
  /** Costs are integers. */
  #highestCost: number;

  constructor(terrain: Terrain, limits: SearchLimits, bounds: LowerBounds) {
    this.#terrain = terrain;
    this.#limits = limits;
    this.#bounds = bounds;
    const { labels, heap } = terrain.roads.scratch;
    labels.begin(terrain.nodeSlots);
    heap.clear();
    this.#labels = labels;
    this.#heap = heap;
    this.#highestCost = bounds.knownCost - 1;
  }

  run({ node, amount, risk, cltv, hops }: SearchStart): SearchOutcome {
    const labels = this.#labels;
    this.#heap.push(0, labels.add(node, amount, risk, cltv, hops, -1, -1, this.#comparison));
    let exhausted = false;
    for (let label = this.#heap.pop(); label !== -1; label = this.#heap.pop()) {
      if (label === this.#best) break;
      if (labels.dead[label] === 1) continue;
      if (labels.count > this.#limits.maxLabels) {
        exhausted = true;
        break;
      }
      this.#expand(label);
    }
    return { labels, best: this.#best, exhausted, broken: this.#broken };
  }

  get #comparison(): Comparison {
    return this.#bounds.kind === 'cost' && this.#bounds.isLimited !== true ? 'exact' : 'limited';
  }

  /** What a way through the node costs at least, if from there on it costs and needs so much. */
  #atLeast(node: number, cost: number, amount: number, cltv: number, hops: number): number {
    const bounds = this.#bounds;
    if (bounds.kind === 'cost') return cost + bounds.cost.atLeast(node);
    if (bounds.kind === 'limits') return cost + bounds.limits.cost.atLeast(node);
    // A way within the limits costs what it costs with the surcharge, less the surcharge on all that the limits allow at most.
    const { ofFee, ofBlock, ofHop } = bounds.surcharge;
    const { maxAmount, maxCltvDelta, maxHops } = this.#limits;
    const spared = ofFee * (maxAmount - amount) + ofBlock * (maxCltvDelta - cltv) + ofHop * (maxHops - hops);
    // Surcharges are no integers, costs are: what is rounded is far less than 1.
    return cost + Math.max(bounds.mixed.atLeast(node) - spared - 1, 0);
  }

  /** Puts every edge that leads into the label's node before it. */
  #expand(label: number): void {
    const terrain = this.#terrain;
    const node = this.#labels.node[label] as number;
    if (((terrain.nodeMask[node] as number) & NODE_HAS_EXTRA) !== 0) {
      for (const { id, from } of terrain.extraInto(node)) this.#extend(label, id, from);
    }
    if (node >= terrain.graphNodes) return;
    const { into: { edges, begin, count }, knownAt } = terrain.roads;
    const { prices } = this.#limits;
    const cost = this.#costOf(label);
    const amount = this.#labels.amount[label] as number;
    const cltv = this.#labels.cltv[label] as number;
    const hops = (this.#labels.hops[label] as number) + 1;
    const first = (begin[node] as number) * EDGE_FIELDS;
    const end = first + (count[node] as number) * EDGE_FIELDS;
    for (let at = first; at < end; at += EDGE_FIELDS) {
      // The edges that carry most come first.
      if ((edges[at + MOST] as number) < amount) break;
      const from = edges[at + OTHER] as number;
      // Most edges cost too much already by what is read here, which is a part of their price.
      const sent = Math.max(amount, edges[at + LEAST] as number);
      const fee = sent - amount + forwardingFeeMsat(sent, edges[at + FEE_BASE] as number, edges[at + FEE_PPM] as number);
      const risk = knownAt[edges[at + EDGE] as number] === 0 ? prices.ofRisk(0, (edges[at + CAPACITY] as number) + 1, sent, 1) : 0;
      if (this.#atLeast(from, cost + fee + risk, amount + fee, cltv + (edges[at + CLTV] as number), hops) > this.#highestCost) continue;
      // Our own channels are among the extra edges, with what they really hold; and no path leads through us.
      if (from !== terrain.source) this.#extend(label, edges[at + EDGE] as number, from);
    }
  }

  /** The node `from` sends over `edge` to the label's node. */
  #extend(label: number, edge: number, from: number): void {
    const labels = this.#labels;
    const { maxAmount, maxCltvDelta, maxHops, prices } = this.#limits;
    const needed = labels.amount[label] as number;
    const step = stepOver(this.#terrain, prices, edge, needed);
    if (step === undefined || step.isHopeless) return;
    const amount = step.received;
    const risk = (labels.risk[label] as number) + step.risk;
    const cltv = (labels.cltv[label] as number) + step.blocks;
    const hops = (labels.hops[label] as number) + 1;
    const atLeast = this.#atLeast(from, amount + risk - this.#limits.amount, amount, cltv, hops);
    if (atLeast > this.#highestCost) return;
    const limits = this.#bounds.kind === 'limits' ? this.#bounds.limits : undefined;
    if (amount + (limits?.fee.atLeast(from) ?? 0) > maxAmount) {
      return this.#breaks(step.sent > needed ? 'htlc_minimum' : 'fee_limit', edge);
    }
    if (this.#comparison === 'limited') {
      if (cltv + (limits?.blocks.atLeast(from) ?? 0) > maxCltvDelta) return this.#breaks('cltv_limit', edge);
      if (hops + (limits?.hops.atLeast(from) ?? 0) > maxHops) return this.#breaks('hop_limit', edge);
    }
    const added = labels.add(from, amount, risk, cltv, hops, edge, label, this.#comparison);
    if (added === -1) return;
    if (from === this.#terrain.source && (this.#best === -1 || this.#costOf(added) < this.#costOf(this.#best))) {
      this.#best = added;
      this.#highestCost = Math.min(this.#highestCost, this.#costOf(added));
    }
    this.#heap.push(atLeast, added);
  }

  #breaks(limit: keyof BrokenLimits, edge: number): void {
    this.#broken[limit].add(edge);
  }

  #costOf(label: number): number {
    return (this.#labels.amount[label] as number) + (this.#labels.risk[label] as number) - this.#limits.amount;
  }
}
