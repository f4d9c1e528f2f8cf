import type { NodeId } from '../network/network.ts';
import { RoutingError } from './errors.ts';
import { explainNoRoute } from './explain.ts';
import { clampMsat, MAX_AMOUNT_MSAT, toMsat } from './msat.ts';
import { noRoute, type NoRoute } from './no-route.ts';
import { walkBack, type Step } from './path.ts';
import {
  checkRouteRequest, DEFAULT_EXPIRY_MARGIN, DEFAULT_FINAL_EXTRA_BYTES, MAX_HOPS, MAX_HTLC_CLTV,
  type LocalChannel, type RouteRequest,
} from './request.ts';
import type { Roads } from './roads.ts';
import { maxHopsInOnion, type Route, type RouteHop } from './route.ts';
import type { SearchLimits, SearchStart } from './search.ts';
import { searchFrom } from './cheapest-way.ts';
import { Terrain } from './terrain.ts';
import { DEFAULT_WEIGHTS, Prices, type Weights } from './weights.ts';

/** What a search reads beside the request. It changes none of it. */
export interface PathContext {
  readonly roads: Roads;
  readonly self: NodeId;
  readonly localChannels: readonly LocalChannel[];
  /** Those of a request without its own (default `DEFAULT_WEIGHTS`). */
  readonly weights?: Weights;
  /** Bounds a search's memory, about 50 bytes each (default `DEFAULT_MAX_LABELS`). */
  readonly maxLabels?: number;
}

/** A route that satisfies every limit, with the score by which it was chosen: fees and prices of risk, in msat. */
export interface FoundRoute {
  readonly found: true;
  readonly route: Route;
  readonly costMsat: bigint;
}

export type RouteResult = FoundRoute | NoRoute;

export const DEFAULT_MAX_LABELS = 20_000;

/**
 * The cheapest path from us to the payee.
 *
 * - Amounts: the payee receives the amount exactly; each node before it receives what it forwards and the fee of the
 *   channel it forwards over (BOLT 7, "HTLC Fees"), fees upon fees; our own channel costs nothing.
 * - Expiries: the payee's HTLC expires at blockHeight + finalCltvDelta + expiryMargin; each HTLC before it later by the
 *   `cltv_expiry_delta` of the channel after it; our own channel adds nothing.
 *
 * **How.** What a hop receives follows from what it forwards, so that an exact search runs backwards; and since the
 * cheaper of two ways may be the one with the larger amount, the longer lock or more hops, a node may need several labels
 * in it. Two searches that meet, with the payee's amount on every edge, come first (`Reach`): they find a way that is the
 * best but for the fees on fees, and tell how far nodes are from us at least. The exact search (`Search`) then looks at
 * nothing but what may still be cheaper than that way.
 *
 * **What is exact.** Within the bound on labels the result is the cheapest path that satisfies all limits, and "no route"
 * means that there is none; past the bound it is the cheapest that the search came by, or `search_exhausted` if it came by
 * none. Not exact are: the limit on the onion's bytes, taken
 * as one on hops (`maxHopsInOnion`), and whatever the graph does not know.
 *
 * Throws `RoutingError` for a request that means nothing.
 */
export function findPath(context: PathContext, request: RouteRequest): RouteResult {
  return withTerrain(context, request, (terrain, limits) => {
    const found = searchFrom(terrain, limits, startAtPayee(terrain, limits));
    if (found.edges !== undefined) return foundRoute(terrain, limits, request, found.edges);
    return found.exhausted ? noRoute('search_exhausted', request) : explainNoRoute(terrain, limits, request, found.broken);
  });
}

