/** The whole graph, from nodes that know it into one that knows nothing. */
import { mkdirSync } from 'node:fs';
import type { NodeProcess } from '../../src/cluster/node-process.ts';
import { waitUntil } from '../../src/cluster/wait.ts';
import { table } from './figures.ts';
import { fundChannels, fundingPlace } from './funded-chain.ts';
import { Bench, fillStore, mainnetRows, metricsOf, note, tell, usageOf } from './gossip-bench.ts';
import { planChannels } from './signed-gossip.ts';

const PATIENCE_MS = 600_000;

/** Runs it with so many channels of mainnet's and so many nodes that know them; prints what it took. */
export async function measureWholeGraph(bench: Bench, numChannels: number, numSources: number): Promise<void> {
  const plans = planChannels(mainnetRows().slice(0, numChannels), fundingPlace);
  note(`signing the gossip of ${plans.length} channels ...`);
  const told = tell(plans);
  const messages = [...told.channels.flatMap(({ announcement, updates }) => [announcement, ...updates]), ...told.nodes];
  note('funding them on a chain of our own ...');
  const chain = await bench.startChain();
  await fundChannels(chain, plans);
  const sources: NodeProcess[] = [];
  for (let i = 0; i < numSources; i++) {
    const name = `source${i + 1}`;
    mkdirSync(bench.dataDir(name), { recursive: true, mode: 0o700 });
    fillStore(bench.dataDir(name), told);
    sources.push(await bench.startNode(name));
    note(`${name} is up and knows ${(await metricsOf(sources[i] as NodeProcess)).get('runnel_graph_channels')} channels`);
  }
  const empty = await bench.startNode('empty');
  const before = usageOf(empty.process.pid ?? 0);
  const started = performance.now();
  for (const source of sources) await empty.client.connect({ nodeId: source.id, address: source.address });
  const nodes = new Set(plans.flatMap(({ ends }) => ends)).size;
  await waitUntil('the graph is whole', PATIENCE_MS, async () => {
    const metrics = await metricsOf(empty);
    const accepted = metrics.get('runnel_gossip_messages_total{outcome="new"}') ?? 0;
    return accepted >= messages.length ? undefined : `${accepted} of ${messages.length} messages, ${metrics.get('runnel_graph_channels')} of ${plans.length} channels`;
  });
  const seconds = (performance.now() - started) / 1000;
  const after = usageOf(empty.process.pid ?? 0);
  const metrics = await metricsOf(empty);
  const messageBytes = messages.reduce((sum, { length }) => sum + length, 0);
  const wire = metrics.get('runnel_gossip_bytes_total{way="sync"}') ?? 0;
  const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);
  process.stdout.write(`${table([
    ['channels', 'nodes', 'messages', 'MB of messages', 'MB received', 'seconds', 'CPU seconds', 'MB before', 'MB peak', 'MB after'],
    [
      plans.length, nodes, messages.length, megabytes(messageBytes), megabytes(wire), seconds.toFixed(1), (after.cpuSeconds - before.cpuSeconds).toFixed(1),
      before.rssMb.toFixed(0), after.peakRssMb.toFixed(0), after.rssMb.toFixed(0),
    ].map(String),
  ])}\n`);
}
