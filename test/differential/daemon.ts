import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { HttpChainRpc } from '../../src/chain/rpc.ts';

const BITCOIND = resolve('.bitcoind/bin/bitcoind');

/** Whether there is a bitcoind to hold the embedded chain against (`scripts/install-bitcoind`). */
export const hasBitcoind = existsSync(BITCOIND);

/** A bitcoind of its own on an empty regtest chain. */
export class Daemon {
  readonly rpc: HttpChainRpc;
  readonly #process: ChildProcess;
  readonly #folder: string;

  private constructor(rpc: HttpChainRpc, process: ChildProcess, folder: string) {
    this.rpc = rpc;
    this.#process = process;
    this.#folder = folder;
  }

  static async start(args: readonly string[]): Promise<Daemon> {
    const folder = mkdtempSync(join(tmpdir(), 'runnel-differential-'));
    const port = await freePort();
    const child = spawn(
      BITCOIND,
      [
        `-datadir=${folder}`, '-regtest', '-server', '-listen=0', '-connect=0', '-dnsseed=0', '-disablewallet', '-par=1',
        `-rpcport=${port}`, '-txindex', ...args,
      ],
      { stdio: 'ignore' },
    );
    const cookieFile = join(folder, 'regtest', '.cookie');
    const rpc = new HttpChainRpc({ host: '127.0.0.1', port, credentials: { cookieFile }, timeoutMs: 120_000 });
    const daemon = new Daemon(rpc, child, folder);
    for (let attempt = 0; ; attempt++) {
      try {
        await rpc.call('getblockcount');
        return daemon;
      } catch (error) {
        if (attempt > 600 || child.exitCode !== null) {
          await daemon.stop();
          throw error;
        }
        await new Promise((go) => setTimeout(go, 50));
      }
    }
  }

  async stop(): Promise<void> {
    this.rpc.close();
    if (this.#process.exitCode === null) {
      const exited = new Promise((go) => this.#process.once('exit', go));
      this.#process.kill('SIGTERM');
      await exited;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function freePort(): Promise<number> {
  return new Promise((go, fail) => {
    const server = createServer();
    server.once('error', fail);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => (typeof address === 'object' && address !== null ? go(address.port) : fail(new Error('no port'))));
    });
  });
}
