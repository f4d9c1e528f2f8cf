import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Transaction } from 'bitcoinjs-lib';
import { defaultPolicy, type ChannelPolicy } from '../../machines/channel/policy.ts';
import { MESSAGE_TYPE_NUMBERS } from '../../protocols/wire/messages.ts';
import { EventHub } from '../../src/api/events.ts';
import type { ChainRpc } from '../../src/chain/chain.ts';
import { ChainUnavailableError } from '../../src/chain/errors.ts';
import { RpcChain } from '../../src/chain/rpc-chain.ts';
import { hexOf } from '../../src/channels/channel-store.ts';
import { inlineSignatures } from '../../src/gossip/signature-checker.ts';
import type { Signer } from '../../src/keys/signer-api.ts';
import type { Logger } from '../../src/logging.ts';
import type { MemoryHub } from '../../src/network/memory-network.ts';
import type { Network, NodeId } from '../../src/network/network.ts';
import type { Recovery } from '../../src/node/backups.ts';
import type { ChosenPolicy } from '../../src/node/forwarding-policies.ts';
import { Node } from '../../src/node/node.ts';
import type { VirtualClock } from '../../src/runtime/virtual-clock.ts';
import { openDatabase, type Database } from '../../src/storage/database.ts';
import { APPLICATION_ID } from '../../src/storage/database-file.ts';
import { REGTEST_CHAIN_HASH, signerOf } from './channel-pair.ts';
import type { MeshChain } from './mesh-chain.ts';
import { MeshProcess } from './mesh-process.ts';
import type { Seeded } from './seeded.ts';

/** What all nodes of a mesh share. */
export interface MeshWorld {
  readonly clock: VirtualClock;
  readonly hub: MemoryHub;
  readonly chain: MeshChain;
  readonly policyOf: (name: string) => Partial<ChannelPolicy>;
  /** Notes what happens, for whoever must find out why a seed fails. */
  readonly trace: (line: () => string) => void;
  /** What must not happen between honest nodes whose disks work. */
  readonly problem: (what: string) => void;
}

/** Fees that tell one hop from another, so that a wrong one does not cancel out. */
export const MESH_FORWARDING = { feeBaseMsat: 1_001, feeProportionalMillionths: 1_003, cltvExpiryDelta: 34 };
/** Fees that follow balances change often enough to be met with in a short life. */
export const MESH_FEE_UPDATE_RATE = { intervalMs: 60_000, burst: 2 };
/** One block is deep enough where nobody cheats; the rest is what a daemon has. */
export const MESH_POLICY = { ...defaultPolicy, minimumDepth: 1, reasonableDepth: 2, irrevocableDepth: 3 };

/** How often nodes look for blocks: each look costs more than anything else that happens in quiet times. */
const POLL_INTERVAL_MS = 2_000;
/** A busy node takes its turns late: what comes meanwhile shares one. */
const MAX_TURN_DELAY_MS = 3;

/** One node of a mesh through all its lives: what outlives a process, and the process that runs now, if one does. */
export class MeshNode {
  readonly name: string;
  readonly nodeId: NodeId;
  database: Database = openDatabase({ path: ':memory:' });
  /** The channel backup in its data folder. */
  backup: string | undefined;
  /** What its next process is to bring back. */
  recovery: Recovery | undefined;
  /** The ids of the transactions that it has given to the chain. */
  readonly broadcasts = new Set<string>();
  /** What its next process asks for forwarding, other than all do. */
  forwarding: Partial<ChosenPolicy> = {};
  /** Its chain backend does not answer. */
  isChainAway = false;
  /** Asked of each message before it leaves, by its type and the peer's id: whether it is lost. */
  loses: (type: string, to: NodeId) => boolean = () => false;
  readonly #world: MeshWorld;
  readonly #random: Seeded;
  readonly #signer: Signer;
  #lives = 0;
  #crashes = 0;
  #failedCommits = 0;
  #running: { readonly process: MeshProcess; readonly node: Node } | undefined;

