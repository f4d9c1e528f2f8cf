/**
 * A Lightning node out of npm's `lightningdevkit`, in the process of the test: LDK's own channels, routing and peers,
 * with a small wallet, on Runnel's chain or bitcoind.
 */
import * as ldk from 'lightningdevkit';
import { fromString, toString } from 'uint8arrays';
import type { ChainRpc } from '../../../src/chain/chain.ts';
import { waitUntil } from '../../../src/cluster/wait.ts';
import { LdkChain } from './chain-sync.ts';
import { channelOf, type LdkChannel } from './channels.ts';
import { configuration, type ChangeConfig } from './config.ts';
import type { LdkCore, LdkWorld } from './core.ts';
import { LdkEvents, type ClosedChannel } from './events.ts';
import { hex, loadLdk, optional, present, unwrap, userChannelId } from './library.ts';
import { LdkLife } from './life.ts';
import { LdkLog } from './log.ts';
import { LdkPayments, type Claimable, type InvoiceSettings, type LdkPaymentResult, type PaySettings } from './payments.ts';
import { LdkStore } from './store.ts';
import { LdkWallet } from './wallet.ts';

const TIMEOUT_MS = 30_000;
const DEFAULT_FEERATE_PER_KW = 1_000;

export interface LdkOptions {
  readonly name: string;
  readonly chain: ChainRpc;
  /** 1 to 255; another for each node, and for each `Key` that a test has on the same chain. */
  readonly seed: number;
  readonly configure?: ChangeConfig;
  readonly level?: ldk.Level;
}

export interface OpenChannel {
  readonly fundingSat: bigint;
  readonly pushMsat?: bigint;
  readonly announce?: boolean;
}

export class LdkNode {
  readonly name: string;
  readonly wallet: LdkWallet;
  readonly payments: LdkPayments;
  readonly #world: LdkWorld;
  readonly #events: LdkEvents;
  #life!: LdkLife;
  #isStopped = false;

