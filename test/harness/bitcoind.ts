/** A real bitcoind for a test: `describe.skipIf(bitcoind === undefined)` where there is none. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ChainUnavailableError } from '../../src/chain/errors.ts';
import { HttpChainRpc } from '../../src/chain/rpc.ts';
import { findBitcoind, regtestArguments } from '../../src/cluster/bitcoind.ts';
import { freePorts } from '../../src/cluster/ports.ts';
import { waitUntil } from '../../src/cluster/wait.ts';

/** The program, if this machine has one: see `scripts/install-bitcoind`. */
export const bitcoind = findBitcoind();

/** Knots is stricter than Bitcoin Core unless it is told otherwise; what most of the network relays is the measure. */
export const usualPolicy: readonly string[] =
  bitcoind !== undefined && execFileSync(bitcoind, ['-version'], { encoding: 'utf8' }).includes('Knots')
    ? ['-corepolicy', '-mempooltruc=reject', '-minrelaytxfee=0.00001', '-incrementalrelayfee=0.00001']
    : ['-minrelaytxfee=0.00001', '-incrementalrelayfee=0.00001'];

const START_TIMEOUT_MS = 60_000;
/** Nobody has the key. */
const NOBODY = 'bcrt1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqdku202';

export type BitcoindNetwork = 'regtest' | 'signet';

export interface BitcoindOptions {
  readonly network?: BitcoindNetwork;
  /** Whether it publishes notices of blocks. */
  readonly zmq?: boolean;
  /** More of its arguments, with which it is started each time. */
  readonly args?: readonly string[];
}

/** A bitcoind with a data folder and ports of its own, which it keeps from one start to the next. */
export class Bitcoind {
  readonly folder: string;
  readonly port: number;
  readonly zmqPort: number;
  readonly cookieFile: string;
  readonly rpc: HttpChainRpc;
  readonly #options: BitcoindOptions;
  readonly #onExit = (): void => void this.#child?.kill('SIGKILL');
  #child: ChildProcess | undefined;
  #log = '';

  private constructor(options: BitcoindOptions, port: number, zmqPort: number) {
    this.folder = mkdtempSync(join(tmpdir(), 'runnel-bitcoind-'));
    this.port = port;
    this.zmqPort = zmqPort;
    this.cookieFile = join(this.folder, options.network ?? 'regtest', '.cookie');
    this.rpc = new HttpChainRpc({ host: '127.0.0.1', port, credentials: { cookieFile: this.cookieFile } });
    this.#options = options;
    process.on('exit', this.#onExit);
  }

  /** Starts one on an empty chain; resolves once it answers. */
  static async start(options: BitcoindOptions = {}): Promise<Bitcoind> {
    const [port = 0, zmqPort = 0] = await freePorts(2);
    const daemon = new Bitcoind(options, port, zmqPort);
    await daemon.restart();
    return daemon;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** What it has written since it was first started. */
  get log(): string {
    return this.#log;
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Starts it (again), with more arguments for this once, without waiting until it answers. */
  launch(...args: readonly string[]): void {
    if (bitcoind === undefined) throw new Error('no bitcoind: ./scripts/install-bitcoind');
    const { network = 'regtest', zmq = false, args: own = [] } = this.#options;
    const usual = regtestArguments({ folder: this.folder, rpcPort: this.port, zmqPort: zmq ? this.zmqPort : undefined });
    // Of options that are given twice, the last counts.
    this.#child = spawn(bitcoind, [...usual, `-chain=${network}`, ...own, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => (this.#log += text));
    }
  }

  /** Stops it in order if it runs, and starts it again; resolves once it answers. */
  async restart(...args: readonly string[]): Promise<void> {
    await this.#end('SIGTERM');
    this.launch(...args);
    await waitUntil('bitcoind answers', START_TIMEOUT_MS, async () => {
      if (!this.isRunning) throw new Error(`bitcoind has ended: ${this.#log.slice(-2_000)}`);
      try {
        await this.rpc.call('getblockcount');
        return undefined;
      } catch (error) {
        if (error instanceof ChainUnavailableError) return error.message;
        throw error;
      }
    });
  }

  /** Ends it at once, as a crash would; its folder stays. */
  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  /** Ends it in order; its folder stays. */
  halt(): Promise<void> {
    return this.#end('SIGTERM');
  }

  /** Ends it for good, and deletes its folder. */
  async stop(): Promise<void> {
    await this.#end('SIGKILL');
    this.rpc.close();
    process.off('exit', this.#onExit);
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Mines blocks on top of the best one, to nobody unless told otherwise; gives their hashes. */
  async mine(count = 1, address = NOBODY): Promise<string[]> {
    return (await this.rpc.call('generatetoaddress', [count, address])) as string[];
  }

  async tip(): Promise<{ readonly height: number; readonly hash: string }> {
    const { blocks, bestblockhash } = (await this.rpc.call('getblockchaininfo')) as { blocks: number; bestblockhash: string };
    return { height: blocks, hash: bestblockhash };
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined || !this.isRunning) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }
}
