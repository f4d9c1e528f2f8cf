/**
 * How fast a route is found, beside LDK's router on the same graph and the same pairs in the same run, and how dear.
 *
 * Arguments: how many pairs of each amount (default 200).
 */
import { fileURLToPath } from 'node:url';
import { ChannelGraph } from '../../src/routing/graph.ts';
import { findPath, type RouteResult } from '../../src/routing/find-path.ts';
import { Liquidity } from '../../src/routing/liquidity.ts';
import type { LocalChannel } from '../../src/routing/request.ts';
import { Roads } from '../../src/routing/roads.ts';
import { DEFAULT_WEIGHTS, type Weights } from '../../src/routing/weights.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { addRows, readGraphRows, type GraphRow } from './graph-csv.ts';
import { LdkRouter, type LdkRoute } from './ldk-router.ts';
import { localChannelsOf, pairsOf, type Pair } from './graph-pairs.ts';
import { percentile, table } from './figures.ts';

const pairs = Number(process.argv[2] ?? 200);
const FILE = fileURLToPath(new URL('../../../test/graph/mainnet-2026-02-03.csv.gz', import.meta.url));
const AMOUNTS_SAT = [1_000n, 100_000n, 5_000_000n];
const FEES_ALONE: Weights = { attemptCostMsat: 0, attemptCostPpm: 0, timeValuePpb: 0 };
const FINAL_CLTV_DELTA = 42;
/** LDK's default. */
const MAX_CLTV_DELTA = 1008;
const maxFeeOf = (amountMsat: bigint): bigint => amountMsat / 100n + 50_000n;

const say = (text: string): void => void process.stdout.write(`${text}\n`);

function ours(roads: Roads, weights: Weights, { payer, payee }: Pair, localChannels: readonly LocalChannel[], amountMsat: bigint): RouteResult {
  return findPath(
    { roads, self: payer, localChannels, weights },
    {
      payee, amountMsat, maxFeeMsat: maxFeeOf(amountMsat), blockHeight: 900_000, finalCltvDelta: FINAL_CLTV_DELTA, expiryMargin: 0,
      maxTotalCltvDelta: MAX_CLTV_DELTA,
    },
  );
}

function timed<Result>(work: () => Result): { readonly result: Result; readonly ms: number } {
  const since = performance.now();
  const result = work();
  return { result, ms: performance.now() - since };
}

/** Both have compiled what they run before a time is taken. */
function warmUp(weights: Weights, ldk: LdkRouter, amountMsat: bigint): void {
  let left = 200;
  for (const pair of pairsOf(graph, 'warm-up')) {
    if (left-- === 0) return;
    ours(roads, weights, pair, localChannelsOf(graph, pair.payer), amountMsat);
    if (left % 10 === 0) theirs(ldk, pair, amountMsat, 1);
  }
}

function theirs(ldk: LdkRouter, pair: Pair, amountMsat: bigint, maxParts: number): LdkRoute | undefined {
  return ldk.findRoute({
    ...pair, amountMsat, maxFeeMsat: maxFeeOf(amountMsat), finalCltvDelta: FINAL_CLTV_DELTA, maxCltvDelta: MAX_CLTV_DELTA, maxParts,
  });
}

const rows: readonly GraphRow[] = readGraphRows(FILE).map((row) => ({
  ...row,
  // What contradicts itself (BOLT 7: a maximum above the capacity) we do not route over, and LDK cannot see.
  policies: row.policies.map((policy) =>
    policy !== undefined && policy.htlcMaximumMsat <= row.channel.capacityMsat ? policy : undefined) as unknown as GraphRow['policies'],
}));
const graph = addRows(new ChannelGraph(), rows);
const roads = new Roads(graph, new Liquidity(systemClock));
const ldkWith = await LdkRouter.load(rows);

for (const [title, weights, ldk] of [['by each one\'s own score', DEFAULT_WEIGHTS, ldkWith('default')], ['by fees alone', FEES_ALONE, ldkWith('fees')]] as const) {
  const lines: string[][] = [['sat', 'pairs', 'no route', 'ours p50', 'p99', 'LDK p50', 'p99', 'times faster p50', 'p99', 'fee: less, equal, more']];
  for (const amountSat of AMOUNTS_SAT) {
    const amountMsat = amountSat * 1_000n;
    warmUp(weights, ldk, amountMsat);
    const times: { ours: number[]; ldk: number[] } = { ours: [], ldk: [] };
    let none = 0;
    let [less, equal, more] = [0, 0, 0];
    for (const pair of pairsOf(graph, `bench ${amountSat}`)) {
      if (times.ours.length >= pairs || none > 20 * pairs) break;
      const localChannels = localChannelsOf(graph, pair.payer);
      const mine = timed(() => ours(roads, weights, pair, localChannels, amountMsat));
      if (!mine.result.found) {
        none++;
        continue;
      }
      const other = timed(() => theirs(ldk, pair, amountMsat, 1));
      times.ours.push(mine.ms);
      times.ldk.push(other.ms);
      if (other.result === undefined) less++;
      else {
        const difference = mine.result.route.totalFeeMsat - other.result.feeMsat;
        if (difference < 0n) less++;
        else if (difference === 0n) equal++;
        else more++;
      }
    }
    const [o50, o99, l50, l99] = [percentile(times.ours, 50), percentile(times.ours, 99), percentile(times.ldk, 50), percentile(times.ldk, 99)];
    lines.push([
      String(amountSat), String(times.ours.length), String(none), o50.toFixed(2), o99.toFixed(2), l50.toFixed(1), l99.toFixed(1),
      (l50 / o50).toFixed(1), (l99 / o99).toFixed(1), `${less}, ${equal}, ${more}`,
    ]);
  }
  say(`\nOne route, ${title} (ms):\n${table(lines)}`);
}
