import type { NodeId } from '../network/network.ts';
import { directionOf } from './channel.ts';
import { probabilityOf } from './liquidity.ts';
import { clampMsat, MAX_AMOUNT_MSAT, toMsat } from './msat.ts';
import type { Roads } from './roads.ts';
import { htlcsOf, type Route } from './route.ts';
import { Prices, type Weights } from './weights.ts';

/** What one channel of a route adds to the score by which the route was chosen. */
export interface HopReason {
  readonly shortChannelId: bigint;
  /** What the node that forwards over it keeps. */
  readonly feeMsat: bigint;
  readonly lockPriceMsat: bigint;
  readonly riskPriceMsat: bigint;
  /** In millionths: how likely the channel is believed to carry the amount, and its node to forward. */
  readonly chancePpm: number;
  /** Where the balance on this side is believed to lie: at least so much, and less than so much. */
  readonly atLeastMsat: bigint;
  readonly lessThanMsat: bigint;
  /** An attempt has taught something of it. */
  readonly isLearned: boolean;
}

/** Why a route was chosen: its score, hop by hop, from the second on (our own channel has no price). */
export interface RouteReasons {
  readonly weights: Weights;
  readonly hops: readonly HopReason[];
  /** In millionths: that all channels carry it. */
  readonly chancePpm: number;
  readonly costMsat: bigint;
}

/** The same arithmetic as the search's, over a route that it found. */
export function explainRoute(roads: Roads, weights: Weights, self: NodeId, route: Route): RouteReasons {
  const { graph, liquidity } = roads;
  const prices = new Prices(weights);
  const htlcs = htlcsOf(route);
  let chance = 1;
  const hops = route.hops.slice(1).map(({ shortChannelId, nodeId }, index): HopReason => {
    const from = route.hops[index]?.nodeId ?? self;
    const capacity = graph.channel(shortChannelId)?.capacityMsat;
    const incoming = htlcs[index];
    const sent = clampMsat(htlcs[index + 1]?.amountMsat ?? 0n);
    const blocks = (incoming?.cltvExpiry ?? 0) - (htlcs[index + 1]?.cltvExpiry ?? 0);
    const bounds = liquidity.boundsOf({ shortChannelId, direction: directionOf(from, nodeId) });
    const estimate = liquidity.estimate(bounds, capacity === undefined ? MAX_AMOUNT_MSAT : clampMsat(capacity));
    const works = estimate.works * liquidity.nodeProbability(from);
    const hopChance = probabilityOf({ ...estimate, works }, sent);
    chance *= hopChance;
    return {
      shortChannelId,
      feeMsat: route.hops[index]?.feeMsat ?? 0n,
      lockPriceMsat: toMsat(prices.ofLock(clampMsat(incoming?.amountMsat ?? 0n), blocks)),
      riskPriceMsat: toMsat(prices.ofRisk(estimate.lower, estimate.upper, sent, works)),
      chancePpm: Math.round(hopChance * 1e6),
      atLeastMsat: toMsat(estimate.lower),
      lessThanMsat: toMsat(estimate.upper),
      isLearned: bounds !== undefined || liquidity.hasNodeFailed(from),
    };
  });
  const costMsat = hops.reduce((sum, hop) => sum + hop.feeMsat + hop.lockPriceMsat + hop.riskPriceMsat, 0n);
  return { weights, hops, chancePpm: Math.round(chance * 1e6), costMsat };
}
