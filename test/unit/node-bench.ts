import { Transaction } from 'bitcoinjs-lib';
import { fromString } from 'uint8arrays';
import { createChannel, newChannelData, type ChannelActor } from '../../machines/channel/channel.ts';
import type { ChannelContext } from '../../machines/channel/context.ts';
import type { ChannelData } from '../../machines/channel/data.ts';
import type { ChannelEffect } from '../../machines/channel/effects.ts';
import type { ExternalChannelEvent } from '../../machines/channel/events.ts';
import { defaultPolicy } from '../../machines/channel/policy.ts';
import { fundingOutput } from '../../machines/commitment/funding.ts';
import { sha256 } from '../../protocols/crypto/hash.ts';
import { decodeMessage, encodeMessage, type Message } from '../../protocols/wire/messages.ts';
import type { Block } from '../../src/chain/chain.ts';
import { ChannelManager, type ChannelWorld } from '../../src/channels/channel-manager.ts';
import { ChannelStore, hexOf } from '../../src/channels/channel-store.ts';
import { defaultJournalLimits, type JournalLimits } from '../../src/channels/journal.ts';
import type { LiveChannel } from '../../src/channels/live-channel.ts';
import type { NodeId } from '../../src/network/network.ts';
import type { Signer } from '../../src/keys/signer-api.ts';
import { ChainFeed } from '../../src/node/chain-feed.ts';
import { ChannelOpener } from '../../src/node/channel-opener.ts';
import { PeerRouter } from '../../src/node/peer-router.ts';
import { wireMessage } from '../../src/runtime/channel-wire.ts';
import { Dispatcher } from '../../src/runtime/dispatcher.ts';
import type { PaymentsEvent, Turn } from '../../src/runtime/turn.ts';
import { VirtualClock } from '../../src/runtime/virtual-clock.ts';
import { openDatabase, type Database } from '../../src/storage/database.ts';
import { Wallet } from '../../src/wallet/wallet.ts';
import { REGTEST_CHAIN_HASH, signerOf } from '../harness/channel-pair.ts';
import { silentLog } from './node-kit.ts';

const policy = { ...defaultPolicy, minimumDepth: 2 };
const digest = (text: string): Uint8Array => sha256(new TextEncoder().encode(text));
export const idOf = (name: string): NodeId => hexOf(signerOf(name).node.nodeId);

/** What goes wrong, for as long as a test wants it to. */
export interface Fate {
  /** Called inside the turn's transaction, after everything was written. */
  beforeCommit?: () => void;
  /** Called whenever a channel needs its signer. */
  onSigner?: (channelIndex: number) => void;
}

/** Every bench of the present test. */
export const benches: Bench[] = [];

/**
 * The parts of a node that take what peers and the chain say, with a real store. Nothing happens before `turn` is
 * called. What leaves is noted, and must not leave before its turn is on disk.
 */
export class Bench {
  readonly nodeId = idOf('bob');
  readonly clock = new VirtualClock(1_000_000);
  readonly fate: Fate = {};
  /** What left, in order. */
  readonly left: ({ readonly to: NodeId; readonly message: Message } | string)[] = [];
  readonly payments: PaymentsEvent[] = [];
  readonly discarded: unknown[] = [];
  readonly releaseFailures: unknown[] = [];
  readonly broadcasts: Transaction[] = [];
  commits = 0;
  readonly database: Database;
  readonly channels: ChannelManager;
  readonly wallet: Wallet;
  readonly feed: ChainFeed;
  readonly opener: ChannelOpener;
  readonly router: PeerRouter;
  readonly dispatcher: Dispatcher;
  readonly store: ChannelStore;
  /** Who is connected. */
  readonly up = new Set<NodeId>();
  blockHeight = 100;
  readonly #journalLimits: JournalLimits;
  #scheduled: (() => void) | undefined;
  #isCommitted = false;
  #addresses = 0;

