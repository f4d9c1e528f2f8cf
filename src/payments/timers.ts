import type { Clock } from '../runtime/clock.ts';

interface Timer {
  readonly atMs: number;
  readonly cancel: () => void;
}

/** A timer of the system fires at once if it is set further ahead than 2^31 ms: longer waits are made of several. */
const LONGEST_WAIT_MS = 24 * 60 * 60_000;

/** Timers by name, each of which runs its work in a turn of its own. */
export class Timers {
  readonly #clock: Clock;
  readonly #later: (work: () => void) => void;
  readonly #timers = new Map<string, Timer>();

  constructor(clock: Clock, later: (work: () => void) => void) {
    this.#clock = clock;
    this.#later = later;
  }

  /**
   * Runs `work` once at `atMs`, or soon if that is over. A timer of that name that is set for the same time already
   * stays as it is.
   */
  set(name: string, atMs: number, work: () => void): void {
    if (this.#timers.get(name)?.atMs === atMs) return;
    this.cancel(name);
    this.#wait(name, atMs, work);
  }

  cancel(name: string): void {
    this.#timers.get(name)?.cancel();
    this.#timers.delete(name);
  }

  clear(): void {
    for (const name of this.#timers.keys()) this.cancel(name);
  }

  #wait(name: string, atMs: number, work: () => void): void {
    const delayMs = Math.max(0, atMs - this.#clock.now());
    const cancel = this.#clock.setTimer(Math.min(delayMs, LONGEST_WAIT_MS), () => {
      if (this.#clock.now() < atMs) {
        this.#wait(name, atMs, work);
        return;
      }
      this.#timers.delete(name);
      this.#later(work);
    });
    this.#timers.set(name, { atMs, cancel });
  }
}
