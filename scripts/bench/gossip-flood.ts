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

/** Phases take turns, so that what changes with time changes all of them. */
const NUM_ROUNDS = 2;
const PHASE_SECONDS = 25;
const NUM_LIARS = 3;
const NODES_PER_LIAR = 3;
/** Of each liar, to each of its nodes: as many as a node would check of one peer. */
const LIES_PER_SECOND = 100;
const LIES_PER_PHASE = NUM_LIARS * LIES_PER_SECOND * PHASE_SECONDS;

/** Payments without liars, with liars that lie to others on the same machine, with liars among the peers, and after it. */
export async function measureFlood({ cluster: { nodes }, told }: Mesh): Promise<void> {
  const random = new SeededRandom('flood');
  const listener = await GossipPeer.join('flood listener', [nodes[0] as NodeProcess]);
  const channelsBefore = await Promise.all(nodes.map(channelsKnown));
  note('signing lies ...');
  const allLies = lies(told, NUM_ROUNDS * LIES_PER_PHASE);
  const unpunished = liesUnpunished(told, NUM_ROUNDS * LIES_PER_PHASE);
  const share = (of: readonly Uint8Array[], round: number): readonly Uint8Array[] => of.slice(round * LIES_PER_PHASE, (round + 1) * LIES_PER_PHASE);
  const phases = { none: [], others: [], mesh: [], unpunished: [], after: [] } as Record<'none' | 'others' | 'mesh' | 'unpunished' | 'after', Phase[]>;
  const measure = (liars: readonly Liar[] = []): Promise<Phase> => payFor(nodes, random, liars);
  const someNodes = (liar: number): readonly GossipNode[] => range(0, NODES_PER_LIAR).map((i) => nodes[(liar * NODES_PER_LIAR + i) % nodes.length] as NodeProcess);
  note(`payments for ${PHASE_SECONDS} s ...`);
  phases.none.push(await measure());
  // All share the machine: so much is lost to the liars' own work alone.
  const sinks = await Promise.all(range(0, NODES_PER_LIAR).map((sink) => startLiar({ name: `sink ${sink}`, listen: ['/ip4/127.0.0.1/tcp/0'], nodes: [], messages: [], perSecond: 0, seconds: 0 })));
  for (const round of range(0, NUM_ROUNDS)) {
    note(`round ${round + 1}: ${NUM_LIARS} liars that tell ${LIES_PER_SECOND} lies a second each to others ...`);
    phases.others.push(await lieWhile(`others ${round}`, share(allLies, round), () => sinks, measure));
    note('liars among the peers ...');
    phases.mesh.push(await lieWhile(`mesh ${round}`, share(allLies, round), someNodes, measure));
    note('liars among the peers, which tell only what is not punished ...');
    phases.unpunished.push(await lieWhile(`unpunished ${round}`, share(unpunished, round), someNodes, measure));
  }
  for (const { end } of sinks) end();
  note('and after it ...');
  phases.after.push(await measure());
  const channelsAfter = await Promise.all(nodes.map(channelsKnown));
  const passedOn = [...allLies, ...unpunished].filter((message) => listener.heard.has(keyOf(message))).length;
  process.stdout.write(`${table([
    ['', 'payments/s', 'failed', 'p50 ms', 'p99 ms', 'CPU ms a node and s', 'CPU ms a liar and s', 'judged', 'MB a node', 'MB at most'],
    row('no liars', phases.none), row('others flooded', phases.others), row('flooded', phases.mesh), row('with lies unpunished', phases.unpunished), row('after', phases.after),
  ])}\n`);
  process.stdout.write(`${LIES_PER_PHASE} lies told in a phase, ${NUM_ROUNDS} phases of each kind; payments/s of each: ${Object.entries(phases).map(([name, each]) => `${name} ${each.map(perSecond).map((rate) => rate.toFixed(1)).join(', ')}`).join('; ')}\n`);
  process.stdout.write(`${channelsAfter.filter((count, i) => count !== channelsBefore[i]).length} nodes with another number of channels than before; ${passedOn} lies passed on to an honest peer\n`);
  process.stdout.write(`what became of messages at all nodes: ${[...await outcomesOf(nodes)].map(([name, count]) => `${name} ${count}`).join(', ')}\n`);
  await listener.stop();
}

