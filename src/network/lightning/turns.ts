import type { Clock } from '../../runtime/clock.ts';

const INTERVAL_MS = 1;

/** Lets those who wait go on one after another, with time for everything else in between. */
export class Turns {
  readonly #clock: Clock;
  readonly #waiting: (() => void)[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves when it is the caller's turn, of whom there are as many as wait. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      if (this.#waiting.length === 1) this.#schedule();
    });
  }

  #schedule(): void {
    this.#clock.setTimer(INTERVAL_MS, () => {
      this.#waiting.shift()?.();
      if (this.#waiting.length > 0) this.#schedule();
    });
  }
}