/** Lays the request over the graph, for as long as `work` takes; answers by itself what no search can. */
export function withTerrain<Result>(
  context: PathContext, request: RouteRequest, work: (terrain: Terrain, limits: SearchLimits) => Result,
): Result | NoRoute {
  checkRouteRequest(request);
  const { roads, self, localChannels } = context;
  const refuse = (reason: NoRoute['reason']): NoRoute => noRoute(reason, request);

  if (request.payee === self && request.circular !== true) return refuse('payee_is_self');
  if (localChannels.length === 0) return refuse('no_local_channels');
  const limits = limitsOf(context, request);
  if (limits.finalCltvDelta > limits.maxCltvDelta) return refuse('expiry_limit');
  if (limits.maxHops === 0) return refuse('onion_size');
  if (limits.amount === MAX_AMOUNT_MSAT) return refuse('constrained');

  const terrain = new Terrain(roads, self, localChannels, request);
  try {
    const payeeKnown = terrain.payee < terrain.graphNodes;
    if (!payeeKnown && terrain.extraInto(terrain.payee).length === 0) return refuse('payee_unknown');
    // BOLT 7: unless an invoice says otherwise, nothing is sent to a node with unknown even features.
    if (payeeKnown && request.invoiced !== true && terrain.arrays.nodeUsable[terrain.payee] === 0) {
      return refuse('payee_features');
    }
    return work(terrain, limits);
  } finally {
    terrain.leave();
  }
}

/** The payee's own label. */
export function startAtPayee({ payee }: Terrain, { amount, finalCltvDelta }: SearchLimits): SearchStart {
  return { node: payee, amount, risk: 0, cltv: finalCltvDelta, hops: 0 };
}

function limitsOf(context: PathContext, request: RouteRequest): SearchLimits {
  const { amountMsat, maxFeeMsat, blockHeight, finalCltvDelta, expiryMargin = DEFAULT_EXPIRY_MARGIN } = request;
  const {
    maxTotalCltvDelta = MAX_HTLC_CLTV, maxHops = MAX_HOPS, finalPayloadExtraBytes = DEFAULT_FINAL_EXTRA_BYTES,
  } = request;
  const maxAmount = clampMsat(amountMsat + maxFeeMsat);
  return {
    amount: clampMsat(amountMsat),
    maxAmount,
    finalCltvDelta: finalCltvDelta + expiryMargin,
    maxCltvDelta: maxTotalCltvDelta,
    maxHops: Math.min(
      maxHops, maxHopsInOnion(toMsat(maxAmount), blockHeight + maxTotalCltvDelta, finalPayloadExtraBytes),
    ),
    prices: new Prices(request.weights ?? context.weights ?? DEFAULT_WEIGHTS),
    maxLabels: context.maxLabels ?? DEFAULT_MAX_LABELS,
  };
}

/** The way as a route, with what it is chosen by. `edges` come from a search. */
export function foundRoute(
  terrain: Terrain, limits: SearchLimits, { blockHeight }: RouteRequest, edges: readonly number[],
): FoundRoute {
  const walked = walkBack(terrain, limits.prices, edges, startAtPayee(terrain, limits));
  if (walked === undefined) throw new RoutingError('invalid_route', 'expected edges that carry what the search says');
  const { steps, amount, risk, cltv } = walked;
  let delta = cltv;
  const hops = edges.map((edge, index): RouteHop => {
    const next = steps[index + 1];
    // A node is told the expiry of what it sends on; the payee that of its own HTLC.
    delta -= next?.blocks ?? 0;
    const amountToForward = next?.sent ?? limits.amount;
    return {
      nodeId: terrain.nodeId(terrain.toOf(edge)),
      shortChannelId: terrain.shortChannelId(edge),
      amountToForwardMsat: toMsat(amountToForward),
      outgoingCltvExpiry: blockHeight + delta,
      feeMsat: toMsat((steps[index] as Step).sent) - toMsat(amountToForward),
    };
  });
  return {
    found: true,
    costMsat: toMsat(amount) - toMsat(limits.amount) + toMsat(risk),
    route: {
      hops,
      amountMsat: toMsat(limits.amount),
      totalAmountMsat: toMsat(amount),
      totalFeeMsat: toMsat(amount) - toMsat(limits.amount),
      cltvExpiry: blockHeight + cltv,
      totalCltvDelta: cltv,
    },
  };
}
