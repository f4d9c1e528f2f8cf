import { secp256k1 } from '../crypto/secp256k1.ts';
import { bytes, checked, type Codec } from './codec.ts';
import { WireError } from './errors.ts';

/** BOLT 1, "Fundamental Types": 21 million bitcoin. */
export const MAX_SATOSHIS = 0x000775f05a074000n;
export const MAX_MSAT = 0x1d24b2dfac520000n;

/** Commitment numbers count in 48 bits. BOLT 2, "Message Retransmission". */
export const MAX_COMMITMENT_NUMBER = 2 ** 48 - 1;

export const u8 = unsigned(1);
export const u16 = unsigned(2);
export const u32 = unsigned(4);
export const u64: Codec<bigint> = {
  read: (reader) => reader.uint64(),
  write: (writer, value) => writer.uint64(value),
};

export const s8 = signed(1);
export const s16 = signed(2);
export const s32 = signed(4);
export const s64: Codec<bigint> = {
  read: (reader) => BigInt.asIntN(64, reader.uint64()),
  write(writer, value) {
    if (typeof value !== 'bigint' || BigInt.asIntN(64, value) !== value) {
      throw new WireError('wire_bad_value', `expected a signed 64-bit bigint, got ${String(value)}`);
    }
    writer.uint64(BigInt.asUintN(64, value));
  },
};

/**
 * An amount that moves: at most 21 million bitcoin. (Fields that only name a limit are plain `u64`: peers say "none"
 * with 2^64-1.)
 */
export const satoshis = checked(u64, (value) => requireAtMost(value, MAX_SATOSHIS, 'satoshis'));
export const msat = checked(u64, (value) => requireAtMost(value, MAX_MSAT, 'millisatoshis'));

/** Eight bytes on the wire that hold a 48-bit counter. */
export const commitmentNumber: Codec<number> = {
  read(reader) {
    const value = reader.uint64();
    if (value > BigInt(MAX_COMMITMENT_NUMBER)) {
      throw new WireError('wire_bad_value', `expected a 48-bit commitment number, got ${value}`);
    }
    return Number(value);
  },
  write(writer, value) {
    writer.uint(0, 2);
    writer.uint(value, 6);
  },
};

export const bytes32 = bytes(32);
export const signature = bytes(64);
export const shortChannelId = u64;

/**
 * A compressed point: 33 bytes that begin with 2 or 3. Whether it lies on the curve is not looked at: for keys that a
 * signature is verified with at once, which fails if it does not.
 */
export const point = checked(bytes(33), (value) => {
  if (value[0] !== 2 && value[0] !== 3) {
    throw new WireError('wire_bad_value', `expected a compressed point (first byte 2 or 3), got ${value[0]}`);
  }
});

/**
 * A compressed point that was found to lie on the curve when it was read (8 µs): for points that peers send for us to
 * compute with, so that no arithmetic further in meets a malformed one.
 */
export const curvePoint: Codec<Uint8Array> = {
  read(reader) {
    const value = point.read(reader);
    if (!secp256k1.isPublicKey(value)) throw new WireError('wire_bad_value', 'expected a point on secp256k1');
    return value;
  },
  write: (writer, value) => point.write(writer, value),
};

function unsigned(size: number): Codec<number> {
  return {
    read: (reader) => reader.uint(size),
    write: (writer, value) => writer.uint(value, size),
  };
}

function signed(size: number): Codec<number> {
  const half = 256 ** size / 2;
  return {
    read(reader) {
      const value = reader.uint(size);
      return value < half ? value : value - 2 * half;
    },
    write(writer, value) {
      if (!Number.isInteger(value) || value < -half || value >= half) {
        throw new WireError('wire_bad_value', `expected a signed integer of ${size} bytes, got ${String(value)}`);
      }
      writer.uint(value < 0 ? value + 2 * half : value, size);
    },
  };
}

function requireAtMost(value: bigint, limit: bigint, unit: string): void {
  if (value > limit) throw new WireError('wire_bad_value', `expected at most ${limit} ${unit}, got ${value}`);
}
