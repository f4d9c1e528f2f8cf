/** A cluster that has shown what it can stays up for whoever wants to try more. */
import { dirname } from 'node:path';
import type { Cluster } from './cluster.ts';
import type { Dashboard } from './dashboard.ts';
import type { ClusterOptions } from './options.ts';
import type { StateFolder } from './state.ts';
import type { Traffic } from './traffic.ts';

export interface StayUpOptions {
  readonly cluster: Cluster;
  readonly traffic: Traffic;
  readonly dashboard: Dashboard | undefined;
  readonly options: Pick<ClusterOptions, 'blockInterval' | 'traffic'>;
  readonly state: StateFolder;
  readonly say: (text: string) => void;
  /** Resolves when it is to stop. */
  readonly until: Promise<unknown>;
}

/** Regtest has no miners: a block every now and then confirms what was made by hand. */
export async function stayUp({ until, say, ...rest }: StayUpOptions): Promise<void> {
  say(`\n${invitation(rest)}\n`);
  const { cluster, traffic, options } = rest;
  traffic.set(options.traffic);
  const mine = (): void => {
    // One that has crashed was reported; the others go on.
    cluster.chain.mine(1).catch(() => {});
  };
  const timer = options.blockInterval === 0 ? undefined : setInterval(mine, options.blockInterval * 1_000);
  try {
    await until;
  } finally {
    clearInterval(timer);
  }
}

function invitation({ cluster, dashboard, options, state }: Omit<StayUpOptions, 'until' | 'say'>): string {
  const { nodes, chain } = cluster;
  const names = nodes.map(({ name }) => name);
  const [first = '', last = ''] = [names[0], names.at(-1)];
  const commands = names.length > 3 ? `${names.slice(0, 3).join(', ')}, …` : names.join(' and ');
  const { blockInterval: seconds, traffic } = options;
  const blocks = seconds === 0 ? 'without new blocks' : `with a block every ${seconds} s`;
  const payments = traffic === 0 ? '' : ` and ${traffic} random payments a second`;
  const page = dashboard === undefined ? '' : `  The whole mesh in the browser:  ${dashboard.link}\n\n`;
  return `The cluster stays up, ${blocks}${payments}.

${page}Try, in another terminal:

  PATH=${dirname(state.commandPath(first))}:$PATH      # ${commands} are commands now
  ${first} overview
  ${first} channels                 # and: ${first} channel <its id>
  ${last} invoice 2500 --description coffee
  ${first} pay <the invoice>
  ${first} keysend ${nodes.at(-1)?.id ?? ''} 1000
  ${first} route ${nodes.at(-1)?.id ?? ''} 100000 --why
  ${first} pending                  # after: ${first} close <a channel> --force
  ${first} --help

Each is short for: ./scripts/runnel --datadir ${state.dataDir(first)}
Logs: ${dirname(state.logPath(first))}    Chain: ${chain.url} (bitcoind's RPC; cookie in ${chain.cookieFile})
Ctrl-C stops everything${state.isKept ? `; --keep ${state.path} goes on from here` : ' and deletes the folder'}.`;
}