  constructor(name: string, world: MeshWorld, random: Seeded) {
    this.name = name;
    this.#world = world;
    this.#random = random;
    this.#signer = cachedSigner(name);
    this.nodeId = hexOf(this.#signer.node.nodeId);
  }

  get isUp(): boolean {
    return this.#running?.process.isAlive === true;
  }

  /** How often its process was ended, and how often a commit was made to fail. */
  get mishaps(): { readonly crashes: number; readonly failedCommits: number } {
    return { crashes: this.#crashes, failedCommits: this.#failedCommits };
  }

  /** What its present process has come to: see `MeshProcess.progress`. */
  get progress(): { readonly boundaries: number; readonly commits: number } {
    return this.#running?.process.progress ?? { boundaries: 0, commits: 0 };
  }

  /** The node that runs now. */
  get node(): Node {
    if (this.#running === undefined || !this.isUp) throw new Error(`${this.name} is down`);
    return this.#running.node;
  }

  /** Begins a process, which may end while it starts. */
  start(): void {
    if (this.isUp) return;
    const process = new MeshProcess({
      ended: () => {
        this.#crashes += 1;
        this.#world.trace(() => `${this.name} ends`);
        this.#world.hub.crash(this.nodeId);
      },
      commitFailed: () => {
        this.#failedCommits += 1;
        this.#world.trace(() => `a commit of ${this.name} fails`);
      },
    });
    const life = (this.#lives += 1);
    this.#world.trace(() => `${this.name} starts its process ${life}`);
    process.run(() => {
      const node = this.#make(process);
      this.#running = { process, node };
      node.start().catch((error: unknown) => {
        if (process.isAlive) this.#world.problem(`${this.name} did not start: ${String(error)}`);
      });
    });
  }

  /** Does something with the node that it may not survive. */
  act(action: (node: Node) => void): void {
    const { node } = this;
    this.#running?.process.run(() => action(node));
  }

  /** `kill -9`. */
  crash(): void {
    this.#running?.process.end();
  }

  /** The process is to end at the `boundaries`-th effect from now on: before a commit, between two messages, before a broadcast… */
  crashAfter(boundaries: number): void {
    this.#running?.process.endAfter(boundaries);
  }

  /** The `count`-th commit from now on is to fail: for want of space, with which no node goes on, or for a fault in what was written. */
  failCommit(count: number, failure: 'storage_full' | 'storage_constraint'): void {
    this.#running?.process.failCommit(count, failure);
  }

  /** Takes back what `crashAfter` and `failCommit` said, unless it has come true. */
  spare(): void {
    if (this.#running === undefined) return;
    const { process } = this.#running;
    process.endAfter(Infinity);
    if (!process.hasFailedCommit) process.failCommit(Infinity, 'storage_full');
  }

  /** The data folder is gone, all but the seed. To be called while the node is down. */
  loseData(): void {
    this.database = openDatabase({ path: ':memory:' });
    this.backup = undefined;
  }

  /** The database as it is now, to be put back: a file in a folder of its own. */
  copyDatabase(): Database {
    const folder = mkdtempSync(join(tmpdir(), 'runnel-mesh-'));
    const path = join(folder, 'copy.db');
    this.database.run(`PRAGMA application_id = ${APPLICATION_ID}`);
    this.database.run('VACUUM INTO ?', path);
    return openDatabase({ path });
  }

  /** An orderly end. */
  async stop(): Promise<void> {
    if (this.#running === undefined || !this.isUp) return;
    const { node, process } = this.#running;
    this.#world.trace(() => `${this.name} stops`);
    await node.stop().catch((error: unknown) => {
      // It may be killed while it stops.
      if (process.isAlive) throw error;
    });
    process.end();
  }

  #make(process: MeshProcess): Node {
    const { clock: worldClock, hub, chain, problem } = this.#world;
    const { name } = this;
    const clock = process.clock(worldClock);
    const turns = this.#random.fork(`turns ${this.#lives}`);
    const random = this.#random.fork(`secrets ${this.#lives}`);
    return new Node({
      database: process.database(this.database),
      signer: this.#signer,
      chain: new RpcChain({
        rpc: process.rpc(this.#noted(chain.rpc)),
        clock,
        pollIntervalMs: POLL_INTERVAL_MS,
        onAvailability: (reason) => this.#running?.node.chainAnswers(reason),
      }),
      chainName: 'regtest',
      chainHash: REGTEST_CHAIN_HASH,
      network: process.network(this.#traced(hub.network(this.nodeId))),
      clock,
      signatures: inlineSignatures,
      randomBytes: (size) => random.bytes(size),
      logger: this.#logger(process),
      events: new EventHub((error) => problem(`${name}: a listener threw ${String(error)}`)),
      channelPolicy: { ...MESH_POLICY, ...this.#world.policyOf(name) },
      forwardingPolicy: { ...MESH_FORWARDING, ...this.forwarding },
      feeUpdateRate: MESH_FEE_UPDATE_RATE,
      // Many checkpoints, each of which must be what follows from the journal before it.
      journalLimits: { checkpointEntries: 12, keepEntries: 0 },
      profile: { alias: name, rgbColor: Uint8Array.of(1, 2, 3), announce: [] },
      addressGap: 4,
      backupFile: {
        read: () => this.backup,
        write: (text) => void (this.backup = text),
        setAside: () => 'aside',
      },
      ...(this.recovery && { recovery: this.recovery }),
      schedule: (run) => void clock.setTimer(turns.between(0, MAX_TURN_DELAY_MS), run),
      onFatal: (error) => {
        if (process.isAlive && !process.hasFailedCommit) problem(`${name} cannot go on: ${String(error)}`);
        process.end();
      },
    });
  }

  #noted(rpc: ChainRpc): ChainRpc {
    return {
      call: async (method, parameters) => {
        if (this.isChainAway) throw new ChainUnavailableError('the chain was made to be away');
        const raw = method === 'sendrawtransaction' || method === 'submitpackage' ? [parameters].flat(2) : [];
        for (const hex of raw) if (typeof hex === 'string') this.broadcasts.add(Transaction.fromHex(hex).getId());
        return rpc.call(method, parameters);
      },
    };
  }

  #traced(network: Network): Network {
    const { trace, problem } = this.#world;
    const send = (nodeId: NodeId, messages: readonly Uint8Array[]): void => {
      const leaving = messages.filter((message) => !this.loses(typeOf(message), nodeId));
      for (const message of leaving) {
        const type = typeOf(message);
        trace(() => `${this.name} sends ${type} to ${nodeId.slice(0, 6)}`);
        if (type !== 'error' && type !== 'warning') continue;
        const text = Buffer.from(message.subarray(36)).toString();
        // Whoever was away while a channel came to its end asks for it in vain.
        if (text !== 'unknown channel') problem(`${this.name} sends ${type} to ${nodeId.slice(0, 6)}: ${text}`);
      }
      if (leaving.length > 0) network.send(nodeId, leaving);
    };
    return new Proxy(network, { get: (target, key) => (key === 'send' ? send : bound(target, key)) });
  }

  #logger(process: MeshProcess): Logger {
    const { trace, problem } = this.#world;
    const note = (level: string) => (fields: unknown, message?: string): void => {
      if (!process.isAlive) return;
      const text = (): string => `${this.name} ${level}: ${message ?? ''} ${describe(fields)}`;
      trace(text);
      if (level === 'error' && !process.hasFailedCommit) problem(text());
    };
    const silent = (): void => {};
    return { trace: silent, debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') } as unknown as Logger;
  }
}

const names = new Map(Object.entries(MESSAGE_TYPE_NUMBERS).map(([name, number]) => [number, name]));

const typeOf = (message: Uint8Array): string => {
  const number = ((message[0] ?? 0) << 8) | (message[1] ?? 0);
  return names.get(number) ?? String(number);
};

function bound(target: object, key: string | symbol): unknown {
  const value: unknown = Reflect.get(target, key, target);
  return typeof value === 'function' ? value.bind(target) : value;
}

function describe(fields: unknown): string {
  if (typeof fields !== 'object' || fields === null) return String(fields);
  const { err, ...rest } = fields as { err?: unknown };
  const error = err instanceof Error ? `${err.stack}${err.cause instanceof Error ? `\n  because ${err.cause.stack}` : ''}` : '';
  const plain = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value);
  return `${JSON.stringify(rest, plain)} ${error}`;
}

const signers = new Map<string, Signer>();

/** Keys are derived once a name and process: they cost more than the rest of a small simulation. */
function cachedSigner(name: string): Signer {
  let signer = signers.get(name);
  if (signer === undefined) {
    const made = signerOf(name);
    const publicKeys = new Map<string, Uint8Array>();
    const publicKey: Signer['onchain']['publicKey'] = (path) => {
      const key = `${path.chain}/${path.index}`;
      let found = publicKeys.get(key);
      if (found === undefined) publicKeys.set(key, (found = made.onchain.publicKey(path)));
      return found;
    };
    signers.set(name, (signer = { ...made, onchain: { ...made.onchain, publicKey } }));
  }
  return signer;
}
