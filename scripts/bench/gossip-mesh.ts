/** A mesh of nodes that have channels and know a part of mainnet's graph: what a steady stream of updates costs it. */
import { mkdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster } from '../../src/cluster/cluster.ts';
import { nameOf } from '../../src/cluster/names.ts';
import type { NodeProcess } from '../../src/cluster/node-process.ts';
import { openChannels, waitForChannels } from '../../src/cluster/open-channels.ts';
import { SeededRandom } from '../../src/cluster/seeded-random.ts';
import { channelsOf, range } from '../../src/cluster/topology.ts';
import { forEachLimited } from '../../src/cluster/wait.ts';
import { costOf } from './cost.ts';
import { percentile, table } from './figures.ts';
import { fundChannels, fundingPlace } from './funded-chain.ts';
import { fillStore, mainnetRows, note, REGTEST, tell, type Bench, type ToldGossip } from './gossip-bench.ts';
import { GossipPeer, keyOf } from './gossip-peer.ts';
import { planChannels, updateOf } from './signed-gossip.ts';

const STARTS_AT_ONCE = 2;
const UPDATES_PER_SECOND = 10;
const STEADY_SECONDS = 60;

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
    nodes[index] = await bench.startNode(name, ['--chain-poll-interval-ms', '1000']);
  });
  const cluster = { chain, nodes };
  const edges = channelsOf('small-world', numNodes, new SeededRandom('bench'));
  note(`opening ${edges.length} channels between them ...`);
  await openChannels(cluster, edges);
  await waitForChannels(cluster, edges);
  return { cluster, told };
}

/** Ten updates a second for a minute: how long they take across the mesh, and what they cost. */
export async function measureSteadyState({ cluster: { nodes }, told: gossip }: Mesh): Promise<void> {
  const [first, last] = [nodes[0], nodes.at(-1)] as [NodeProcess, NodeProcess];
  const teller = await GossipPeer.join('teller', [first]);
  const listener = await GossipPeer.join('listener', [last]);
  await sleep(3_000);
  const idle = await costOf(nodes, STEADY_SECONDS / 4, async () => {});
  note(`${UPDATES_PER_SECOND} updates a second for ${STEADY_SECONDS} s ...`);
  const published = new Map<string, number>();
  const busy = await costOf(nodes, STEADY_SECONDS, async (until) => {
    const started = performance.now();
    const told: Promise<void>[] = [];
    for (let i = 0; performance.now() < until; i++) {
      const message = nextUpdate(gossip, i);
      published.set(keyOf(message), performance.now());
      told.push(teller.tell(message));
      // By the clock, so that what is late does not make the next one late.
      await sleep(Math.max(0, started + ((i + 1) * 1000) / UPDATES_PER_SECOND - performance.now()));
    }
    await Promise.all(told);
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

/** Each of another channel, with another fee. */
function nextUpdate({ channels }: ToldGossip, index: number): Uint8Array {
  const usable = channels.filter(({ updates }) => updates.length > 0);
  const { plan } = usable[index % usable.length] as (typeof usable)[number];
  const direction = plan.policies[0] === undefined ? 1 : 0;
  const policy = plan.policies[direction];
  if (policy === undefined) throw new TypeError('a channel with an update has a policy');
  return updateOf(plan, direction, policy, REGTEST, { timestamp: Math.floor(Date.now() / 1000), feeBaseMsat: index });
}
