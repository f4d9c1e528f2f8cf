import type { Clock } from '../runtime/clock.ts';

interface Item {
  readonly dueMs: number;
  readonly bytes: number;
  readonly deliver: () => void | Promise<void>;
}

/**
 * One direction of a link in memory: what goes in comes out in the same order, each item after a delay of its own.
 * An item whose delivery returns a promise holds up those behind it until the promise resolves.
 */
export class MemoryPipe {
  readonly #clock: Clock;
  readonly #delayMs: () => number;
  #items: Item[] = [];
  #lastDueMs = 0;
  #queuedBytes = 0;
  #cancelTimer: (() => void) | undefined;
  #delivering = false;
  #closed = false;

  constructor(clock: Clock, delayMs: () => number) {
    this.#clock = clock;
    this.#delayMs = delayMs;
  }

  /** Bytes on their way. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Puts an item on its way; what is sent after the pipe was closed is lost. */
  send(bytes: number, deliver: () => void | Promise<void>): void {
    if (this.#closed) return;
    this.#lastDueMs = Math.max(this.#lastDueMs, this.#clock.now() + this.#delayMs());
    this.#items.push({ dueMs: this.#lastDueMs, bytes, deliver });
    this.#queuedBytes += bytes;
    this.#schedule();
  }

  /** Takes nothing more: the first `keep` items still arrive, the others are lost, and `onEnd` runs after the last. */
  close(keep: number, onEnd: () => void): void {
    if (this.#closed) return;
    this.#items = this.#items.slice(0, keep);
    this.#lastDueMs = this.#items.at(-1)?.dueMs ?? this.#clock.now();
    this.send(0, onEnd);
    this.#closed = true;
  }

  /** Loses everything that is still on its way, the end of a close included. */
  destroy(): void {
    this.#closed = true;
    this.#items = [];
    this.#queuedBytes = 0;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  /** How many items are on their way. */
  get length(): number {
    return this.#items.length;
  }

  #schedule(): void {
    const next = this.#items[0];
    if (next === undefined || this.#delivering || this.#cancelTimer !== undefined) return;
    this.#cancelTimer = this.#clock.setTimer(next.dueMs - this.#clock.now(), () => {
      this.#cancelTimer = undefined;
      this.#deliverNext();
    });
  }

  #deliverNext(): void {
    const item = this.#items.shift();
    if (item === undefined) return;
    this.#queuedBytes -= item.bytes;
    const busy = item.deliver();
    if (!(busy instanceof Promise)) {
      this.#schedule();
      return;
    }
    this.#delivering = true;
    void busy.then(() => {
      this.#delivering = false;
      this.#schedule();
    });
  }
}
