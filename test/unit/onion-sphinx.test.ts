import fc from 'fast-check';
import { concat } from 'uint8arrays/concat';
import { describe, expect, it } from 'vitest';
import { hmacSha256, sha256 } from '../../protocols/crypto/hash.ts';
import { CryptoError, secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import { OnionError, OnionPayloadError, OnionRouteError } from '../../protocols/onion/errors.ts';
import { BADONION, failureCode } from '../../protocols/onion/failures.ts';
import { deriveKey, xorStream } from '../../protocols/onion/keys.ts';
import { decodeFinalPayload } from '../../protocols/onion/payload.ts';
import { onionReplayKey } from '../../protocols/onion/replay.ts';
import { createOnion, PACKET_LENGTH, peelOnion } from '../../protocols/onion/sphinx.ts';

const secretKeys = Array.from({ length: 37 }, (_, index) => new Uint8Array(32).fill(index + 1));
const nodeIds = secretKeys.map((secretKey) => secp256k1.publicKey(secretKey));
const paymentHash = new Uint8Array(32).fill(0x42);
const sessionKey = new Uint8Array(32).fill(0x41);

/** ECDH as the signer of the node at this place in the route offers it. */
const ecdhOf = (index: number) => (point: Uint8Array) => secp256k1.ecdh(point, secretKeys[index]!);
const onionFor = (payloads: readonly Uint8Array[], key = sessionKey) =>
  createOnion({
    sessionKey: key,
    hops: payloads.map((payload, index) => ({ nodeId: nodeIds[index]!, payload })),
    associatedData: paymentHash,
  });

/** That many payloads of that many bytes each. */
const sized = (count: number, length: number) => Array.from({ length: count }, () => new Uint8Array(length).fill(1));

function thrownBy(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}

/** Peels at each hop of the route and returns what was found there. */
function peelAll(packet: Uint8Array, hopCount: number) {
  const found = [];
  let next: Uint8Array | undefined = packet;
  for (let index = 0; index < hopCount; index++) {
    expect(next).toHaveLength(PACKET_LENGTH);
    const peeled = peelOnion(next!, paymentHash, ecdhOf(index));
    found.push(peeled);
    next = peeled.next;
  }
  expect(next).toBeUndefined();
  return found;
}

describe('packets', () => {
  it('bring each hop its payload and secret, on routes of 1 to 20 hops', () => {
    const route = fc
      .integer({ min: 1, max: 20 })
      .chain((hopCount) =>
        fc.array(fc.uint8Array({ minLength: 2, maxLength: Math.floor(1300 / hopCount) - 35 }), {
          minLength: hopCount,
          maxLength: hopCount,
        }),
      );
    const key = fc.uint8Array({ minLength: 32, maxLength: 32 }).filter((bytes) => secp256k1.isSecretKey(bytes));
    fc.assert(
      fc.property(route, key, (payloads, randomKey) => {
        const { packet, sharedSecrets } = onionFor(payloads, randomKey);
        const found = peelAll(packet, payloads.length);
        expect(found.map(({ payload }) => payload)).toEqual(payloads);
        expect(found.map(({ sharedSecret }) => sharedSecret)).toEqual(sharedSecrets);
      }),
      { numRuns: 40 },
    );
  });

  it('hold 27 hops of 15 bytes each, and one payload of 1,265 bytes', () => {
    expect(peelAll(onionFor(sized(27, 15)).packet, 27)).toHaveLength(27);
    const largest = new Uint8Array(1265).fill(7);
    expect(peelAll(onionFor([largest]).packet, 1)[0]?.payload).toEqual(largest);
  });

  it('hold no more than fits', () => {
    expect(() => onionFor([new Uint8Array(1266)])).toThrow(
      expect.objectContaining({ code: 'onion_too_large', details: { length: 1301, limit: 1300 } }),
    );
    expect(() => onionFor(sized(37, 10))).toThrow(OnionRouteError);
  });

  it('are not made without a hop, for a payload of a reserved length, or with a key that is none', () => {
    expect(() => onionFor([])).toThrow(expect.objectContaining({ code: 'onion_no_hops' }));
    expect(() => onionFor([Uint8Array.of(2, 0), Uint8Array.of(1)])).toThrow(
      expect.objectContaining({ code: 'onion_bad_payload', details: { hopIndex: 1, length: 1 } }),
    );
    expect(() => onionFor([new Uint8Array(2)], new Uint8Array(32))).toThrow(CryptoError);
    const hops = [{ nodeId: new Uint8Array(33), payload: new Uint8Array(2) }];
    expect(() => createOnion({ sessionKey, hops, associatedData: paymentHash })).toThrow(CryptoError);
  });
});

describe('a packet that cannot be peeled', () => {
  const { packet } = onionFor([new Uint8Array(20).fill(1), new Uint8Array(20).fill(2)]);
  const altered = (index: number, value: number) => {
    const copy = packet.slice();
    copy[index] = value;
    return copy;
  };

  it.each([
    ['another version', altered(0, 1), 'invalid_onion_version'],
    ['a byte too few', packet.subarray(0, -1), 'invalid_onion_version'],
    ['a byte too many', concat([packet, Uint8Array.of(0)]), 'invalid_onion_version'],
    ['nothing at all', new Uint8Array(), 'invalid_onion_version'],
    ['an ephemeral key that is no point', altered(1, 5), 'invalid_onion_key'],
    ['an altered payload', altered(700, packet[700]! ^ 1), 'invalid_onion_hmac'],
    ['an altered HMAC', altered(1365, packet[1365]! ^ 0x80), 'invalid_onion_hmac'],
  ] as const)('%s is refused with %s', (_, bad, type) => {
    const error = thrownBy(() => peelOnion(bad, paymentHash, ecdhOf(0)));
    expect(error).toBeInstanceOf(OnionError);
    expect(error).toMatchObject({ code: type, failure: { type, sha256OfOnion: sha256(bad) } });
  });

  it('is one for another node, or of another payment', () => {
    expect(() => peelOnion(packet, paymentHash, ecdhOf(1))).toThrow(OnionError);
    expect(() => peelOnion(packet, new Uint8Array(32), ecdhOf(0))).toThrow(OnionError);
  });

  it('is always answered with a BADONION failure, wherever it was altered', () => {
    const mutation = fc.array(fc.tuple(fc.nat({ max: PACKET_LENGTH - 1 }), fc.integer({ min: 1, max: 255 })), {
      minLength: 1,
      maxLength: 8,
    });
    const mutated = mutation.map((changes) => {
      const copy = packet.slice();
      for (const [index, mask] of changes) copy[index] = copy[index]! ^ mask;
      return copy;
    });
    const randomBody = fc.uint8Array({ minLength: 1332, maxLength: 1332 });
    const hostile = fc.oneof(
      { weight: 3, arbitrary: mutated.filter((bytes) => bytes.some((byte, index) => byte !== packet[index])) },
      { weight: 1, arbitrary: fc.uint8Array({ maxLength: 2000 }) },
      { weight: 1, arbitrary: randomBody.map((body) => concat([packet.subarray(0, 34), body])) },
    );
    fc.assert(
      fc.property(hostile, (bytes) => {
        const error = thrownBy(() => peelOnion(bytes, paymentHash, ecdhOf(0)));
        expect(error).toBeInstanceOf(OnionError);
        const { failure } = error as OnionError;
        expect(failureCode(failure) & BADONION).toBe(BADONION);
        expect(failure.sha256OfOnion).toEqual(sha256(bytes));
      }),
      { numRuns: 300 },
    );
  });
});

/** A packet for the first node, with a valid HMAC, whose payloads begin with these bytes. */
function packetWithFrame(frame: Uint8Array): Uint8Array {
  const sharedSecret = secp256k1.ecdh(nodeIds[0]!, sessionKey);
  const payloads = new Uint8Array(1300);
  payloads.set(frame);
  xorStream(deriveKey('rho', sharedSecret), payloads);
  const hmac = hmacSha256(deriveKey('mu', sharedSecret), concat([payloads, paymentHash]));
  return concat([Uint8Array.of(0), secp256k1.publicKey(sessionKey), payloads, hmac]);
}

describe('a payload whose length is nonsense', () => {
  it.each([
    ['a reserved length', [1]],
    ['a length beyond the packet', [0xfd, 0x05, 0x15]],
    ['a length that leaves no room for the HMAC', [0xfd, 0x04, 0xf2]],
    ['a length that is not minimal', [0xfd, 0x00, 0x02]],
    ['an enormous length', [0xff, 255, 255, 255, 255, 255, 255, 255, 255]],
  ])('%s leaves an empty payload, which is refused in an error packet', (_, length) => {
    const packet = packetWithFrame(Uint8Array.from(length));
    const { payload, next, sharedSecret } = peelOnion(packet, paymentHash, ecdhOf(0));
    expect(payload).toHaveLength(0);
    expect(next).toBeUndefined();
    expect(sharedSecret).toEqual(secp256k1.ecdh(nodeIds[0]!, sessionKey));
    expect(() => decodeFinalPayload(payload)).toThrow(OnionPayloadError);
  });
});

it('a replay key is one to a shared secret, and not the secret', () => {
  const { sharedSecrets } = onionFor([new Uint8Array(20), new Uint8Array(20)]);
  const keys = sharedSecrets.map(onionReplayKey);
  expect(keys[0]).toEqual(onionReplayKey(sharedSecrets[0]!.slice()));
  expect(keys[0]).not.toEqual(keys[1]);
  expect(keys[0]).not.toEqual(sharedSecrets[0]);
});
