import type { Clock } from '../runtime/clock.ts';
import type { Database, SqlParameter } from './database.ts';
import { StorageError } from './database.ts';

/** One statement that waits to be run, and what the row then holds: undefined once it is gone. */
interface Write {
  readonly sql: string;
  readonly parameters: readonly SqlParameter[];
  readonly message: Uint8Array | undefined;
}

export interface WriteBehindOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly delayMs: number;
  readonly maxWrites: number;
  /** The disk refuses: what waits is kept and tried again. */
  readonly onError: (error: StorageError) => void;
  /** What was put off is on disk. */
  readonly onFlushed?: () => void;
}

/** So many at once need not wait any longer. */
const FLUSH_AT = 1_000;

/**
 * Gathers writes and does them together a moment later, since a commit costs as much for one row as for hundreds. Only
 * for what a crash may take: gossip, of which a node gets back the last second's worth from its peers, and estimates.
 */
export class WriteBehind {
  readonly #options: WriteBehindOptions;
  readonly #writes = new Map<string, Write>();
  #cancelTimer: (() => void) | undefined;
  #isRefused = false;

  constructor(options: WriteBehindOptions) {
    this.#options = options;
  }

  /** Nothing more should be accepted: the disk does not keep up, or refuses. */
  get isFull(): boolean {
    return this.#writes.size >= this.#options.maxWrites;
  }

  /** Nothing waits to be written. */
  get isEmpty(): boolean {
    return this.#writes.size === 0;
  }

  /** Puts off a write. Each row has one key; a later write for it takes the place of an earlier one. */
  put(key: string, message: Uint8Array | undefined, sql: string, ...parameters: SqlParameter[]): void {
    this.#writes.delete(key);
    this.#writes.set(key, { sql, parameters, message });
    // Never in the middle of what its caller does: what belongs together is written together.
    if (this.#writes.size === FLUSH_AT && !this.#isRefused) this.#flushIn(0);
    else if (this.#cancelTimer === undefined) this.#flushIn(this.#options.delayMs);
  }

  /** What the row of a key will hold; undefined if nothing is put off for it. */
  get(key: string): { readonly message: Uint8Array | undefined } | undefined {
    return this.#writes.get(key);
  }

  /** Does what was put off, all or nothing. A failure goes to `onError`, and it is tried again later. */
  flush(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (this.#writes.size === 0) return;
    const { database, delayMs, onError, onFlushed } = this.#options;
    try {
      database.transaction(() => {
        for (const { sql, parameters } of this.#writes.values()) database.run(sql, ...parameters);
      });
      this.#writes.clear();
      this.#isRefused = false;
      onFlushed?.();
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      this.#isRefused = true;
      this.#flushIn(delayMs);
      onError(error);
    }
  }

  /** Does what was put off, and nothing from then on. */
  stop(): void {
    this.flush();
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  #flushIn(delayMs: number): void {
    this.#cancelTimer?.();
    this.#cancelTimer = this.#options.clock.setTimer(delayMs, () => this.flush());
  }
}
