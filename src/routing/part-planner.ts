import { edgesOf, searchFrom } from './cheapest-way.ts';
import { startAtPayee } from './find-path.ts';
import { maximumFlow } from './maximum-flow.ts';
import { isWithin, walkBack, type WalkedPath } from './path.ts';
import { Search, type SearchLimits, type SearchStart } from './search.ts';
import type { Terrain } from './terrain.ts';

/** What goes one way: edges from us to the payee, and what arrives. */
export interface Part {
  readonly edges: readonly number[];
  readonly amount: number;
}

/** The amount is laid in so many units: the finer, the closer to the best, and the longer it takes. */
const UNITS = 12;
/** No unit is smaller, in msat: ten sat. */
const LEAST_UNIT = 10_000;
/** Distances are known up to so many times that of the best way of the first unit: later ones cost more. */
const BEYOND = 2;

/** Of a search for one unit. */
const MAX_LABELS = 1_500;
const MANY_LABELS = 800;
/** How often distances are found for one payment. */
const MOST_MEASURES = 4;

/** How much room for fees a flow leaves, as so many times the amount: the least that does. */
const GROWTHS = [1.001, 1.01, 1.1];

/** A unit that lies: its way, and what each edge carries of it. */
interface Unit {
  readonly amount: number;
  readonly edges: readonly number[];
  readonly sent: readonly number[];
}

/**
 * Chooses the parts of a payment together: a flow of least cost from us to the payee. Fees grow with the amount, and the
 * price of risk ever faster with what an edge carries, so that the flow can be laid unit by unit, each on the way that adds
 * least to the cost of those that lie; then each unit is taken up once and laid anew. Where a unit finds no
 * way since others lie in it, a maximum flow through the channels tells how all can pass.
 *
 * The search for a unit begins with two things that are known: distances that no load makes shorter, so that one search
 * forwards does for all units; and the ways of the units before, of which one may well do again.
 */
export class PartPlanner {
  readonly #terrain: Terrain;
  readonly #limits: SearchLimits;
  readonly #maxParts: number;
  #units: Unit[] = [];
  #measures = 0;

  constructor(terrain: Terrain, limits: SearchLimits, maxParts: number) {
    this.#terrain = terrain;
    this.#limits = limits;
    this.#maxParts = maxParts;
  }

