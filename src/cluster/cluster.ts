/** A running cluster: its chain and its nodes, started with few at a time so that two cores suffice. */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { ChainProcess } from './chain-process.ts';
import { nameOf } from './names.ts';
import { NodeProcess } from './node-process.ts';
import { freePorts, isPortFree } from './ports.ts';
import type { ProcessGroup } from './process.ts';
import { programPath } from './programs.ts';
import { writeCommand, type Settings, type StateFolder } from './state.ts';
import { range } from './topology.ts';
import { forEachLimited } from './wait.ts';

/** A daemon takes a core while it starts. */
const STARTS_AT_ONCE = 2;
/** All nodes together ask the chain at most 50 times a second, and each of few ten times. */
const chainPollMs = (nodes: number): number => Math.max(100, 20 * nodes);

export interface Cluster {
  readonly chain: ChainProcess;
  readonly nodes: readonly NodeProcess[];
}

export interface ClusterStart {
  readonly group: ProcessGroup;
  readonly state: StateFolder;
  readonly settings: Settings;
  /** Ports of the APIs; any free ones where it is left out. */
  readonly apiPorts?: readonly number[];
  /** More of the daemons' flags. */
  readonly flags?: readonly string[];
  readonly onStarted?: (name: string) => void;
}

export async function startCluster({
  group,
  state,
  settings,
  apiPorts = [],
  flags = [],
  onStarted,
}: ClusterStart): Promise<Cluster> {
  const chain = await ChainProcess.start(group, {
    kind: settings.chain,
    folder: state.chain,
    logPath: state.logPath('chain'),
  });
  onStarted?.('chain');
  const nodes: NodeProcess[] = [];
  await forEachLimited(range(0, settings.nodes), STARTS_AT_ONCE, async (index) => {
    const name = nameOf(index);
    const dataDir = state.dataDir(name);
    const port = settings.ports[index];
    if (port === undefined) throw new RangeError(`no port for ${name}`);
    nodes[index] = await NodeProcess.start(group, {
      name,
      dataDir,
      logPath: state.logPath(name),
      port,
      lightningPort: settings.ports[settings.nodes + index] ?? 0,
      apiPort: apiPorts[index] ?? 0,
      chain,
      chainPollMs: chainPollMs(settings.nodes),
      flags,
    });
    mkdirSync(dirname(state.commandPath(name)), { recursive: true });
    writeCommand(state.commandPath(name), programPath('runnel'), ['--datadir', dataDir]);
    onStarted?.(name);
  });
  return { chain, nodes };
}

/** Ports for so many nodes, two for each: those that an earlier run had, each exchanged for another where something else has it now. */
export async function choosePorts(numNodes: number, earlier: readonly number[]): Promise<number[]> {
  const fresh = await freePorts(2 * numNodes);
  return Promise.all(
    fresh.map(async (other, index) => {
      const port = earlier[index];
      return port !== undefined && (await isPortFree(port)) ? port : other;
    }),
  );
}