  constructor(database = openDatabase({ path: ':memory:' }), journalLimits = defaultJournalLimits) {
    this.database = database;
    this.#journalLimits = journalLimits;
    benches.push(this);
    const signer = this.#faultySigner(signerOf('bob'));
    this.store = new ChannelStore(database);
    this.channels = new ChannelManager({ store: this.store, signer, clock: this.clock, policy, world: this.#world(), journalLimits });
    this.wallet = new Wallet({ database, signer: signer.onchain, network: 'regtest', gapLimit: 2 });
    this.feed = new ChainFeed({ database, wallet: this.wallet, channels: this.channels });
    this.dispatcher = new Dispatcher({
      database: { transaction: (work) => this.#transaction(work) },
      channels: this.channels,
      payments: { handle: (event) => void this.payments.push(event), persist: () => {}, reset: () => {} },
      others: [this.feed],
      schedule: (run) => void (this.#scheduled = run),
      onDiscarded: (error) => {
        this.discarded.push(error);
        this.opener.abortLost('the turn was discarded');
      },
      onReleaseFailed: (error) => void this.releaseFailures.push(error),
    });
    const send = (to: NodeId, messages: readonly Uint8Array[]): void => this.#send(to, messages);
    this.opener = new ChannelOpener({
      channels: this.channels,
      dispatcher: this.dispatcher,
      clock: this.clock,
      randomBytes: (size) => digest(`random ${this.left.length} ${this.commits}`).subarray(0, size),
      chainHash: REGTEST_CHAIN_HASH,
      isUp: (nodeId) => this.up.has(nodeId),
      send,
      newScript: () => Uint8Array.from([0, 20, ...digest(`address ${this.#addresses++}`).subarray(0, 20)]),
      blockHeight: () => this.blockHeight,
    });
    this.router = new PeerRouter({
      channels: this.channels,
      dispatcher: this.dispatcher,
      opener: this.opener,
      clock: this.clock,
      logger: silentLog,
      send,
      onGossip: (nodeId) => void this.left.push(`gossip of ${nodeId}`),
      onPeer: () => {},
    });
    for (const { index } of this.channels.all()) {
      this.dispatcher.submit({ to: 'channel', channelIndex: index, event: { type: 'restored' } });
    }
  }

  /** As after kill -9: a new process on the same disk. */
  restarted(): Bench {
    const next = new Bench(this.database, this.#journalLimits);
    next.blockHeight = this.blockHeight;
    next.turn();
    return next;
  }

  /** Runs turns until none waits. What a discarded one brought back from disk is told so with the next call. */
  turn(): void {
    for (const channelIndex of this.channels.takeReloaded()) {
      this.dispatcher.submit({ to: 'channel', channelIndex, event: { type: 'restored' } });
    }
    for (let run = this.#scheduled; run !== undefined; run = this.#scheduled) {
      this.#scheduled = undefined;
      this.#isCommitted = false;
      run();
    }
  }

  connect(name: string): void {
    this.up.add(idOf(name));
    this.router.onPeerUp(idOf(name));
    this.turn();
  }

  disconnect(name: string): void {
    this.up.delete(idOf(name));
    this.router.onPeerDown(idOf(name));
    this.turn();
  }

  /** Queues a message of that peer's, without a turn. */
  queue(name: string, message: Message): void {
    this.router.onMessage(idOf(name), message, encodeMessage(message));
  }

  /** A message of that peer's, in a turn of its own; returns what left. */
  receive(name: string, message: Message): Message[] {
    const before = this.left.length;
    this.queue(name, message);
    this.turn();
    return this.left.slice(before).flatMap((each) => (typeof each === 'string' ? [] : [each.message]));
  }

  /** A block in a turn of its own. */
  block(block: Partial<Block> = {}): void {
    this.blockHeight = block.height ?? this.blockHeight + 1;
    const { blockHeight: height } = this;
    const whole = { height, hash: hashAt(height), previousHash: hashAt(height - 1), transactions: [], ...block };
    this.dispatcher.run((turn) => this.feed.handle({ type: 'blockConnected', block: whole }, turn));
    this.turn();
  }

  /** Takes the last block off. */
  unblock(): void {
    const block = { height: this.blockHeight, hash: hashAt(this.blockHeight) };
    this.blockHeight -= 1;
    const below = { height: this.blockHeight, hash: hashAt(this.blockHeight) };
    this.dispatcher.run((turn) => this.feed.handle({ type: 'blockDisconnected', block, below }, turn));
    this.turn();
  }

  run(work: (turn: Turn) => void): void {
    this.dispatcher.run(work);
    this.turn();
  }

  /** The only channel with that peer. */
  channelOf(name: string): LiveChannel {
    const [channel, ...more] = this.channels.ofPeer(idOf(name));
    if (channel === undefined || more.length > 0) throw new Error(`expected one channel with ${name}`);
    return channel;
  }

  /** Rows of a table. */
  count(table: 'channels' | 'journal' | 'htlcs'): number {
    return this.database.get<{ count: number }>(`SELECT count(*) AS count FROM ${table}`)?.count ?? 0;
  }

  #faultySigner(signer: Signer): Signer {
    const channel: Signer['channel'] = (index) =>
      new Proxy(signer.channel(index), {
        get: (target, key) => {
          if (key !== 'publicKeys') this.fate.onSigner?.(index);
          const value: unknown = Reflect.get(target, key, target);
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
    return { ...signer, channel };
  }

  #transaction<T>(work: () => T): T {
    const result = this.database.transaction(() => {
      const done = work();
      this.fate.beforeCommit?.();
      return done;
    });
    this.#isCommitted = true;
    this.commits += 1;
    return result;
  }

  #send(to: NodeId, messages: readonly Uint8Array[]): void {
    for (const bytes of messages) this.#leave({ to, message: decodeMessage(bytes) });
  }

  #leave(what: Bench['left'][number]): void {
    if (!this.#isCommitted) throw new Error(`left before the commit: ${JSON.stringify(what)}`);
    this.left.push(what);
  }

  #world(): ChannelWorld {
    return {
      send: (to, messages) => this.#send(to, messages),
      // After a turn that was discarded links end too: that promises nothing.
      disconnect: (nodeId) => void this.left.push(`disconnect ${nodeId}`),
      broadcastFunding: (raw) => {
        this.#leave('broadcast funding');
        this.broadcasts.push(Transaction.fromBuffer(raw));
      },
      broadcastEnding: (transaction) => {
        this.#leave('broadcast ending');
        this.broadcasts.push(transaction);
      },
      fundChannel: (channelIndex) => this.#leave(`fund ${channelIndex}`),
      releaseFunding: (channelIndex) => void this.left.push(`release ${channelIndex}`),
      announce: () => this.#leave('announce'),
      changed: (channel) => this.opener.changed(channel),
    };
  }
}

export const preimage = (seed: number): Uint8Array => new Uint8Array(32).fill(seed);
export const hashAt = (height: number): string => hexOf(digest(`block ${height}`));

export interface RemoteOptions {
  readonly name?: string;
  readonly channelIndex?: number;
  readonly isOpener?: boolean;
  readonly temporaryChannelId?: Uint8Array;
  readonly fundingSatoshis?: bigint;
}

export interface ProposeOptions {
  readonly pushMsat?: bigint;
  /** The funding that is named: that of `funding` unless it is a lie. */
  readonly outpoint?: { readonly txid: Uint8Array; readonly outputIndex: number };
}

/** The other end of one of the bench's channels: a machine with a real signer, moved by the test alone. */
export class Remote {
  readonly name: string;
  readonly funding: Transaction;
  outbox: Message[] = [];
  readonly #bench: Bench;
  readonly #options: RemoteOptions;
  readonly #actor: ChannelActor;
  #effects: ChannelEffect[] = [];

  constructor(bench: Bench, options: RemoteOptions = {}) {
    const { name = 'alice', channelIndex = 0, isOpener = true, fundingSatoshis = 1_000_000n } = options;
    this.#bench = bench;
    this.#options = options;
    this.name = name;
    const { node } = signerOf(name);
    const channel = signerOf(name).channel(channelIndex);
    const data = newChannelData({
      channelIndex,
      isOpener,
      openedAtHeight: 100,
      localNodeId: node.nodeId,
      remoteNodeId: fromString(bench.nodeId, 'base16'),
      chainHash: REGTEST_CHAIN_HASH,
      temporaryChannelId: options.temporaryChannelId ?? digest(`temporary ${name} ${channelIndex}`),
      fundingSatoshis,
      announce: false,
      feeratePerKw: 1_000,
      openingFeeratePerKw: 1_000,
      publicKeys: channel.publicKeys,
      shutdownScript: Uint8Array.from([0, 20, ...digest(name).subarray(0, 20)]),
      policy,
    });
    this.#actor = createChannel(data, {
      policy,
      localPoint: (number) => channel.perCommitmentPoint(number),
      emit: (effect) => void this.#effects.push(effect),
    });
    this.funding = new Transaction();
  }

  get data(): ChannelData {
    return this.#actor.getSnapshot().context.data;
  }

  get context(): ChannelContext {
    return this.#actor.getSnapshot().context;
  }

  /** The bench knows the funding, too. */
  get hasFunding(): boolean {
    return this.data.localSignatures !== undefined;
  }

  /** Gives this end an event; what it says waits in its outbox. */
  send(event: ExternalChannelEvent): void {
    this.#effects = [];
    this.#actor.send(event);
    const { node, channel } = signerOf(this.name);
    const keys = { node, channel: channel(this.#options.channelIndex ?? 0) };
    for (const effect of this.#effects) {
      const message = wireMessage(effect, this.data, keys);
      if (message !== undefined) this.outbox.push(message);
    }
  }

  /** Moves messages between both ends until they are still. What left before `from` is not looked at. */
  settle(from = this.#bench.left.length): void {
    for (let at = from; ; ) {
      this.send({ type: 'turnEnded' });
      for (const message of this.outbox.splice(0)) this.#bench.receive(this.name, message);
      const news = this.#bench.left.slice(at);
      at += news.length;
      for (const each of news) {
        if (typeof each === 'string' || each.to !== idOf(this.name)) continue;
        this.send({ type: 'message', message: each.message });
      }
      if (news.length === 0 && this.outbox.length === 0) return;
    }
  }

  /** Both ends lose the link, and find each other again. */
  reconnect(): void {
    this.send({ type: 'disconnected' });
    this.outbox = [];
    this.#bench.disconnect(this.name);
    const at = this.#bench.left.length;
    this.send({ type: 'connected' });
    this.#bench.connect(this.name);
    this.settle(at);
  }

  /** Offers an HTLC whose preimage is 32 times `seed`, without a word to the bench yet. */
  offer(seed: number, amountMsat = 10_000_000n): void {
    this.send({
      type: 'addHtlc',
      reference: `htlc ${seed}`,
      amountMsat,
      paymentHash: sha256(preimage(seed)),
      cltvExpiry: 500,
      onionRoutingPacket: new Uint8Array(1366),
    });
  }

  /** Opens the channel up to funding_created, which waits in the outbox. */
  propose(options: ProposeOptions = {}): void {
    this.send({ type: 'open', pushMsat: options.pushMsat ?? 0n });
    const [open] = this.outbox.splice(0);
    for (const message of this.#bench.receive(this.name, open!)) this.send({ type: 'message', message });
    const { local, remote, fundingSatoshis } = this.data;
    if (remote === undefined) throw new Error('the bench did not accept');
    this.funding.version = 2;
    this.funding.addInput(digest(`coin ${this.name} ${this.data.channelIndex}`), 0);
    this.funding.addOutput(fundingOutput(local.fundingPubkey, remote.fundingPubkey).scriptPubkey, fundingSatoshis);
    const { txid, outputIndex } = options.outpoint ?? { txid: this.funding.getHash(), outputIndex: 0 };
    this.send({ type: 'fundingReady', transaction: this.funding.toBuffer(), txid, outputIndex });
  }

  /** Opens the channel up to where it waits for its funding. */
  reachConfirming(options: ProposeOptions = {}): void {
    this.propose(options);
    this.settle();
  }

  /** Opens the channel up to its normal state. */
  reachNormal(options: ProposeOptions = {}): void {
    this.reachConfirming(options);
    this.confirm();
  }

  /** Mines the funding, deep enough for both. */
  confirm(): void {
    const at = this.#bench.left.length;
    this.#bench.block({ transactions: [new Transaction(), this.funding] });
    const blockHeight = this.#bench.blockHeight;
    this.#bench.block();
    const { value: amountSat, script } = this.funding.outs[0]!;
    this.send({ type: 'fundingDepth', depth: 2, blockHeight, transactionIndex: 1, amountSat, script });
    this.settle(at);
  }
}

/** A bench to which these peers are connected. */
export function benchWith(...names: string[]): Bench {
  const bench = new Bench();
  for (const name of names) bench.connect(name);
  return bench;
}