  /** Undefined: there is no way, or none in so few parts. Fees are not held against the limit. */
  plan(): Part[] | undefined {
    const { amount, maxAmount } = this.#limits;
    const count = Math.max(2, Math.min(UNITS, Math.floor(amount / LEAST_UNIT)));
    if (amount < count) return undefined;
    const size = Math.floor(amount / count);
    if (!this.#measure(size)) return undefined;
    try {
      for (let left = count; left > 0; left--) {
        const unit = this.#cheapest(left === count ? amount - size * (count - 1) : size);
        if (unit === undefined) return this.#flow(amount, size, maxAmount / amount);
        this.#lay(unit);
      }
      if (this.#ways().size > 1) this.#relay();
      return this.#parts();
    } finally {
      this.#terrain.clearLoads();
      this.#units = [];
    }
  }

  /** How far each node is from us at least for a unit, beside what lies already. */
  #measure(amount: number): boolean {
    const { roads, payee } = this.#terrain;
    const { prices } = this.#limits;
    this.#measures++;
    return roads.scratch.unitReach.run(this.#terrain, { measure: 'cost', amount, prices, target: payee, beyond: BEYOND });
  }

  /** Takes each unit up and lays it anew. */
  #relay(): void {
    for (const unit of this.#units.slice()) {
      this.#takeUp(unit);
      const before = this.#walk(unit.edges, unit.amount);
      const after = this.#cheapest(unit.amount);
      const isBetter = after !== undefined && before !== undefined && this.#costOf(after.walked) < this.#costOf(before);
      this.#lay(isBetter ? after : unit);
    }
  }

  /** The way on which one more unit adds least to the cost. */
  #cheapest(amount: number): (Unit & { readonly walked: WalkedPath }) | undefined {
    const ways = this.#ways();
    const known = [...ways.values()].flatMap((edges) => {
      const walked = this.#walk(edges, amount);
      return walked === undefined || walked.steps.some(({ isHopeless }) => isHopeless) ? [] : [{ edges, walked, cost: this.#costOf(walked) }];
    });
    const [best] = known.sort((a, b) => a.cost - b.cost);
    const edges = ways.size >= this.#maxParts ? best?.edges : (this.#search(amount, best?.cost ?? Infinity) ?? best?.edges);
    const walked = edges && this.#walk(edges, amount);
    return edges && walked && { amount, edges, walked, sent: walked.steps.map(({ sent }) => sent) };
  }

  #search(amount: number, knownCost: number): readonly number[] | undefined {
    const limits = { ...this.#limits, amount, maxAmount: Number.MAX_SAFE_INTEGER, maxLabels: MAX_LABELS };
    const start = this.#startOf(amount);
    const cost = this.#terrain.roads.scratch.unitReach;
    const { labels, best } = new Search(this.#terrain, limits, { kind: 'cost', cost, knownCost, isQuick: true }).run(start);
    const edges = best === -1 ? undefined : edgesOf(labels, best);
    const walked = edges && walkBack(this.#terrain, limits.prices, edges, start);
    // Distances from before the units lay say too little by now.
    if (labels.count > MANY_LABELS && this.#measures < MOST_MEASURES) this.#measure(amount);
    if (walked !== undefined && isWithin(walked, limits)) return edges;
    // The way is too long or too slow, or the bound was met: a known one does, or one takes a search of its own.
    return knownCost === Infinity ? searchFrom(this.#terrain, limits, start).edges : undefined;
  }

  /** How all may pass where units stand in each other's way: by channels alone, whatever it costs. */
  #flow(amount: number, least: number, mostGrowth: number): Part[] | undefined {
    for (const growth of [1, ...GROWTHS.filter((growth) => growth < mostGrowth), mostGrowth]) {
      this.#terrain.clearLoads();
      const flow = maximumFlow(this.#terrain, { wanted: amount, least, growth });
      if (flow.amount < amount) return undefined;
      const parts = this.#inHtlcs(flow.ways);
      if (parts !== undefined && this.#fitTogether(parts)) return parts;
    }
    return undefined;
  }

  /** Whether all parts find room with the fees of all. */
  #fitTogether(parts: readonly Part[]): boolean {
    this.#terrain.clearLoads();
    return parts.every(({ amount, edges }) => {
      const walked = this.#walk(edges, amount);
      for (const [place, edge] of edges.entries()) this.#terrain.addLoad(edge, walked?.steps[place]?.sent ?? 0);
      return walked !== undefined;
    });
  }

  #walk(edges: readonly number[], amount: number): WalkedPath | undefined {
    const walked = walkBack(this.#terrain, this.#limits.prices, edges, this.#startOf(amount));
    return walked !== undefined && isWithin({ ...walked, amount: 0 }, this.#limits) ? walked : undefined;
  }

  #startOf(amount: number): SearchStart {
    return startAtPayee(this.#terrain, { ...this.#limits, amount });
  }

  #costOf({ amount, risk, steps }: WalkedPath): number {
    return amount + risk - (steps.at(-1)?.sent ?? 0);
  }

  #lay({ amount, edges, sent }: Unit): void {
    this.#units.push({ amount, edges, sent });
    for (const [place, edge] of edges.entries()) this.#terrain.addLoad(edge, sent[place] as number);
  }

  #takeUp(unit: Unit): void {
    this.#units.splice(this.#units.indexOf(unit), 1);
    for (const [place, edge] of unit.edges.entries()) this.#terrain.addLoad(edge, -(unit.sent[place] as number));
  }

  /** The different ways of the units that lie. */
  #ways(): Map<string, readonly number[]> {
    return new Map(this.#units.map(({ edges }) => [edges.join(), edges]));
  }

  #parts(): Part[] | undefined {
    const parts = new Map<string, Part>();
    for (const { edges, amount } of this.#units) {
      const key = edges.join();
      parts.set(key, { edges, amount: amount + (parts.get(key)?.amount ?? 0) });
    }
    return this.#inHtlcs([...parts.values()]);
  }

  /** As so many HTLCs as it takes, where channels take no single one that is so large; undefined if those are too many. */
  #inHtlcs(ways: readonly Part[]): Part[] | undefined {
    this.#terrain.clearLoads();
    const parts = ways.flatMap(({ edges, amount }): Part[] => {
      for (let count = 1; count <= this.#maxParts; count++) {
        const share = Math.ceil(amount / count);
        if (this.#walk(edges, share) === undefined) continue;
        return Array.from({ length: count }, (_, place) => ({ edges, amount: Math.min(share, amount - share * place) }));
      }
      return [];
    });
    const total = parts.reduce((sum, { amount }) => sum + amount, 0);
    return total < this.#limits.amount || parts.length > this.#maxParts ? undefined : parts;
  }
}
