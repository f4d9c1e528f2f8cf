import { sha256 } from '../../protocols/crypto/hash.ts';

/** A seeded generator (xoshiro128**): the only source of chance in a simulation, so that a seed gives one run. */
export class Seeded {
  readonly #state: Uint32Array;
  readonly #name: string;

  constructor(name: string) {
    const digest = sha256(new TextEncoder().encode(name));
    this.#name = name;
    this.#state = new Uint32Array(digest.buffer.slice(digest.byteOffset, digest.byteOffset + 16));
  }

  /** A generator of its own for `purpose`: what one part draws does not change what another one does. */
  fork(purpose: string): Seeded {
    return new Seeded(`${this.#name}/${purpose}`);
  }

  /** In [0, 1). */
  next(): number {
    return this.#word() / 0x1_0000_0000;
  }

  /** A whole number from `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  /** True in `percent` of 100 cases. */
  chance(percent: number): boolean {
    return this.next() * 100 < percent;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.between(0, items.length - 1)];
    if (item === undefined) throw new RangeError('expected something to pick from');
    return item;
  }

  shuffled<T>(items: readonly T[]): T[] {
    const rest = [...items];
    return items.map(() => rest.splice(this.between(0, rest.length - 1), 1)[0]!);
  }

  bytes(size: number): Uint8Array {
    return Uint8Array.from({ length: size }, () => this.#word() >>> 24);
  }

  #word(): number {
    const s = this.#state;
    const result = Math.imul(rotate(Math.imul(s[1]!, 5), 7), 9) >>> 0;
    const shifted = s[1]! << 9;
    s[2]! ^= s[0]!;
    s[3]! ^= s[1]!;
    s[1]! ^= s[2]!;
    s[0]! ^= s[3]!;
    s[2]! ^= shifted;
    s[3] = rotate(s[3]!, 11);
    return result;
  }
}

const rotate = (word: number, by: number): number => (word << by) | (word >>> (32 - by));
