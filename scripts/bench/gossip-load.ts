/** A start with the whole graph on disk, each in a process of its own. */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openDatabase } from '../../src/storage/database.ts';
import { DATABASE_FILE } from '../../src/node.ts';
import { percentile, table } from './figures.ts';
import { fundingPlace } from './funded-chain.ts';
import { fillStore, mainnetRows, note, tell } from './gossip-bench.ts';
import type { Loaded } from './gossip-loading.ts';
import { planChannels } from './signed-gossip.ts';

const RUNS = 5;
const LOADING = fileURLToPath(new URL('gossip-loading.js', import.meta.url));

/** Fills a store with so many channels of mainnet's, loads it from its image and without one, and prints what that took. */
export function measureLoad(folder: string, numChannels: number): void {
  const plans = planChannels(mainnetRows().slice(0, numChannels), fundingPlace);
  note(`signing the gossip of ${plans.length} channels ...`);
  const dataDir = join(folder, 'known');
  mkdirSync(dataDir, { mode: 0o700 });
  fillStore(dataDir, tell(plans));
  const load = (): Loaded => JSON.parse(execFileSync(process.execPath, ['--expose-gc', LOADING, dataDir], { encoding: 'utf8' })) as Loaded;
  const fromImage = Array.from({ length: RUNS }, load);
  const fromMessages = Array.from({ length: RUNS }, () => {
    dropImage(dataDir);
    return load();
  });
  const line = (name: string, runs: readonly Loaded[]): string[] => {
    const median = (of: (run: Loaded) => number): string => percentile(runs.map(of), 50).toFixed(0);
    const most = Math.max(...runs.map(({ loadMs }) => loadMs));
    return [name, String(runs[0]?.channels), String(runs[0]?.nodes), median(({ openMs }) => openMs), median(({ loadMs }) => loadMs), most.toFixed(0), median(({ graphMB }) => graphMB)];
  };
  process.stdout.write(`${table([
    ['loaded from', 'channels', 'nodes', 'opening the database, ms', 'loading the graph, ms', 'at most', 'MB held'],
    line('its image', fromImage), line('the messages', fromMessages),
  ])}\n`);
}

function dropImage(dataDir: string): void {
  const database = openDatabase({ path: join(dataDir, DATABASE_FILE) });
  database.run('DELETE FROM gossip_image');
  database.close();
}
