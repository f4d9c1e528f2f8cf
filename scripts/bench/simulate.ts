/**
 * Does it arrive? Payments over mainnet's graph whose balances are drawn from a stated distribution and known to nobody:
 * how many arrive, after how many attempts, for which fees and time locks, by this node's router, by one that always
 * tries what is cheapest, and by LDK's with its scorer.
 *
 * Arguments: how many payments of each amount (default 100).
 */
import { fileURLToPath } from 'node:url';
import { SeededRandom } from '../../src/cluster/seeded-random.ts';
import type { NodeId } from '../../src/network/network.ts';
import { findPath } from '../../src/routing/find-path.ts';
import { ChannelGraph } from '../../src/routing/graph.ts';
import { withLesson } from '../../src/routing/lesson.ts';
import { Liquidity } from '../../src/routing/liquidity.ts';
import type { RouteRequest } from '../../src/routing/request.ts';
import { htlcsOf, type Route } from '../../src/routing/route.ts';
import { Roads } from '../../src/routing/roads.ts';
import { Router } from '../../src/routing/router.ts';
import { DEFAULT_WEIGHTS, type Weights } from '../../src/routing/weights.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { percentile, table } from './figures.ts';
import { addRows, readGraphRows, type GraphRow } from './graph-csv.ts';
import { localChannelsOf, pairsOf, type Pair } from './graph-pairs.ts';
import { HiddenBalances, type Distribution, type HopLoad } from './hidden-balances.ts';
import { LdkRouter, type LdkPath } from './ldk-router.ts';

const count = Number(process.argv[2] ?? 100);
const FILE = fileURLToPath(new URL('../../../test/graph/mainnet-2026-02-03.csv.gz', import.meta.url));
const AMOUNTS_SAT = [10_000n, 100_000n, 1_000_000n];
/** Nodes as large as one that pays often, all of whose channels are filled on its side at the beginning. */
const PAYERS = 10;
const PAYER_CHANNELS = 10;
/** Of one payment: what it costs a person to wait for more is not worth it. */
const MOST_ATTEMPTS = 30;
const MAX_PARTS = 10;
const MAX_CLTV_DELTA = 1008;
const FINAL_CLTV_DELTA = 42;
const NOTHING = new Uint8Array();
const maxFeeOf = (amountMsat: bigint): bigint => amountMsat / 100n + 50_000n;

interface Attempted {
  readonly attempts: number;
  /** Undefined: it did not arrive. */
  readonly arrived?: { readonly feeMsat: bigint; readonly cltvDelta: number };
}

/** Pays, or tries to: one that learns keeps what it has learned from payment to payment. */
type Payer = (payee: NodeId, amountMsat: bigint) => Attempted;

const requestOf = (payee: NodeId, amountMsat: bigint): RouteRequest => ({
  payee, amountMsat, maxFeeMsat: maxFeeOf(amountMsat), blockHeight: 900_000, finalCltvDelta: FINAL_CLTV_DELTA, expiryMargin: 0,
  maxTotalCltvDelta: MAX_CLTV_DELTA,
});

/** This node's router; `maxParts` 1 and fees alone make it the cheapest-first one. */
function runnelPayer(graph: ChannelGraph, balances: HiddenBalances, self: NodeId, weights: Weights, maxParts: number, learns: boolean): Payer {
  const routerOf = (): Router =>
    new Router({ self, chainHash: NOTHING, graph, liquidity: new Liquidity(systemClock), weights, localChannels: () => balances.localChannels(self) });
  const kept = learns ? routerOf() : undefined;
  return (payee, amountMsat) => {
    const router = kept ?? routerOf();
    let request = requestOf(payee, amountMsat);
    for (let attempts = 1; attempts <= MOST_ATTEMPTS; attempts++) {
      const result = router.findSplit(request, maxParts);
      if (!result.found) return { attempts: attempts - 1 };
      const routes = result.parts.map(({ route }) => route);
      const failed = balances.pay(routes.map((route) => loadsOf(self, route)));
      if (failed === undefined) {
        for (const route of routes) router.reportOutcome({ type: 'settled', route });
        return { attempts, arrived: { feeMsat: result.totalFeeMsat, cltvDelta: Math.max(...routes.map(({ totalCltvDelta }) => totalCltvDelta)) } };
      }
      const route = routes[failed.way] as Route;
      const failure = { type: 'temporary_channel_failure', channelUpdate: NOTHING } as const;
      const lesson = failed.hop === 0
        ? router.reportOutcome({ type: 'not_sent', route })
        : router.reportOutcome({ type: 'failed', route, hopIndex: failed.hop - 1, failure });
      request = withLesson(request, lesson);
    }
    return { attempts: MOST_ATTEMPTS };
  };
}

