/**
 * Does it arrive? Payments of mixed sizes over mainnet's graph, whose balances are drawn from a stated distribution and known to nobody: how many arrive,
 * after how many attempts, for which fees and time locks, by this node's router, by one that always tries what is cheapest, and by LDK's with its scorer.
 *
 * The same payments in the same order for all, over balances that begin the same in each one's own copy of the network; what arrives has moved the
 * money for those that follow. Payers fill their own channels before each payment. A payment that could not arrive even if every balance were known
 * (`couldArrive`) is passed over; one that no longer could, in a router's own copy, is counted apart from those that it failed.
 *
 * Arguments: how many payments (default 3,000), `--ldk` of how many of them LDK makes the first (default 150: it takes a hundred times as
 * long), `--json`.
 */
import { parseArgs } from 'node:util';
import { SeededRandom } from '../../src/cluster/seeded-random.ts';
import type { NodeId } from '../../src/network/network.ts';
import { ChannelGraph } from '../../src/routing/graph.ts';
import { DEFAULT_WEIGHTS, type Weights } from '../../src/routing/weights.ts';
import { countArgument, refuseArgument } from './arguments.ts';
import { percentile, table } from './figures.ts';
import { addRows, MAINNET, readGraphRows, withoutContradictions } from './graph-csv.ts';
import { pairsOf, type Pair } from './graph-pairs.ts';
import { DISTRIBUTIONS, HiddenBalances, type Distribution } from './hidden-balances.ts';
import { LdkRouter } from './ldk-router.ts';
import { ldkPayer, MAX_PARTS, runnelPayer, type Paid, type Payer } from './paying.ts';
import { couldArrive } from './true-flow.ts';

const { positionals, values } = parseArgs({
  allowPositionals: true, options: { json: { type: 'boolean', default: false }, ldk: { type: 'string', default: '150' } },
});
const count = countArgument(positionals[0], 3_000, 'a number of payments');
const ldkCount = Math.min(count, Number(values.ldk));
if (!Number.isInteger(ldkCount)) refuseArgument('--ldk with a number of payments', values.ldk);
const AMOUNTS_SAT = [10_000n, 100_000n, 1_000_000n];
const AIM_SAT = 100_000n;
/** Nodes as large as one that pays often. */
const PAYERS = 10;
const PAYER_CHANNELS = 10;
const FEES: Weights = { attemptCostMsat: 0, attemptCostPpm: 0, timeValuePpb: 0 };

interface Payment extends Pair {
  readonly amountSat: bigint;
}

/** A payment, and what became of it: `impossible` where by then nobody could have made it. */
interface Outcome extends Paid {
  readonly amountSat: bigint;
  readonly impossible: boolean;
}

interface Kind {
  readonly name: string;
  readonly count: number;
  payer(balances: HiddenBalances, self: NodeId): Payer;
}

/** Counts of payments, as far as not said otherwise of those that could arrive. */
interface Figures {
  readonly balances: Distribution;
  readonly amountSat: number;
  readonly router: string;
  readonly payments: number;
  readonly impossible: number;
  readonly arrived: number;
  readonly failed: number;
  readonly attempts: number;
  readonly htlcs: number;
  /** Medians of what arrived. */
  readonly feePpm: number;
  readonly cltvDelta: number;
  readonly seconds: number;
}

const show = (text: string): void => void process.stderr.write(process.stderr.isTTY ? `\r\u001b[K${text}` : `${text}\n`);
const hide = (): void => void (process.stderr.isTTY && show(''));
const newGraph = (): ChannelGraph => addRows(new ChannelGraph(), rows);

/** Payments of random nodes to random nodes, as many of each amount; and how many more could not have arrived as the balances lie. */
function paymentsOver(balances: HiddenBalances): { readonly payments: readonly Payment[]; readonly impossible: number } {
  const pairs = pairsOf(balances.graph, 'simulate');
  const next = (): Pair => pairs.next().value as Pair;
  const payers: NodeId[] = [];
  while (payers.length < PAYERS) {
    const { payer } = next();
    if (balances.graph.channelsOf(payer).length >= PAYER_CHANNELS) payers.push(payer);
  }
  const random = new SeededRandom('payers');
  const payments: Payment[] = [];
  let impossible = 0;
  while (payments.length < count) {
    const payer = random.pick(payers) ?? '';
    const { payee } = next();
    const amountSat = AMOUNTS_SAT[payments.length % AMOUNTS_SAT.length] ?? 0n;
    if (payer === payee) continue;
    balances.fill(payer);
    if (couldArrive(balances, payer, payee, amountSat * 1_000n, MAX_PARTS)) payments.push({ payer, payee, amountSat });
    else impossible++;
  }
  return { payments, impossible };
}

function simulate({ name, payer: payerOf, count: most }: Kind, payments: readonly Payment[], drawn: HiddenBalances): Outcome[] {
  const balances = drawn.copy(newGraph());
  const payers = new Map<NodeId, Payer>();
  return payments.slice(0, most).map(({ payer: self, payee, amountSat }, index) => {
    if (index % 100 === 0) show(`${name}: payment ${index} of ${most}`);
    const payer = payers.get(self) ?? payerOf(balances, self);
    payers.set(self, payer);
    balances.fill(self);
    const paid = payer(payee, amountSat * 1_000n);
    return { ...paid, amountSat, impossible: paid.arrived === undefined && !couldArrive(balances, self, payee, amountSat * 1_000n, MAX_PARTS) };
  });
}

