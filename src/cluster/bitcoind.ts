/** The machine's bitcoind, for a cluster's chain and for tests. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RunnelError } from '../../protocols/errors.ts';

/** No bitcoind was found; the message says how to get one. */
export class NoBitcoindError extends RunnelError {
  constructor() {
    super(
      'no_bitcoind',
      'there is no bitcoind here: ./scripts/install-bitcoind puts one into this checkout (on Debian), ' +
        'or have one of version 28 or later on the PATH, or name it in RUNNEL_BITCOIND',
    );
  }
}

/** The bitcoind that RUNNEL_BITCOIND names, the one that `scripts/install-bitcoind` has installed, or one on the PATH. */
export function findBitcoind(environment: NodeJS.ProcessEnv = process.env): string | undefined {
  const named = environment.RUNNEL_BITCOIND;
  if (named) return isExecutable(named) ? resolve(named) : undefined;
  // Above the sources, and above the compiled programs in dist/.
  const installed = ['../../', '../../../'].map((up) =>
    fileURLToPath(new URL(`${up}.bitcoind/bin/bitcoind`, import.meta.url)),
  );
  const onPath = (environment.PATH ?? '').split(delimiter).map((folder) => join(folder || '.', 'bitcoind'));
  return [...installed, ...onPath].find(isExecutable);
}

export interface RegtestOptions {
  readonly folder: string;
  readonly rpcPort: number;
  /** Where to publish notices of blocks; nowhere if it is left out. */
  readonly zmqPort?: number | undefined;
}

/** The arguments of a bitcoind on a regtest chain of its own: no peers, no wallet, the rules of the real networks. */
export function regtestArguments({ folder, rpcPort, zmqPort }: RegtestOptions): string[] {
  return [
    `-datadir=${folder}`,
    '-chain=regtest',
    '-server',
    `-rpcport=${rpcPort}`,
    '-listen=0',
    '-connect=0',
    '-disablewallet',
    // Regtest would take what nobody relays elsewhere.
    '-acceptnonstdtxn=0',
    '-par=1',
    '-printtoconsole=1',
    '-debuglogfile=0',
    ...(zmqPort === undefined ? [] : [`-zmqpubhashblock=tcp://127.0.0.1:${zmqPort}`]),
  ];
}

/** Where a regtest bitcoind puts its cookie. */
export function regtestCookieFile(folder: string): string {
  return join(folder, 'regtest', '.cookie');
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