function ldkPayer(balances: HiddenBalances, self: NodeId, router: LdkRouter): Payer {
  return (payee, amountMsat) => {
    const failedChannels: bigint[] = [];
    for (let attempts = 1; attempts <= MOST_ATTEMPTS; attempts++) {
      const route = router.findRoute({
        payer: self, payee, amountMsat, maxFeeMsat: maxFeeOf(amountMsat), finalCltvDelta: FINAL_CLTV_DELTA, maxCltvDelta: MAX_CLTV_DELTA,
        maxParts: MAX_PARTS, failedChannels,
      });
      if (route === undefined) return { attempts: attempts - 1 };
      const failed = balances.pay(route.paths.map((path) => ldkLoadsOf(self, path)));
      if (failed === undefined) {
        for (const path of route.paths) router.pathSettled(path);
        return { attempts, arrived: { feeMsat: route.feeMsat, cltvDelta: Math.max(...route.paths.map(({ cltvDelta }) => cltvDelta)) } };
      }
      const path = route.paths[failed.way] as LdkPath;
      const scid = path.hops[failed.hop]?.shortChannelId ?? 0n;
      router.pathFailed(path, scid);
      failedChannels.push(scid);
    }
    return { attempts: MOST_ATTEMPTS };
  };
}

function loadsOf(self: NodeId, route: Route): HopLoad[] {
  const htlcs = htlcsOf(route);
  return route.hops.map(({ nodeId, shortChannelId }, index) => ({
    from: route.hops[index - 1]?.nodeId ?? self, to: nodeId, shortChannelId, amountMsat: htlcs[index]?.amountMsat ?? 0n,
  }));
}

function ldkLoadsOf(self: NodeId, { hops }: LdkPath): HopLoad[] {
  return hops.map(({ nodeId, shortChannelId, amountMsat }, index) => ({
    from: hops[index - 1]?.nodeId ?? self, to: nodeId, shortChannelId, amountMsat,
  }));
}

/** Whether a way exists by what channels announce: no router can do anything about the rest. */
function isPossible(graph: ChannelGraph, self: NodeId, payee: NodeId, amountMsat: bigint): boolean {
  possible ??= new Roads(graph, new Liquidity(systemClock));
  return findPath({ roads: possible, self, localChannels: localChannelsOf(graph, self) }, requestOf(payee, amountMsat)).found;
}

let possible: Roads | undefined;

/** The same payments in the same order, over balances that begin the same. */
function simulate(graph: ChannelGraph, distribution: Distribution, amountSat: bigint, payerOf: (self: NodeId, balances: HiddenBalances) => Payer): string[] {
  const balances = new HiddenBalances(graph, distribution, String(amountSat));
  const random = new SeededRandom(`payments ${amountSat}`);
  const pairs = pairsOf(graph, `simulate ${amountSat}`);
  const next = (): Pair => pairs.next().value as Pair;
  const payers: NodeId[] = [];
  while (payers.length < PAYERS) {
    const { payer } = next();
    if (graph.channelsOf(payer).length >= PAYER_CHANNELS) payers.push(payer);
  }
  for (const payer of payers) balances.fill(payer);
  const paying = new Map(payers.map((self) => [self, payerOf(self, balances)]));
  const done: Attempted[] = [];
  while (done.length < count) {
    const self = random.pick(payers) ?? '';
    const { payee } = next();
    if (payee === self || !isPossible(graph, self, payee, amountSat * 1_000n)) continue;
    done.push((paying.get(self) as Payer)(payee, amountSat * 1_000n));
  }
  const arrived = done.flatMap((one) => (one.arrived === undefined ? [] : [{ ...one.arrived, attempts: one.attempts }]));
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  const feePpm = arrived.map(({ feeMsat }) => Number((feeMsat * 1_000_000n) / (amountSat * 1_000n)));
  return [
    String(amountSat), String(done.length), `${((100 * arrived.length) / done.length).toFixed(1)} %`, String(done.length - arrived.length),
    (sum(done.map(({ attempts }) => attempts)) / done.length).toFixed(2), (sum(arrived.map(({ attempts }) => attempts)) / arrived.length).toFixed(2),
    percentile(feePpm, 50).toFixed(0), percentile(arrived.map(({ cltvDelta }) => cltvDelta), 50).toFixed(0),
  ];
}

const rows: readonly GraphRow[] = readGraphRows(FILE);
const graph = addRows(new ChannelGraph(), rows);
const ldkWith = await LdkRouter.load(rows);
const FEES: Weights = { attemptCostMsat: 0, attemptCostPpm: 0, timeValuePpb: 0 };
const kinds: readonly [string, (self: NodeId, balances: HiddenBalances) => Payer][] = [
  ['cheapest first', (self, balances) => runnelPayer(graph, balances, self, FEES, 1, false)],
  ['LDK', (self, balances) => ldkPayer(balances, self, ldkWith('default'))],
  ['runnel, one part', (self, balances) => runnelPayer(graph, balances, self, DEFAULT_WEIGHTS, 1, true)],
  ['runnel', (self, balances) => runnelPayer(graph, balances, self, DEFAULT_WEIGHTS, MAX_PARTS, true)],
];
const HEADS = ['', 'sat', 'payments', 'arrive', 'fail', 'attempts each', 'if it arrives', 'fee ppm p50', 'lock p50'];
for (const distribution of ['uniform', 'lopsided'] as const) {
  const lines: string[][] = [];
  for (const amountSat of AMOUNTS_SAT) {
    for (const [name, payerOf] of kinds) {
      process.stderr.write(`${distribution} balances, ${amountSat} sat: ${name} …\n`);
      lines.push([name, ...simulate(graph, distribution, amountSat, payerOf)]);
    }
  }
  process.stdout.write(`\nBalances ${distribution}\n${table([HEADS, ...lines])}\n`);
}
process.exit();
