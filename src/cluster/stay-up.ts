/** A cluster that has shown what it can stays up for whoever wants to try more. */
import { dirname } from 'node:path';
import type { Cluster } from './cluster.ts';
import type { StateFolder } from './state.ts';

/** Regtest has no miners: so often, a block confirms what was made by hand. */
const BLOCK_INTERVAL_MS = 5_000;

export interface StayUpOptions {
  readonly cluster: Cluster;
  readonly state: StateFolder;
  readonly say: (text: string) => void;
  /** Resolves when it is to stop. */
  readonly asked: Promise<unknown>;
}

export async function stayUp({ cluster, state, say, asked }: StayUpOptions): Promise<void> {
  say(`\n${invitation(cluster, state)}\n`);
  const timer = setInterval(() => {
    // One that has crashed was reported; the others go on.
    cluster.chain.mine(1).catch(() => {});
  }, BLOCK_INTERVAL_MS);
  try {
    await asked;
  } finally {
    clearInterval(timer);
  }
}

function invitation({ nodes, chain }: Cluster, state: StateFolder): string {
  const names = nodes.map(({ name }) => name);
  const [first = '', last = ''] = [names[0], names.at(-1)];
  const commands = names.length > 3 ? `${names.slice(0, 3).join(', ')}, …` : names.join(' and ');
  return `The cluster stays up, with a block every ${BLOCK_INTERVAL_MS / 1_000} s. Try, in another terminal:

  PATH=${dirname(state.commandPath(first))}:$PATH      # ${commands} are commands now
  ${first} getinfo
  ${first} channels
  ${last} invoice 2500 --description coffee
  ${first} pay <the invoice>
  ${first} keysend ${nodes.at(-1)?.id ?? ''} 1000
  ${first} graph
  ${first} --help

Each is short for: ./scripts/runnel --datadir ${state.dataDir(first)}
Logs: ${dirname(state.logPath(first))}    Chain: ${chain.url} (bitcoind's RPC; cookie in ${chain.cookieFile})
Ctrl-C stops everything${state.isKept ? `; --keep ${state.path} goes on from here` : ' and deletes the folder'}.`;
}
