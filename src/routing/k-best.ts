import { searchFrom } from './cheapest-way.ts';
import { foundRoute, startAtPayee, withTerrain, type FoundRoute, type PathContext } from './find-path.ts';
import { explainNoRoute } from './explain.ts';
import { noRoute, type NoRoute } from './no-route.ts';
import { walkBack } from './path.ts';
import type { RouteRequest } from './request.ts';
import type { SearchLimits } from './search.ts';
import type { Terrain } from './terrain.ts';

/** A way as edges from us to the payee, and what it costs. */
interface Way {
  readonly edges: readonly number[];
  readonly cost: number;
}

/**
 * The `count` cheapest paths without a loop, the cheapest first; fewer where there are no more. The algorithm of Yen,
 * from the payee backwards: each further path leaves one that is known at some node, and so is the cheapest among those
 * that share its end with known ones and then go another way.
 *
 * Throws `RoutingError` for a request that means nothing.
 */
export function findPaths(context: PathContext, request: RouteRequest, count: number): readonly FoundRoute[] | NoRoute {
  return withTerrain(context, request, (terrain, limits) => {
    const first = searchFrom(terrain, limits, startAtPayee(terrain, limits));
    if (first.edges === undefined) {
      return first.exhausted === true ? noRoute('search_exhausted', request) : explainNoRoute(terrain, limits, request, first.broken);
    }
    const ways = [priced(terrain, limits, first.edges)];
    const candidates = new Map<string, Way>();
    while (ways.length < count) {
      for (const way of deviations(terrain, limits, ways)) candidates.set(way.edges.join(), way);
      for (const { edges } of ways) candidates.delete(edges.join());
      const [next] = [...candidates.values()].sort((a, b) => a.cost - b.cost);
      if (next === undefined) break;
      ways.push(next);
    }
    return ways.map(({ edges }) => foundRoute(terrain, limits, request, edges));
  });
}

/** The cheapest ways that part from the last of the known ones, at each of its nodes. */
function deviations(terrain: Terrain, limits: SearchLimits, ways: readonly Way[]): Way[] {
  const { edges } = ways.at(-1) as Way;
  return edges.flatMap((_, index): Way[] => {
    // What lies behind the node at which the ways part.
    const tail = edges.slice(index + 1);
    const start = walkBack(terrain, limits.prices, tail, startAtPayee(terrain, limits));
    if (start === undefined) return [];
    const node = terrain.toOf(edges[index] as number);
    const taken = ways.map((way) => way.edges.slice(-tail.length - 1)).filter((end) => end.slice(1).join() === tail.join());
    const { edges: head } = terrain.without(taken.map(([edge]) => edge as number), tail.map((edge) => terrain.toOf(edge)), () =>
      searchFrom(terrain, limits, { node, amount: start.amount, risk: start.risk, cltv: start.cltv, hops: start.hops }),
    );
    return head === undefined ? [] : [priced(terrain, limits, [...head, ...tail])];
  });
}

function priced(terrain: Terrain, limits: SearchLimits, edges: readonly number[]): Way {
  const walked = walkBack(terrain, limits.prices, edges, startAtPayee(terrain, limits));
  return { edges, cost: walked === undefined ? Infinity : walked.amount + walked.risk };
}
