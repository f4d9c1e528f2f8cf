import type { NodeId } from '../network/network.ts';
import type { ChannelGraph } from './graph.ts';
import type { Liquidity } from './liquidity.ts';
import { clampMsat, MAX_AMOUNT_MSAT, toMsat } from './msat.ts';
import { noRoute, type NoRoute } from './no-route.ts';
import {
  checkRouteRequest, DEFAULT_EXPIRY_MARGIN, DEFAULT_FINAL_EXTRA_BYTES, MAX_HOPS, MAX_HTLC_CLTV,
  type LocalChannel, type RouteRequest,
} from './request.ts';
import { maxHopsInOnion, type Route, type RouteHop } from './route.ts';
import { Search, type SearchLimits, type SearchOutcome } from './search.ts';
import { Terrain } from './terrain.ts';

/** What a search reads beside the request. It changes none of it. */
export interface PathContext {
  readonly graph: ChannelGraph;
  readonly liquidity: Liquidity;
  readonly self: NodeId;
  readonly localChannels: readonly LocalChannel[];
  /** Defaults to `DEFAULT_TIME_VALUE_PPB`. */
  readonly timeValuePpb?: number;
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

/**
 * Billionths of the amount a block: about 0.08 % a year, as lnd has it. Fees decide, and between equal fees the shorter
 * lock.
 */
export const DEFAULT_TIME_VALUE_PPB = 15;
export const DEFAULT_MAX_LABELS = 1_000_000;

/**
 * The cheapest path from us to the payee, searched backwards, since what a hop receives follows from what it forwards.
 *
 * - Amounts: the payee receives the amount exactly; each node before it receives what it forwards and the fee of the
 *   channel it forwards over (BOLT 7, "HTLC Fees"), fees upon fees; our own channel costs nothing.
 * - Expiries: the payee's HTLC expires at blockHeight + finalCltvDelta + expiryMargin; each HTLC before it later by the
 *   `cltv_expiry_delta` of the channel after it; our own channel adds nothing.
 *
 * **What is exact.** A node may have several labels, for a cheaper way may need a longer lock or more hops than the
 * limits allow. A first search ignores the limits on lock and hops, which leaves few labels; if its best path keeps to
 * them, no other path is cheaper, and if it finds none, none exists. Otherwise a second search keeps to them and holds
 * on to every label that is best in some respect (amount, risk, lock or hops: `Labels.add`). So within the bound on
 * labels the result is the cheapest path that satisfies all limits, and "no route" means that there is none; past the
 * bound it is `search_exhausted`. Not exact are: the limit on the onion's bytes, taken as one on hops
 * (`maxHopsInOnion`), and whatever the graph does not know.
 *
 * Throws `RoutingError` for a request that means nothing.
 */
export function findPath(context: PathContext, request: RouteRequest): RouteResult {
  checkRouteRequest(request);
  const { graph, liquidity, self, localChannels } = context;
  const { payee, amountMsat } = request;
  const refuse = (reason: NoRoute['reason'], outcome?: SearchOutcome): NoRoute =>
    noRoute(reason, payee, amountMsat, outcome?.tally);

  if (payee === self) return refuse('payee_is_self');
  if (localChannels.length === 0) return refuse('no_local_channels');
  const limits = limitsOf(context, request);
  if (limits.finalCltvDelta > limits.maxCltvDelta) return refuse('expiry_limit');
  if (limits.maxHops === 0) return refuse('onion_size');
  if (limits.amount === MAX_AMOUNT_MSAT) return refuse('constrained');

  const terrain = new Terrain(graph, liquidity, self, localChannels, request);
  const payeeKnown = terrain.payee < terrain.graphNodes;
  if (!payeeKnown && terrain.extraInto(terrain.payee) === undefined) return refuse('payee_unknown');
  // BOLT 7: unless an invoice says otherwise, nothing is sent to a node with unknown even features.
  if (payeeKnown && request.invoiced !== true && terrain.arrays.nodeUsable[terrain.payee] === 0) {
    return refuse('payee_features');
  }

  const relaxed = new Search(terrain, liquidity, limits, false).run();
  if (relaxed.best !== -1 && isWithin(relaxed, limits)) return found(terrain, relaxed, request, limits);
  if (relaxed.best === -1 && !relaxed.exhausted) return refuse(reasonOf(relaxed), relaxed);
  const exact = new Search(terrain, liquidity, limits, true).run();
  if (exact.best !== -1) return found(terrain, exact, request, limits);
  return refuse(exact.exhausted ? 'search_exhausted' : reasonOf(exact), exact);
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
    timeValuePpb: context.timeValuePpb ?? DEFAULT_TIME_VALUE_PPB,
    maxLabels: context.maxLabels ?? DEFAULT_MAX_LABELS,
  };
}

function isWithin({ labels, best }: SearchOutcome, limits: SearchLimits): boolean {
  return (labels.cltv[best] ?? 0) <= limits.maxCltvDelta && (labels.hops[best] ?? 0) <= limits.maxHops;
}

function reasonOf({ tally }: SearchOutcome): NoRoute['reason'] {
  return Object.values(tally.counts()).some((count) => count > 0) ? 'constrained' : 'disconnected';
}

/** Walks from our label to the payee's. */
function found(
  terrain: Terrain, { labels, best }: SearchOutcome, request: RouteRequest, limits: SearchLimits,
): FoundRoute {
  const hops: RouteHop[] = [];
  for (let label = best; labels.parent[label] !== -1; label = labels.parent[label] as number) {
    const next = labels.parent[label] as number;
    const isPayee = labels.parent[next] === -1;
    const forwarded = labels.sent[next] as number;
    const outgoingDelta = labels.cltv[isPayee ? next : (labels.parent[next] as number)] as number;
    hops.push({
      nodeId: terrain.nodeId(labels.node[next] as number),
      shortChannelId: terrain.shortChannelId(labels.edge[label] as number),
      amountToForwardMsat: toMsat(forwarded),
      outgoingCltvExpiry: request.blockHeight + outgoingDelta,
      feeMsat: toMsat(labels.sent[label] as number) - toMsat(forwarded),
    });
  }
  const total = toMsat(labels.amount[best] as number);
  const totalCltvDelta = labels.cltv[best] as number;
  return {
    found: true,
    costMsat: total - toMsat(limits.amount) + toMsat(labels.risk[best] as number),
    route: {
      hops,
      amountMsat: toMsat(limits.amount),
      totalAmountMsat: total,
      totalFeeMsat: total - toMsat(limits.amount),
      cltvExpiry: request.blockHeight + totalCltvDelta,
      totalCltvDelta,
    },
  };
}
