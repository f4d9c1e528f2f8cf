import type { NodeId } from '../network/network.ts';
import { findPath, type FoundRoute, type PathContext, type RouteResult } from './find-path.ts';
import { applyGraphChange, type GraphChange } from './graph-change.ts';
import type { ChannelGraph } from './graph.ts';
import { learn, type AttemptOutcome, type Lesson } from './lesson.ts';
import type { Liquidity } from './liquidity.ts';
import type { LocalChannel, RouteRequest } from './request.ts';
import { findPaths } from './k-best.ts';
import type { NoRoute } from './no-route.ts';
import { Roads } from './roads.ts';
import { findSplit, type FoundSplit } from './split.ts';
import type { Route } from './route.ts';
import { DEFAULT_WEIGHTS, type Weights } from './weights.ts';
import { explainRoute, type RouteReasons } from './why.ts';

/** What the router is made of. It holds no other state. */
export interface RouterOptions {
  readonly self: NodeId;
  /** BOLT 7's `chain_hash` of our chain. */
  readonly chainHash: Uint8Array;
  readonly graph: ChannelGraph;
  readonly liquidity: Liquidity;
  /** What routes are chosen by, where a request does not say (default `DEFAULT_WEIGHTS`). */
  readonly weights?: Weights;
  /** Our own channels at this moment. */
  readonly localChannels: () => readonly LocalChannel[];
}

/**
 * Finds ways through the network, and gets better at it with each attempt. Synchronous: one call is one step of its
 * caller's turn.
 */
export class Router {
  readonly #options: RouterOptions;
  readonly #roads: Roads;

  constructor(options: RouterOptions) {
    this.#options = options;
    this.#roads = new Roads(options.graph, options.liquidity);
  }

  /** See `findPath`. "No route" is a result; throws `RoutingError` only for a request that means nothing. */
  findRoute(request: RouteRequest): RouteResult {
    return findPath(this.#context(), request);
  }

  /** See `findSplit`. */
  findSplit(request: RouteRequest, maxParts: number): FoundSplit | NoRoute {
    return findSplit(this.#context(), request, maxParts);
  }

  /** See `findPaths`. */
  findRoutes(request: RouteRequest, count: number): readonly FoundRoute[] | NoRoute {
    return findPaths(this.#context(), request, count);
  }

  /** See `explainRoute`. */
  explain(route: Route, weights: Weights = this.#options.weights ?? DEFAULT_WEIGHTS): RouteReasons {
    return explainRoute(this.#roads, weights, this.#options.self, route);
  }

  /** Learns from how an attempt ended, and says whether and how its payment may go on. */
  reportOutcome(outcome: AttemptOutcome): Lesson {
    return learn(this.#options, outcome);
  }

  /** Takes over what `src/gossip/` has accepted. */
  applyGossip(change: GraphChange): void {
    applyGraphChange(this.#options.graph, change);
  }

  #context(): PathContext {
    const { self, localChannels, weights } = this.#options;
    return { roads: this.#roads, self, localChannels: localChannels(), ...(weights && { weights }) };
  }
}
