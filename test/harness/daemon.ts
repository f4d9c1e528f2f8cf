/** A `runneld` as a process of its own, on a bitcoind, with what it has logged. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient, findApi, type Client } from '../../src/api/client.ts';
import { ProcessGroup, type ManagedProcess } from '../../src/cluster/process.ts';
import { waitUntil } from '../../src/cluster/wait.ts';
import type { Bitcoind } from './bitcoind.ts';

const TIMEOUT_MS = 60_000;

/** Data folders and the processes on them, which end with the test file. */
export class Daemons {
  readonly #folder = mkdtempSync(join(tmpdir(), 'runnel-daemons-'));
  readonly #group = new ProcessGroup(() => {});

  /** Starts the daemon of that name, again with what it had where it was started before. */
  start(name: string, chain: Bitcoind, ...flags: readonly string[]): Daemon {
    const dataDir = join(this.#folder, name);
    mkdirSync(dataDir, { recursive: true });
    // One that was killed leaves its own.
    rmSync(join(dataDir, 'api.json'), { force: true });
    const logPath = join(this.#folder, `${name}.log`);
    rmSync(logPath, { force: true });
    const args = [
      '--datadir', dataDir, '--network', 'regtest', '--listen', '/ip4/127.0.0.1/tcp/0', '--lightning-listen', '127.0.0.1:0', '--api-port', '0',
      '--chain-rpc-url', chain.url, '--chain-rpc-cookie-file', chain.cookieFile, '--chain-poll-interval-ms', '50',
      ...flags,
    ];
    return new Daemon(dataDir, this.#group.start({ name, program: 'runneld', args, logPath }));
  }

  async stop(): Promise<void> {
    this.#group.killNow();
    await this.#group.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

export class Daemon {
  readonly dataDir: string;
  readonly process: ManagedProcess;

  constructor(dataDir: string, process: ManagedProcess) {
    this.dataDir = dataDir;
    this.process = process;
  }

  get log(): string {
    return existsSync(this.process.logPath) ? readFileSync(this.process.logPath, 'utf8') : '';
  }

  /** Resolves when it has logged this; rejects if it ends before. */
  async says(text: string, times = 1): Promise<void> {
    await waitUntil(`the daemon says "${text}"`, TIMEOUT_MS, () => {
      if (this.log.split(text).length > times) return undefined;
      this.process.assertRunning();
      return this.log;
    });
  }

  /** Its API, once it answers. */
  async client(): Promise<Client> {
    await this.says(' ready');
    return createClient(findApi(this.dataDir)!);
  }

  /** Waits until it has worked through the block of that height. */
  async reaches(height: number): Promise<void> {
    const client = await this.client();
    await waitUntil(`the daemon is at block ${height}`, TIMEOUT_MS, async () => {
      const seen = await client.getinfo().then(({ blockHeight }) => blockHeight, (error: Error) => error.message);
      return seen === height ? undefined : `it is at ${seen}`;
    });
  }

  /** Waits a while in which it must not log this. */
  async keepsQuietAbout(text: string, forMs = 1_500): Promise<void> {
    await sleep(forMs);
    this.process.assertRunning();
    if (this.log.includes(text)) throw new Error(`the daemon said "${text}": ${this.log}`);
  }
}
