import { toString } from 'uint8arrays';
import { expect } from 'vitest';
import type { HtlcNotice } from '../../machines/channel/effects.ts';
import type { Fees, ForwardingPolicy } from '../../machines/forwarding/rules.ts';
import { sha256 } from '../../protocols/crypto/hash.ts';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import { signChannelUpdate } from '../../protocols/gossip/channel-update.ts';
import type { ChannelDirectory, OwnChannel } from '../../src/payments/directory.ts';
import { PaymentHub } from '../../src/payments/hub.ts';
import type { PaymentsNotice, UnexpectedEvent } from '../../src/payments/records.ts';
import { directionOf } from '../../src/routing/channel.ts';
import { ChannelGraph } from '../../src/routing/graph.ts';
import { Liquidity } from '../../src/routing/liquidity.ts';
import type { LocalChannel } from '../../src/routing/request.ts';
import { Router } from '../../src/routing/router.ts';
import { Dispatcher } from '../../src/runtime/dispatcher.ts';
import { VirtualClock } from '../../src/runtime/virtual-clock.ts';
import { openDatabase, type Database } from '../../src/storage/database.ts';
import { FakeChannels, type EndRow, type Message } from './payments-fake-channels.ts';

export const CHAIN_HASH = sha256(new TextEncoder().encode('chain'));

export const DEFAULT_POLICY: ForwardingPolicy = {
  feeBaseMsat: 1_000,
  feeProportionalMillionths: 100,
  cltvExpiryDelta: 40,
  htlcMinimumMsat: 1n,
  htlcMaximumMsat: 50_000_000n,
};

/** One node: a real hub, router and dispatcher over fake channels, and a database that outlives its crashes. */
export class FakeNode {
  readonly name: string;
  readonly net: FakeNet;
  readonly secret: Uint8Array;
  readonly nodeId: string;
  readonly database: Database = openDatabase({ path: ':memory:' });
  readonly policies = new Map<number, ForwardingPolicy>();
  readonly olderFees = new Map<number, readonly Fees[]>();
  readonly notices: { channelIndex: number; notice: HtlcNotice }[] = [];
  readonly published: PaymentsNotice[] = [];
  readonly unexpected: UnexpectedEvent[] = [];
  /** What the next transactions do: fail, so that the turn is discarded; or be the last thing before the node dies. */
  fate: 'discard' | 'die' | undefined;
  isUp = false;
  /** Counts the node's lives. */
  life = 0;
  channels!: FakeChannels;
  hub!: PaymentHub;
  router!: Router;
  dispatcher!: Dispatcher;
  #nextRandom = 0;

  constructor(net: FakeNet, name: string) {
    this.net = net;
    this.name = name;
    this.secret = sha256(new TextEncoder().encode(name));
    this.nodeId = toString(secp256k1.publicKey(this.secret), 'hex');
  }

  boot(): void {
    const life = ++this.life;
    this.isUp = true;
    this.channels = new FakeChannels(this);
    this.router = new Router({
      self: this.nodeId,
      chainHash: CHAIN_HASH,
      graph: this.net.graph,
      liquidity: new Liquidity(this.net.clock),
      localChannels: () => this.localChannels(),
    });
    this.hub = new PaymentHub({
      database: this.database,
      signer: {
        ecdh: (key) => secp256k1.ecdh(key, this.secret),
        signInvoice: (hash) => secp256k1.signRecoverable(hash, this.secret),
      },
      router: this.router,
      directory: this.#directory(),
      clock: this.net.clock,
      randomBytes: (size) => sha256(new TextEncoder().encode(`${this.name} ${this.#nextRandom++}`)).slice(0, size),
      currency: 'bcrt',
      inTurn: (work) => this.dispatcher.inTurn(work),
      publish: (notice) => void this.published.push(notice),
      onUnexpected: (unexpected) => void this.unexpected.push(unexpected),
    });
    this.dispatcher = new Dispatcher({
      database: { transaction: (work) => this.#transaction(work) },
      channels: this.channels,
      payments: this.hub,
      schedule: (run) =>
        this.net.later(() => {
          if (this.isUp && this.life === life) run();
        }),
      onDiscarded: (error) => {
        if (!(error instanceof Error) || error.message !== 'discarded by the test') throw error;
        this.#reconnectAll();
      },
      onReleaseFailed: (error) => {
        throw error;
      },
    });
    const start = (): Promise<void> =>
      this.hub.start().catch(() => (this.isUp && this.life === life ? start() : undefined));
    void start();
    this.#reconnectAll();
  }

  /** As after kill -9: what is on disk stays. */
  kill(): void {
    this.isUp = false;
    this.fate = undefined;
    this.dispatcher.stop();
    this.hub.stop();
    for (const { link } of this.channels.ends.values()) this.net.drop(link);
  }

  restart(): void {
    if (this.isUp) this.kill();
    this.boot();
  }

  isOnline(link: string): boolean {
    return this.net.peerOn(link, this).isUp;
  }

  transmit(link: string, message: Message): void {
    if (this.isUp) this.net.transmit(link, this, message);
  }

  receive(link: string, message: Message): void {
    const index = this.channelTo(link);
    void this.dispatcher.inTurn((turn) => this.channels.receive(index, message, turn)).catch(() => {});
  }

  channelTo(link: string): number {
    return [...this.channels.ends.values()].find((end) => end.link === link)!.index;
  }

  get localMsat(): bigint {
    return [...this.channels.ends.values()].reduce((sum, { localMsat }) => sum + localMsat, 0n);
  }

  /** HTLCs that stand in its channels. */
  get htlcCount(): number {
    return [...this.channels.ends.values()].reduce(
      (sum, end) => sum + Object.keys(end.offered).length + Object.keys(end.received).length,
      0,
    );
  }

  #transaction<T>(work: () => T): T {
    const { fate } = this;
    this.fate = undefined;
    const result = this.database.transaction(() => {
      const value = work();
      if (fate === 'discard') throw new Error('discarded by the test');
      return value;
    });
    if (fate === 'die') this.kill();
    return result;
  }

