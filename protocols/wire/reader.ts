import { WireError } from './errors.ts';

/** Reads big-endian values from the front of some bytes; throws `WireError` where they end too early. */
export class Reader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #offset: number;

  constructor(bytes: Uint8Array, offset = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#offset = offset;
    this.#end = end;
  }

  get remaining(): number {
    return this.#end - this.#offset;
  }

  /** A big-endian unsigned integer of 1 to 6 bytes. */
  uint(size: number): number {
    const start = this.#advance(size);
    let value = 0;
    for (let i = start; i < start + size; i++) value = value * 256 + (this.#bytes[i] ?? 0);
    return value;
  }

  uint64(): bigint {
    const high = this.uint(4);
    const low = this.uint(4);
    return high === 0 ? BigInt(low) : (BigInt(high) << 32n) | BigInt(low);
  }

  /**
   * The next `length` bytes, copied: what is kept must not keep the whole message alive, nor change with its buffer.
   */
  bytes(length: number): Uint8Array {
    const start = this.#advance(length);
    return new Uint8Array(this.#bytes.subarray(start, start + length));
  }

  /** All that remains, copied. */
  rest(): Uint8Array {
    return this.bytes(this.remaining);
  }

  /** A reader confined to the next `length` bytes. */
  section(length: number): Reader {
    const start = this.#advance(length);
    return new Reader(this.#bytes, start, start + length);
  }

  /** Refuses bytes that nothing has read. */
  expectEnd(): void {
    if (this.remaining === 0) return;
    throw new WireError('wire_trailing_bytes', `${this.remaining} bytes more than expected`, { extra: this.remaining });
  }

  #advance(length: number): number {
    if (length > this.remaining) {
      throw new WireError('wire_truncated', `expected ${length} more bytes, but ${this.remaining} remain`, {
        expected: length,
        remaining: this.remaining,
      });
    }
    const start = this.#offset;
    this.#offset += length;
    return start;
  }
}
