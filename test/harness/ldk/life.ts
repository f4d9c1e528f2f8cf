/** An LDK node between a start and a stop: its timers, its sockets, and the chain that it follows. */
import type { BlockRef, ChainEvent } from '../../../src/chain/chain.ts';
import { LdkCore, type LdkWorld } from './core.ts';
import type { LdkEvents } from './events.ts';
import { LdkSockets } from './socket.ts';

const PUMP_INTERVAL_MS = 20;
const PEER_TICK_MS = 10_000;
const CHANNEL_TICK_MS = 60_000;

export class LdkLife {
  readonly core: LdkCore;
  readonly sockets: LdkSockets;
  /** What the library failed with: a panic, which ends the node. */
  failure: Error | undefined;
  /** The block that it has worked through last. */
  seen: BlockRef;
  port = 0;
  readonly #world: LdkWorld;
  readonly #events: LdkEvents;
  readonly #timers = new Set<NodeJS.Timeout>();
  #unfollow = (): void => {};
  #isStopped = false;

  private constructor(world: LdkWorld, events: LdkEvents, seen: BlockRef) {
    this.#world = world;
    this.#events = events;
    this.seen = seen;
    this.core = new LdkCore(world, seen);
    this.sockets = new LdkSockets(this.core.peers, () => this.pump());
  }

  /** With what the store has, if anything, on that port; `seen` is the block from which it goes on. */
  static async start(world: LdkWorld, events: LdkEvents, seen: BlockRef, port: number): Promise<LdkLife> {
    const life = new LdkLife(world, events, seen);
    await life.core.catchUp(seen.height);
    life.port = await life.sockets.listen(port);
    life.#every(PUMP_INTERVAL_MS, () => {});
    life.#every(PEER_TICK_MS, () => life.core.peers.timer_tick_occurred());
    life.#every(CHANNEL_TICK_MS, () => life.core.manager.timer_tick_occurred());
    const fail = (error: Error): void => life.#fail(error);
    life.#unfollow = world.chain.follow(seen, (event) => life.#onChain(event), fail);
    return life;
  }

  /** Handles what has happened, writes it down, and has LDK send what follows. */
  pump(): void {
    this.#guard(() => {
      for (const event of this.core.takeEvents()) {
        this.#events.handle(this.core, event, (delayMs, task) => this.#later(delayMs, task));
      }
      this.core.save();
      this.core.peers.process_events();
      this.core.save();
    });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#unfollow();
    for (const timer of this.#timers) clearTimeout(timer);
    await this.sockets.close();
    if (this.failure === undefined) this.core.saveAll();
    await this.#world.chain.sent();
  }

  #every(ms: number, task: () => void): void {
    this.#timers.add(setInterval(() => this.#run(task), ms));
  }

  #later(delayMs: number, task: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#run(task);
    }, delayMs);
    this.#timers.add(timer);
  }

  #run(task: () => void): void {
    this.#guard(task);
    this.pump();
  }

  async #onChain(event: ChainEvent): Promise<void> {
    const { wallet, chain } = this.#world;
    const raw = await chain.block(event.block);
    if (this.#isStopped) return;
    if (event.type === 'blockConnected') {
      this.#guard(() => this.core.connectBlock(raw));
      wallet.connect(event.block);
      this.#events.connect(event.block.transactions.map((transaction) => transaction.getId()));
      this.seen = { height: event.block.height, hash: event.block.hash };
    } else {
      this.#guard(() => this.core.disconnectBlock(raw));
      wallet.disconnect(event.block.height);
      this.seen = event.below;
    }
    this.pump();
  }

  #guard(task: () => void): void {
    if (this.failure !== undefined) return;
    try {
      task();
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #fail(error: Error): void {
    this.failure ??= error;
    this.#world.log.add(`failed: ${error.stack}`);
  }
}
