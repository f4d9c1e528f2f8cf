import { explainNoRoute } from './explain.ts';
import { foundRoute, startAtPayee, withTerrain, type FoundRoute, type PathContext } from './find-path.ts';
import { toMsat } from './msat.ts';
import { noRoute, type NoRoute } from './no-route.ts';
import { isWithin, walkBack } from './path.ts';
import type { Part } from './laying.ts';
import { PartPlanner } from './part-planner.ts';
import type { RouteRequest } from './request.ts';
import type { SearchLimits } from './search.ts';
import { searchFrom } from './cheapest-way.ts';
import type { Terrain } from './terrain.ts';
import { FEES_ALONE } from './weights.ts';

/** A payment in one part or several, all of which must arrive. */
export interface FoundSplit {
  readonly found: true;
  readonly parts: readonly FoundRoute[];
  readonly totalFeeMsat: bigint;
  /** The score by which it was chosen: fees, and prices of locked time and of risk, in msat. */
  readonly costMsat: bigint;
}

/**
 * The cheapest way to pay in at most `maxParts` parts, chosen together by the same cost as one route is chosen by: see
 * `PartPlanner`. One part it is where that costs no more.
 *
 * Throws `RoutingError` for a request that means nothing.
 */
export function findSplit(context: PathContext, request: RouteRequest, maxParts: number): FoundSplit | NoRoute {
  return withTerrain(context, request, (terrain, limits): FoundSplit | NoRoute => {
    const start = startAtPayee(terrain, limits);
    const wholeOver = (edges: readonly number[] | undefined): FoundSplit | undefined =>
      edges && layTogether(terrain, limits, request, [{ edges, amount: limits.amount }]);
    const mayBeMany = maxParts > 1;
    const first = searchFrom(terrain, mayBeMany ? { ...limits, maxLabels: Math.min(limits.maxLabels, FEW_LABELS) } : limits, start);
    const whole = wholeOver(first.edges);
    const split = mayBeMany && mayPay(terrain, limits, first.edges) ? inParts(terrain, limits, request, maxParts, first.edges) : undefined;
    if (split !== undefined && whole !== undefined) {
      const partsMsat = toMsat(Math.floor(limits.prices.ofPart(limits.amount) * (split.parts.length - 1)));
      return split.costMsat + partsMsat < whole.costMsat ? split : whole;
    }
    if (split !== undefined || whole !== undefined) return (split ?? whole) as FoundSplit;
    // Parts do not help: then one way is worth a longer search.
    const last = mayBeMany && first.exhausted === true ? searchFrom(terrain, limits, start) : first;
    const found = wholeOver(last.edges);
    if (found !== undefined) return found;
    return last.exhausted === true ? noRoute('search_exhausted', request) : explainNoRoute(terrain, limits, request, last.broken);
  });
}

/** Of the search for one way, where parts do as well. */
const FEW_LABELS = 1_000;

/** Parts can save the risk of one way at most: less than the price of one more they are not looked for, nor where they would be small. */
function mayPay(terrain: Terrain, limits: SearchLimits, edges: readonly number[] | undefined): boolean {
  const walked = edges && walkBack(terrain, limits.prices, edges, startAtPayee(terrain, limits));
  return walked === undefined || (limits.amount >= 2 * LEAST_PART && walked.risk > limits.prices.ofPart(limits.amount));
}

/** What goes in one part is not split for the sake of its risk into smaller ones, in msat: 10,000 sat, as lnd has it. */
const LEAST_PART = 10_000_000;

/** By the cost that is asked for; where that breaks the limit on fees, by fees alone. */
function inParts(
  terrain: Terrain, limits: SearchLimits, request: RouteRequest, maxParts: number, single: readonly number[] | undefined,
): FoundSplit | undefined {
  for (const prices of [limits.prices, FEES_ALONE]) {
    const parts = new PartPlanner(terrain, { ...limits, prices }, maxParts).plan(single === undefined ? [] : [single]);
    const split = parts && layTogether(terrain, limits, request, parts);
    if (split !== undefined) return split;
  }
  return undefined;
}

/** The parts as routes that share their channels' capacity; undefined if together they do not keep to the limits. */
function layTogether(terrain: Terrain, limits: SearchLimits, request: RouteRequest, parts: readonly Part[]): FoundSplit | undefined {
  try {
    const routes: FoundRoute[] = [];
    for (const { edges, amount } of parts) {
      const own = { ...limits, amount };
      const walked = walkBack(terrain, limits.prices, edges, startAtPayee(terrain, own));
      if (walked === undefined || !isWithin({ ...walked, amount: 0 }, limits)) return undefined;
      routes.push(foundRoute(terrain, own, request, edges));
      for (const [place, edge] of edges.entries()) {
        terrain.addLoad(edge, walked.steps[place]?.sent ?? 0);
      }
    }
    const totalFeeMsat = routes.reduce((sum, { route }) => sum + route.totalFeeMsat, 0n);
    if (totalFeeMsat > request.maxFeeMsat) return undefined;
    return { found: true, parts: routes, totalFeeMsat, costMsat: routes.reduce((sum, { costMsat }) => sum + costMsat, 0n) };
  } finally {
    terrain.clearLoads();
  }
}
