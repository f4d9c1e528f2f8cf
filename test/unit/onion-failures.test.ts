import fc from 'fast-check';
import { concat } from 'uint8arrays/concat';
import { fromString } from 'uint8arrays/from-string';
import { toString } from 'uint8arrays/to-string';
import { describe, expect, it } from 'vitest';
import { hmacSha256 } from '../../protocols/crypto/hash.ts';
import { createErrorPacket, readErrorPacket, wrapErrorPacket } from '../../protocols/onion/error-packet.ts';
import {
  decodeFailure,
  encodeFailure,
  failureFlags,
  failureFromMalformed,
  type FailureMessage,
} from '../../protocols/onion/failures.ts';
import { deriveKey } from '../../protocols/onion/keys.ts';
import { WireError } from '../../protocols/wire/errors.ts';

const hex = (value: Uint8Array) => toString(value, 'hex');
const hash = new Uint8Array(32).fill(0xab);
const none = new Uint8Array();
const update = Uint8Array.of(1, 2, 3);

/** BOLT 4, "Failure Messages", written out: the bytes of one message of each kind. */
const examples: [FailureMessage, string][] = [
  [{ type: 'temporary_node_failure' }, '2002'],
  [{ type: 'permanent_node_failure' }, '6002'],
  [{ type: 'required_node_feature_missing' }, '6003'],
  [{ type: 'invalid_onion_version', sha256OfOnion: hash }, `c004${hex(hash)}`],
  [{ type: 'invalid_onion_hmac', sha256OfOnion: hash }, `c005${hex(hash)}`],
  [{ type: 'invalid_onion_key', sha256OfOnion: hash }, `c006${hex(hash)}`],
  [{ type: 'temporary_channel_failure', channelUpdate: none }, '10070000'],
  [{ type: 'temporary_channel_failure', channelUpdate: update }, '10070003010203'],
  [{ type: 'permanent_channel_failure' }, '4008'],
  [{ type: 'required_channel_feature_missing' }, '4009'],
  [{ type: 'unknown_next_peer' }, '400a'],
  [{ type: 'amount_below_minimum', htlcMsat: 258n, channelUpdate: update }, '100b00000000000001020003010203'],
  [{ type: 'fee_insufficient', htlcMsat: 1n, channelUpdate: none }, '100c00000000000000010000'],
  [{ type: 'incorrect_cltv_expiry', cltvExpiry: 500, channelUpdate: update }, '100d000001f40003010203'],
  [{ type: 'expiry_too_soon', channelUpdate: none }, '100e0000'],
  [{ type: 'incorrect_or_unknown_payment_details', htlcMsat: 100n, height: 800_000 }, '400f0000000000000064000c3500'],
  [{ type: 'final_incorrect_cltv_expiry', cltvExpiry: 258 }, '001200000102'],
  [{ type: 'final_incorrect_htlc_amount', incomingHtlcAmtMsat: 2n }, '00130000000000000002'],
  [{ type: 'channel_disabled', disabledFlags: 0, channelUpdate: none }, '101400000000'],
  [{ type: 'expiry_too_far' }, '0015'],
  [{ type: 'invalid_onion_payload', tlvType: 0x1234n, offset: 7 }, '4016fd12340007'],
  [{ type: 'mpp_timeout' }, '0017'],
  [{ type: 'invalid_onion_blinding', sha256OfOnion: hash }, `c018${hex(hash)}`],
  [{ type: 'unknown', code: 0x4010, data: update }, '4010010203'],
];

describe('failure messages', () => {
  it.each(examples)('$type is written and read', (message, expected) => {
    expect(hex(encodeFailure(message))).toBe(expected);
    expect(decodeFailure(fromString(expected, 'hex'))).toEqual(message);
    // BOLT 4, "Receiving Failure Codes": extra bytes are ignored.
    if (message.type !== 'unknown') expect(decodeFailure(fromString(`${expected}01020304`, 'hex'))).toEqual(message);
  });

  it('say by their flags who failed and for how long', () => {
    const flags = { badOnion: false, perm: false, node: false, update: false };
    expect(failureFlags({ type: 'permanent_node_failure' })).toEqual({ ...flags, perm: true, node: true });
    expect(failureFlags({ type: 'expiry_too_soon', channelUpdate: none })).toEqual({ ...flags, update: true });
    expect(failureFlags({ type: 'mpp_timeout' })).toEqual(flags);
    const unknown = { type: 'unknown', code: 0xc0ff, data: none } as const;
    expect(failureFlags(unknown)).toEqual({ ...flags, badOnion: true, perm: true });
  });

  it.each([
    ['400f00000000', { type: 'unknown', code: 0x400f, data: fromString('00000000', 'hex') }],
    ['10070005010203', { type: 'unknown', code: 0x1007, data: fromString('0005010203', 'hex') }],
    ['4016fd00010000', { type: 'unknown', code: 0x4016, data: fromString('fd00010000', 'hex') }],
    ['40', { type: 'unknown', code: 0, data: Uint8Array.of(0x40) }],
    ['', { type: 'unknown', code: 0, data: none }],
  ])('%s, which is not what it says, is unknown', (bytes, expected) => {
    expect(decodeFailure(fromString(bytes, 'hex'))).toEqual(expected);
  });

  it('are read without throwing, whatever they hold, and so that they can be written again', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const message = decodeFailure(bytes);
        expect(decodeFailure(encodeFailure(message))).toEqual(message);
      }),
    );
  });

  it('are not written with a value that their field does not allow', () => {
    expect(() => encodeFailure({ type: 'invalid_onion_hmac', sha256OfOnion: new Uint8Array(31) })).toThrow(WireError);
    expect(() => encodeFailure({ type: 'unknown', code: 0x10000, data: none })).toThrow(WireError);
  });

  it('of a peer that called the onion malformed are told to the origin', () => {
    expect(failureFromMalformed(0xc005, hash)).toEqual({ type: 'invalid_onion_hmac', sha256OfOnion: hash });
    expect(failureFromMalformed(0xc018, hash)).toEqual({ type: 'invalid_onion_blinding', sha256OfOnion: hash });
    expect(failureFromMalformed(0x8001, hash)).toEqual({ type: 'unknown', code: 0x8001, data: hash });
    expect(() => failureFromMalformed(0x4005, hash)).toThrow(WireError);
  });
});

