import { carryWithin, Laying, startOf, type Part, type Place } from './laying.ts';
import { maximumFlow } from './maximum-flow.ts';
import { carry } from './path.ts';
import type { SearchLimits } from './search.ts';
import type { Terrain } from './terrain.ts';

/** The amount is laid in so many units: the finer, the closer to the best, and the longer it takes. */
const UNITS = 12;
/** No unit is smaller, in msat: ten sat. */
const LEAST_UNIT = 10_000;
/** Ways that are looked for beyond those that parts may take, since the first ones may be given up for better ones. */
const MORE_WAYS = 4;
/** Of the units, how many a further way is taken to carry before it is known: it must save its price on them. */
const SHARE_OF_WAY = 1 / 4;
/** How often blocks are made dearer until a way keeps to the limit on locks. */
const SLOW_WAYS = 4;
/** How many times what flows over a channel has room in it, for fees and since it may not hold all: as much as can be. */
const GROWTHS = [2, 1.5, 1.25, 1.1, 1.01, 1.001, 1];
/** How often a unit of a flow is laid anew. */
const MOVES = 2 * UNITS;

/**
 * Chooses the parts of a payment together: a flow of least cost from us to the payee. Fees grow with the amount, and the
 * price of risk ever faster with what an edge carries, so that over ways that are known the amount is laid unit by unit, each where it adds
 * least. Then one search, beside what lies, finds a way on which the dearest unit would cost less; that is one of the ways from then on,
 * and all is laid anew (column generation). At last those ways are given up that save less than the price
 * of a part. Where units find no way since others lie in it, a maximum flow through the channels tells how all can pass, and its dearest units are
 * laid anew one by one.
 */
export class PartPlanner {
  readonly #terrain: Terrain;
  readonly #limits: SearchLimits;
  readonly #maxParts: number;
  readonly #partPrice: number;
  readonly #unit: number;
  readonly #units: number;
  /** For each block, once a way was too slow. */
  #blockPrice = 0;

  constructor(terrain: Terrain, limits: SearchLimits, maxParts: number) {
    this.#terrain = terrain;
    this.#limits = limits;
    this.#maxParts = maxParts;
    this.#partPrice = limits.prices.ofPart(limits.amount);
    this.#units = Math.max(2, Math.min(UNITS, Math.floor(limits.amount / LEAST_UNIT)));
    this.#unit = Math.floor(limits.amount / this.#units);
  }

  /** Undefined: there is no way, or none in so few parts. Fees are not held against the limit. `known`: ways that may do. */
  plan(known: readonly (readonly number[])[]): Part[] | undefined {
    if (this.#unit === 0) return undefined;
    try {
      const laying = this.#best(known);
      return this.#isWhole(laying) ? this.#inHtlcs(this.#fewer(laying).parts) : this.#flow();
    } finally {
      this.#terrain.clearLoads();
    }
  }

  /** Adds one way after the other, while that saves something. */
  #best(known: readonly (readonly number[])[]): Laying {
    const ways = [...known];
    for (;;) {
      const laying = this.#lay(ways);
      if (ways.length >= known.length + this.#maxParts + MORE_WAYS) return laying;
      const dearest = this.#isWhole(laying) ? laying.dearest() : undefined;
      if (dearest !== undefined) laying.take(dearest.way);
      const way = this.#search(dearest === undefined ? Infinity : dearest.unit.cost - this.#partPrice / (this.#units * SHARE_OF_WAY));
      if (dearest !== undefined) laying.put(dearest);
      if (way === undefined || ways.some((other) => other.join() === way.join())) return laying;
      ways.push(way);
    }
  }

  /** Gives up ways, the one that carries least first, as long as that is cheaper, or they are too many. */
  #fewer(laying: Laying): Laying {
    const parts = laying.parts.sort((a, b) => b.amount - a.amount);
    if (parts.length < 2) return laying;
    const { htlcs } = laying;
    const price = laying.cost + htlcs * this.#partPrice;
    const fewer = this.#lay(parts.slice(0, -1).map(({ edges }) => edges));
    const isBetter = htlcs > this.#maxParts || fewer.cost + fewer.htlcs * this.#partPrice <= price;
    return this.#isWhole(fewer) && isBetter ? this.#fewer(fewer) : laying;
  }

  /** Each unit where it adds least to the cost, as many as find room. */
  #lay(ways: readonly (readonly number[])[]): Laying {
    const laying = new Laying(this.#terrain, this.#limits, ways);
    for (let left = this.#units; left > 0; left--) {
      const place = laying.cheapest(left === this.#units ? this.#limits.amount - this.#unit * (this.#units - 1) : this.#unit);
      if (place === undefined) break;
      laying.put(place);
    }
    return laying;
  }

  #isWhole(laying: Laying): boolean {
    return laying.amount === this.#limits.amount;
  }

