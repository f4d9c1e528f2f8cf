/** A mesh of nodes that pay each other and know a part of mainnet's graph: what a steady stream of updates costs it, and what a flood of lies. */
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { toString } from 'uint8arrays';
import type { Cluster } from '../../src/cluster/cluster.ts';
import { nameOf } from '../../src/cluster/names.ts';
import type { NodeProcess } from '../../src/cluster/node-process.ts';
import { openChannels, waitForChannels } from '../../src/cluster/open-channels.ts';
import { makePayment } from '../../src/cluster/payments.ts';
import { SeededRandom } from '../../src/cluster/seeded-random.ts';
import { channelsOf, range } from '../../src/cluster/topology.ts';
import { forEachLimited } from '../../src/cluster/wait.ts';
import { percentile, table } from './figures.ts';
import { fundChannels, fundingPlace } from './funded-chain.ts';
import { fillStore, mainnetRows, metricsOf, note, REGTEST, tell, usageOf, type Bench, type ToldGossip } from './gossip-bench.ts';
import { GossipPeer, keyOf, type GossipNode } from './gossip-peer.ts';
import type { LiarTask } from './liar.ts';
import { lies } from './lies.ts';
import { planChannels, updateOf } from './signed-gossip.ts';

const STARTS_AT_ONCE = 2;
const PAYMENTS_AT_ONCE = 1;
const UPDATES_PER_SECOND = 10;
const STEADY_SECONDS = 60;
const PHASE_SECONDS = 30;
const NUM_LIARS = 3;
const NODES_PER_LIAR = 3;
/** Of each liar, to each of its nodes: as many as a node would check of one peer. */
const LIES_PER_SECOND = 100;

export interface Mesh {
  readonly cluster: Cluster;
  readonly told: ToldGossip;
}

/** Starts so many nodes, in a small world of channels of their own, which know so many of mainnet's channels. */
export async function startMesh(bench: Bench, numNodes: number, numChannels: number): Promise<Mesh> {
  const plans = planChannels(mainnetRows().slice(0, numChannels), fundingPlace);
  const told = tell(plans);
  note(`funding ${plans.length} channels of mainnet's ...`);
  const chain = await bench.startChain();
  await fundChannels(chain, plans);
  note(`starting ${numNodes} nodes ...`);
  const nodes: NodeProcess[] = [];
  await forEachLimited(range(0, numNodes), STARTS_AT_ONCE, async (index) => {
    const name = nameOf(index);
    mkdirSync(bench.dataDir(name), { recursive: true, mode: 0o700 });
    fillStore(bench.dataDir(name), told);
    nodes[index] = await bench.startNode(name, ['--chain-poll-interval-ms', '400']);
  });
  const cluster = { chain, nodes };
  const edges = channelsOf('small-world', numNodes, new SeededRandom('bench'));
  note(`opening ${edges.length} channels between them ...`);
  await openChannels(cluster, edges);
  await waitForChannels(cluster, edges);
  return { cluster, told };
}

/** Ten updates a second for a minute: how long they take across the mesh, and what they cost. */
export async function measureSteadyState({ cluster: { nodes }, told }: Mesh): Promise<void> {
  const [first, last] = [nodes[0], nodes.at(-1)] as [NodeProcess, NodeProcess];
  const teller = await GossipPeer.join('teller', [first]);
  const listener = await GossipPeer.join('listener', [last]);
  await sleep(3_000);
  const idle = await costOf(nodes, STEADY_SECONDS / 4, async () => {});
  note(`${UPDATES_PER_SECOND} updates a second for ${STEADY_SECONDS} s ...`);
  const published = new Map<string, number>();
  const busy = await costOf(nodes, STEADY_SECONDS, async (until) => {
    for (let i = 0; performance.now() < until; i++) {
      const due = sleep(1000 / UPDATES_PER_SECOND);
      const message = nextUpdate(told, i);
      published.set(keyOf(message), performance.now());
      await teller.tell(message);
      await due;
    }
    await sleep(1_000);
  });
  const delays = [...published].flatMap(([key, at]) => {
    const heard = listener.heard.get(key);
    return heard === undefined ? [] : [heard - at];
  });
  process.stdout.write(`${table([
    ['nodes', 'updates', 'heard across', 'p50 ms', 'p99 ms', 'CPU ms a node and s, idle', 'with updates', 'kB received a node and s', 'MB a node'],
    [
      nodes.length, published.size, delays.length, percentile(delays, 50).toFixed(0), percentile(delays, 99).toFixed(0), idle.cpuMs.toFixed(1),
      busy.cpuMs.toFixed(1), busy.kilobytes.toFixed(1), busy.rssMb.toFixed(0),
    ].map(String),
  ])}\n`);
  await Promise.all([teller.stop(), listener.stop()]);
}

