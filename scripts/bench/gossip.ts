/**
 * What gossip costs, measured on processes over real sockets, with signed gossip of mainnet's shape.
 *
 * Arguments: `load` (the whole graph from disk at a start), `whole` (into an empty node), `mesh` (a steady stream of updates, then a flood of
 * lies, in a mesh of 20 nodes), or nothing for all; then how many channels of mainnet's (default all, in the mesh 2,000), and how many nodes.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { countArgument, refuseArgument } from './arguments.ts';
import { Bench } from './gossip-bench.ts';
import { measureFlood } from './gossip-flood.ts';
import { measureSteadyState, startMesh } from './gossip-mesh.ts';
import { measureLoad } from './gossip-load.ts';
import { measureWholeGraph } from './gossip-whole.ts';

const [, , what, channelsText, nodesText] = process.argv;
if (what !== undefined && !['load', 'whole', 'mesh'].includes(what)) refuseArgument('load, whole or mesh', what);
const channels = (fallback: number): number => countArgument(channelsText, fallback, 'a number of channels');
const nodes = (fallback: number): number => countArgument(nodesText, fallback, 'a number of nodes');

async function inBench(measure: (bench: Bench) => Promise<void>): Promise<void> {
  const bench = new Bench(mkdtempSync(join(tmpdir(), 'runnel-bench-')));
  try {
    await measure(bench);
  } finally {
    await bench.group.stop();
    rmSync(bench.folder, { recursive: true });
  }
}

const asked = (name: string): boolean => what === undefined || what === name;

if (asked('load')) await inBench(async ({ folder }) => measureLoad(folder, channels(50_808)));
if (asked('whole')) await inBench((bench) => measureWholeGraph(bench, channels(50_808), nodes(3)));
if (asked('mesh')) {
  await inBench(async (bench) => {
    const mesh = await startMesh(bench, nodes(20), channels(2_000));
    await measureSteadyState(mesh);
    await measureFlood(mesh);
  });
}