  /** The way on which one more unit costs least beside those that lie, if that is less than `atMost`. */
  #search(atMost: number): readonly number[] | undefined {
    if (atMost <= 0) return undefined;
    const { roads, payee } = this.#terrain;
    const { prices, maxAmount, maxCltvDelta } = this.#limits;
    for (let left = SLOW_WAYS; left > 0; left--) {
      const met = roads.scratch.reach.cost.meet(this.#terrain, {
        amount: this.#unit, maxAmount, prices, target: payee,
        ...(this.#blockPrice > 0 ? { measure: 'mixed', surcharge: { ofFee: 0, ofBlock: this.#blockPrice, ofHop: 0 } } : { measure: 'cost', within: atMost }),
      });
      if (met === undefined) return undefined;
      const kept = carryWithin(this.#terrain, this.#limits, met.edges, this.#unit);
      if (kept !== undefined) return kept.cost < atMost ? met.edges : undefined;
      // Again, with four times as much for each block; at first with as much for all that are allowed as the way costs.
      const slow = carry(this.#terrain, { ...this.#limits, amount: this.#unit }, met.edges, startOf(this.#terrain, this.#limits, this.#unit));
      this.#blockPrice = 4 * this.#blockPrice + (slow?.cost ?? 0) / maxCltvDelta + 1;
    }
    return undefined;
  }

  /** How all may pass where units stand in each other's way: by what channels carry, but not closer to all that they hold than need be. */
  #flow(): Part[] | undefined {
    const { amount } = this.#limits;
    const flowWith = (growth: number) => {
      this.#terrain.clearLoads();
      return maximumFlow(this.#terrain, { wanted: amount, least: this.#unit, growth });
    };
    if (flowWith(1).amount < amount) return undefined;
    const flows: (readonly Part[])[] = [];
    for (const growth of GROWTHS) {
      const { amount: flowing, ways } = flowWith(growth);
      if (flowing < amount) continue;
      const parts = this.#improved(ways);
      if (parts !== undefined) return parts;
      flows.push(ways);
    }
    for (const ways of flows) {
      const parts = this.#asItFlows(ways);
      if (parts !== undefined) return parts;
    }
    return undefined;
  }

  /** A flow in units, of which the dearest are laid anew as long as that is cheaper; undefined if some find no room, each with a fee of its own. */
  #improved(ways: readonly Part[]): Part[] | undefined {
    const laying = new Laying(this.#terrain, this.#limits, ways.map(({ edges }) => edges));
    const homeless: number[] = [];
    for (const [index, { amount }] of ways.entries()) {
      const way = laying.ways[index];
      const share = Math.ceil(amount / Math.ceil(amount / this.#unit));
      for (let left = amount; left > 0; left -= share) {
        const place = way && laying.placeOn(way, Math.min(left, share), true);
        if (place === undefined) homeless.push(Math.min(left, share));
        else laying.put(place);
      }
    }
    for (const amount of homeless) {
      const place = this.#elsewhere(laying, amount, Infinity);
      if (place === undefined) return undefined;
      laying.put(place);
    }
    for (let left = MOVES; left > 0; left--) {
      const dearest = laying.dearest();
      if (dearest === undefined) break;
      laying.take(dearest.way);
      const better = this.#elsewhere(laying, dearest.unit.amount, dearest.unit.cost);
      laying.put(better ?? dearest);
      if (better === undefined) break;
    }
    return this.#inHtlcs(laying.parts);
  }

  /** Undefined if not all parts find room with the fees of all. */
  #asItFlows(ways: readonly Part[]): Part[] | undefined {
    const parts = this.#inHtlcs(ways);
    return parts?.every(({ amount, edges }) => {
      const carried = carryWithin(this.#terrain, this.#limits, edges, amount);
      for (const [place, edge] of edges.entries()) this.#terrain.addLoad(edge, carried?.walked.steps[place]?.sent ?? 0);
      return carried !== undefined;
    }) === true ? parts : undefined;
  }

  /** Where a unit costs less than that, beside those that lie: on a way of theirs, or another. */
  #elsewhere(laying: Laying, amount: number, cost: number): Place | undefined {
    const known = laying.cheapest(amount);
    const atMost = Math.min(cost, known?.unit.cost ?? Infinity);
    const edges = this.#search(atMost);
    const found = edges && laying.placeOn(laying.wayOver(edges), amount);
    const best = found !== undefined && found.unit.cost < atMost ? found : known;
    return best !== undefined && best.unit.cost < cost ? best : undefined;
  }

  /** As so many HTLCs as it takes, where channels take no single one that is so large; undefined if those are too many. */
  #inHtlcs(ways: readonly Part[]): Part[] | undefined {
    this.#terrain.clearLoads();
    const parts = ways.flatMap(({ edges, amount }): Part[] => {
      for (let count = 1; count <= this.#maxParts; count++) {
        const share = Math.ceil(amount / count);
        if (carryWithin(this.#terrain, this.#limits, edges, share) === undefined) continue;
        return Array.from({ length: count }, (_, place) => ({ edges, amount: Math.min(share, amount - share * place) }));
      }
      return [];
    });
    const total = parts.reduce((sum, { amount }) => sum + amount, 0);
    return total < this.#limits.amount || parts.length > this.#maxParts ? undefined : parts;
  }
}
