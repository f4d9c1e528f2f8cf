/** Asks many nodes without asking too much: few at once, and each one only so often. */

const AT_ONCE = 6;
const LEAST_WAIT_MS = 1_500;

export class Gate {
  readonly #ask: (name: string, abort: AbortSignal) => Promise<void>;
  readonly #waiting = new Set<string>();
  readonly #resting = new Set<string>();
  readonly #abort = new AbortController();
  #running = 0;

  /** `ask` does not reject. */
  constructor(ask: (name: string, abort: AbortSignal) => Promise<void>) {
    this.#ask = ask;
  }

  /** Asks `name` as soon as it may be asked; once, however often it is said before. */
  ask(name: string): void {
    this.#waiting.add(name);
    this.#next();
  }

  end(): void {
    this.#abort.abort();
    this.#waiting.clear();
  }

  #next(): void {
    if (this.#abort.signal.aborted) return;
    for (const name of this.#waiting) {
      if (this.#running >= AT_ONCE) return;
      if (this.#resting.has(name)) continue;
      this.#waiting.delete(name);
      this.#resting.add(name);
      this.#running++;
      void this.#ask(name, this.#abort.signal).then(() => {
        this.#running--;
        setTimeout(() => {
          this.#resting.delete(name);
          this.#next();
        }, LEAST_WAIT_MS);
        this.#next();
      });
    }
  }
}
