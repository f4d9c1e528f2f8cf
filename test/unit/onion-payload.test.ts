import fc from 'fast-check';
import { fromString } from 'uint8arrays/from-string';
import { toString } from 'uint8arrays/to-string';
import { describe, expect, it } from 'vitest';
import { OnionPayloadError, OnionRouteError } from '../../protocols/onion/errors.ts';
import { decodeFinalPayload, decodeForwardPayload, encodePayload } from '../../protocols/onion/payload.ts';
import { MAX_MSAT } from '../../protocols/wire/types.ts';

const bytes = (hex: string) => fromString(hex.replaceAll(' ', ''), 'hex');

const common = {
  amtToForwardMsat: fc.bigInt({ min: 0n, max: MAX_MSAT }),
  outgoingCltvValue: fc.nat({ max: 0xffffffff }),
};
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });
const finalPayload = fc.record(
  {
    ...common,
    paymentData: fc.record({ paymentSecret: bytes32, totalMsat: fc.bigInt({ min: 0n, max: MAX_MSAT }) }),
    paymentMetadata: fc.uint8Array({ maxLength: 600 }),
    keysendPreimage: bytes32,
  },
  { requiredKeys: ['amtToForwardMsat', 'outgoingCltvValue'] },
);

describe('payloads', () => {
  it('of forwarders round-trip', () => {
    const payload = fc.record({ ...common, shortChannelId: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) });
    fc.assert(
      fc.property(payload, (value) => {
        expect(decodeForwardPayload(encodePayload(value))).toEqual(value);
      }),
    );
  });

  it('of final nodes round-trip', () => {
    fc.assert(
      fc.property(finalPayload, (value) => {
        expect(decodeFinalPayload(encodePayload(value))).toEqual(value);
      }),
    );
  });

  it('are truncated integers and a keysend record, byte for byte', () => {
    const payload = { amtToForwardMsat: 0n, outgoingCltvValue: 256, keysendPreimage: new Uint8Array(32).fill(7) };
    const keysendRecord = `ff0000000146c6616c20${'07'.repeat(32)}`;
    expect(toString(encodePayload(payload), 'hex')).toBe(`020004020100${keysendRecord}`);
  });

  it('may hold odd records that we do not know, and a channel that a final node has no use for', () => {
    const payload = bytes('020101 0402 0101 0608 0000000000000001 fd3039 02 abcd');
    expect(decodeForwardPayload(payload)).toEqual({ amtToForwardMsat: 1n, outgoingCltvValue: 257, shortChannelId: 1n });
    expect(decodeFinalPayload(payload)).toEqual({ amtToForwardMsat: 1n, outgoingCltvValue: 257 });
  });

  it('are not written with a value that their field does not allow', () => {
    for (const wrong of [
      { amtToForwardMsat: MAX_MSAT + 1n, outgoingCltvValue: 1, shortChannelId: 1n },
      { amtToForwardMsat: -1n, outgoingCltvValue: 1, shortChannelId: 1n },
      { amtToForwardMsat: 1n, outgoingCltvValue: 2 ** 32, shortChannelId: 1n },
      { amtToForwardMsat: 1n, outgoingCltvValue: 1, keysendPreimage: new Uint8Array(31) },
    ]) {
      expect(() => encodePayload(wrong)).toThrow(expect.objectContaining({ code: 'onion_bad_payload' }));
      expect(() => encodePayload(wrong)).toThrow(OnionRouteError);
    }
  });
});

describe('a payload that is refused', () => {
  it.each([
    ['nothing', '', 2n, 0],
    ['no amount', '040101 06080000000000000001', 2n, 0],
    ['no expiry', '020101 06080000000000000001', 4n, 0],
    ['no channel', '020101 040101', 6n, 0],
    ['an unknown even record', '020101 040101 06080000000000000001 0c00', 12n, 16],
    ['a record of a blinded path', '020101 040101 0a02abcd', 10n, 6],
    ['a large unknown even record', '020101 040101 06080000000000000001 fe0010000000', 0x100000n, 16],
    ['records out of order', '040101 020101 06080000000000000001', 2n, 3],
    ['a record twice', '020101 020101', 2n, 3],
    ['a type that is not minimal', '020101 fd000400', 0n, 3],
    ['a length that is not minimal', '020101 04fd000101', 4n, 3],
    ['a record beyond the end', '020101 040401', 4n, 3],
    ['a length beyond everything', '020101 04ffffffffffffffffff01', 4n, 3],
    ['a type that breaks off', '020101 fd00', 0n, 3],
    ['an amount with a leading zero', '02020001 040101', 2n, 0],
    ['an amount of 9 bytes', '0209010000000000000000 040101', 2n, 0],
    ['an amount above 21 million bitcoin', '02081d24b2dfac520001 040101', 2n, 0],
    ['an expiry of 5 bytes', '020101 04050100000000', 4n, 3],
    ['a channel of 7 bytes', '020101 040101 060700000000000001', 6n, 6],
    ['payment data without a whole secret', `020101 040101 081f${'11'.repeat(31)}`, 8n, 6],
    ['a keysend preimage of 33 bytes', `020101 040101 ff0000000146c6616c21${'11'.repeat(33)}`, 5482373484n, 6],
  ])('holds %s', (_, hex, tlvType, offset) => {
    let thrown: unknown;
    try {
      decodeForwardPayload(bytes(hex));
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(OnionPayloadError);
    expect(thrown).toMatchObject({
      code: 'invalid_onion_payload',
      failure: { type: 'invalid_onion_payload', tlvType, offset },
    });
  });

  it('by a final node lacks the amount or the expiry', () => {
    expect(() => decodeFinalPayload(bytes('040101'))).toThrow(OnionPayloadError);
    expect(() => decodeFinalPayload(bytes('020101'))).toThrow(OnionPayloadError);
  });

  it('is refused with an OnionPayloadError whatever it holds', () => {
    const mutated = finalPayload.chain((payload) => {
      const encoded = encodePayload(payload);
      return fc.tuple(fc.nat({ max: encoded.length - 1 }), fc.nat({ max: 255 })).map(([index, value]) => {
        encoded[index] = value;
        return encoded;
      });
    });
    fc.assert(
      fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 100 })), (payload) => {
        for (const decode of [decodeForwardPayload, decodeFinalPayload]) {
          try {
            decode(payload);
          } catch (error) {
            expect(error).toBeInstanceOf(OnionPayloadError);
            expect((error as OnionPayloadError).failure.offset).toBeLessThanOrEqual(payload.length);
          }
        }
      }),
      { numRuns: 500 },
    );
  });
});
