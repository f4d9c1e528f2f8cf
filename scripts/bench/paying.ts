/** Payments over balances that nobody knows, until they arrive or nothing is left to try. */
import type { NodeId } from '../../src/network/network.ts';
import { requestBeside } from '../../src/payments/rest.ts';
import { withLesson } from '../../src/routing/lesson.ts';
import { Liquidity } from '../../src/routing/liquidity.ts';
import type { RouteRequest } from '../../src/routing/request.ts';
import { htlcsOf, type Route } from '../../src/routing/route.ts';
import { Router } from '../../src/routing/router.ts';
import type { Weights } from '../../src/routing/weights.ts';
import { VirtualClock } from '../../src/runtime/virtual-clock.ts';
import type { HiddenBalances, HopLoad } from './hidden-balances.ts';
import type { LdkPath, LdkRouter } from './ldk-router.ts';

/** Of one payment: who waits for more has given up. */
const MOST_ATTEMPTS = 30;
export const MAX_PARTS = 10;
/** LDK's default. */
const MAX_CLTV_DELTA = 1008;
const FINAL_CLTV_DELTA = 42;
export const maxFeeOf = (amountMsat: bigint): bigint => amountMsat / 100n + 50_000n;

/** What became of a payment. */
export interface Paid {
  /** How often ways were asked for and tried, in one part or several. */
  readonly attempts: number;
  /** HTLCs that were sent. */
  readonly htlcs: number;
  /** Undefined: it did not arrive. */
  readonly arrived?: { readonly feeMsat: bigint; readonly cltvDelta: number };
}

/** A node that pays, one payment after the other, and may learn from each. */
export type Payer = (payee: NodeId, amountMsat: bigint) => Paid;

/** One that tries one set of ways after the other for what is not out. `Way` is the router's own. */
interface Strategy<Way> {
  /** Ways for all of a payment but what `out` carries; none: there are none. */
  find(out: readonly Way[]): readonly Way[];
  loadsOf(way: Way): readonly HopLoad[];
  /** What it carries to the payee. */
  amountOf(way: Way): bigint;
  feeOf(way: Way): bigint;
  cltvOf(way: Way): number;
  /** The hop at this place refused it. */
  failed(way: Way, place: number): void;
  settled(way: Way): void;
}

function pay<Way>(balances: HiddenBalances, amountMsat: bigint, strategy: Strategy<Way>): Paid {
  const out: Way[] = [];
  let [attempts, htlcs] = [0, 0];
  while (attempts < MOST_ATTEMPTS) {
    const ways = strategy.find(out);
    if (ways.length === 0) break;
    attempts++;
    htlcs += ways.length;
    for (const way of ways) {
      const place = balances.hold(strategy.loadsOf(way));
      if (place === undefined) out.push(way);
      else strategy.failed(way, place);
    }
    if (out.reduce((sum, way) => sum + strategy.amountOf(way), 0n) < amountMsat) continue;
    balances.settle();
    for (const way of out) strategy.settled(way);
    const feeMsat = out.reduce((sum, way) => sum + strategy.feeOf(way), 0n);
    return { attempts, htlcs, arrived: { feeMsat, cltvDelta: Math.max(...out.map(strategy.cltvOf)) } };
  }
  balances.release();
  return { attempts, htlcs };
}

/** This node's router, as payments use it. With fees alone as weights nothing that it learns has a price: it is the one that tries what is cheapest first. */
export function runnelPayer(balances: HiddenBalances, self: NodeId, weights: Weights, maxParts: number): Payer {
  const router = new Router({
    self, chainHash: NOTHING, graph: balances.graph, liquidity: new Liquidity(new VirtualClock(1e12)), weights,
    localChannels: () => balances.localChannels(self),
  });
  return (payee, amountMsat) => {
    let request: RouteRequest = {
      payee, amountMsat, maxFeeMsat: maxFeeOf(amountMsat), blockHeight: 900_000, finalCltvDelta: FINAL_CLTV_DELTA, expiryMargin: 0,
      maxTotalCltvDelta: MAX_CLTV_DELTA,
    };
    return pay<Route>(balances, amountMsat, {
      find: (out) => {
        const result = router.findSplit(requestBeside(request, out), maxParts - out.length);
        return result.found ? result.parts.map(({ route }) => route) : [];
      },
      loadsOf: (route) => {
        const htlcs = htlcsOf(route);
        return route.hops.map(({ nodeId, shortChannelId }, index) => ({
          from: route.hops[index - 1]?.nodeId ?? self, to: nodeId, shortChannelId, amountMsat: htlcs[index]?.amountMsat ?? 0n,
        }));
      },
      amountOf: (route) => route.amountMsat,
      feeOf: (route) => route.totalFeeMsat,
      cltvOf: (route) => route.totalCltvDelta,
      failed: (route, place) => {
        const failure = { type: 'temporary_channel_failure', channelUpdate: NOTHING } as const;
        const outcome = place === 0 ? { type: 'not_sent', route } as const : { type: 'failed', route, hopIndex: place - 1, failure } as const;
        request = withLesson(request, router.reportOutcome(outcome));
      },
      settled: (route) => void router.reportOutcome({ type: 'settled', route }),
    });
  };
}

const NOTHING = new Uint8Array();

/** LDK's router with a scorer of its own. */
export function ldkPayer(balances: HiddenBalances, self: NodeId, router: LdkRouter): Payer {
  return (payee, amountMsat) => {
    const failedChannels: bigint[] = [];
    return pay<LdkPath>(balances, amountMsat, {
      find: (out) => {
        const sum = (of: (path: LdkPath) => bigint): bigint => out.reduce((total, path) => total + of(path), 0n);
        const route = router.findRoute({
          payer: self, payee, amountMsat: amountMsat - sum((path) => path.amountMsat), maxFeeMsat: maxFeeOf(amountMsat) - sum((path) => path.feeMsat),
          finalCltvDelta: FINAL_CLTV_DELTA, maxCltvDelta: MAX_CLTV_DELTA, maxParts: MAX_PARTS - out.length, failedChannels, inFlight: out,
        });
        return route?.paths ?? [];
      },
      loadsOf: ({ hops }) => hops.map(({ nodeId, ...hop }, index) => ({ from: hops[index - 1]?.nodeId ?? self, to: nodeId, ...hop })),
      amountOf: (path) => path.amountMsat,
      feeOf: (path) => path.feeMsat,
      cltvOf: (path) => path.cltvDelta,
      failed: (path, place) => {
        const scid = path.hops[place]?.shortChannelId ?? 0n;
        router.pathFailed(path, scid);
        failedChannels.push(scid);
      },
      settled: (path) => router.pathSettled(path),
    });
  };
}