describe('error packets', () => {
  const secrets = Array.from({ length: 27 }, (_, index) => new Uint8Array(32).fill(index + 1));
  /** The packet that the origin gets when the hop at this place fails. */
  const backFrom = (hopIndex: number, made: Uint8Array) =>
    secrets.slice(0, hopIndex).reduceRight((packet, secret) => wrapErrorPacket(secret, packet), made);
  const failure: FailureMessage = { type: 'fee_insufficient', htlcMsat: 1_000n, channelUpdate: none };

  it('are 292 bytes long, unless the message is longer than 256', () => {
    expect(createErrorPacket(secrets[0]!, failure)).toHaveLength(292);
    const long: FailureMessage = { type: 'temporary_channel_failure', channelUpdate: new Uint8Array(400) };
    const packet = createErrorPacket(secrets[0]!, long);
    expect(packet).toHaveLength(32 + 2 + 404 + 2);
    expect(readErrorPacket(secrets, packet)).toEqual({ readable: true, hopIndex: 0, failure: long });
  });

  it('are attributed to the hop that made them, on routes of 1 to 27 hops', () => {
    const place = fc
      .integer({ min: 1, max: 27 })
      .chain((hopCount) => fc.tuple(fc.constant(hopCount), fc.nat({ max: hopCount - 1 })));
    fc.assert(
      fc.property(place, fc.constantFrom(...examples), ([hopCount, hopIndex], [message]) => {
        const packet = backFrom(hopIndex, createErrorPacket(secrets[hopIndex]!, message));
        const result = readErrorPacket(secrets.slice(0, hopCount), packet);
        expect(result).toEqual({ readable: true, hopIndex, failure: message });
      }),
    );
  });

  it('that a hop on the way has altered cannot be read', () => {
    const packet = backFrom(5, createErrorPacket(secrets[5]!, failure));
    fc.assert(
      fc.property(fc.nat({ max: packet.length - 1 }), fc.integer({ min: 1, max: 255 }), (index, mask) => {
        const altered = packet.slice();
        altered[index] = altered[index]! ^ mask;
        expect(readErrorPacket(secrets.slice(0, 6), altered)).toEqual({ readable: false });
      }),
    );
  });

  it('that no hop of the route has made cannot be read, whatever their length', () => {
    const route = secrets.slice(0, 3);
    const random = fc.uint8Array({ maxLength: 400 });
    fc.assert(
      fc.property(random, (packet) => {
        expect(readErrorPacket(route, packet)).toEqual({ readable: false });
      }),
    );
    expect(readErrorPacket(route, createErrorPacket(secrets[3]!, failure))).toEqual({ readable: false });
    // A secret of all zeros stands in for the hops that the route does not have.
    const strayed = backFrom(3, createErrorPacket(new Uint8Array(32), failure));
    expect(readErrorPacket(route, strayed)).toEqual({ readable: false });
  });

  it.each([
    ['nothing at all', none],
    ['a message longer than the packet', Uint8Array.of(0xff, 0xff, 0x20, 0x02)],
    ['a message of one byte', Uint8Array.of(0, 1, 0x40, 0, 0)],
  ])('in which a hop has vouched for %s are still attributed to it', (_, content) => {
    const hmac = hmacSha256(deriveKey('um', secrets[2]!), content);
    const packet = backFrom(2, wrapErrorPacket(secrets[2]!, concat([hmac, content])));
    const result = readErrorPacket(secrets.slice(0, 4), packet);
    expect(result).toMatchObject({ readable: true, hopIndex: 2, failure: { type: 'unknown', code: 0 } });
  });

  it('wrapping leaves the packet that came as it was', () => {
    const packet = createErrorPacket(secrets[1]!, failure);
    const before = packet.slice();
    wrapErrorPacket(secrets[0]!, packet);
    expect(packet).toEqual(before);
  });
});
