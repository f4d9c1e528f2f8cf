/** A mesh of nodes that pay each other while liars flood it: what that costs payments. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { toString } from 'uint8arrays';
import type { NodeProcess } from '../../src/cluster/node-process.ts';
import { makePayment } from '../../src/cluster/payments.ts';
import { SeededRandom } from '../../src/cluster/seeded-random.ts';
import { range } from '../../src/cluster/topology.ts';
import { costOf, type Cost } from './cost.ts';
import { percentile, table } from './figures.ts';
import { metricsOf, note, usageOf } from './gossip-bench.ts';
import type { Mesh } from './gossip-mesh.ts';
import { GossipPeer, keyOf, type GossipNode } from './gossip-peer.ts';
import type { LiarTask } from './liar.ts';
import { lies, liesUnpunished } from './lies.ts';

/** All kinds of phases take turns with the same payments, each round in another order and with others, so that what changes with time changes all of them. */
const NUM_ROUNDS = 4;
const PHASE_SECONDS = 30;
/** Code that has run seldom is slow, and nodes look for each other by the DHT again five minutes after their start: before, a node takes half as much CPU again for the same payments. */
const WARM_UP_SECONDS = 300;
/**
 * About a quarter of what two cores can do for 20 nodes without anything else: how long a payment takes tells of the nodes then. At full load it
 * would tell of who gets how much of a machine that the liars share.
 */
const PAYMENTS_PER_SECOND = 2;
const NUM_LIARS = 3;
const NODES_PER_LIAR = 3;
/** Of each liar, to each of its nodes: as many as a node would check of one peer. */
const LIES_PER_SECOND = 100;
/** Made for one phase; a machine that is busy may tell fewer. */
const LIES_PER_PHASE = NUM_LIARS * LIES_PER_SECOND * PHASE_SECONDS;

interface Kind {
  readonly name: string;
  /** What is told meanwhile; none: there are no liars. */
  readonly lies: readonly Uint8Array[];
  /** To whom each liar tells it. */
  readonly nodesOf: (liar: number) => readonly GossipNode[];
  readonly phases: Phase[];
}

/** Payments without liars, with liars that lie to others on the same machine, and with liars among the peers. */
export async function measureFlood({ cluster: { nodes }, told }: Mesh): Promise<void> {
  const listener = await GossipPeer.join('flood listener', [nodes[0] as NodeProcess]);
  const channelsBefore = await Promise.all(nodes.map(channelsKnown));
  note('signing lies ...');
  const [every, unpunished] = [lies(told, NUM_ROUNDS * LIES_PER_PHASE), liesUnpunished(told, NUM_ROUNDS * LIES_PER_PHASE)];
  // All share the machine: so much is lost to the liars' own work alone.
  const sinks = await Promise.all(range(0, NODES_PER_LIAR).map((sink) => startLiar({ name: `sink ${sink}`, listen: ['/ip4/127.0.0.1/tcp/0'], nodes: [], messages: [], perSecond: 0, seconds: 0 })));
  const someNodes = (liar: number): readonly GossipNode[] => range(0, NODES_PER_LIAR).map((i) => nodes[(liar * NODES_PER_LIAR + i) % nodes.length] as NodeProcess);
  const kinds: readonly Kind[] = [
    { name: 'no liars', lies: [], nodesOf: () => [], phases: [] },
    { name: 'liars that lie to others', lies: every, nodesOf: () => sinks, phases: [] },
    { name: 'liars among the peers', lies: every, nodesOf: someNodes, phases: [] },
    // What the same thing twice differs by.
    { name: 'no liars, again', lies: [], nodesOf: () => [], phases: [] },
    { name: 'liars found out later', lies: unpunished, nodesOf: someNodes, phases: [] },
  ];
  note(`payments for ${WARM_UP_SECONDS} s, to warm up ...`);
  await payFor(nodes, 'warm up', [], WARM_UP_SECONDS);
  for (const round of range(0, NUM_ROUNDS)) {
    for (const kind of inOrderOf(round, kinds)) {
      note(`round ${round + 1} of ${NUM_ROUNDS}: ${kind.name} ...`);
      kind.phases.push(await lieWhile(kind, round, (liars) => payFor(nodes, `round ${round}`, liars, PHASE_SECONDS)));
    }
  }
  for (const { end } of sinks) end();
  const channelsAfter = await Promise.all(nodes.map(channelsKnown));
  const passedOn = [...every, ...unpunished].filter((message) => listener.heard.has(keyOf(message))).length;
  process.stdout.write(`${table([
    ['', 'paid', 'failed', 'p50 ms', 'in each phase', 'p99 ms', 'CPU ms a node and s', 'CPU ms a liar and s', 'lies', 'judged', 'MB a node', 'MB at most'],
    ...kinds.map(row),
  ])}\n`);
  process.stdout.write(`${PAYMENTS_PER_SECOND} payments a second; phases of ${PHASE_SECONDS} s, of which lies and messages judged are the mean\n`);
  process.stdout.write(`${channelsAfter.filter((count, i) => count !== channelsBefore[i]).length} nodes with another number of channels than before; ${passedOn} lies passed on to an honest peer\n`);
  process.stdout.write(`what became of messages at all nodes: ${[...await outcomesOf(nodes)].map(([name, count]) => `${name} ${count}`).join(', ')}\n`);
  await listener.stop();
}

/** From another one on in each round. */
const inOrderOf = (round: number, kinds: readonly Kind[]): readonly Kind[] => [...kinds.slice(round), ...kinds.slice(0, round)];

interface Phase {
  readonly timesMs: readonly number[];
  readonly failed: number;
  readonly cost: Cost;
  readonly liarCpuMs: number;
  /** By all liars together. */
  readonly told: number;
  /** Messages of gossip, at all nodes. */
  readonly judged: number;
}

