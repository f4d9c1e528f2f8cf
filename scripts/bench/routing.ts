/**
 * How fast a route is found, beside LDK's router on the same graph and the same pairs in the same run, and how dear; what
 * the graph takes to load and to hold; and how the time grows with the graph.
 *
 * Arguments: how many pairs of each amount (default 500), and of a quarter as many payments in parts.
 */
import { ChannelGraph } from '../../src/routing/graph.ts';
import { findPath } from '../../src/routing/find-path.ts';
import { Liquidity } from '../../src/routing/liquidity.ts';
import type { RouteRequest } from '../../src/routing/request.ts';
import { Roads } from '../../src/routing/roads.ts';
import { findSplit } from '../../src/routing/split.ts';
import { DEFAULT_WEIGHTS, type Weights } from '../../src/routing/weights.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { countArgument } from './arguments.ts';
import { memoryMB, percentile, plot, table } from './figures.ts';
import { addRows, MAINNET, readGraphRows, withoutContradictions } from './graph-csv.ts';
import { localChannelsOf, pairsOf, type Pair } from './graph-pairs.ts';
import { largerGraph } from './larger-graph.ts';
import { LdkRouter, type LdkRoute, type LdkScoring } from './ldk-router.ts';

const count = countArgument(process.argv[2], 500, 'a number of pairs');
const AMOUNTS_SAT = [1_000n, 100_000n, 5_000_000n];
const FEES: Weights = { attemptCostMsat: 0, attemptCostPpm: 0, timeValuePpb: 0 };
const FINAL_CLTV_DELTA = 42;
/** LDK's defaults. */
const MAX_CLTV_DELTA = 1008;
const MAX_PARTS = 10;
const maxFeeOf = (amountMsat: bigint): bigint => amountMsat / 100n + 50_000n;
/** Pairs without a route are passed over, but not for ever. */
const MOST_WITHOUT = 10;
/** Routes found before time is taken: a node that has run for a minute is warm. */
const WARM_UP = 300;
const WARM_UP_OTHER = 30;

const say = (text: string): void => void process.stdout.write(`${text}\n`);

interface Answer {
  readonly feeMsat: bigint;
  readonly parts: number;
}

interface Timed {
  readonly answer: Answer | undefined;
  readonly ms: number;
}

type Asker = (pair: Pair, amountMsat: bigint, maxParts: number) => Timed;

function timed(ask: () => Answer | undefined): Timed {
  const since = performance.now();
  const answer = ask();
  return { answer, ms: performance.now() - since };
}

function runnel(roads: Roads, weights: Weights): Asker {
  return ({ payer, payee }, amountMsat, maxParts) => {
    // Its own channels a node knows; LDK reads its from the graph.
    const context = { roads, self: payer, localChannels: localChannelsOf(roads.graph, payer), weights };
    const request: RouteRequest = {
      payee, amountMsat, maxFeeMsat: maxFeeOf(amountMsat), blockHeight: 900_000, finalCltvDelta: FINAL_CLTV_DELTA, expiryMargin: 0,
      maxTotalCltvDelta: MAX_CLTV_DELTA,
    };
    return timed(() => {
      if (maxParts === 1) {
        const result = findPath(context, request);
        return result.found ? { feeMsat: result.route.totalFeeMsat, parts: 1 } : undefined;
      }
      const result = findSplit(context, request, maxParts);
      return result.found ? { feeMsat: result.totalFeeMsat, parts: result.parts.length } : undefined;
    });
  };
}

function ldkBy(router: LdkRouter): Asker {
  return (pair, amountMsat, maxParts) =>
    timed((): LdkRoute | undefined =>
      router.findRoute({
        ...pair, amountMsat, maxFeeMsat: maxFeeOf(amountMsat), finalCltvDelta: FINAL_CLTV_DELTA, maxCltvDelta: MAX_CLTV_DELTA, maxParts,
      }));
}

/** The pairs for which there is a route, up to so many, and how many came by without one. */
function foundBy(ask: Asker, pairs: Iterable<Pair>, amountMsat: bigint, maxParts: number, most: number) {
  const found: (Timed & { readonly pair: Pair })[] = [];
  let without = 0;
  for (const pair of pairs) {
    if (found.length >= most || without > MOST_WITHOUT * most) break;
    const one = ask(pair, amountMsat, maxParts);
    if (one.answer === undefined) without++;
    else found.push({ ...one, pair });
  }
  return { found, without };
}

