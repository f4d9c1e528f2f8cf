import type { Transaction } from 'bitcoinjs-lib';
import type { ChannelData } from '../../machines/channel/data.ts';
import type { ChannelPolicy } from '../../machines/channel/policy.ts';
import { addressToScript, bitcoinNetwork } from '../../src/wallet/address.ts';
import { createMemoryHub, type MemoryHub } from '../../src/network/memory-network.ts';
import { VirtualClock } from '../../src/runtime/virtual-clock.ts';
import { MeshChain, START_MS } from './mesh-chain.ts';
import { MeshNode, type MeshWorld } from './mesh-node.ts';
import { Seeded } from './seeded.ts';

export interface MeshOptions {
  /** The same seed and the same calls give the same journals. */
  readonly seed: string;
  readonly nodes: readonly string[];
  /** How long a message takes (milliseconds, chosen anew for each). */
  readonly minDelayMs?: number;
  readonly maxDelayMs?: number;
  /** What a node asks of its channels, other than all do. */
  readonly policyOf?: (name: string) => Partial<ChannelPolicy>;
}

export interface OpenOptions {
  readonly pushMsat?: bigint;
  readonly announce?: boolean;
}

/** What each node's wallet gets at the start, in as many coins. */
export const COINS_PER_NODE = 4;
export const COIN_SAT = 3_000_000n;
const FEERATE_PER_KW = 1_000;
/** Of virtual time. What takes longer hangs. */
const PATIENCE_MS = 30 * 60_000;
/** Of blocks that a mesh may need until all is settled. */
const MAX_ROUNDS = 60;
/** Of timers. What takes more runs in circles. */
const MAX_TIMERS = 100_000;

/** A mesh of whole nodes in one process on virtual time, over links in memory and one embedded chain. */
export class Mesh {
  readonly clock = new VirtualClock(START_MS);
  readonly random: Seeded;
  readonly hub: MemoryHub;
  readonly chain: MeshChain;
  readonly nodes: readonly MeshNode[];
  /** What must not happen and did. */
  readonly problems: string[] = [];
  readonly #trace: { readonly atMs: number; readonly line: () => string }[] = [];
  readonly #cuts = new Set<readonly [MeshNode, MeshNode]>();

  constructor({ seed, nodes, minDelayMs = 1, maxDelayMs = 20, policyOf = () => ({}) }: MeshOptions) {
    this.random = new Seeded(seed);
    const links = this.random.fork('links');
    this.hub = createMemoryHub({ clock: this.clock, random: () => links.next(), minDelayMs, maxDelayMs });
    this.chain = new MeshChain(this.clock);
    const world: MeshWorld = {
      clock: this.clock,
      hub: this.hub,
      chain: this.chain,
      policyOf,
      trace: (line) => this.trace(line),
      problem: (what) => void this.problems.push(`${this.#moment(this.clock.now())} ${what}`),
    };
    this.nodes = nodes.map((name) => new MeshNode(name, world, this.random.fork(name)));
  }

  /** A mesh whose nodes run and have coins. */
  static async create(options: MeshOptions): Promise<Mesh> {
    const mesh = new Mesh(options);
    for (const node of mesh.nodes) node.start();
    await mesh.runFor(100);
    const scripts = mesh.nodes.flatMap(({ node }) =>
      Array.from({ length: COINS_PER_NODE }, () => addressToScript(node.wallet.newAddress().address, bitcoinNetwork('regtest'))),
    );
    mesh.chain.fund(scripts, COIN_SAT);
    await mesh.everybodySees();
    return mesh;
  }

  trace(line: () => string): void {
    this.#trace.push({ atMs: this.clock.now(), line });
  }

  /** Everything that happened, a line each. */
  story(): string {
    return this.#trace.map(({ atMs, line }) => `${this.#moment(atMs)} ${line()}`).join('\n');
  }

  named(name: string): MeshNode {
    const found = this.nodes.find((node) => node.name === name);
    if (found === undefined) throw new Error(`there is no ${name}`);
    return found;
  }

  // Time.

  async runFor(durationMs: number): Promise<void> {
    await this.clock.run({ untilMs: this.clock.now() + durationMs, maxTimers: MAX_TIMERS });
  }

  /** Lets time pass until something holds. */
  async until(what: string, holds: () => boolean): Promise<void> {
    const deadlineMs = this.clock.now() + PATIENCE_MS;
    await this.clock.run({ untilMs: deadlineMs, until: holds, maxTimers: MAX_TIMERS });
    if (!holds()) throw new Error(`it did not happen within ${PATIENCE_MS / 60_000} minutes that ${what}`);
  }

