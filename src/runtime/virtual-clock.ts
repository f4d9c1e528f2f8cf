import type { Clock } from './clock.ts';

interface Timer {
  readonly dueMs: number;
  /** Order of creation: timers due at the same moment run in it, which is what makes a run repeatable. */
  readonly sequence: number;
  callback: (() => void) | undefined;
}

/** How far `VirtualClock.run` goes. It ends at whichever comes first. */
export interface RunLimits {
  /** Does not run timers due after this time (milliseconds since the Unix epoch). */
  readonly untilMs?: number;
  /** Ends once this holds; asked before each timer. */
  readonly until?: () => boolean;
  /** Throws past this many timers, so that a simulation that never comes to rest fails instead of hanging. */
  readonly maxTimers?: number;
}

/**
 * Virtual time for simulations and tests: it stands still until it is told to move, and jumps from timer to timer.
 *
 * Timers run in the order of their due time and, at the same time, in the order in which they were set. A periodic
 * timer set again from its own callback runs once per period, however far the clock is moved.
 */
export class VirtualClock implements Clock {
  #nowMs: number;
  #nextSequence = 0;
  #cancelled = 0;
  /** A binary min-heap by (dueMs, sequence). Cancelled timers stay in it, without a callback, until they surface. */
  #heap: Timer[] = [];

  constructor(startMs = 0) {
    this.#nowMs = startMs;
  }

  now(): number {
    return this.#nowMs;
  }

  /** @throws RangeError when the delay is not a number; a negative delay counts as none. */
  setTimer(delayMs: number, callback: () => void): () => void {
    if (Number.isNaN(delayMs)) throw new RangeError('a timer needs a delay in milliseconds, got NaN');
    const timer: Timer = { dueMs: this.#nowMs + Math.max(0, delayMs), sequence: this.#nextSequence++, callback };
    this.#push(timer);
    return () => this.#cancel(timer);
  }

  /** How many timers are set and neither run nor cancelled. */
  get pending(): number {
    return this.#heap.length - this.#cancelled;
  }

  /** When the next timer is due, or undefined when none is set. */
  get nextDueMs(): number | undefined {
    return this.#peek()?.dueMs;
  }

  /** Jumps to the next timer and runs it. Returns false, and changes nothing, when none is set. */
  runNext(): boolean {
    const timer = this.#peek();
    if (timer === undefined) return false;
    this.#pop();
    this.#nowMs = Math.max(this.#nowMs, timer.dueMs);
    const callback = timer.callback;
    timer.callback = undefined;
    callback?.();
    return true;
  }

  /**
   * Moves time forward by `deltaMs`, running every timer that falls due on the way, those set meanwhile included.
   * What their callbacks leave to promises runs after this returns: see `run` for code that awaits.
   */
  advance(deltaMs: number): void {
    if (!(deltaMs >= 0)) throw new RangeError(`time only moves forward, got ${deltaMs} ms`);
    const targetMs = this.#nowMs + deltaMs;
    while ((this.nextDueMs ?? Infinity) <= targetMs) this.runNext();
    this.#nowMs = targetMs;
  }

  /**
   * Runs timers one after another, letting every promise that a timer set in motion settle before the next one.
   * Returns the number of timers run; with `untilMs` the clock then stands at `untilMs`.
   */
  async run(limits: RunLimits = {}): Promise<number> {
    const { untilMs = Infinity, until = () => false, maxTimers = Infinity } = limits;
    let count = 0;
    await settled();
    while (!until()) {
      if ((this.nextDueMs ?? Infinity) > untilMs || this.pending === 0) {
        if (untilMs !== Infinity) this.#nowMs = Math.max(this.#nowMs, untilMs);
        break;
      }
      if (count >= maxTimers) throw new Error(`the simulation did not come to rest within ${maxTimers} timers`);
      this.runNext();
      count += 1;
      await settled();
    }
    return count;
  }

  #cancel(timer: Timer): void {
    if (timer.callback === undefined) return;
    timer.callback = undefined;
    this.#cancelled += 1;
    // Code that sets and cancels a time-out per message must not grow the heap without bound.
    if (this.#cancelled > 64 && this.#cancelled * 2 > this.#heap.length) this.#compact();
  }

  #compact(): void {
    // A sorted array is a valid heap.
    this.#heap = this.#heap.filter((timer) => timer.callback !== undefined).sort((a, b) => (before(a, b) ? -1 : 1));
    this.#cancelled = 0;
  }

  /** The next live timer; drops cancelled ones that have come to the top. */
  #peek(): Timer | undefined {
    let top = this.#heap[0];
    while (top !== undefined && top.callback === undefined) {
      this.#pop();
      this.#cancelled -= 1;
      top = this.#heap[0];
    }
    return top;
  }

  #push(timer: Timer): void {
    const heap = this.#heap;
    let index = heap.length;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = heap[parentIndex];
      if (parent === undefined || before(parent, timer)) break;
      heap[index] = parent;
      index = parentIndex;
    }
    heap[index] = timer;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      let childIndex = index * 2 + 1;
      let child = heap[childIndex];
      if (child === undefined) break;
      const right = heap[childIndex + 1];
      if (right !== undefined && before(right, child)) {
        child = right;
        childIndex += 1;
      }
      if (before(last, child)) break;
      heap[index] = child;
      index = childIndex;
    }
    heap[index] = last;
  }
}

function before(a: Timer, b: Timer): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.sequence < b.sequence);
}

/** Resolves after all promise jobs that can run now have run: an immediate comes after the microtask queue is empty. */
function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
