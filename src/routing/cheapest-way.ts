import type { Labels } from './labels.ts';
import { carry, costOf, isWithin, refusingEdge, type CarryingWay, type WalkedPath } from './path.ts';
import type { Reach, ReachRequest } from './reach.ts';
import { Search, type BrokenLimits, type LowerBounds, type SearchLimits, type SearchStart } from './search.ts';
import { surchargeFor } from './surcharge.ts';
import type { Terrain } from './terrain.ts';

/** The edges of a way, from us on. Without them: no way carries the amount, or those that do break a limit. */
export interface FoundWay {
  readonly edges?: readonly number[];
  readonly exhausted?: boolean;
  readonly broken?: BrokenLimits;
}

/** The cheapest way from us to where the search starts; where the search meets its bound, the cheapest that it came by. */
export function searchFrom(terrain: Terrain, limits: SearchLimits, start: SearchStart): FoundWay {
  const { cost } = terrain.roads.scratch.reach;
  const request: ReachRequest = { measure: 'cost', amount: start.amount, maxAmount: limits.maxAmount, prices: limits.prices, target: start.node };
  const met = cost.meet(terrain, request);
  if (met === undefined) return {};
  const known = carryingWay(terrain, limits, request, start, met.edges);
  if (known === undefined || !isWithin(known.walked, limits)) return searchWithin(terrain, limits, start, known?.walked);
  // All costs are integers.
  const spent = costOf(start, limits);
  if (known.cost - spent - met.length < 1) return known;
  cost.widen(terrain, request, known.cost - spent - 1);
  // Most often the limits do not matter; then a node needs fewer labels.
  const bounds: LowerBounds = { kind: 'cost', cost, knownCost: known.cost };
  const cheaper = exactly(terrain, limits, start, bounds);
  const way = cheaper.edges && carry(terrain, limits, cheaper.edges, start);
  if (way === undefined) return known;
  return isWithin(way.walked, limits) ? way : orElse(exactly(terrain, limits, start, { ...bounds, isLimited: true }), known);
}

const orElse = (way: FoundWay, known: FoundWay): FoundWay => (way.edges === undefined ? known : way);

/** How often another way is looked for, where a channel is too small for the fees that come on top. */
const DETOURS = 8;

/**
 * The way, if it carries the amount and all fees; else, one after the other, ways around the channels that do not. Leaves
 * the distances as after a `meet` without detours.
 */
function carryingWay(
  terrain: Terrain, limits: SearchLimits, request: ReachRequest, start: SearchStart, edges: readonly number[],
): CarryingWay | undefined {
  const direct = carry(terrain, limits, edges, start);
  if (direct !== undefined) return direct;
  const reach = terrain.roads.scratch.reach.cost;
  const closed: number[] = [];
  let found: CarryingWay | undefined;
  for (let way: readonly number[] | undefined = edges; way !== undefined && found === undefined && closed.length < DETOURS; ) {
    closed.push(refusingEdge(terrain, limits.prices, way, start) as number);
    way = terrain.without(closed, [], () => reach.meet(terrain, request))?.edges;
    found = way && carry(terrain, limits, way, start);
  }
  reach.meet(terrain, request);
  return found;
}

/** Likewise, where the cheapest way of all breaks a limit. */
function searchWithin(terrain: Terrain, limits: SearchLimits, start: SearchStart, broken: WalkedPath | undefined): FoundWay {
  const { prices } = limits;
  const found = broken && surchargeFor(terrain, limits, start, broken);
  if (found !== undefined) {
    const { way, surcharge, atLeast } = found;
    if (way.cost - atLeast < 1) return way;
    const mixed = terrain.roads.scratch.reach.mixed;
    const request: ReachRequest = { measure: 'mixed', surcharge, amount: start.amount, maxAmount: limits.maxAmount, prices, target: start.node };
    const met = mixed.meet(terrain, request);
    mixed.widen(terrain, request, way.cost - atLeast + (met?.length ?? 0) + 1);
    return orElse(exactly(terrain, limits, start, { kind: 'mixed', mixed, surcharge, knownCost: way.cost }), way);
  }
  const bounds = { cost: reachBy('cost'), fee: reachBy('fee'), blocks: reachBy('blocks'), hops: reachBy('hops') };
  const ways = Object.values(bounds).flatMap((reach) => carry(terrain, limits, reach.pathTo(terrain, start.node), start) ?? []);
  const [best] = ways.filter(({ walked }) => isWithin(walked, limits)).sort((a, b) => a.cost - b.cost);
  const way = exactly(terrain, limits, start, { kind: 'limits', limits: bounds, knownCost: best?.cost ?? Infinity });
  return best === undefined ? way : orElse(way, best);

  function reachBy(measure: 'cost' | 'fee' | 'blocks' | 'hops'): Reach {
    const reach = terrain.roads.scratch.reach[measure];
    reach.run(terrain, { measure, amount: start.amount, maxAmount: limits.maxAmount, prices, target: start.node, everywhere: true });
    return reach;
  }
}

function exactly(terrain: Terrain, limits: SearchLimits, start: SearchStart, bounds: LowerBounds): FoundWay {
  const { labels, best, exhausted, broken } = new Search(terrain, limits, bounds).run(start);
  return best === -1 ? (exhausted ? { exhausted } : { broken }) : { edges: edgesOf(labels, best) };
}

/** The edges from a label to where the search began. */
function edgesOf(labels: Labels, from: number): number[] {
  const edges: number[] = [];
  for (let label = from; labels.parent[label] !== -1; label = labels.parent[label] as number) {
    edges.push(labels.edge[label] as number);
  }
  return edges;
}
