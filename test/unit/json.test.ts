import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeJson, encodeJson, JsonError } from '../../protocols/json.ts';

const key = fc.string().filter((name) => !name.startsWith('$'));

const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constant(null),
    fc.boolean(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.integer(),
    fc.bigInt(),
    fc.string({ unit: 'binary' }),
    fc.constantFrom('\ud800', '"', '\\', '\u2028', '$n', ''),
    fc.uint8Array(),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.oneof(key, fc.constant('__proto__')), tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
}));

describe('encodeJson and decodeJson', () => {
  test('bring any plain value back as it was', () => {
    fc.assert(
      fc.property(value, (original) => {
        expect(decodeJson(encodeJson(original))).toStrictEqual(original);
      }),
      { numRuns: 2000 },
    );
  });

  test('write the same text for the same value, whatever the order of its keys', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.tuple(key, value), { selector: ([name]) => name }), (entries) => {
        const shuffled = [...entries].reverse();
        expect(encodeJson(Object.fromEntries(shuffled))).toBe(encodeJson(Object.fromEntries(entries)));
      }),
    );
  });

  test('write what JSON.stringify writes where there is nothing special', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (json) => {
        const plain: unknown = JSON.parse(JSON.stringify(json));
        fc.pre(!/"\$/.test(JSON.stringify(plain)));
        expect(JSON.parse(encodeJson(plain))).toStrictEqual(plain);
      }),
    );
  });

  test('have the documented forms', () => {
    const text = encodeJson({ b: -5n, a: new Uint8Array([0, 255]), d: undefined, c: [null, 'é', -0, 1e21] });
    expect(text).toBe('{"a":{"$x":"00ff"},"b":{"$n":"-5"},"c":[null,"é",-0,1e+21]}');
  });

  test('give bytes of their own, and no Buffer', () => {
    const bytes = decodeJson(encodeJson(Buffer.from([1, 2]))) as Uint8Array;
    expect(bytes.constructor).toBe(Uint8Array);
    expect(bytes.buffer.byteLength).toBe(2);
  });

  test('keep a key named __proto__ as the key that it is', () => {
    const read = decodeJson('{"__proto__":{"a":{"$n":"1"}}}') as object;
    expect(Object.getPrototypeOf(read)).toBe(Object.prototype);
    expect(encodeJson(read)).toBe('{"__proto__":{"a":{"$n":"1"}}}');
  });

  const cycle: unknown[] = [];
  cycle.push(cycle);
  test.each([
    ['NaN', Number.NaN],
    ['Infinity', { a: -Infinity }],
    ['undefined', undefined],
    ['undefined in an array', [1, undefined]],
    ['a hole in an array', Array(1)],
    ['a Map', { a: new Map() }],
    ['a Set', new Set([1])],
    ['a Date', new Date(0)],
    ['a function', { a: () => 1 }],
    ['a symbol', Symbol('s')],
    ['another typed array', new Uint16Array(2)],
    ['a class instance', new URL('https://a.example')],
    ['a $ key', { $n: '5' }],
    ['any $ key', { a: { $other: 1, b: 2 } }],
    ['a cycle', cycle],
  ])('refuse %s', (_name, bad) => {
    expect(() => encodeJson(bad)).toThrow(JsonError);
  });

  test.each([
    '',
    '{',
    '{"$n":"5","a":1}',
    '{"a":1,"$n":"5"}',
    '{"$n":5}',
    '{"$n":"05"}',
    '{"$n":"-0"}',
    '{"$n":""}',
    '{"$n":"0x5"}',
    '{"$x":"0"}',
    '{"$x":"0G"}',
    '{"$x":"AA"}',
    '{"$y":"5"}',
    '{"a":{"$z":1}}',
    '['.repeat(100_000) + ']'.repeat(100_000),
  ])('refuse to read %.40s', (text) => {
    expect(() => decodeJson(text)).toThrow(JsonError);
  });
});
