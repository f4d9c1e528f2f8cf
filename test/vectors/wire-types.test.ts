import { readFileSync } from 'node:fs';
import { fromString, toString } from 'uint8arrays';
import { describe, expect, test } from 'vitest';
import { bigsize } from '../../protocols/wire/bigsize.ts';
import { decode, encode } from '../../protocols/wire/codec.ts';
import { WireError } from '../../protocols/wire/errors.ts';
import { s16, s32, s64, s8 } from '../../protocols/wire/types.ts';

interface IntegerVector {
  readonly name?: string;
  readonly value: string;
  readonly bytes: string;
  readonly exp_error?: string;
}

/** Integers are read as text: JSON.parse would round those above 2^53. */
function load(file: string): IntegerVector[] {
  const text = readFileSync(new URL(`data/${file}`, import.meta.url), 'utf8');
  return JSON.parse(text.replace(/"value":\s*(-?\d+)/g, '"value": "$1"')) as IntegerVector[];
}

describe('BOLT 1, appendix A: BigSize', () => {
  const decoding = load('bolt01-bigsize-decoding.json');
  const codes: Record<string, string> = {
    'decoded bigsize is not canonical': 'wire_not_minimal',
    'unexpected EOF': 'wire_truncated',
    EOF: 'wire_truncated',
  };

  test.each(decoding)('decodes $name', ({ value, bytes, exp_error }) => {
    const run = () => decode(bigsize, fromString(bytes, 'hex'));
    if (exp_error === undefined) return expect(run()).toBe(BigInt(value));
    expect(run).toThrow(expect.objectContaining({ constructor: WireError, code: codes[exp_error] }));
  });

  test.each(load('bolt01-bigsize-encoding.json'))('encodes $name', ({ value, bytes }) => {
    expect(toString(encode(bigsize, BigInt(value)), 'hex')).toBe(bytes);
  });

  test('has all the vectors', () => expect(decoding).toHaveLength(18));
});

describe('BOLT 1, appendix D: signed integers', () => {
  const vectors = load('bolt01-signed-integers.json');
  const codecs = new Map([[1, s8], [2, s16], [4, s32]]);

  test.each(vectors)('$value is $bytes', ({ value, bytes }) => {
    const wire = fromString(bytes, 'hex');
    const codec = codecs.get(wire.length);
    if (codec === undefined) {
      expect(decode(s64, wire)).toBe(BigInt(value));
      expect(encode(s64, BigInt(value))).toEqual(wire);
    } else {
      expect(decode(codec, wire)).toBe(Number(value));
      expect(encode(codec, Number(value))).toEqual(wire);
    }
  });

  test('has all the vectors', () => expect(vectors).toHaveLength(23));
});
