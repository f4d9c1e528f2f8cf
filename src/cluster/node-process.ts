/** A node of the cluster: a `runneld` process with its data folder, and the typed client of its API. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { API_FILE, removeApiFile } from '../api/access.ts';
import { createClient, findApi, type Client, type Output } from '../api/client.ts';
import type { ChainProcess } from './chain-process.ts';
import type { ManagedProcess, ProcessGroup } from './process.ts';
import { waitUntil } from './wait.ts';

const START_TIMEOUT_MS = 60_000;
/** The chain is next door: blocks should be seen soon. */
const CHAIN_POLL_MS = 100;

export interface NodeOptions {
  readonly name: string;
  readonly dataDir: string;
  readonly logPath: string;
  /** Where peers find it. */
  readonly port: number;
  /** 0 takes any free one. */
  readonly apiPort: number;
  readonly chain: ChainProcess;
  /** More of the daemon's flags. */
  readonly flags?: readonly string[];
}

export class NodeProcess {
  readonly options: NodeOptions;
  readonly #group: ProcessGroup;
  #process: ManagedProcess;
  #client: Client | undefined;
  #info: Output<'getinfo'> | undefined;

  private constructor(group: ProcessGroup, options: NodeOptions, process: ManagedProcess) {
    this.#group = group;
    this.options = options;
    this.#process = process;
  }

  /**
   * Starts a node with the data folder's state, or a new one; resolves once its API answers. Throws
   * `ProcessFailedError`.
   */
  static async start(group: ProcessGroup, options: NodeOptions): Promise<NodeProcess> {
    const node = new NodeProcess(group, options, spawnDaemon(group, options));
    await node.#waitForApi();
    return node;
  }

  get name(): string {
    return this.options.name;
  }

  get process(): ManagedProcess {
    return this.#process;
  }

  get client(): Client {
    if (this.#client === undefined) throw new TypeError(`${this.name} has not been started`);
    return this.#client;
  }

  get id(): string {
    return this.#started.nodeId;
  }

  get apiPort(): number {
    return this.#started.apiPort;
  }

  /** Multiaddr for its peers. */
  get address(): string {
    return `/ip4/127.0.0.1/tcp/${this.options.port}`;
  }

  /** Starts it again after its process was stopped or killed: the same folder, the same ports. */
  async restart(): Promise<void> {
    this.#process = spawnDaemon(this.#group, this.options);
    await this.#waitForApi();
  }

  get #started(): Output<'getinfo'> {
    if (this.#info === undefined) throw new TypeError(`${this.name} has not been started`);
    return this.#info;
  }

  async #waitForApi(): Promise<void> {
    const { dataDir, name } = this.options;
    await waitUntil(`${name} answers`, START_TIMEOUT_MS, () => {
      this.#process.assertRunning();
      return existsSync(join(dataDir, API_FILE)) ? undefined : `no ${API_FILE} stands in ${dataDir}`;
    });
    const api = findApi(dataDir);
    if (api === undefined) throw this.#process.failure();
    this.#client = createClient(api);
    this.#info = await this.#client.getinfo();
  }
}

function spawnDaemon(
  group: ProcessGroup,
  { name, dataDir, logPath, port, apiPort, chain, flags = [] }: NodeOptions,
): ManagedProcess {
  // One that was killed has left its own, which would pass for this one's.
  removeApiFile(dataDir);
  const config = {
    '--datadir': dataDir,
    '--alias': name,
    '--network': 'regtest',
    '--listen': `/ip4/127.0.0.1/tcp/${port}`,
    '--api-port': apiPort,
    '--chain-rpc-url': chain.url,
    '--chain-rpc-cookie-file': chain.cookieFile,
    '--chain-poll-interval-ms': CHAIN_POLL_MS,
  };
  const args = Object.entries(config).flatMap(([flag, value]) => [flag, String(value)]);
  return group.start({ name, program: 'runneld', args: [...args, ...flags], logPath });
}
