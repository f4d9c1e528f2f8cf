import fc from 'fast-check';
import { toString } from 'uint8arrays';
import { describe, expect, expectTypeOf, test } from 'vitest';
import * as wire from '../../protocols/wire/messages.ts';
import { anyMessage, arbitraries } from './wire-arbitraries.ts';

const { decodeMessage, encodeMessage, UnknownMessageError, WireError } = wire;
type MessageOf<N extends wire.MessageName> = wire.MessageOf<N>;

const names = Object.keys(arbitraries) as wire.MessageName[];

const join = (...parts: ArrayLike<number>[]) => Uint8Array.from(parts.flatMap((part) => Array.from(part)));

const bytes32 = new Uint8Array(32);
const updateFee = encodeMessage({ type: 'update_fee', channelId: bytes32, feeratePerKw: 253 });

describe('every message', () => {
  test.each(names)('%s comes back as it was, byte for byte', (name) => {
    fc.assert(
      fc.property(arbitraries[name] as fc.Arbitrary<wire.Message>, (message) => {
        const bytes = encodeMessage(message);
        expect((bytes[0]! << 8) | bytes[1]!).toBe(wire.MESSAGE_TYPE_NUMBERS[name]);
        const decoded = decodeMessage(bytes);
        expect(decoded).toStrictEqual(message);
        expect(encodeMessage(decoded)).toEqual(bytes);
      }),
      { numRuns: 60 },
    );
  });

  test('has a name and a number of its own', () => {
    const numbers = Object.values(wire.MESSAGE_TYPE_NUMBERS);
    expect(new Set(numbers).size).toBe(numbers.length);
    expect(names.toSorted()).toEqual(Object.keys(wire.messageTables).sort());
  });
});

describe('decodeMessage', () => {
  /** Either refused with a WireError, or read so that it is written again identically, but for dropped odd records. */
  function expectSound(bytes: Uint8Array): void {
    let message;
    try {
      message = decodeMessage(bytes);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      return;
    }
    const again = encodeMessage(message);
    if (toString(again, 'hex') === toString(bytes, 'hex')) return;
    expect(again.length).toBeLessThan(bytes.length);
    expect(message).not.toHaveProperty('extension');
    expect(decodeMessage(again)).toStrictEqual(message);
  }

  test.each(names)('survives every truncation of %s', (name) => {
    const [message] = fc.sample(arbitraries[name] as fc.Arbitrary<wire.Message>, { numRuns: 1, seed: 7 });
    const bytes = encodeMessage(message!);
    for (let length = 0; length < bytes.length; length++) expectSound(bytes.subarray(0, length));
  });

  test('survives thousands of mutations', () => {
    const edit = fc.record({
      at: fc.nat(),
      cut: fc.nat(4),
      insert: fc.uint8Array({ maxLength: 4 }),
    });
    fc.assert(
      fc.property(anyMessage, fc.array(edit, { minLength: 1, maxLength: 4 }), (message, edits) => {
        let bytes = encodeMessage(message);
        for (const { at, cut, insert } of edits) {
          const start = at % (bytes.length + 1);
          bytes = join(bytes.subarray(0, start), insert, bytes.subarray(start + cut));
        }
        expectSound(bytes);
      }),
      { numRuns: 6000 },
    );
  });

  test('survives random bytes after each type', () => {
    const type = fc.constantFrom(...Object.values(wire.MESSAGE_TYPE_NUMBERS));
    fc.assert(
      fc.property(type, fc.uint8Array({ maxLength: 500 }), (number, payload) => {
        expectSound(join([number >> 8, number & 0xff], payload));
      }),
      { numRuns: 3000 },
    );
  });

  test('tells unknown odd types, which are ignored, from unknown even ones', () => {
    const unknown = (typeNumber: number) => {
      try {
        return decodeMessage(Uint8Array.of(typeNumber >> 8, typeNumber & 0xff, 1, 2, 3));
      } catch (error) {
        return error;
      }
    };
    expect(unknown(32769)).toBeInstanceOf(UnknownMessageError);
    expect(unknown(32769)).toMatchObject({ typeNumber: 32769, ignorable: true, code: 'wire_unknown_message' });
    expect(unknown(64)).toMatchObject({ typeNumber: 64, ignorable: false });
  });

  test('keeps nothing of the buffer that it read', () => {
    const bytes = updateFee.slice();
    const message = decodeMessage(bytes) as MessageOf<'update_fee'>;
    bytes.fill(0xff);
    expect(message.channelId).toEqual(bytes32);
    expect(message.channelId.buffer.byteLength).toBe(32);
  });

  test('drops unknown odd records, and refuses unknown even ones', () => {
    expect(decodeMessage(join(updateFee, [0x0b, 1, 9]))).toEqual(decodeMessage(updateFee));
    expect(() => decodeMessage(join(updateFee, [0x0a, 1, 9]))).toThrow(
      expect.objectContaining({ code: 'wire_unknown_even_tlv', details: { messageType: 'update_fee' } }),
    );
  });

  test('keeps the extension of a gossip message', () => {
    const [update] = fc.sample(arbitraries.channel_update, 1);
    const { extension: _, ...plain } = update!;
    const bytes = join(encodeMessage(plain), [0x0b, 1, 9]);
    expect(decodeMessage(bytes)).toEqual({ ...plain, extension: Uint8Array.of(0x0b, 1, 9) });
    const even = join(encodeMessage(plain), [0x0a, 0]);
    expect(() => decodeMessage(even)).toThrow(/channel_update: extension: TLV type 10/);
  });

  test.each([
    ['a point with another prefix', 4],
    ['a point that is not on the curve', 2],
  ])('refuses %s', (_name, prefix) => {
    // 5 is the x coordinate of no point on secp256k1
    const badPoint = join([prefix], new Uint8Array(31), [5]);
    const bytes = join([0, 133], bytes32, bytes32, badPoint);
    expect(() => decodeMessage(bytes)).toThrow(
      expect.objectContaining({ code: 'wire_bad_value', message: expect.stringContaining('nextPerCommitmentPoint') }),
    );
  });

  test('takes more than 21 million bitcoin as a limit, but not as an amount', () => {
    const [offer] = fc.sample(arbitraries.open_channel, 1);
    const limited = { ...offer!, maxHtlcValueInFlightMsat: 2n ** 64n - 1n };
    expect(decodeMessage(encodeMessage(limited))).toEqual(limited);
    const bytes = encodeMessage(limited);
    bytes.set([0x00, 0x07, 0x75, 0xf0, 0x5a, 0x07, 0x40, 0x01], 2 + 64);
    expect(() => decodeMessage(bytes)).toThrow(/fundingSatoshis: expected at most 2100000000000000 satoshis/);
    expect(() => encodeMessage({ ...offer!, pushMsat: 2n ** 63n })).toThrow(WireError);
  });

  test('refuses commitment numbers beyond 48 bits, and unsorted short channel ids', () => {
    const [reestablish] = fc.sample(arbitraries.channel_reestablish, 1);
    const bytes = encodeMessage(reestablish!);
    bytes[2 + 32 + 1] = 1;
    expect(() => decodeMessage(bytes)).toThrow(/nextCommitmentNumber: expected a 48-bit/);
    const query = join([1, 5], bytes32, [0, 17, 0], new Uint8Array(16));
    expect(() => decodeMessage(query)).toThrow(/shortChannelIds: expected short channel ids in ascending order/);
  });
});