/** Payments before, during and after a flood from three liars. */
export async function measureFlood({ cluster: { nodes }, told }: Mesh): Promise<void> {
  const random = new SeededRandom('flood');
  const listener = await GossipPeer.join('flood listener', [nodes[0] as NodeProcess]);
  const channelsBefore = await Promise.all(nodes.map(channelsKnown));
  note(`payments for ${PHASE_SECONDS} s ...`);
  const before = await payFor(nodes, PHASE_SECONDS, random);
  const lying = lies(told, NUM_LIARS * LIES_PER_SECOND * PHASE_SECONDS);
  // All share the machine: so much is lost to the liars' own work alone.
  const sinks = await Promise.all(range(0, NODES_PER_LIAR).map((sink) => startLiar({ name: `sink ${sink}`, listen: ['/ip4/127.0.0.1/tcp/0'], nodes: [], messages: [], perSecond: 0, seconds: 3 * PHASE_SECONDS })));
  note(`the same beside ${NUM_LIARS} liars that tell ${LIES_PER_SECOND} lies a second each to others ...`);
  const elsewhere = await lieWhile('others', lying, () => sinks, () => payFor(nodes, PHASE_SECONDS, random));
  note('the same with the liars among their peers ...');
  const during = await lieWhile('mesh', lying, (liar) => range(0, NODES_PER_LIAR).map((i) => nodes[(liar * NODES_PER_LIAR + i) % nodes.length] as NodeProcess), () => payFor(nodes, PHASE_SECONDS, random));
  note('and after it ...');
  const after = await payFor(nodes, PHASE_SECONDS, random);
  const channelsAfter = await Promise.all(nodes.map(channelsKnown));
  const passedOn = lying.filter((message) => listener.heard.has(keyOf(message))).length;
  const outcomes = await outcomesOf(nodes);
  const row = (name: string, { perSecond, failed, p50Ms, p99Ms, cost }: Paid): string[] =>
    [name, perSecond.toFixed(1), String(failed), p50Ms.toFixed(0), p99Ms.toFixed(0), cost.cpuMs.toFixed(0), cost.rssMb.toFixed(0), cost.maxRssMb.toFixed(0)];
  process.stdout.write(`${table([
    ['', 'payments/s', 'failed', 'p50 ms', 'p99 ms', 'CPU ms a node and s', 'MB a node', 'MB at most'],
    row('before', before), row('others flooded', elsewhere), row('flooded', during), row('after', after),
  ])}\n`);
  process.stdout.write(`${lying.length} lies told; ${channelsAfter.filter((count, i) => count !== channelsBefore[i]).length} nodes with another number of channels than before; ${passedOn} passed on to an honest peer\n`);
  process.stdout.write(`what became of messages at all nodes: ${[...outcomes].map(([name, count]) => `${name} ${count}`).join(', ')}\n`);
  for (const { end } of sinks) end();
  await listener.stop();
}

/** Has liars, each linked to some nodes, tell their share while something is measured. */
async function lieWhile(to: string, lying: readonly Uint8Array[], nodesOf: (liar: number) => readonly GossipNode[], measure: () => Promise<Paid>): Promise<Paid> {
  const each = lying.length / NUM_LIARS;
  const liars = await Promise.all(range(0, NUM_LIARS).map((liar) => startLiar({
    name: `liar ${liar} to ${to}`,
    listen: [],
    nodes: nodesOf(liar).map(({ id, address }) => ({ id, address })),
    messages: lying.slice(liar * each, (liar + 1) * each).map((message) => toString(message, 'hex')),
    perSecond: LIES_PER_SECOND,
    seconds: PHASE_SECONDS,
  })));
  await sleep(3_000);
  for (const { lie } of liars) lie();
  const paid = await measure();
  for (const { end } of liars) end();
  return paid;
}

