/** What the measurements of gossip share: a chain with the plan's channels, nodes with stores that know them, and what a process uses. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fromString } from 'uint8arrays';
import { decodeGossip, isGossip } from '../../protocols/gossip/gossip-message.ts';
import { CHAIN_HASHES } from '../../src/chain/chain-hashes.ts';
import { ChainProcess } from '../../src/cluster/chain-process.ts';
import { NodeProcess } from '../../src/cluster/node-process.ts';
import { freePorts } from '../../src/cluster/ports.ts';
import { ProcessGroup } from '../../src/cluster/process.ts';
import { defaultGossipLimits } from '../../src/gossip/limits.ts';
import { GossipStore } from '../../src/gossip/store.ts';
import { ChannelGraph } from '../../src/routing/graph.ts';
import { applyGraphChange } from '../../src/routing/graph-change.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openDatabase, type Database } from '../../src/storage/database.ts';
import { DATABASE_FILE } from '../../src/node.ts';
import { readGraphRows, type GraphRow } from './graph-csv.ts';
import { announcementOf, nodeAnnouncementOf, someTimeBefore, updateOf, type ChannelPlan } from './signed-gossip.ts';

export const REGTEST = fromString(CHAIN_HASHES.regtest, 'base16');
const FILE = fileURLToPath(new URL('../../../test/graph/mainnet-2026-02-03.csv.gz', import.meta.url));

/** Mainnet's channels of a day in 2026: see `test/graph/README.md`. */
export function mainnetRows(): GraphRow[] {
  return readGraphRows(FILE);
}

/** Says how far it is, beside what is measured. */
export const note = (text: string): void => void process.stderr.write(`${text}\n`);

/** All that is told of a plan. */
export interface ToldGossip {
  readonly channels: readonly { readonly plan: ChannelPlan; readonly announcement: Uint8Array; readonly updates: readonly Uint8Array[] }[];
  readonly nodes: readonly Uint8Array[];
}

/** Signs the plan's announcements, an update for each policy, and an announcement of each node, of some time in the last ten days. */
export function tell(plans: readonly ChannelPlan[]): ToldGossip {
  const now = Math.floor(Date.now() / 1000);
  const channels = plans.map((plan, index) => ({
    plan,
    announcement: announcementOf(plan, REGTEST),
    updates: ([0, 1] as const).flatMap((direction) => {
      const policy = plan.policies[direction];
      return policy === undefined ? [] : [updateOf(plan, direction, policy, REGTEST, { timestamp: someTimeBefore(now, 2 * index + direction) })];
    }),
  }));
  const nodes = [...new Set(plans.flatMap(({ ends }) => ends))].map((keys, index) => nodeAnnouncementOf(keys, someTimeBefore(now, index)));
  return { channels, nodes };
}

/** The database and the store of a node that does not run; nothing is loaded yet. */
export function openStore(dataDir: string): { readonly database: Database; readonly store: GossipStore } {
  const database = openDatabase({ path: join(dataDir, DATABASE_FILE) });
  const graph = new ChannelGraph();
  const store = new GossipStore({
    database,
    graph,
    apply: (change) => applyGraphChange(graph, change),
    clock: systemClock,
    knownFeatures: new Uint8Array(),
    limits: { ...defaultGossipLimits, saveDelayMs: 1e9 },
    onStorageError: (error) => {
      throw error;
    },
  });
  return { database, store };
}

/** Writes gossip into the store of a node that does not run, as if it had been accepted. */
export function fillStore(dataDir: string, { channels, nodes }: ToldGossip): void {
  const { database, store } = openStore(dataDir);
  const addedAt = Math.floor(Date.now() / 1000);
  for (const [index, { plan, announcement, updates }] of channels.entries()) {
    const fundingTxid = index.toString(16).padStart(64, '0');
    store.addChannel(decoded(announcement, 'channel_announcement'), { capacitySat: plan.capacitySat, fundingTxid, addedAt, spentHeight: undefined });
    for (const update of updates) store.addUpdate(decoded(update, 'channel_update'));
  }
  for (const node of nodes) store.addNode(decoded(node, 'node_announcement'));
  store.stop();
  database.close();
}

/** A chain of its own and processes of nodes that end with this one. */
export class Bench {
  readonly group = new ProcessGroup((failed) => {
    process.stderr.write(`${failed.failure().message}\n`);
    process.exit(1);
  });
  readonly folder: string;
  #chain: ChainProcess | undefined;

  constructor(folder: string) {
    this.folder = folder;
  }

  get chain(): ChainProcess {
    if (this.#chain === undefined) throw new TypeError('the chain has not been started');
    return this.#chain;
  }

  async startChain(): Promise<ChainProcess> {
    const folder = join(this.folder, 'chain');
    this.#chain = await ChainProcess.start(this.group, { kind: 'embedded', folder, logPath: join(this.folder, 'chain.log') });
    return this.#chain;
  }

  dataDir(name: string): string {
    return join(this.folder, name);
  }

  async startNode(name: string, flags: readonly string[] = []): Promise<NodeProcess> {
    const [port = 0] = await freePorts(1);
    return NodeProcess.start(this.group, {
      name, port, apiPort: 0, chain: this.chain, dataDir: this.dataDir(name), logPath: join(this.folder, `${name}.log`), flags: ['--log-level', 'warn', ...flags],
    });
  }
}

/** What a process has used so far, as Linux tells it. */
export interface Usage {
  readonly cpuSeconds: number;
  readonly peakRssMb: number;
  readonly rssMb: number;
}

const TICKS_PER_SECOND = 100;

export function usageOf(pid: number): Usage {
  // The name, which may hold blanks, stands in brackets.
  const [, fields = ''] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ');
  const [userTicks = 0, systemTicks = 0] = fields.split(' ').slice(11, 13).map(Number);
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const megabytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024;
  return { cpuSeconds: (userTicks + systemTicks) / TICKS_PER_SECOND, peakRssMb: megabytes('VmHWM'), rssMb: megabytes('VmRSS') };
}

/** The metrics of a node by their name with labels. */
export async function metricsOf(node: NodeProcess): Promise<ReadonlyMap<string, number>> {
  const { url, token } = node.api;
  const response = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${token}` } });
  const lines = (await response.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]));
}

function decoded<N extends 'channel_announcement' | 'channel_update' | 'node_announcement'>(raw: Uint8Array, name: N) {
  const gossip = decodeGossip(raw);
  if (!isGossip(gossip, name)) throw new TypeError(`expected a ${name}, got ${gossip.message.type}`);
  return gossip;
}