  /** Lets time pass until the promise is settled. */
  async outcome<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const end = (): void => void (settled = true);
    promise.then(end, end);
    await this.until('the promise is settled', () => settled);
    return promise;
  }

  /** Every node that runs has worked through the chain. */
  async everybodySees(): Promise<void> {
    await this.until('all see the tip', () => this.nodes.every((node) => !node.isUp || node.isChainAway || node.node.feed.tip?.hash === this.chain.tipHash));
  }

  // The world.

  async mine(count: number): Promise<void> {
    this.trace(() => `${count} blocks are mined`);
    this.chain.mine(count);
    await this.everybodySees();
  }

  /** See `MeshChain.reorg`. */
  async reorg(depth: number, transactions: readonly Transaction[] = []): Promise<void> {
    this.trace(() => `${depth} blocks are reorganised`);
    this.chain.reorg(depth, transactions);
    await this.everybodySees();
  }

  cut(a: MeshNode, b: MeshNode): void {
    this.trace(() => `the link between ${a.name} and ${b.name} is cut`);
    this.#cuts.add([a, b]);
    this.hub.cut(a.nodeId, b.nodeId);
  }

  heal(a: MeshNode, b: MeshNode): void {
    this.trace(() => `the link between ${a.name} and ${b.name} is healed`);
    this.hub.heal(a.nodeId, b.nodeId);
  }

  /** Heals every link and starts every node that is down. */
  mend(): void {
    for (const [a, b] of this.#cuts) this.heal(a, b);
    for (const node of this.nodes) {
      node.spare();
      node.start();
    }
  }

  // What people do.

  async connect(a: MeshNode, b: MeshNode): Promise<void> {
    await a.node.peers.connect(b.nodeId);
  }

  /** Resolves once the funding is broadcast. */
  async openChannel(a: MeshNode, b: MeshNode, amountSat: bigint, { pushMsat = 0n, announce = true }: OpenOptions = {}): Promise<void> {
    this.trace(() => `${a.name} opens a channel of ${amountSat} sat with ${b.name}`);
    await this.connect(a, b);
    const feerates = { fundingFeeratePerKw: FEERATE_PER_KW, feeratePerKw: FEERATE_PER_KW };
    await a.node.opener.open({ nodeId: b.nodeId, amountSat, pushMsat, announce, ...feerates });
  }

  /** Resolves with the payment hash once the payer begins. */
  async pay(payer: MeshNode, payee: MeshNode, amountMsat: bigint): Promise<Uint8Array> {
    this.trace(() => `${payer.name} is to pay ${amountMsat} msat to ${payee.name}`);
    const { invoice } = await payee.node.payments.createInvoice({ amountMsat, description: 'a payment' });
    const { paymentHash } = await payer.node.payments.pay({ invoice: invoice ?? '' });
    return paymentHash;
  }

  async keysend(payer: MeshNode, payee: MeshNode, amountMsat: bigint): Promise<Uint8Array> {
    this.trace(() => `${payer.name} sends ${amountMsat} msat to ${payee.name} unasked`);
    const { paymentHash } = await payer.node.payments.keysend({ nodeId: payee.nodeId, amountMsat });
    return paymentHash;
  }

  /** Resolves with the random payment hash once the probe begins: of an invoice, which nobody pays, or to a node. */
  async probe(prober: MeshNode, payee: MeshNode, amountMsat: bigint, isOfInvoice: boolean): Promise<Uint8Array> {
    this.trace(() => `${prober.name} tries whether ${amountMsat} msat would come to ${payee.name}`);
    const made = isOfInvoice ? await payee.node.payments.createInvoice({ amountMsat, description: 'never paid' }) : undefined;
    const { paymentHash } = await prober.node.payments.probe({ target: made?.invoice ?? payee.nodeId, amountMsat });
    return paymentHash;
  }

  /** Asks for a mutual close of a channel by the node's own number of it. */
  async close(node: MeshNode, channelIndex: number): Promise<void> {
    this.trace(() => `${node.name} closes its channel ${channelIndex}`);
    await node.node.dispatcher.inTurn((turn) => {
      const event = { type: 'close', scriptpubkey: undefined, feeratePerKw: FEERATE_PER_KW } as const;
      turn.dispatch({ to: 'channel', channelIndex, event });
    });
  }

  // How it comes to rest.

  /** Whether nothing is under way any more: all is connected, confirmed and settled. */
  get isAtRest(): boolean {
    return !this.chain.hasUnconfirmed && this.nodes.every((node) => node.isUp && isAtRest(node));
  }

  /** Mends what is broken and lets everything come to an end, with blocks where something waits for them. */
  async settle(): Promise<void> {
    this.mend();
    for (let round = 0; round < MAX_ROUNDS && !this.isAtRest && this.problems.length === 0; round++) {
      await this.runFor(5_000);
      // Only what waits for blocks gets them: HTLCs that are out must not expire.
      if (this.chain.hasUnconfirmed || this.nodes.some(waitsForBlocks)) await this.mine(1);
    }
  }

  #moment(atMs: number): string {
    return `${((atMs - START_MS) / 1_000).toFixed(3)}s`;
  }
}

function isAtRest({ node }: MeshNode): boolean {
  const { payments, invoices, circuits } = node.payments.liveActors;
  if (payments + invoices + circuits > 0) return false;
  return [...node.channels.all()].every(
    ({ isUsable, htlcs, data, lifecycle }) =>
      (isUsable && htlcs.size === 0 && data.feeUpdates.length === 0) || isVoid(data, lifecycle),
  );
}

/**
 * The accepter's end of a channel whose opener forgot it before anything was at stake (its process ended before `funding_signed` came):
 * it was failed when the opener said that it knows no such channel, and its funding never existed.
 */
export const isVoid = ({ isOpener, confirmation }: ChannelData, lifecycle: unknown): boolean =>
  !isOpener && confirmation === undefined && lifecycle === 'failed';

const waitsForBlocks = ({ node }: MeshNode): boolean =>
  [...node.channels.all()].some(({ lifecycle }) => lifecycle === 'confirming' || lifecycle === 'closing');
