/**
 * What gossip costs, measured on processes over real sockets, with signed gossip of mainnet's shape.
 *
 * Arguments: what to measure (`whole`), and how many channels of mainnet's (default all).
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bench } from './gossip-bench.ts';
import { measureWholeGraph } from './gossip-whole.ts';

const [, , what = 'whole', channels = '50808'] = process.argv;
const bench = new Bench(mkdtempSync(join(tmpdir(), 'runnel-bench-')));
try {
  if (what === 'whole') await measureWholeGraph(bench, Number(channels), 3);
} finally {
  await bench.group.stop();
  if (process.env.KEEP === undefined) rmSync(bench.folder, { recursive: true });
}
