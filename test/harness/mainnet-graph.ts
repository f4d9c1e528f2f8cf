import { resolve } from 'node:path';
import { addRows, readGraphRows } from '../../scripts/bench/graph-csv.ts';
import { ChannelGraph } from '../../src/routing/graph.ts';

/** Bitcoin's mainnet as of a day in 2026: see `test/graph/README.md`. */
export function mainnetGraph(): ChannelGraph {
  return addRows(new ChannelGraph(), readGraphRows(resolve(import.meta.dirname, '../graph/mainnet-2026-02-03.csv.gz')));
}