/** Pairs for which there is a route, and our answers; then the other's for the same pairs, so that neither runs in the caches of the other. */
function compare(graph: ChannelGraph, ours: Asker, theirs: Asker, amountSat: bigint, maxParts: number): string[] {
  const amountMsat = amountSat * 1_000n;
  const warm = foundBy(ours, pairsOf(graph, 'warm-up'), amountMsat, maxParts, WARM_UP);
  for (const { pair } of warm.found.slice(0, WARM_UP_OTHER)) theirs(pair, amountMsat, maxParts);
  // By the other they take some hundred times as long.
  const { found: own, without } = foundBy(ours, pairsOf(graph, `bench ${amountSat}`), amountMsat, maxParts, maxParts === 1 ? count : Math.ceil(count / 4));
  const other = own.map(({ pair }) => theirs(pair, amountMsat, maxParts));
  let [less, equal, more, missed] = [0, 0, 0, 0];
  for (const [index, { answer }] of other.entries()) {
    if (answer === undefined) missed++;
    else if ((own[index]?.answer?.feeMsat ?? 0n) < answer.feeMsat) less++;
    else if (own[index]?.answer?.feeMsat === answer.feeMsat) equal++;
    else more++;
  }
  const of = (list: readonly Timed[], percent: number): number => percentile(list.map(({ ms }) => ms), percent);
  const ratio = (percent: number): string => `${(of(other, percent) / of(own, percent)).toFixed(1)}x`;
  return [
    String(amountSat), String(own.length), String(without), of(own, 50).toFixed(2), of(own, 99).toFixed(2),
    of(other, 50).toFixed(1), of(other, 99).toFixed(1), ratio(50), ratio(99), `${less} / ${equal} / ${more} / ${missed}`,
  ];
}

const HEADS = [
  'sat', 'pairs', 'without', 'p50 ms', 'p99 ms', 'LDK p50', 'LDK p99', 'faster p50', 'faster p99', 'fee less / equal / more / LDK finds none',
];

const rows = withoutContradictions(readGraphRows(MAINNET));

const before = memoryMB();
const graph = addRows(new ChannelGraph(), rows);
const roads = new Roads(graph, new Liquidity(systemClock));
roads.refresh();
runnel(roads, DEFAULT_WEIGHTS)(pairsOf(graph, 'memory').next().value as Pair, 1_000_000n, MAX_PARTS);
say(`${graph.nodeCount} nodes and ${graph.channelCount} channels take ${(memoryMB() - before).toFixed(1)} MB${globalThis.gc ? '' : ' (give node --expose-gc)'}`);

const ldkWith = await LdkRouter.load(rows);
const scorings: readonly [string, Weights, LdkScoring, readonly number[]][] = [
  ["by each one's own score", DEFAULT_WEIGHTS, 'default', [1, MAX_PARTS]],
  ['by fees alone', FEES, 'fees', [1]],
];
for (const [title, weights, scoring, parts] of scorings) {
  const [ours, theirs] = [runnel(roads, weights), ldkBy(ldkWith(scoring))];
  for (const maxParts of parts) {
    const lines = AMOUNTS_SAT.map((amountSat) => compare(graph, ours, theirs, amountSat, maxParts));
    say(`\n${maxParts === 1 ? 'One route' : `Up to ${maxParts} parts`}, ${title}\n${table([HEADS, ...lines])}`);
  }
}

say('\nOne route for 100,000 sat, by the size of the graph');
const points: { readonly label: string; readonly value: number }[] = [];
for (const times of [1, 2, 5, 10]) {
  const larger = addRows(new ChannelGraph(), largerGraph(rows, times));
  const ask = runnel(new Roads(larger, new Liquidity(systemClock)), DEFAULT_WEIGHTS);
  const ms: number[] = [];
  let index = 0;
  for (const pair of pairsOf(larger, `size ${times}`)) {
    if (index++ === count + WARM_UP) break;
    const { answer, ms: one } = ask(pair, 100_000_000n, 1);
    if (index > WARM_UP && answer !== undefined) ms.push(one);
  }
  points.push({ label: `${larger.channelCount} channels`, value: percentile(ms, 50) });
}
say(plot(points, 'ms'));
say(`ten times the channels: ${((points.at(-1)?.value ?? 0) / (points[0]?.value ?? 1)).toFixed(1)} times the time`);
process.exit();
