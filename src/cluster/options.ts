import { resolve } from 'node:path';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { chainKinds, type ChainKind } from './chain-process.ts';
import { topologies, type Topology } from './topology.ts';
import { MAX_PER_SECOND } from './traffic.ts';

export interface ClusterOptions {
  readonly nodes: number;
  readonly topology: Topology;
  readonly seed: string;
  readonly chain: ChainKind;
  readonly payments: number;
  /** Where the state stays; a folder that ends with the cluster where it is left out. */
  readonly keep?: string;
  readonly basePort?: number;
  /** Seconds from one block to the next, while the cluster stays up; 0 for none. */
  readonly blockInterval: number;
  /** Payments a second that go on while the cluster stays up. */
  readonly traffic: number;
  readonly dashboard: boolean;
  /** Any free one where it is left out. */
  readonly dashboardPort?: number;
  /** Whether the dashboard may be opened in the browser. */
  readonly open: boolean;
  readonly check: boolean;
  readonly json: boolean;
  /** Those options that the command line names, rather than their defaults. */
  readonly given: ReadonlySet<string>;
}

const help = `
The mesh is a line of channels of 10,000,000 sat with some of 1,000,000 sat as shortcuts across it: small payments
take the shortcuts, larger ones hop along the line. In all other topologies the channels are equally large.

Exit status:
  0  stopped as asked; with --check: every payment arrived and every balance is right to the msat
  1  something failed or is off; the message says what
  2  wrong options

Examples:
  $ scripts/cluster
  $ scripts/cluster --nodes 8 --topology small-world --seed 7
  $ scripts/cluster --chain bitcoind
  $ scripts/cluster --nodes 20 --traffic 5        # and watch it in the browser
  $ scripts/cluster --keep ~/mesh        # again later: the same nodes and channels go on
  $ scripts/cluster --check --json`;

/**
 * Reads the command line. Throws `CommanderError`, whose message has been shown: its `exitCode` is 0 where help was
 * asked for.
 */
export function parseOptions(args: readonly string[]): ClusterOptions {
  const command = new Command('cluster')
    .description(
      'Runs a mesh of Runnel nodes on a regtest chain, each its own process: funds them, opens channels, pays.',
    )
    .option('--nodes <n>', 'how many nodes', integer(2, 100), 5)
    .addOption(new Option('--topology <kind>', 'who has channels with whom').choices(topologies).default('mesh'))
    .option('--seed <text>', 'chooses shortcuts, payers, payees and amounts; the same seed, the same choices', '1')
    .addOption(
      new Option('--chain <kind>', "the chain: the embedded one, or a bitcoind's (see scripts/install-bitcoind)")
        .choices(chainKinds)
        .default('embedded'),
    )
    .option(
      '--payments <n>',
      'how many payments to make, over one hop, two, three, four, one, …',
      integer(0, 100_000),
      16,
    )
    .option(
      '--keep <folder>',
      'keep the state in this folder, or go on with what it holds (default: a folder that is deleted at the end)',
      folder,
    )
    .option(
      '--base-port <port>',
      'ports from here on, three for each node: for the mesh, for the API, for Lightning peers (default: any that are free)',
      integer(1, 65_000),
    )
    .option('--block-interval <seconds>', 'mine a block so often once the payments are made, 0 for never', integer(0, 86_400), 5)
    .option('--traffic <n>', 'go on with so many random small payments a second, such as 2 or 0.5', perSecond, 0)
    .option('--dashboard-port <port>', 'where the dashboard of the whole mesh is (default: any port that is free)', integer(1, 65_535))
    .option('--no-dashboard', 'leave the dashboard away')
    .option('--no-open', 'do not open the dashboard in the browser, which a terminal on a desktop does')
    .option('--check', 'end after the payments, with an exit status that tells whether all was right', false)
    .option('--json', 'print the result as JSON on standard output, and the progress on standard error', false)
    .addHelpText('after', help)
    .showHelpAfterError('(add --help for what is possible)')
    .allowExcessArguments(false)
    .exitOverride();
  command.parse(args, { from: 'user' });
  const options = command.opts<Omit<ClusterOptions, 'given'>>();
  const given = new Set(Object.keys(options).filter((name) => command.getOptionValueSource(name) === 'cli'));
  return { ...options, ...(options.keep === undefined ? {} : { keep: resolve(options.keep) }), given };
}

/**
 * What the process should end with after `parseOptions` threw; undefined for an error that is not the command line's.
 */
export function exitStatusOf(error: unknown): number | undefined {
  if (!(error instanceof CommanderError)) return undefined;
  return error.exitCode === 0 ? 0 : 2;
}

/** `--keep --help` would otherwise keep the state in a folder of that name. */
function folder(text: string): string {
  if (text !== '' && !text.startsWith('-')) return text;
  throw new InvalidArgumentError('Expected a folder.');
}

function perSecond(text: string): number {
  if (/^[0-9]{1,3}(\.[0-9]{1,3})?$/.test(text) && Number(text) <= MAX_PER_SECOND) return Number(text);
  throw new InvalidArgumentError(`Expected a number from 0 to ${MAX_PER_SECOND}.`);
}

function integer(least: number, most: number): (text: string) => number {
  return (text) => {
    if (/^[0-9]{1,9}$/.test(text) && Number(text) >= least && Number(text) <= most) return Number(text);
    throw new InvalidArgumentError(`Expected a whole number from ${least} to ${most}.`);
  };
}
