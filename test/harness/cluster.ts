/** Nodes and a chain as processes of their own, compiled as they are shipped. */
import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import type { ChainKind } from '../../src/cluster/chain-process.ts';
import { choosePorts, startCluster, type Cluster } from '../../src/cluster/cluster.ts';
import { openChannels, waitForChannels, waitForGossip } from '../../src/cluster/open-channels.ts';
import { ProcessGroup, type ManagedProcess } from '../../src/cluster/process.ts';
import { StateFolder } from '../../src/cluster/state.ts';
import type { Edge } from '../../src/cluster/topology.ts';

export const repo = resolve(import.meta.dirname, '../..');

/** Compiles what has changed since the last time, as `scripts/cluster` does. */
export function compilePrograms(): void {
  execFileSync('bash', ['-c', 'source scripts/setup.sh; build'], { cwd: repo, stdio: 'inherit' });
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** What the tests' chains are: RUNNEL_CHAIN=bitcoind runs what can run on either on a real one. */
export const chainKind: ChainKind = process.env.RUNNEL_CHAIN === 'bitcoind' ? 'bitcoind' : 'embedded';

export interface TestCluster extends Cluster {
  /** Processes that ended unasked. */
  readonly failed: readonly ManagedProcess[];
  /** Ends every process and deletes the state. */
  stop(): Promise<void>;
}

/** A mesh with these channels, usable and known to all; `flags` are more of the daemons'. */
export async function startTestCluster(count: number, edges: readonly Edge[], flags: readonly string[] = []): Promise<TestCluster> {
  compilePrograms();
  const state = new StateFolder(undefined);
  const failed: ManagedProcess[] = [];
  const group = new ProcessGroup((child) => failed.push(child));
  const stop = async (): Promise<void> => {
    await group.stop();
    // What has failed is to be looked at.
    state.close({ leave: failed.length > 0 });
  };
  try {
    const ports = await choosePorts(count, []);
    const cluster = await startCluster({
      group,
      state,
      settings: { nodes: count, topology: 'line', seed: 'test', chain: chainKind, ports },
      flags,
    });
    await openChannels(cluster, edges);
    await waitForChannels(cluster, edges);
    await waitForGossip(cluster, edges);
    return { ...cluster, failed, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
