#!/usr/bin/env node
/** `runneld`: the daemon. See `runneld --help`. */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { RecoveryFiles } from '../api/facade.ts';
import { CONFIG_FILE, ConfigError, loadConfig } from '../config/config.ts';
import { dataDirectory } from '../config/data-directory.ts';
import { configKeys, type ConfigKey } from '../config/keys.ts';
import { fatalLine } from './fatal.ts';
import { packageVersion } from './version.ts';

const exitStatus = { stopped: 0, failed: 1, config: 2 } as const;

const help = `
Every key can stand in ${CONFIG_FILE} in the data folder, in an environment variable, or in a flag. A flag goes before a
variable, a variable before the file, the file before the default. In the file, --api-port is api_port, and
--chain-rpc-url is rpc_url in the table [chain] (likewise for log, policy and channel). In flags and variables, commas
stand between the items of a list.

The passphrase that encrypts the seed comes from RUNNEL_PASSPHRASE or the file that --passphrase-file names, the password
of bitcoind's RPC from RUNNEL_CHAIN_RPC_PASSWORD or the file ${CONFIG_FILE}.

After a loss of the data folder, the seed and the last channel.backup bring back what was in the wallet and the channels:

  $ runneld --restore-seed words.txt --restore-backup channel.backup

Exit status:
  0  stopped as asked
  1  could not start, or ended by a failure
  2  wrong flags or configuration

Example:
  $ runneld --network regtest --chain-rpc-cookie-file ~/.bitcoin/regtest/.cookie`;

interface Flags {
  readonly dataDir: string;
  /** Of the configuration, by key. */
  readonly flags: Record<string, string>;
  readonly recovery: RecoveryFiles;
}

function parseFlags(args: readonly string[]): Flags {
  const program = new Command('runneld')
    .description('Runs a Runnel node until it is told to stop, by SIGINT, SIGTERM or `runnel stop`.')
    .version(packageVersion(), '-V, --version')
    .option('--datadir <path>', 'data folder (default: RUNNEL_DIR, or ~/.runnel)')
    .option('--restore-seed <file>', 'begin an empty data folder with the seed whose 24 words stand in this file')
    .option('--restore-backup <file>', 'bring back the channels of a backup: their peers are asked to close them')
    .option('--rescan-from <height>', 'look for coins of the wallet from this block on', readHeight)
    .showHelpAfterError('(add --help for what is possible)')
    .exitOverride()
    .allowExcessArguments(false)
    .addHelpText('after', help);
  const names = new Map<string, string>();
  for (const key of configKeys) {
    if (key.flag === undefined) continue;
    const option = new Option(
      `${key.flag} <${placeholder(key)}>`,
      `${key.help}${showDefault(key.default)} [${key.environment}]`,
    );
    program.addOption(option);
    names.set(option.attributeName(), key.name);
  }
  program.parse(args, { from: 'user' });
  const { datadir, restoreSeed, restoreBackup, rescanFrom, ...given } = program.opts<Record<string, string>>();
  const recovery: RecoveryFiles = {
    ...(restoreSeed !== undefined && { seedWords: restoreSeed }),
    ...(restoreBackup !== undefined && { backup: restoreBackup }),
    ...(rescanFrom !== undefined && { rescanFrom: Number(rescanFrom) }),
  };
  const flags = Object.fromEntries(
    Object.entries(given).map(([attribute, value]) => [names.get(attribute) ?? attribute, value]),
  );
  return { dataDir: dataDirectory(datadir, process.env), flags, recovery };
}

function readHeight(text: string): string {
  if (!/^[0-9]{1,9}$/.test(text)) throw new InvalidArgumentError('Expected the height of a block.');
  return text;
}

function placeholder({ name, type }: ConfigKey): string {
  return /_(sat|msat|url|file)$/.exec(name)?.[1] ?? type;
}

function showDefault(value: unknown): string {
  const shown = Array.isArray(value) ? value.join(',') : String(value ?? '');
  return shown === '' ? '' : ` (default: ${shown})`;
}

async function main(args: readonly string[]): Promise<number> {
  try {
    const { dataDir, flags, recovery } = parseFlags(args);
    const { config, warnings } = loadConfig({ dataDir, flags, environment: process.env });
    // Loaded only once flags and configuration are right: help and errors come at once.
    const [{ createLogger }, { runDaemon }, { startNode }] = await Promise.all([
      import('../logging.ts'),
      import('./daemon.ts'),
      import('../node.ts'),
    ]);
    const logger = createLogger(config.log);
    for (const warning of warnings) logger.warn(warning);
    await runDaemon({ config, logger, version: packageVersion(), startNode, recovery, signal: endSignal() });
    return exitStatus.stopped;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitStatus.stopped : exitStatus.config;
    console.error(fatalLine(error));
    return error instanceof ConfigError ? exitStatus.config : exitStatus.failed;
  }
}

/** Asked once, the daemon stops in order; asked again, at once. */
function endSignal(): AbortSignal {
  const controller = new AbortController();
  const onSignal = (signal: NodeJS.Signals): void => {
    if (controller.signal.aborted) {
      console.error(`runneld: ${signal} again: ending at once`);
      process.exit(exitStatus.failed);
    }
    controller.abort();
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  return controller.signal;
}

// Whoever reads the log may go away; the node must not go with them.
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});
for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error: unknown) => {
    // A program that has met what it does not know must not go on with money: what is on disk is whole.
    console.error(fatalLine(error));
    process.exit(exitStatus.failed);
  });
}
process.exit(await main(process.argv.slice(2)));