interface Phase {
  readonly timesMs: readonly number[];
  readonly failed: number;
  readonly seconds: number;
  readonly cost: Cost;
  readonly liarCpuMs: number;
  /** Messages of gossip, at all nodes. */
  readonly judged: number;
}

const perSecond = ({ timesMs, seconds }: Phase): number => timesMs.length / seconds;

function row(name: string, phases: readonly Phase[]): string[] {
  const timesMs = phases.flatMap((phase) => phase.timesMs);
  const mean = (of: (phase: Phase) => number): number => phases.reduce((sum, phase) => sum + of(phase), 0) / phases.length;
  return [
    name, mean(perSecond).toFixed(1), String(phases.reduce((sum, { failed }) => sum + failed, 0)), percentile(timesMs, 50).toFixed(0), percentile(timesMs, 99).toFixed(0),
    mean(({ cost }) => cost.cpuMs).toFixed(0), mean(({ liarCpuMs }) => liarCpuMs).toFixed(0), mean(({ judged }) => judged).toFixed(0),
    mean(({ cost }) => cost.rssMb).toFixed(0), Math.max(...phases.map(({ cost }) => cost.maxRssMb)).toFixed(0),
  ];
}

/** Has liars, of whom nobody has heard before, each linked to some nodes, tell their share while something is measured. */
async function lieWhile(name: string, lying: readonly Uint8Array[], nodesOf: (liar: number) => readonly GossipNode[], measure: (liars: readonly Liar[]) => Promise<Phase>): Promise<Phase> {
  const each = lying.length / NUM_LIARS;
  const liars = await Promise.all(range(0, NUM_LIARS).map((liar) => startLiar({
    name: `liar ${liar} to ${name}`,
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
  lie(): void;
  end(): void;
}

/** Starts a liar, in a process of its own, and waits until it is linked to its nodes. */
async function startLiar(task: LiarTask): Promise<Liar> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('./liar.js', import.meta.url))], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  child.stdin.write(`${JSON.stringify(task)}\n`);
  const place = JSON.parse(String((await lines.next()).value)) as GossipNode;
  return { ...place, pid: child.pid ?? 0, lie: () => void child.stdin.write('lie\n'), end: () => void child.kill() };
}

/** Payments between random nodes, one after the other, as fast as they go. */
async function payFor(nodes: readonly NodeProcess[], random: SeededRandom, liars: readonly Liar[]): Promise<Phase> {
  const timesMs: number[] = [];
  let failed = 0;
  const liarCpu = (): number => liars.reduce((sum, { pid }) => sum + usageOf(pid).cpuSeconds, 0);
  const [judgedBefore, liarCpuBefore, started] = [await judgedBy(nodes), liarCpu(), performance.now()];
  let liarCpuMs = 0;
  const cost = await costOf(nodes, PHASE_SECONDS, async (until) => {
    while (performance.now() < until) {
      const from = random.pick(nodes) as NodeProcess;
      const to = random.pick(nodes.filter((node) => node !== from)) as NodeProcess;
      const { status, elapsedMs } = await makePayment(from, to, { kind: 'invoice', amountMsat: BigInt(100_000 + random.below(900_000)) }, 20);
      if (status === 'succeeded') timesMs.push(elapsedMs);
      else failed++;
    }
    liarCpuMs = ((liarCpu() - liarCpuBefore) * 1000) / ((performance.now() - started) / 1000) / Math.max(1, liars.length);
  });
  return { timesMs, failed, seconds: (performance.now() - started) / 1000, cost, liarCpuMs, judged: (await judgedBy(nodes)) - judgedBefore };
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
