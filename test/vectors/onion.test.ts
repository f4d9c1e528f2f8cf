import { concat } from 'uint8arrays/concat';
import { fromString } from 'uint8arrays/from-string';
import { toString } from 'uint8arrays/to-string';
import { describe, expect, it } from 'vitest';
import { hmacSha256, sha256 } from '../../protocols/crypto/hash.ts';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import { createErrorPacket, readErrorPacket, wrapErrorPacket } from '../../protocols/onion/error-packet.ts';
import { decodeFailure } from '../../protocols/onion/failures.ts';
import { deriveKey } from '../../protocols/onion/keys.ts';
import { decodeFinalPayload, decodeForwardPayload, encodePayload } from '../../protocols/onion/payload.ts';
import { createOnion, peelOnion } from '../../protocols/onion/sphinx.ts';
import errorVector from './data/bolt04/onion-error-test.json' with { type: 'json' };
import vector from './data/bolt04/onion-test.json' with { type: 'json' };

const bytes = (hex: string) => fromString(hex, 'hex');
const hex = (value: Uint8Array) => toString(value, 'hex');

/** The vector's payloads stand with their length before them. */
const withoutLength = (payload: Uint8Array) => (payload[0] === 0xfd ? payload.subarray(3) : payload.subarray(1));

const sessionKey = bytes(vector.generate.session_key);
const associatedData = bytes(vector.generate.associated_data);
const hops = vector.generate.hops.map(({ pubkey, payload }) => ({
  nodeId: bytes(pubkey),
  payload: withoutLength(bytes(payload)),
}));

describe('BOLT 4: onion-test.json', () => {
  const { packet, sharedSecrets } = createOnion({ sessionKey, hops, associatedData });

  it('makes the packet', () => {
    expect(hex(packet)).toBe(vector.onion);
  });

  it('is peeled by each hop in turn', () => {
    let next: Uint8Array | undefined = bytes(vector.onion);
    for (const [index, secretKey] of vector.decode.entries()) {
      const peeled = peelOnion(next!, associatedData, (point) => secp256k1.ecdh(point, bytes(secretKey)));
      expect(hex(peeled.payload)).toBe(hex(hops[index]!.payload));
      expect(hex(peeled.sharedSecret)).toBe(hex(sharedSecrets[index]!));
      next = peeled.next;
    }
    expect(next).toBeUndefined();
  });

  it('has payloads that are read, and written again byte for byte where nothing in them is unknown', () => {
    const forwarders = [0, 1, 2, 3].map((index) => decodeForwardPayload(hops[index]!.payload));
    expect(forwarders).toEqual([
      { amtToForwardMsat: 15_000n, outgoingCltvValue: 1_500, shortChannelId: 1n },
      { amtToForwardMsat: 14_000n, outgoingCltvValue: 1_400, shortChannelId: 2n },
      { amtToForwardMsat: 12_500n, outgoingCltvValue: 1_250, shortChannelId: 3n },
      { amtToForwardMsat: 10_000n, outgoingCltvValue: 1_000, shortChannelId: 4n },
    ]);
    // The second hop's payload carries an unknown odd record.
    for (const index of [0, 2, 3]) expect(hex(encodePayload(forwarders[index]!))).toBe(hex(hops[index]!.payload));
    expect(decodeFinalPayload(hops[4]!.payload)).toEqual({
      amtToForwardMsat: 10_000n,
      outgoingCltvValue: 1_000,
      paymentData: {
        paymentSecret: bytes('24a33562c54507a9334e79f0dc4f17d407e6d7c61f0e2f3d0d38599502f61704'),
        totalMsat: 10_000n,
      },
    });
  });
});

describe('BOLT 4: onion-error-test.json', () => {
  const route = errorVector.generate.hops;
  const secrets = route.map(({ hop_shared_secret }) => bytes(hop_shared_secret));
  const failure = decodeFailure(bytes(errorVector.generate.failure_message));

  it('derives the keys', () => {
    for (const [index, hop] of route.entries()) {
      expect(hex(deriveKey('ammag', secrets[index]!))).toBe(hop.ammag_key);
    }
    expect(hex(deriveKey('um', secrets[4]!))).toBe(route[4]!.um_key);
  });

  it('shares its secrets with onion-test.json', () => {
    expect(createOnion({ sessionKey, hops, associatedData }).sharedSecrets.map(hex)).toEqual(secrets.map(hex));
  });

  it('makes the error packet, wraps it on its way and reads it at the origin', () => {
    expect(failure).toEqual({ type: 'temporary_node_failure' });
    let packet = createErrorPacket(secrets[4]!, failure);
    const content = bytes(route[4]!.payload!);
    const hmac = hmacSha256(bytes(route[4]!.um_key!), content);
    expect(hex(packet)).toBe(hex(wrapErrorPacket(secrets[4]!, concat([hmac, content]))));
    for (const secret of [3, 2, 1, 0].map((index) => secrets[index]!)) packet = wrapErrorPacket(secret, packet);
    expect(hex(packet)).toBe(errorVector.errorpacket);
    expect(readErrorPacket(secrets, packet)).toEqual({ readable: true, hopIndex: 4, failure });
  });
});

describe('BOLT 4: "Test Vector", "Returning Errors"', () => {
  const secrets = errorVector.generate.hops.map(({ hop_shared_secret }) => bytes(hop_shared_secret));
  const failureMessage = concat([bytes('400f0000000000000064000c3500fd84d1fd012c'), new Uint8Array(300).fill(0x80)]);

  // The text has each packet in full, 1,060 bytes; here stand their first bytes.
  const expectedStarts = [
    '2dd2f49c1f5af0fcad371d96e8cddbdcd5096dc309c1d4e110f955926506b3c0',
    '1b4b09a935ce7af95b336baae307f2b400e3a7e808d9b4cf421cc4b3955620ac',
    '145bc1c63058f7204abbd2320d422e69fb1b3801a14312f81e5e29e6b5f4774c',
    '7512354d6a26781d25e65539772ba049b7ed7c530bf75ab7ef80cf974b978a07',
    '146e94a9086dbbed6a0ab6932d00c118a7195dbf69b7d7a12b0e6956fc54b5e0',
  ];

  it('reads a longer packet of other padding, whose failure message ends in a record that we do not know', () => {
    const content = concat([bytes('0140'), failureMessage, bytes('02c0'), new Uint8Array(704)]);
    let packet: Uint8Array = concat([hmacSha256(deriveKey('um', secrets[4]!), content), content]);
    for (const index of [4, 3, 2, 1, 0]) {
      packet = wrapErrorPacket(secrets[index]!, packet);
      expect(hex(packet.subarray(0, 32))).toBe(expectedStarts[index]);
    }
    expect(hex(sha256(packet))).toBe('0709ced8da7a15dae982a2c0edfe44fefa1a2aab5db8e207f63890455799ec07');
    expect(readErrorPacket(secrets, packet)).toEqual({
      readable: true,
      hopIndex: 4,
      failure: { type: 'incorrect_or_unknown_payment_details', htlcMsat: 100n, height: 800_000 },
    });
  });
});