describe('the length of a message', () => {
  const pong = (length: number) => encodeMessage({ type: 'pong', ignored: new Uint8Array(length) });

  test('is at most 65535 bytes, written and read', () => {
    expect(decodeMessage(pong(65531))).toMatchObject({ type: 'pong' });
    expect(() => pong(65532)).toThrow(expect.objectContaining({ code: 'wire_too_long' }));
    expect(() => pong(65536)).toThrow(expect.objectContaining({ code: 'wire_too_long' }));
    expect(() => decodeMessage(new Uint8Array(65536))).toThrow(expect.objectContaining({ code: 'wire_too_long' }));
  });

  test.each([[[]], [[0]]])('is at least two bytes', (bytes) => {
    expect(() => decodeMessage(Uint8Array.from(bytes))).toThrow(expect.objectContaining({ code: 'wire_truncated' }));
  });
});

describe('encodeMessage', () => {
  const message: MessageOf<'commitment_signed'> = {
    type: 'commitment_signed',
    channelId: bytes32,
    signature: new Uint8Array(64),
    htlcSignatures: [],
  };

  test.each([
    { type: 'no_such_message' },
    { channelId: new Uint8Array(31) },
    { channelId: undefined },
    { channelId: '00'.repeat(32) },
    { htlcSignatures: [new Uint8Array(63)] },
    { htlcSignatures: 3 },
    { htlcSignatures: Array.from({ length: 65536 }, () => new Uint8Array(64)) },
    { fundingTxid: new Uint8Array() },
  ])('refuses %o', (wrong) => {
    expect(() => encodeMessage({ ...message, ...wrong } as wire.Message)).toThrow(WireError);
  });

  test.each([-1, 2 ** 32, 1.5, Number.NaN, '5', 5n, null])('refuses %s as a feerate', (feeratePerKw) => {
    const bad = { type: 'update_fee', channelId: bytes32, feeratePerKw } as unknown as wire.Message;
    expect(() => encodeMessage(bad)).toThrow(WireError);
  });

  test.each([-1n, 2n ** 64n, 5, '5', undefined])('refuses %s as an HTLC id', (id) => {
    const bad = { type: 'update_fail_htlc', channelId: bytes32, id, reason: bytes32 } as unknown as wire.Message;
    expect(() => encodeMessage(bad)).toThrow(WireError);
  });
});

test('types follow from the tables', () => {
  expectTypeOf<MessageOf<'channel_ready'>>().toEqualTypeOf<{
    readonly type: 'channel_ready';
    readonly channelId: Uint8Array;
    readonly secondPerCommitmentPoint: Uint8Array;
    readonly shortChannelIdAlias?: bigint | undefined;
  }>();
  expectTypeOf<MessageOf<'channel_update'>['extension']>().toEqualTypeOf<Uint8Array | undefined>();
  expectTypeOf<MessageOf<'channel_reestablish'>['nextCommitmentNumber']>().toEqualTypeOf<number>();
  expectTypeOf<MessageOf<'commitment_signed'>['htlcSignatures']>().toEqualTypeOf<readonly Uint8Array[]>();
});
