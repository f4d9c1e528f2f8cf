/** The cluster's chain: the embedded regtest chain in a process of its own. */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { payments, networks } from 'bitcoinjs-lib';
import { z } from 'zod';
import { HttpChainRpc } from '../chain/rpc.ts';
import type { ManagedProcess, ProcessGroup } from './process.ts';
import { waitUntil } from './wait.ts';

const START_TIMEOUT_MS = 30_000;

/** Nobody has the key: what is mined here is out of the game. */
const NOBODY = payments.p2wpkh({ hash: new Uint8Array(20), network: networks.regtest }).address ?? '';

export class ChainProcess {
  readonly process: ManagedProcess;
  readonly rpc: HttpChainRpc;
  readonly url: string;
  readonly cookieFile: string;

  private constructor(process: ManagedProcess, folder: string, port: number) {
    this.process = process;
    this.url = `http://127.0.0.1:${port}`;
    this.cookieFile = join(folder, '.cookie');
    this.rpc = new HttpChainRpc({ host: '127.0.0.1', port, credentials: { cookieFile: this.cookieFile } });
  }

  /** Starts the chain that lives in `folder`, or a new one; resolves once it answers. Throws `ProcessFailedError`. */
  static async start(group: ProcessGroup, folder: string, logPath: string): Promise<ChainProcess> {
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
    return new ChainProcess(process, folder, port);
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

function readPort(path: string): number {
  try {
    return Number(readFileSync(path, 'utf8'));
  } catch {
    return 0;
  }
}
