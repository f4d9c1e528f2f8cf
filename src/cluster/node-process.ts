/** A node of the cluster: a `runneld` process with its data folder, and the typed client of its API. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createActor, waitFor, type ActorRefFrom } from 'xstate';
import { API_FILE, removeApiFile } from '../api/access.ts';
import { createClient, findApi, type Client, type Output } from '../api/client.ts';
import type { ChainProcess } from './chain-process.ts';
import { nodeLifeMachine, nodeStateOf, type NodeLifeEvent, type NodeState } from './node-life.ts';
import type { ManagedProcess, ProcessGroup } from './process.ts';
import { waitUntil } from './wait.ts';

const START_TIMEOUT_MS = 60_000;
/** The chain is next door: blocks should be seen soon. */
const CHAIN_POLL_MS = 100;

/** Where an API answers, and what it lets in. */
export type ApiPlace = NonNullable<ReturnType<typeof findApi>>;

export interface NodeOptions {
  readonly name: string;
  readonly dataDir: string;
  readonly logPath: string;
  /** Where peers find it. */
  readonly port: number;
  /** Where Lightning nodes find it; 0 takes any free one. */
  readonly lightningPort?: number;
  /** 0 takes any free one. */
  readonly apiPort: number;
  readonly chain: ChainProcess;
  /** How often it asks the chain for blocks. */
  readonly chainPollMs?: number;
  /** More of the daemon's flags. */
  readonly flags?: readonly string[];
}

export class NodeProcess {
  readonly options: NodeOptions;
  readonly #life: ActorRefFrom<typeof nodeLifeMachine>;
  #process: ManagedProcess | undefined;
  #api: ApiPlace | undefined;
  #client: Client | undefined;
  #info: Output<'getinfo'> | undefined;

  private constructor(group: ProcessGroup, options: NodeOptions) {
    this.options = options;
    this.#life = createActor(nodeLifeMachine, {
      input: {
        run: async () => {
          this.#process = spawnDaemon(group, options);
          await this.#process.ended;
          return this.#process.failure();
        },
        answer: () => this.#waitForApi(),
        terminate: () => void this.process.stop(),
        kill: () => this.process.killNow(),
      },
    });
    this.#life.start();
  }

  /**
   * Starts a node with the data folder's state, or a new one; resolves once its API answers. Throws
   * `ProcessFailedError`.
   */
  static async start(group: ProcessGroup, options: NodeOptions): Promise<NodeProcess> {
    const node = new NodeProcess(group, options);
    await node.restart();
    return node;
  }

  get name(): string {
    return this.options.name;
  }

  get state(): NodeState {
    return nodeStateOf(this.#life.getSnapshot());
  }

  get process(): ManagedProcess {
    return this.#started(this.#process);
  }

  /** Where its API answers, or answered last, and the token. */
  get api(): ApiPlace {
    return this.#started(this.#api);
  }

  get client(): Client {
    return this.#started(this.#client);
  }

  get id(): string {
    return this.#started(this.#info).nodeId;
  }

  get apiPort(): number {
    return this.#started(this.#info).apiPort;
  }

  /** Multiaddr for its peers. */
  get address(): string {
    return `/ip4/127.0.0.1/tcp/${this.options.port}`;
  }

  /** Tells of each change of the state, until what it returns is called. */
  onChange(listener: (state: NodeState) => void): () => void {
    let before = this.state;
    const { unsubscribe } = this.#life.subscribe((snapshot) => {
      const state = nodeStateOf(snapshot);
      if (state === before) return;
      before = state;
      listener(state);
    });
    return unsubscribe;
  }

  /**
   * Starts it, after it has ended in order where it runs: the same folder, the same ports. Resolves once it answers, or
   * is down because it was told to be meanwhile; throws what keeps it from starting.
   */
  async restart(): Promise<void> {
    await this.#command('restart');
    const { failure } = this.#life.getSnapshot().context;
    if (failure !== undefined) throw failure;
  }

  /** Ends it in order, if it runs. Resolves when it is down, or up again because it was told to be meanwhile. */
  stop(): Promise<void> {
    return this.#command('stop');
  }

  /** The same as a crash would. */
  kill(): Promise<void> {
    return this.#command('kill');
  }

  async #command(type: NodeLifeEvent['type']): Promise<void> {
    this.#life.send({ type });
    await waitFor(this.#life, (snapshot) => snapshot.hasTag('settled'));
  }

  #started<Value>(value: Value | undefined): Value {
    if (value === undefined) throw new TypeError(`${this.name} has not been started`);
    return value;
  }

  async #waitForApi(): Promise<void> {
    const { dataDir, name } = this.options;
    const { process } = this;
    await waitUntil(`${name} answers`, START_TIMEOUT_MS, () => {
      process.assertRunning();
      return existsSync(join(dataDir, API_FILE)) ? undefined : `no ${API_FILE} stands in ${dataDir}`;
    });
    const api = findApi(dataDir);
    if (api === undefined) throw process.failure();
    const client = createClient(api);
    this.#info = await client.getinfo();
    this.#api = api;
    this.#client = client;
  }
}

function spawnDaemon(
  group: ProcessGroup,
  { name, dataDir, logPath, port, lightningPort = 0, apiPort, chain, chainPollMs = CHAIN_POLL_MS, flags = [] }: NodeOptions,
): ManagedProcess {
  // One that was killed has left its own, which would pass for this one's.
  removeApiFile(dataDir);
  const config = {
    '--datadir': dataDir,
    '--alias': name,
    '--network': 'regtest',
    '--listen': `/ip4/127.0.0.1/tcp/${port}`,
    '--lightning-listen': `127.0.0.1:${lightningPort}`,
    '--api-port': apiPort,
    '--chain-rpc-url': chain.url,
    '--chain-rpc-cookie-file': chain.cookieFile,
    '--chain-poll-interval-ms': chainPollMs,
  };
  const args = Object.entries(config).flatMap(([flag, value]) => [flag, String(value)]);
  return group.start({ name, program: 'runneld', args: [...args, ...flags], logPath });
}
