/** Loads the graph of a data folder, as a node does when it starts, and prints what that took: `Loaded` as JSON. */
import { setImmediate } from 'node:timers/promises';
import { memoryMB } from './figures.ts';
import { openStore } from './gossip-bench.ts';

export interface Loaded {
  readonly openMs: number;
  readonly loadMs: number;
  readonly graphMB: number;
  readonly channels: number;
  readonly nodes: number;
}

const before = memoryMB();
const started = performance.now();
const { database, store } = openStore(process.argv[2] as string);
const opened = performance.now();
store.load();
const loaded = performance.now();
globalThis.gc?.();
await setImmediate(); // only then does libsql let go of what it has read
const { channelCount: channels, nodeCount: nodes } = store.graph;
const result: Loaded = { openMs: opened - started, loadMs: loaded - opened, graphMB: memoryMB() - before, channels, nodes };
process.stdout.write(JSON.stringify(result));
database.close();
process.exit();
