import { startAtPayee } from './find-path.ts';
import { carry, isWithin, type CarryingWay } from './path.ts';
import type { SearchLimits, SearchStart } from './search.ts';
import type { Terrain } from './terrain.ts';

/** What goes one way: edges from us to the payee, and what arrives. */
export interface Part {
  readonly edges: readonly number[];
  readonly amount: number;
}

/** A way, and the units that lie on it. */
export interface Way {
  readonly edges: readonly number[];
  readonly units: Unit[];
}

interface Unit {
  readonly amount: number;
  /** What each edge carries of it. */
  readonly sent: readonly number[];
  /** What it added to the cost. */
  readonly cost: number;
}

/** Where a unit may lie, and what that adds to the cost of those that lie. */
export interface Place {
  readonly way: Way;
  readonly unit: Unit;
}

/** Units of a payment on ways of it, as loads of the terrain, of which there is one at a time. Fees are not held against the limit. */
export class Laying {
  readonly ways: Way[];
  readonly #terrain: Terrain;
  readonly #limits: SearchLimits;

  constructor(terrain: Terrain, limits: SearchLimits, ways: readonly (readonly number[])[]) {
    terrain.clearLoads();
    this.#terrain = terrain;
    this.#limits = limits;
    this.ways = ways.map((edges) => ({ edges, units: [] }));
  }

  get amount(): number {
    return this.ways.flatMap(({ units }) => units).reduce((sum, { amount }) => sum + amount, 0);
  }

  get cost(): number {
    return this.ways.flatMap(({ units }) => units).reduce((sum, { cost }) => sum + cost, 0);
  }

  /** As many as it takes on each way by the channel that takes the smallest ones. */
  get htlcs(): number {
    return this.ways.reduce((sum, { edges, units }) => sum + Math.max(...edges.map((edge, place) => {
      const sent = units.reduce((total, unit) => total + (unit.sent[place] as number), 0);
      return Math.ceil(sent / this.#terrain.htlcMaximumOf(edge));
    })), 0);
  }

  get parts(): Part[] {
    return this.ways.filter(({ units }) => units.length > 0)
      .map(({ edges, units }) => ({ edges, amount: units.reduce((sum, { amount }) => sum + amount, 0) }));
  }

  /** The way over these edges, which need not carry anything. */
  wayOver(edges: readonly number[]): Way {
    const key = edges.join();
    const known = this.ways.find((way) => way.edges.join() === key);
    if (known !== undefined) return known;
    const way: Way = { edges, units: [] };
    this.ways.push(way);
    return way;
  }

  /** Undefined: it does not fit there, or that is hopeless and not to be hoped for. */
  placeOn(way: Way, amount: number, hopes = false): Place | undefined {
    const carried = carryWithin(this.#terrain, this.#limits, way.edges, amount);
    if (carried === undefined || (!hopes && carried.walked.steps.some(({ isHopeless }) => isHopeless))) return undefined;
    return { way, unit: { amount, sent: carried.walked.steps.map(({ sent }) => sent), cost: carried.cost } };
  }

  /** Where it adds least to the cost. */
  cheapest(amount: number): Place | undefined {
    let best: Place | undefined;
    for (const way of this.ways) {
      const place = this.placeOn(way, amount);
      if (place !== undefined && (best === undefined || place.unit.cost < best.unit.cost)) best = place;
    }
    return best;
  }

  put({ way, unit }: Place): void {
    way.units.push(unit);
    this.#load(way, unit, 1);
  }

  /** Takes up the last unit of a way. */
  take(way: Way): void {
    const unit = way.units.pop();
    if (unit !== undefined) this.#load(way, unit, -1);
  }

  /** The unit that costs most where it lies, beside all others. */
  dearest(): Place | undefined {
    let dearest: Place | undefined;
    for (const way of this.ways) {
      const last = way.units.at(-1);
      if (last === undefined) continue;
      this.take(way);
      const carried = carryWithin(this.#terrain, this.#limits, way.edges, last.amount);
      const unit = { ...last, cost: carried?.cost ?? Infinity };
      this.put({ way, unit });
      if (dearest === undefined || unit.cost > dearest.unit.cost) dearest = { way, unit };
    }
    return dearest;
  }

  #load({ edges }: Way, { sent }: Unit, sign: 1 | -1): void {
    for (const [place, edge] of edges.entries()) this.#terrain.addLoad(edge, sign * (sent[place] as number));
  }
}

export const startOf = (terrain: Terrain, limits: SearchLimits, amount: number): SearchStart => startAtPayee(terrain, { ...limits, amount });

/** The way, if it carries the amount and keeps to the limits on lock and hops. */
export function carryWithin(terrain: Terrain, limits: SearchLimits, edges: readonly number[], amount: number): CarryingWay | undefined {
  const carried = carry(terrain, { ...limits, amount }, edges, startOf(terrain, limits, amount));
  return carried !== undefined && isWithin({ ...carried.walked, amount: 0 }, limits) ? carried : undefined;
}