  #reconnectAll(): void {
    for (const { index, link } of this.channels.ends.values()) {
      this.dispatcher.submit({ to: 'channel', channelIndex: index, event: { type: 'restored' } });
      this.net.drop(link);
      this.net.reconnect(link);
    }
  }

  localChannels(): LocalChannel[] {
    return [...this.channels.ends.values()].map(({ scid, peer, localMsat, link }) => ({
      shortChannelId: scid,
      peer: this.net.node(peer).nodeId,
      spendableMsat: localMsat,
      htlcMinimumMsat: 1n,
      htlcMaximumMsat: 1_000_000_000n,
      online: this.isOnline(link),
    }));
  }

  #directory(): ChannelDirectory {
    const ownChannel = ({ index, peer, link, scid, isShuttingDown = false }: EndRow): OwnChannel => ({
      channelIndex: index,
      peer: this.net.node(peer).nodeId,
      policy: this.policies.get(index) ?? DEFAULT_POLICY,
      olderFees: this.olderFees.get(index) ?? [],
      isDisabled: isShuttingDown,
      isUsable: this.isOnline(link),
      isAnnounced: this.net.graph.channel(scid) !== undefined,
      receivableMsat: 1_000n,
      inbound: { shortChannelId: scid, feeBaseMsat: 1_000, feeProportionalMillionths: 100, cltvExpiryDelta: 40 },
    });
    return {
      blockHeight: () => this.net.height,
      byShortChannelId: (scid) => {
        const end = [...this.channels.ends.values()].find((candidate) => candidate.scid === scid);
        return end && ownChannel(end);
      },
      channels: () => [...this.channels.ends.values()].map(ownChannel),
      channelUpdate: (index, shortChannelId) => {
        const policy = this.policies.get(index) ?? DEFAULT_POLICY;
        const direction = directionOf(this.nodeId, this.net.node(this.channels.ends.get(index)!.peer).nodeId);
        const fields = {
          chainHash: CHAIN_HASH,
          shortChannelId,
          direction,
          disabled: false,
          dontForward: false,
          timestamp: 2,
          ...policy,
        };
        return signChannelUpdate(fields, (hash) => secp256k1.sign(hash, this.secret)).raw;
      },
      isUnwelcome: (index) => this.channels.ends.get(index)?.isShuttingDown === true,
      offeredHtlcs: (index) =>
        Object.values(this.channels.ends.get(index)?.offered ?? {}).map(({ details }) => details),
    };
  }
}

interface Link {
  readonly name: string;
  readonly ends: readonly [string, string];
  readonly queues: Map<string, Message[]>;
}

/** Nodes, channels between them and one clock. Nothing moves unless it is told to. */
export class FakeNet {
  readonly clock = new VirtualClock(1_800_000_000_000);
  readonly graph = new ChannelGraph();
  height = 500;
  readonly #nodes = new Map<string, FakeNode>();
  readonly #links = new Map<string, Link>();
  #tasks: (() => void)[] = [];

  node(name: string): FakeNode {
    let node = this.#nodes.get(name);
    if (node === undefined) this.#nodes.set(name, (node = new FakeNode(this, name)));
    return node;
  }

