import { explainNoRoute } from './explain.ts';
import { foundRoute, startAtPayee, withTerrain, type FoundRoute, type PathContext } from './find-path.ts';
import type { NoRoute } from './no-route.ts';
import { isWithin, walkBack } from './path.ts';
import { PartPlanner, type Part } from './part-planner.ts';
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
    const single = searchFrom(terrain, limits, startAtPayee(terrain, limits));
    const whole = single.edges && layTogether(terrain, limits, request, [{ edges: single.edges, amount: limits.amount }]);
    const isSafe = single.edges !== undefined && riskOf(terrain, limits, single.edges) <= limits.prices.ofAttempt(limits.amount) * SAFE;
    const split = maxParts > 1 && !isSafe ? inParts(terrain, limits, request, maxParts) : undefined;
    if (whole === undefined && split === undefined) return explainNoRoute(terrain, limits, request, single.broken);
    return split !== undefined && (whole === undefined || split.costMsat < whole.costMsat) ? split : (whole as FoundSplit);
  });
}

/** Parts can save the risk of one way at most: so many expected failures are not worth looking for them. */
const SAFE = 0.05;

function riskOf(terrain: Terrain, limits: SearchLimits, edges: readonly number[]): number {
  return walkBack(terrain, limits.prices, edges, startAtPayee(terrain, limits))?.risk ?? Infinity;
}

/** By the cost that is asked for; where that breaks the limit on fees, by fees alone. */
function inParts(terrain: Terrain, limits: SearchLimits, request: RouteRequest, maxParts: number): FoundSplit | undefined {
  for (const prices of [limits.prices, FEES_ALONE]) {
    const parts = new PartPlanner(terrain, { ...limits, prices }, maxParts).plan();
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
