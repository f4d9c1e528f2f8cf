import { fromString } from 'uint8arrays';
import { sha256 } from '../../protocols/crypto/hash.ts';

/** Numbers that follow from a seed alone, for choices that a second run must make again: never for keys. */
export class SeededRandom {
  readonly #seed: string;
  #counter = 0;

  constructor(seed: string) {
    this.#seed = seed;
  }

  /** A whole number from 0 up to, but not including, `limit` (at most 2^32). */
  below(limit: number): number {
    const digest = sha256(fromString(`${this.#counter++} ${this.#seed}`));
    // 48 bits against 32: what the remainder prefers is beyond notice.
    return Number(new DataView(digest.buffer, digest.byteOffset).getBigUint64(0) >> 16n) % limit;
  }

  /** One of `items`, or undefined where there are none. */
  pick<Item>(items: readonly Item[]): Item | undefined {
    return items[this.below(Math.max(1, items.length))];
  }

  /** The same items in another order (Fisher and Yates). */
  shuffle<Item>(items: readonly Item[]): Item[] {
    const rest = [...items];
    const shuffled: Item[] = [];
    while (rest.length > 0) shuffled.push(...rest.splice(this.below(rest.length), 1));
    return shuffled;
  }
}
