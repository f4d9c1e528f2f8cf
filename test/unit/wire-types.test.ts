import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bigsize, tu16, tu32, tu64 } from '../../protocols/wire/bigsize.ts';
import { decode, encode, type Codec } from '../../protocols/wire/codec.ts';
import { WireError } from '../../protocols/wire/errors.ts';
import { s16, s32, s64, s8, u16, u32, u64, u8 } from '../../protocols/wire/types.ts';

const numbers: [string, Codec<number>, number, number][] = [
  ['u8', u8, 0, 2 ** 8 - 1],
  ['u16', u16, 0, 2 ** 16 - 1],
  ['u32', u32, 0, 2 ** 32 - 1],
  ['s8', s8, -(2 ** 7), 2 ** 7 - 1],
  ['s16', s16, -(2 ** 15), 2 ** 15 - 1],
  ['s32', s32, -(2 ** 31), 2 ** 31 - 1],
  ['tu16', tu16, 0, 2 ** 16 - 1],
  ['tu32', tu32, 0, 2 ** 32 - 1],
];
const bigints: [string, Codec<bigint>, bigint, bigint][] = [
  ['u64', u64, 0n, 2n ** 64n - 1n],
  ['s64', s64, -(2n ** 63n), 2n ** 63n - 1n],
  ['tu64', tu64, 0n, 2n ** 64n - 1n],
  ['bigsize', bigsize, 0n, 2n ** 64n - 1n],
];

describe('integers', () => {
  test.each(numbers)('%s holds its range and no more', (_name, codec, min, max) => {
    fc.assert(fc.property(fc.integer({ min, max }), (value) => decode(codec, encode(codec, value)) === value));
    for (const value of [min, max]) expect(decode(codec, encode(codec, value))).toBe(value);
    for (const value of [min - 1, max + 1, 0.5, Number.NaN, '1', undefined]) {
      expect(() => encode(codec, value as number)).toThrow(WireError);
    }
  });

  test.each(bigints)('%s holds its range and no more', (_name, codec, min, max) => {
    fc.assert(fc.property(fc.bigInt({ min, max }), (value) => decode(codec, encode(codec, value)) === value));
    for (const value of [min, max]) expect(decode(codec, encode(codec, value))).toBe(value);
    for (const value of [min - 1n, max + 1n, 1, '1', undefined]) {
      expect(() => encode(codec, value as bigint)).toThrow(WireError);
    }
  });

  test('are big-endian', () => {
    expect(encode(u32, 0x01020304)).toEqual(Uint8Array.of(1, 2, 3, 4));
    expect(encode(u64, 0x0102030405060708n)).toEqual(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
    expect(encode(s32, -2)).toEqual(Uint8Array.of(255, 255, 255, 254));
  });

  test('truncated, leave their leading zero bytes out, and refuse them', () => {
    expect(encode(tu32, 0)).toEqual(new Uint8Array());
    expect(encode(tu32, 0x100)).toEqual(Uint8Array.of(1, 0));
    expect(encode(tu64, 0x10000n)).toEqual(Uint8Array.of(1, 0, 0));
    for (const codec of [tu16, tu32, tu64]) {
      expect(() => decode<number | bigint>(codec, Uint8Array.of(0))).toThrow(/leading zero/);
      expect(() => decode<number | bigint>(codec, new Uint8Array(9).fill(1))).toThrow(/at most [248] bytes/);
    }
  });

  test('of any bytes are refused or read in the one way that they are written', () => {
    const codecs = [...numbers, ...bigints].map(([, codec]) => codec as Codec<number | bigint>);
    fc.assert(
      fc.property(fc.constantFrom(...codecs), fc.uint8Array({ maxLength: 10 }), (codec, bytes) => {
        let value;
        try {
          value = decode(codec, bytes);
        } catch (error) {
          return error instanceof WireError;
        }
        expect(encode(codec, value)).toEqual(bytes);
        return true;
      }),
      { numRuns: 3000 },
    );
  });
});
