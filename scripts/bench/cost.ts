/** What processes use while something goes on. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { NodeProcess } from '../../src/cluster/node-process.ts';
import { metricsOf, usageOf } from './gossip-bench.ts';

export interface Cost {
  /** Of one node in one second, on average. */
  readonly cpuMs: number;
  readonly kilobytes: number;
  readonly rssMb: number;
  readonly maxRssMb: number;
}

export async function costOf(nodes: readonly NodeProcess[], seconds: number, work: (until: number) => Promise<void>): Promise<Cost> {
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

async function bytesReceived(node: NodeProcess): Promise<number> {
  const metrics = await metricsOf(node);
  return (metrics.get('runnel_gossip_bytes_total{way="broadcast"}') ?? 0) + (metrics.get('runnel_gossip_bytes_total{way="sync"}') ?? 0);
}
