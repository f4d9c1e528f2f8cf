import type { Codec } from './codec.ts';
import { WireError } from './errors.ts';
import type { Reader } from './reader.ts';
import type { Writer } from './writer.ts';

/** BOLT 1, "Appendix A": an unsigned integer of up to 64 bits in 1, 3, 5 or 9 bytes, the fewest that hold it. */
export const bigsize: Codec<bigint> = { read: readBigSize, write: writeBigSize };

/** BOLT 1, "Fundamental Types": big-endian integers without leading zero bytes, the last value of a TLV record. */
export const tu16 = truncatedNumber(2);
export const tu32 = truncatedNumber(4);
export const tu64: Codec<bigint> = {
  read(reader) {
    const length = readTruncatedLength(reader, 8);
    let value = 0n;
    for (let i = 0; i < length; i++) value = (value << 8n) | BigInt(readDigit(reader, i));
    return value;
  },
  write(writer, value) {
    if (typeof value !== 'bigint' || value < 0n || value >= 1n << 64n) {
      throw new WireError('wire_bad_value', `expected an unsigned 64-bit bigint, got ${String(value)}`);
    }
    for (let shift = 56n; shift >= 0n; shift -= 8n) {
      if (value >> shift > 0n) writer.uint(Number((value >> shift) & 0xffn), 1);
    }
  },
};

function readBigSize(reader: Reader): bigint {
  const first = reader.uint(1);
  if (first < 0xfd) return BigInt(first);
  if (first === 0xfd) return requireMinimal(BigInt(reader.uint(2)), 0xfdn);
  if (first === 0xfe) return requireMinimal(BigInt(reader.uint(4)), 0x1_0000n);
  return requireMinimal(reader.uint64(), 0x1_0000_0000n);
}

function writeBigSize(writer: Writer, value: bigint): void {
  if (typeof value !== 'bigint') throw new WireError('wire_bad_value', `expected a bigint, got ${String(value)}`);
  if (value < 0xfdn) return writer.uint(Number(value), 1);
  if (value < 0x1_0000n) {
    writer.uint(0xfd, 1);
    return writer.uint(Number(value), 2);
  }
  if (value < 0x1_0000_0000n) {
    writer.uint(0xfe, 1);
    return writer.uint(Number(value), 4);
  }
  writer.uint(0xff, 1);
  return writer.uint64(value);
}

function requireMinimal(value: bigint, atLeast: bigint): bigint {
  if (value >= atLeast) return value;
  throw new WireError('wire_not_minimal', `BigSize ${value} is written in more bytes than it needs`);
}

function truncatedNumber(size: number): Codec<number> {
  return {
    read(reader) {
      const length = readTruncatedLength(reader, size);
      let value = 0;
      for (let i = 0; i < length; i++) value = value * 256 + readDigit(reader, i);
      return value;
    },
    write(writer, value) {
      if (!Number.isInteger(value) || value < 0 || value >= 256 ** size) {
        throw new WireError('wire_bad_value', `expected an unsigned integer of ${size} bytes, got ${String(value)}`);
      }
      let length = 0;
      while (value >= 256 ** length) length++;
      if (length > 0) writer.uint(value, length);
    },
  };
}

/** A truncated integer fills what remains of its record. */
function readTruncatedLength(reader: Reader, limit: number): number {
  const length = reader.remaining;
  if (length <= limit) return length;
  throw new WireError('wire_trailing_bytes', `expected a truncated integer of at most ${limit} bytes, got ${length}`);
}

function readDigit(reader: Reader, index: number): number {
  const digit = reader.uint(1);
  if (index === 0 && digit === 0) throw new WireError('wire_not_minimal', 'truncated integer with a leading zero byte');
  return digit;
}
