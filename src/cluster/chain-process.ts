/** The cluster's chain: the embedded regtest chain, or a bitcoind on regtest, in a process of its own. */
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { payments, networks } from 'bitcoinjs-lib';
import { z } from 'zod';
import { ChainUnavailableError } from '../chain/errors.ts';
import { HttpChainRpc } from '../chain/rpc.ts';
import { NoBitcoindError, findBitcoind, regtestArguments, regtestCookieFile } from './bitcoind.ts';
import { freePorts } from './ports.ts';
import type { ManagedProcess, ProcessGroup } from './process.ts';
import { waitUntil } from './wait.ts';

const START_TIMEOUT_MS = 30_000;

/** Nobody has the key: what is mined here is out of the game. */
const NOBODY = payments.p2wpkh({ hash: new Uint8Array(20), network: networks.regtest }).address ?? '';

export const chainKinds = ['embedded', 'bitcoind'] as const;
export type ChainKind = (typeof chainKinds)[number];

export interface ChainOptions {
  readonly kind: ChainKind;
  /** Where the chain lives, or is to live. */
  readonly folder: string;
  readonly logPath: string;
}

interface Endpoint {
  readonly port: number;
  readonly cookieFile: string;
}

export class ChainProcess {
  readonly kind: ChainKind;
  readonly process: ManagedProcess;
  readonly rpc: HttpChainRpc;
  readonly url: string;
  readonly cookieFile: string;

  /** Of a process that answers there. */
  constructor(kind: ChainKind, process: ManagedProcess, { port, cookieFile }: Endpoint) {
    this.kind = kind;
    this.process = process;
    this.url = `http://127.0.0.1:${port}`;
    this.cookieFile = cookieFile;
    this.rpc = new HttpChainRpc({ host: '127.0.0.1', port, credentials: { cookieFile } });
  }

  /** Resolves once the chain answers. Throws `NoBitcoindError` or `ProcessFailedError`. */
  static start(group: ProcessGroup, options: ChainOptions): Promise<ChainProcess> {
    return options.kind === 'bitcoind' ? startBitcoind(group, options) : startEmbedded(group, options);
  }

  /** Mines blocks, to an address of a node's or to nobody. */
  async mine(blocks: number, address = NOBODY): Promise<void> {
    await this.rpc.call('generatetoaddress', [blocks, address]);
  }

  async height(): Promise<number> {
    return z.int().parse(await this.rpc.call('getblockcount'));
  }

  /** Txids of what waits for a block. */
  async mempool(): Promise<readonly string[]> {
    return z.array(z.string()).parse(await this.rpc.call('getrawmempool'));
  }
}

async function startEmbedded(group: ProcessGroup, { kind, folder, logPath }: ChainOptions): Promise<ChainProcess> {
  const portFile = join(folder, 'rpcport');
  // One that was killed has left its own.
  rmSync(portFile, { force: true });
  const process = group.start({ name: 'chain', program: 'chain', args: ['--datadir', folder], logPath });
  let port = 0;
  await waitUntil('the chain answers', START_TIMEOUT_MS, () => {
    process.assertRunning();
    port = readPort(portFile);
    return port === 0 ? `no port stands in ${portFile}` : undefined;
  });
  return new ChainProcess(kind, process, { port, cookieFile: join(folder, '.cookie') });
}

async function startBitcoind(group: ProcessGroup, { kind, folder, logPath }: ChainOptions): Promise<ChainProcess> {
  const bitcoind = findBitcoind();
  if (bitcoind === undefined) throw new NoBitcoindError();
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const [rpcPort = 0, zmqPort] = await freePorts(2);
  const cookieFile = regtestCookieFile(folder);
  // One that was killed has left its own, which would not be let in.
  rmSync(cookieFile, { force: true });
  const args = [bitcoind, ...regtestArguments({ folder, rpcPort, zmqPort })];
  const process = group.start({ name: 'chain', program: 'guard', args, logPath });
  const chain = new ChainProcess(kind, process, { port: rpcPort, cookieFile });
  await waitUntil('bitcoind answers', START_TIMEOUT_MS, async () => {
    process.assertRunning();
    try {
      await chain.height();
      return undefined;
    } catch (error) {
      if (error instanceof ChainUnavailableError) return error.message;
      throw error;
    }
  });
  return chain;
}

function readPort(path: string): number {
  try {
    return Number(readFileSync(path, 'utf8'));
  } catch {
    return 0;
  }
}