  private constructor(world: LdkWorld, name: string) {
    this.name = name;
    this.wallet = world.wallet;
    this.#world = world;
    this.payments = new LdkPayments(() => this.#live().manager, world.log);
    this.#events = new LdkEvents(world, this.payments);
  }

  /** A new node at the present tip of the chain. It sees coins that come later. */
  static async start({ name, chain: rpc, seed, configure = () => {}, level }: LdkOptions): Promise<LdkNode> {
    await loadLdk();
    const log = new LdkLog(level);
    const chain = new LdkChain(rpc, (line) => log.add(line));
    const fees = { feeratePerKw: DEFAULT_FEERATE_PER_KW };
    const config = configuration(configure);
    const world = { seed, config, chain, wallet: new LdkWallet(seed), store: new LdkStore(), log, fees };
    const node = new LdkNode(world, name);
    node.#life = await LdkLife.start(world, node.#events, await chain.tip(), 0);
    return node;
  }

  get nodeId(): string {
    return hex(this.#life.core.manager.get_our_node_id());
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  get address(): string {
    return `127.0.0.1:${this.#life.port}`;
  }

  /** The height of the block that it has worked through last. */
  get height(): number {
    return this.#life.seen.height;
  }

  /** Resolves when it is connected and both have said `init`. */
  async connect(nodeId: string, address: string): Promise<void> {
    const [host = '', port] = address.split(':');
    this.#live();
    await this.#life.sockets.connect(nodeId, host, Number(port));
    await this.until(`${this.name} is connected to ${nodeId}`, () => this.isConnected(nodeId));
  }

  isConnected(nodeId: string): boolean {
    return this.#live().peers.list_peers().some((peer) => hex(peer.get_counterparty_node_id()) === nodeId);
  }

  disconnect(nodeId: string): void {
    this.#live().peers.disconnect_by_node_id(fromString(nodeId, 'hex'));
    this.#life.pump();
  }

  /** Resolves with the channel once its funding is on the way; rejects with the reason where it comes to nothing. */
  async openChannel(nodeId: string, { fundingSat, pushMsat = 0n, announce = false }: OpenChannel): Promise<LdkChannel> {
    const id = userChannelId();
    const config = configuration((_, handshake) => handshake.set_announce_for_forwarding(announce), this.#world.config);
    const peer = fromString(nodeId, 'hex');
    unwrap('a channel', this.#live().manager.create_channel(peer, fundingSat, pushMsat, id, null, config));
    this.#life.pump();
    const isOurs = ({ userChannelId }: { userChannelId: bigint }): boolean => userChannelId === id;
    await this.until('the channel is funded', () => {
      const closed = this.#events.closed.find(isOurs);
      if (closed !== undefined) throw new Error(`the channel is closed: ${closed.reason}`);
      return this.#events.pending.some(isOurs);
    });
    const { channelId } = this.#events.pending.find(isOurs)!;
    return this.channels().find((channel) => channel.channelId === channelId)!;
  }

  channels(): LdkChannel[] {
    return this.#live().manager.list_channels().map(channelOf);
  }

  get closedChannels(): readonly ClosedChannel[] {
    return this.#events.closed;
  }

  /** What it has earned by forwarding. */
  get forwarded(): LdkEvents['forwarded'] {
    return this.#events.forwarded;
  }

  /** Begins a mutual close. Resolves with LDK's reason when the channel is closed, once no HTLC is pending. */
  async close(channelId: string): Promise<string> {
    const { id, peer } = this.#find(channelId);
    unwrap('the close', this.#live().manager.close_channel(id, peer));
    return this.#closed(channelId);
  }

  async forceClose(channelId: string): Promise<string> {
    const { id, peer } = this.#find(channelId);
    unwrap('the close', this.#live().manager.force_close_broadcasting_latest_txn(id, peer, 'the test wants it'));
    return this.#closed(channelId);
  }

  /** What of ended channels is not yet its own for good, in satoshi: LDK's "claimable balances". */
  claimableSat(): bigint[] {
    const { monitors, manager } = this.#live();
    return monitors.get_claimable_balances(manager.list_channels()).map((balance) => balance.claimable_amount_satoshis());
  }

  async invoice(settings: InvoiceSettings = {}): Promise<string> {
    this.#live();
    return this.payments.invoice(settings);
  }

  async pay(bolt11: string, settings?: PaySettings): Promise<LdkPaymentResult> {
    this.#live();
    return this.payments.pay(bolt11, settings);
  }

  async keysend(nodeId: string, amountMsat: bigint): Promise<LdkPaymentResult> {
    this.#live();
    return this.payments.keysend(nodeId, amountMsat);
  }

  /** From now on payments that come in wait for `claim` or `failHtlc`, or no longer do. */
  holdPayments(holds = true): void {
    this.payments.holds = holds;
  }

  /** Payments that wait. */
  get claimable(): readonly Claimable[] {
    return this.payments.claimable;
  }

  claim(hash: string): void {
    this.payments.claim(hash);
    this.#life.pump();
  }

  failHtlc(hash: string): void {
    this.payments.fail(hash);
    this.#life.pump();
  }

  /** What the wallet has in blocks. */
  onchainSat(): bigint {
    return this.wallet.confirmedSat;
  }

  /** Whether gossip has told it of that channel. */
  knowsChannel(shortChannelId: bigint): boolean {
    return this.#graph((graph) => present(graph.channel(shortChannelId)) !== undefined);
  }

  /** How many directions of a channel it has heard of: it routes through none of the others. */
  policiesOf(shortChannelId: bigint): number {
    return this.#graph((graph) => {
      const channel = present(graph.channel(shortChannelId));
      if (channel === undefined) return 0;
      return [channel.get_one_to_two(), channel.get_two_to_one()].filter((policy) => present(policy) !== undefined).length;
    });
  }

  /** Undefined until a node_announcement has told it. */
  aliasOf(nodeId: string): string | undefined {
    return this.#graph((graph) => {
      const node = present(graph.node(ldk.NodeId.constructor_from_pubkey(fromString(nodeId, 'hex'))));
      const info = node && optional<ldk.NodeAnnouncementInfo>(node.get_announcement_info());
      return info && toString(info.alias().get_a(), 'utf8').replace(/\0+$/, '');
    });
  }

  graphSize(): { readonly nodes: number; readonly channels: number } {
    return this.#graph((graph) => ({ nodes: graph.list_nodes().length, channels: graph.list_channels().length }));
  }

  /** Tells its peers its name. They take it once they know a channel of its. */
  announceNode(): void {
    const alias = new Uint8Array(32);
    alias.set(new TextEncoder().encode(this.name).subarray(0, 32));
    const address = ldk.SocketAddress.constructor_tcp_ip_v4(Uint8Array.of(127, 0, 0, 1), this.#life.port);
    this.#live().peers.broadcast_node_announcement(Uint8Array.of(0, 0, 0), alias, [address]);
    this.#life.pump();
  }

  /** What transactions pay from now on, in sat per 1,000 weight; channels that it opened follow with `update_fee`. */
  setFeerate(satPerKw: number): void {
    this.#world.fees.feeratePerKw = satPerKw;
    this.#live().manager.timer_tick_occurred();
    this.#life.pump();
  }

  log(): readonly string[] {
    return this.#world.log.lines;
  }

  /** Resolves when it has worked through the chain's tip and its answers to it are sent. */
  async synced(): Promise<void> {
    const { height } = await this.#world.chain.tip();
    await this.until(`${this.name} has seen block ${height}`, () => this.#life.seen.height >= height);
    this.#life.pump();
    await this.#world.chain.sent();
  }

  /** Waits until that is so. Throws with the end of its log otherwise, and what the library failed with. */
  async until(what: string, isSo: () => boolean): Promise<void> {
    await waitUntil(what, TIMEOUT_MS, () => (isSo() ? undefined : `not yet; LDK says:\n${this.#world.log.tail()}`));
  }

  /** Stops and starts anew with what it has written down, on the same port. */
  async restart(): Promise<void> {
    await this.stop();
    this.#life = await LdkLife.start(this.#world, this.#events, this.#life.seen, this.#life.port);
    this.#isStopped = false;
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    await this.#life.stop();
  }

  #live(): LdkCore {
    const { failure, core } = this.#life;
    if (failure !== undefined) throw new Error(`${this.name} has failed: ${failure.message}`, { cause: failure });
    if (this.#isStopped) throw new Error(`${this.name} is stopped`);
    return core;
  }

  #find(channelId: string): { id: ldk.ChannelId; peer: Uint8Array } {
    const found = this.#live().manager.list_channels().find((each) => hex(each.get_channel_id().get_a()) === channelId);
    if (found === undefined) throw new Error(`${this.name} has no channel ${channelId}`);
    return { id: found.get_channel_id(), peer: found.get_counterparty().get_node_id() };
  }

  async #closed(channelId: string): Promise<string> {
    this.#life.pump();
    const find = (): ClosedChannel | undefined => this.#events.closed.find((closed) => closed.channelId === channelId);
    await this.until(`channel ${channelId} is closed`, () => find() !== undefined);
    return find()!.reason;
  }

  /** A graph that is being read is locked until it is freed. */
  #graph<T>(read: (graph: ldk.ReadOnlyNetworkGraph) => T): T {
    const graph = this.#live().graph.read_only();
    try {
      return read(graph);
    } finally {
      graph.free();
    }
  }
}
