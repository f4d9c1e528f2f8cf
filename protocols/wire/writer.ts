import { WireError } from './errors.ts';

const INITIAL_CAPACITY = 256;

/** Writes big-endian values one after another into a buffer that grows. */
export class Writer {
  #bytes = new Uint8Array(INITIAL_CAPACITY);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** A big-endian unsigned integer of 1 to 6 bytes; a value that does not fit throws `WireError`. */
  uint(value: number, size: number): void {
    if (!Number.isInteger(value) || value < 0 || value >= 256 ** size) {
      throw new WireError('wire_bad_value', `expected an unsigned integer of ${size} bytes, got ${String(value)}`);
    }
    const start = this.#reserve(size);
    let rest = value;
    for (let i = start + size - 1; i >= start; i--) {
      this.#bytes[i] = rest % 256;
      rest = Math.floor(rest / 256);
    }
  }

  uint64(value: bigint): void {
    if (typeof value !== 'bigint' || value < 0n || value >= 1n << 64n) {
      throw new WireError('wire_bad_value', `expected an unsigned 64-bit bigint, got ${String(value)}`);
    }
    this.uint(Number(value >> 32n), 4);
    this.uint(Number(value & 0xffffffffn), 4);
  }

  bytes(value: Uint8Array): void {
    if (!(value instanceof Uint8Array)) {
      throw new WireError('wire_bad_value', `expected bytes, got ${value === null ? 'null' : typeof value}`);
    }
    const start = this.#reserve(value.length);
    this.#bytes.set(value, start);
  }

  /** What has been written, in a buffer of its own. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #reserve(size: number): number {
    const start = this.#length;
    this.#length += size;
    if (this.#length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#length, this.#bytes.length * 2));
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    return start;
  }
}