interface Liar extends GossipNode {
  lie(): void;
  end(): void;
}


/** Starts a liar, in a process of its own, and waits until it is linked to its nodes. */
async function startLiar(task: LiarTask): Promise<Liar> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('./liar.js', import.meta.url))], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  child.stdin.write(`${JSON.stringify(task)}\n`);
  const place = JSON.parse(String((await lines.next()).value)) as GossipNode;
  return { ...place, lie: () => void child.stdin.write('lie\n'), end: () => void child.kill() };
}

interface Cost {
  /** Of one node in one second, on average. */
  readonly cpuMs: number;
  readonly kilobytes: number;
  readonly rssMb: number;
  readonly maxRssMb: number;
}

async function costOf(nodes: readonly NodeProcess[], seconds: number, work: (until: number) => Promise<void>): Promise<Cost> {
  const usage = () => nodes.map((node) => usageOf(node.process.pid ?? 0));
  const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);
  const [before, bytesBefore] = [usage(), await Promise.all(nodes.map(bytesReceived))];
  const started = performance.now();
  const until = started + seconds * 1000;
  await work(until);
  await sleep(Math.max(0, until - performance.now()));
  const elapsed = (performance.now() - started) / 1000;
  const [after, bytesAfter] = [usage(), await Promise.all(nodes.map(bytesReceived))];
  const cpuSeconds = total(after.map(({ cpuSeconds: used }, i) => used - (before[i]?.cpuSeconds ?? 0)));
  return {
    cpuMs: (cpuSeconds * 1000) / elapsed / nodes.length,
    kilobytes: (total(bytesAfter) - total(bytesBefore)) / 1000 / elapsed / nodes.length,
    rssMb: total(after.map(({ rssMb }) => rssMb)) / nodes.length,
    maxRssMb: Math.max(...after.map(({ rssMb }) => rssMb)),
  };
}

interface Paid {
  readonly perSecond: number;
  readonly failed: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cost: Cost;
}

/** Payments between random nodes, some at a time, as fast as they go. */
async function payFor(nodes: readonly NodeProcess[], seconds: number, random: SeededRandom): Promise<Paid> {
  const times: number[] = [];
  let failed = 0;
  const cost = await costOf(nodes, seconds, async (until) => {
    const pay = async (): Promise<void> => {
      while (performance.now() < until) {
        const from = random.pick(nodes) as NodeProcess;
        const to = random.pick(nodes.filter((node) => node !== from)) as NodeProcess;
        const { status, elapsedMs } = await makePayment(from, to, { kind: 'invoice', amountMsat: BigInt(100_000 + random.below(900_000)) }, 20);
        if (status === 'succeeded') times.push(elapsedMs);
        else failed++;
      }
    };
    await Promise.all(range(0, PAYMENTS_AT_ONCE).map(pay));
  });
  return { perSecond: times.length / seconds, failed, p50Ms: percentile(times, 50), p99Ms: percentile(times, 99), cost };
}

/** Each of another channel, with another fee. */
function nextUpdate({ channels }: ToldGossip, index: number): Uint8Array {
  const usable = channels.filter(({ updates }) => updates.length > 0);
  const { plan } = usable[index % usable.length] as (typeof usable)[number];
  const direction = plan.policies[0] === undefined ? 1 : 0;
  const policy = plan.policies[direction];
  if (policy === undefined) throw new TypeError('a channel with an update has a policy');
  return updateOf(plan, direction, policy, REGTEST, { timestamp: Math.floor(Date.now() / 1000), feeBaseMsat: index });
}

async function bytesReceived(node: NodeProcess): Promise<number> {
  const metrics = await metricsOf(node);
  return (metrics.get('runnel_gossip_bytes_total{way="broadcast"}') ?? 0) + (metrics.get('runnel_gossip_bytes_total{way="sync"}') ?? 0);
}

async function channelsKnown(node: NodeProcess): Promise<number> {
  return (await metricsOf(node)).get('runnel_graph_channels') ?? 0;
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