function row({ name, phases }: Kind): string[] {
  const timesMs = phases.flatMap((phase) => phase.timesMs);
  const mean = (of: (phase: Phase) => number): number => phases.reduce((sum, phase) => sum + of(phase), 0) / phases.length;
  return [
    name, String(timesMs.length), String(phases.reduce((sum, { failed }) => sum + failed, 0)),
    percentile(timesMs, 50).toFixed(0), phases.map((phase) => percentile(phase.timesMs, 50).toFixed(0)).join(' '), percentile(timesMs, 99).toFixed(0),
    mean(({ cost }) => cost.cpuMs).toFixed(0), mean(({ liarCpuMs }) => liarCpuMs).toFixed(0), mean(({ told }) => told).toFixed(0), mean(({ judged }) => judged).toFixed(0),
    mean(({ cost }) => cost.rssMb).toFixed(0), Math.max(...phases.map(({ cost }) => cost.maxRssMb)).toFixed(0),
  ];
}

/** Has liars, of whom nobody has heard before, each linked to some nodes, tell their share while something is measured. */
async function lieWhile({ name, lies: all, nodesOf }: Kind, round: number, measure: (liars: readonly Liar[]) => Promise<Phase>): Promise<Phase> {
  const lying = all.slice(round * LIES_PER_PHASE, (round + 1) * LIES_PER_PHASE);
  const each = lying.length / NUM_LIARS;
  const liars = await Promise.all(range(0, lying.length === 0 ? 0 : NUM_LIARS).map((liar) => startLiar({
    name: `${liar} of ${name}, ${round}`,
    listen: [],
    nodes: nodesOf(liar).map(({ id, address }) => ({ id, address })),
    messages: lying.slice(liar * each, (liar + 1) * each).map((message) => toString(message, 'hex')),
    perSecond: LIES_PER_SECOND,
    // It is ended before.
    seconds: 2 * PHASE_SECONDS,
  })));
  await sleep(3_000);
  for (const { lie } of liars) lie();
  const phase = await measure(liars);
  for (const { end } of liars) end();
  return phase;
}

interface Liar extends GossipNode {
  readonly pid: number;
  /** How many lies so far. */
  told(): number;
  lie(): void;
  end(): void;
}

/** Starts a liar, in a process of its own, and waits until it is linked to its nodes. It has the machine only where nobody else wants it: a real one has its own. */
async function startLiar(task: LiarTask): Promise<Liar> {
  const child = spawn('chrt', ['--idle', '0', process.execPath, fileURLToPath(new URL('./liar.js', import.meta.url))], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  child.stdin.write(`${JSON.stringify(task)}\n`);
  const place = JSON.parse(String((await lines.next()).value)) as GossipNode;
  let told = 0;
  void (async () => {
    for await (const line of { [Symbol.asyncIterator]: () => lines }) told = Number(line);
  })();
  return { ...place, pid: child.pid ?? 0, told: () => told, lie: () => void child.stdin.write('lie\n'), end: () => void child.kill() };
}

/** Payments between random nodes, the same for the same seed, each begun at its time, whether those before it have arrived or not. */
async function payFor(nodes: readonly NodeProcess[], seed: string, liars: readonly Liar[], seconds: number): Promise<Phase> {
  const random = new SeededRandom(seed);
  const timesMs: number[] = [];
  let failed = 0;
  const liarCpu = (): number => liars.reduce((sum, { pid }) => sum + usageOf(pid).cpuSeconds, 0);
  const [judgedBefore, liarCpuBefore, started] = [await judgedBy(nodes), liarCpu(), performance.now()];
  let [liarCpuMs, told] = [0, 0];
  const payOnce = async (): Promise<void> => {
    const from = random.pick(nodes) as NodeProcess;
    const to = random.pick(nodes.filter((node) => node !== from)) as NodeProcess;
    const { status, elapsedMs } = await makePayment(from, to, { kind: 'invoice', amountMsat: BigInt(100_000 + random.below(900_000)) }, 20);
    if (status === 'succeeded') timesMs.push(elapsedMs);
    else failed++;
  };
  const cost = await costOf(nodes, seconds, async (until) => {
    const paying: Promise<void>[] = [];
    for (let i = 1; performance.now() < until; i++) {
      paying.push(payOnce());
      await sleep(Math.max(0, started + (i * 1000) / PAYMENTS_PER_SECOND - performance.now()));
    }
    await Promise.all(paying);
    liarCpuMs = ((liarCpu() - liarCpuBefore) * 1000) / ((performance.now() - started) / 1000) / Math.max(1, liars.length);
    told = liars.reduce((sum, liar) => sum + liar.told(), 0);
  });
  return { timesMs, failed, cost, liarCpuMs, told, judged: (await judgedBy(nodes)) - judgedBefore };
}

async function channelsKnown(node: NodeProcess): Promise<number> {
  return (await metricsOf(node)).get('runnel_graph_channels') ?? 0;
}

async function judgedBy(nodes: readonly NodeProcess[]): Promise<number> {
  return [...(await outcomesOf(nodes)).values()].reduce((sum, count) => sum + count, 0);
}

async function outcomesOf(nodes: readonly NodeProcess[]): Promise<Map<string, number>> {
  const sums = new Map<string, number>();
  for (const metrics of await Promise.all(nodes.map(metricsOf))) {
    for (const [name, value] of metrics) {
      const outcome = /^runnel_gossip_messages_total\{outcome="(\w+)"\}$/.exec(name)?.[1];
      if (outcome !== undefined) sums.set(outcome, (sums.get(outcome) ?? 0) + value);
    }
  }
  return sums;
}