  get nodes(): FakeNode[] {
    return [...this.#nodes.values()];
  }

  /** A channel with so much on either side, told to everyone unless it is `isPrivate`. Before the nodes are booted. */
  open(from: string, to: string, localMsat: bigint, remoteMsat: bigint, options: { isPrivate?: boolean } = {}): string {
    const number = this.#links.size;
    const name = `${from}-${to}-${number}`;
    const scid = (BigInt(100 + number) << 40n) | (1n << 16n);
    this.#links.set(name, {
      name,
      ends: [from, to],
      queues: new Map([
        [from, []],
        [to, []],
      ]),
    });
    for (const [owner, peer, balance] of [
      [from, to, localMsat],
      [to, from, remoteMsat],
    ] as const) {
      const node = this.node(owner);
      node.channels ??= new FakeChannels(node);
      const index = node.channels.ends.size + 10;
      node.channels.open({
        index,
        link: name,
        peer,
        scid,
        localMsat: balance,
        nextLocalId: 0n,
        nextRemoteId: 0n,
        offered: {},
        received: {},
      });
    }
    if (options.isPrivate !== true) this.#announce(scid, from, to, localMsat + remoteMsat);
    return name;
  }

  boot(): this {
    for (const node of this.nodes) node.boot();
    return this;
  }

  later(task: () => void): void {
    this.#tasks.push(task);
  }

  peerOn(link: string, node: FakeNode): FakeNode {
    const [a, b] = this.#links.get(link)!.ends;
    return this.node(node.name === a ? b : a);
  }

  transmit(link: string, from: FakeNode, message: Message): void {
    this.#links.get(link)!.queues.get(this.peerOn(link, from).name)!.push(message);
  }

  /** What is on the link is lost. */
  drop(link: string): void {
    for (const queue of this.#links.get(link)!.queues.values()) queue.length = 0;
  }

  reconnect(link: string): void {
    const nodes = this.#links.get(link)!.ends.map((name) => this.node(name));
    if (!nodes.every(({ isUp }) => isUp)) return;
    for (const node of nodes) node.channels.resend(node.channelTo(link));
  }

  /**
   * All that could happen next: a turn that waits, or a message that arrives (of each link and direction the first).
   */
  get choices(): (() => void)[] {
    const messages = [...this.#links.values()].flatMap(({ name, queues }) =>
      [...queues]
        .filter(([to, queue]) => queue.length > 0 && this.node(to).isUp)
        .map(
          ([to, queue]) =>
            () =>
              this.node(to).receive(name, queue.shift()!),
        ),
    );
    const tasks = this.#tasks.map((task) => () => {
      this.#tasks.splice(this.#tasks.indexOf(task), 1);
      task();
    });
    return [...tasks, ...messages];
  }

  /** Until nothing is left to do but wait; promises settle too. */
  async settle(): Promise<void> {
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      const [next] = this.choices;
      if (next === undefined) return;
      next();
    }
  }

  /** A new block, told to everyone. */
  mine(blocks = 1): void {
    this.height += blocks;
    for (const node of this.nodes)
      node.dispatcher.submit({ to: 'payments', event: { type: 'blockHeight', height: this.height } });
  }

  close(): void {
    for (const node of this.nodes) node.database.close();
  }

  #announce(shortChannelId: bigint, from: string, to: string, capacityMsat: bigint): void {
    const [nodeId1, nodeId2] = [this.node(from).nodeId, this.node(to).nodeId].sort() as [string, string];
    this.graph.addChannel({ shortChannelId, nodeId1, nodeId2, capacityMsat, usable: true });
    for (const direction of [0, 1] as const) {
      this.graph.applyUpdate(shortChannelId, direction, { timestamp: 1, disabled: false, ...DEFAULT_POLICY });
    }
  }
}

export const hex = (bytes: Uint8Array): string => toString(bytes, 'hex');

/** Does what can be done, one thing after the other, without waiting for promises. */
export function run(net: FakeNet, steps = Infinity): number {
  let done = 0;
  for (; done < steps; done++) {
    const [next] = net.choices;
    if (next === undefined) break;
    next();
  }
  return done;
}

export const quietly = (promise: Promise<unknown>): void => void promise.catch(() => {});

/** What may befall a node. */
export const fates = {
  killed: (node: FakeNode) => node.kill(),
  'killed after its next write': (node: FakeNode) => void (node.fate = 'die'),
  'unable to write its next turn': (node: FakeNode) => void (node.fate = 'discard'),
};

/** Every node runs again, and nothing more befalls it. */
export function revive(net: FakeNet): void {
  for (const node of net.nodes) {
    node.fate = undefined;
    if (!node.isUp) node.boot();
  }
}

/** The end of a test: no chart met an event that it has no answer for. */
export function finish(net: FakeNet): void {
  for (const node of net.nodes) expect(node.unexpected, node.name).toEqual([]);
  net.close();
}