function figuresOf(balances: Distribution, router: string, amountSat: bigint, outcomes: readonly Outcome[], seconds: number): Figures {
  const all = outcomes.filter((outcome) => outcome.amountSat === amountSat);
  const possible = all.filter(({ impossible }) => !impossible);
  const arrived = possible.flatMap((one) => one.arrived ?? []);
  return {
    balances, amountSat: Number(amountSat), router, payments: all.length, impossible: all.length - possible.length,
    arrived: arrived.length, failed: possible.length - arrived.length,
    attempts: possible.reduce((sum, { attempts }) => sum + attempts, 0), htlcs: possible.reduce((sum, { htlcs }) => sum + htlcs, 0),
    feePpm: percentile(arrived.map(({ feeMsat }) => Number((feeMsat * 1_000n) / amountSat)), 50),
    cltvDelta: percentile(arrived.map(({ cltvDelta }) => cltvDelta), 50), seconds,
  };
}

const HEADS = ['sat', 'router', 'payments', 'impossible', 'arrive', 'fail', 'attempts each', 'HTLCs each', 'fee ppm p50', 'lock p50'];

function line({ amountSat, router, payments, impossible, arrived, failed, attempts, htlcs, feePpm, cltvDelta }: Figures): string[] {
  const share = (value: number, of: number, digits: number): string => (of === 0 ? '-' : (value / of).toFixed(digits));
  return [
    String(amountSat), router, String(payments), String(impossible), `${share(100 * arrived, arrived + failed, 1)} %`, String(failed),
    share(attempts, arrived + failed, 2), share(htlcs, arrived + failed, 2), String(feePpm), String(cltvDelta),
  ];
}

/** Of the failures and the attempts of the baseline, how many are left. Undefined: it did not fail. */
function aimOf(all: readonly Figures[], balances: Distribution) {
  const [baseline, own] = [BASELINE, OWN].map((name) => all.find(({ router, amountSat }) => router === name && amountSat === Number(AIM_SAT)));
  if (baseline === undefined || own === undefined || baseline.failed === 0) return undefined;
  const attemptsOf = ({ attempts, arrived, failed }: Figures): number => attempts / (arrived + failed);
  return { balances, amountSat: Number(AIM_SAT), failuresLeft: own.failed / baseline.failed, attemptsLeft: attemptsOf(own) / attemptsOf(baseline) };
}

const BASELINE = 'cheapest first';
const OWN = 'runnel';
const rows = withoutContradictions(readGraphRows(MAINNET));
const ldkWith = ldkCount === 0 ? undefined : await LdkRouter.load(rows);
const kinds: readonly Kind[] = [
  { name: BASELINE, count, payer: (balances, self) => runnelPayer(balances, self, FEES, MAX_PARTS) },
  { name: `${BASELINE}, one part`, count, payer: (balances, self) => runnelPayer(balances, self, FEES, 1) },
  { name: OWN, count, payer: (balances, self) => runnelPayer(balances, self, DEFAULT_WEIGHTS, MAX_PARTS) },
  { name: `${OWN}, one part`, count, payer: (balances, self) => runnelPayer(balances, self, DEFAULT_WEIGHTS, 1) },
  ...(ldkWith === undefined ? [] : [{ name: 'LDK', count: ldkCount, payer: (balances: HiddenBalances, self: NodeId) => ldkPayer(balances, self, ldkWith('default')) }]),
];

const figures: Figures[] = [];
const aims: NonNullable<ReturnType<typeof aimOf>>[] = [];
for (const distribution of DISTRIBUTIONS) {
  show(`balances ${distribution}: drawn`);
  const drawn = HiddenBalances.draw(newGraph(), distribution);
  const { payments, impossible } = paymentsOver(drawn);
  const runs = kinds.map((kind) => {
    const since = performance.now();
    const outcomes = simulate(kind, payments, drawn);
    return { kind, outcomes, seconds: (performance.now() - since) / 1_000 };
  });
  const all = runs.filter(({ kind }) => kind.count === count);
  const rowsOf = (list: typeof runs, most: number): Figures[] =>
    AMOUNTS_SAT.flatMap((amountSat) => list.map(({ kind, outcomes, seconds }) => figuresOf(distribution, kind.name, amountSat, outcomes.slice(0, most), seconds)));
  const [whole, first] = [rowsOf(all, count), all.length === runs.length ? [] : rowsOf(runs, ldkCount)];
  figures.push(...whole, ...first);
  aims.push(...[aimOf(whole, distribution) ?? []].flat());
  hide();
  if (values.json) continue;
  process.stdout.write(`\nBalances ${distribution}; ${impossible} more payments, which nobody could have made, were passed over\n${table([HEADS, ...whole.map(line)])}\n`);
  if (first.length > 0) process.stdout.write(`\nThe first ${ldkCount} payments of these, with LDK\n${table([HEADS, ...first.map(line)])}\n`);
}
if (values.json) process.stdout.write(`${JSON.stringify({ payments: count, graph: { nodes: newGraph().nodeCount, channels: rows.length }, figures, aims }, null, 2)}\n`);
else {
  for (const { balances, amountSat, failuresLeft, attemptsLeft } of aims) {
    process.stdout.write(`\nBalances ${balances}, ${amountSat} sat: ${(100 * failuresLeft).toFixed(0)} % of the failures of ${BASELINE} are left, with ${(100 * attemptsLeft).toFixed(0)} % of its attempts`);
  }
  process.stdout.write('\n');
}
process.exit();
