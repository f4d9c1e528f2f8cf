import { equalBytes } from '@noble/ciphers/utils.js';
import { concat } from 'uint8arrays/concat';
import { hmacSha256, sha256 } from '../crypto/hash.ts';
import { secp256k1 } from '../crypto/secp256k1.ts';
import { bigsize } from '../wire/bigsize.ts';
import { encode } from '../wire/codec.ts';
import { WireError } from '../wire/errors.ts';
import { Reader } from '../wire/reader.ts';
import { OnionError, OnionRouteError } from './errors.ts';
import type { BadOnionFailure } from './failures.ts';
import { deriveKey, xorStream } from './keys.ts';

/** BOLT 4, "Packet Structure": one byte of version, a point, the payloads, an HMAC. */
export const PAYLOADS_LENGTH = 1300;
export const PACKET_LENGTH = 1366;

const VERSION = 0;
const HEADER_LENGTH = 34;
const HMAC_LENGTH = 32;
const FINAL_HMAC = new Uint8Array(HMAC_LENGTH);

/** One hop of a route: who peels, and the payload without its length, as `encodePayload` makes it. */
export interface OnionHop {
  readonly nodeId: Uint8Array;
  readonly payload: Uint8Array;
}

/** What a node finds in a packet. */
export interface PeeledOnion {
  /** The hop's payload without its length; empty where the length is nonsense, so that decoding it refuses the HTLC. */
  readonly payload: Uint8Array;
  /** The packet for the next hop; absent at the final node. */
  readonly next?: Uint8Array;
  /** Shared with the sender alone: error packets are made and wrapped with it. */
  readonly sharedSecret: Uint8Array;
}

/**
 * BOLT 4, "Packet Construction": the packet that carries one payload to each hop of a route, and the secret shared with
 * each hop, in the order of the route, by which error packets are read.
 *
 * `sessionKey` is a random secret key for this packet alone; `associatedData` is what all hops must see the same, for a
 * payment its payment hash. Throws `OnionRouteError` if there is no hop, a payload is shorter than two bytes, or all do
 * not fit into 1,300 bytes, and `CryptoError` for a key that is none.
 */
export function createOnion(options: {
  readonly sessionKey: Uint8Array;
  readonly hops: readonly OnionHop[];
  readonly associatedData: Uint8Array;
}): { packet: Uint8Array; sharedSecrets: Uint8Array[] } {
  const { sessionKey, hops, associatedData } = options;
  const frames = frameHops(hops);
  const sharedSecrets = shareSecrets(sessionKey, hops);
  const layers = frames.map((frame, index) => {
    const sharedSecret = sharedSecrets[index] ?? new Uint8Array();
    return { frame, rho: deriveKey('rho', sharedSecret), mu: deriveKey('mu', sharedSecret) };
  });
  const filler = makeFiller(layers.slice(0, -1));

  const payloads = new Uint8Array(PAYLOADS_LENGTH);
  xorStream(deriveKey('pad', sessionKey), payloads);
  let hmac: Uint8Array = FINAL_HMAC;
  for (const [fromLast, { frame, rho, mu }] of layers.reverse().entries()) {
    payloads.copyWithin(frame.length + HMAC_LENGTH, 0);
    payloads.set(frame);
    payloads.set(hmac, frame.length);
    xorStream(rho, payloads);
    if (fromLast === 0) payloads.set(filler, PAYLOADS_LENGTH - filler.length);
    hmac = hmacSha256(mu, concat([payloads, associatedData]));
  }
  const packet = concat([Uint8Array.of(VERSION), secp256k1.publicKey(sessionKey), payloads, hmac], PACKET_LENGTH);
  return { packet, sharedSecrets };
}

/**
 * BOLT 4, "Onion Decryption": what a packet holds for this node, and the packet for the next.
 *
 * `ecdh` gives the SHA-256 of the compressed point that the node's secret key shares with the given one (the signer
 * alone holds that key). Throws `OnionError` for a packet that is not of version 0, has no valid ephemeral key or whose
 * HMAC does not match, be it that a hop has altered it or that it came with other associated data. Remembering packets
 * against replay is the caller's: see `onionReplayKey`.
 */
export function peelOnion(
  packet: Uint8Array,
  associatedData: Uint8Array,
  ecdh: (publicKey: Uint8Array) => Uint8Array,
): PeeledOnion {
  if (packet[0] !== VERSION || packet.length !== PACKET_LENGTH) {
    const message = `expected version 0 in ${PACKET_LENGTH} bytes, got version ${packet[0]} in ${packet.length} bytes`;
    throw refuse(packet, 'invalid_onion_version', message);
  }
  const publicKey = packet.slice(1, HEADER_LENGTH);
  if (!secp256k1.isPublicKey(publicKey)) {
    throw refuse(packet, 'invalid_onion_key', `expected the onion's ephemeral key to be a point of the curve`);
  }
  const sharedSecret = ecdh(publicKey);
  const payloads = packet.subarray(HEADER_LENGTH, HEADER_LENGTH + PAYLOADS_LENGTH);
  const hmac = hmacSha256(deriveKey('mu', sharedSecret), concat([payloads, associatedData]));
  if (!equalBytes(hmac, packet.subarray(HEADER_LENGTH + PAYLOADS_LENGTH))) {
    throw refuse(packet, 'invalid_onion_hmac', `expected the onion's HMAC to match its payloads and associated data`);
  }

  const unwrapped = new Uint8Array(2 * PAYLOADS_LENGTH);
  unwrapped.set(payloads);
  xorStream(deriveKey('rho', sharedSecret), unwrapped);
  const frame = readFrame(unwrapped.subarray(0, PAYLOADS_LENGTH));
  // The HMAC was right, so the sender wrote this, and an encrypted error packet can tell it so.
  if (frame === undefined) return { payload: new Uint8Array(), sharedSecret };
  if (equalBytes(frame.nextHmac, FINAL_HMAC)) return { payload: frame.payload, sharedSecret };

  const nextPublicKey = secp256k1.multiplyPoint(publicKey, blindingFactor(publicKey, sharedSecret));
  const nextPayloads = unwrapped.subarray(frame.length, frame.length + PAYLOADS_LENGTH);
  const next = concat([Uint8Array.of(VERSION), nextPublicKey, nextPayloads, frame.nextHmac], PACKET_LENGTH);
  return { payload: frame.payload, next, sharedSecret };
}

/** Each payload with its length before it, if all of them and their HMACs fit into one packet. */
function frameHops(hops: readonly OnionHop[]): Uint8Array[] {
  if (hops.length === 0) throw new OnionRouteError('onion_no_hops', 'expected at least one hop, got none');
  const frames = hops.map(({ payload }, index) => {
    // BOLT 4, "Packet Structure": the lengths 0 and 1 are reserved.
    if (payload.length < 2) {
      const message = `expected a payload of at least 2 bytes for hop ${index}, got ${payload.length}`;
      throw new OnionRouteError('onion_bad_payload', message, { hopIndex: index, length: payload.length });
    }
    return concat([encode(bigsize, BigInt(payload.length)), payload]);
  });
  const length = frames.reduce((sum, frame) => sum + frame.length + HMAC_LENGTH, 0);
  if (length > PAYLOADS_LENGTH) {
    const message = `expected the payloads of ${hops.length} hops to fit into ${PAYLOADS_LENGTH} bytes, got ${length}`;
    throw new OnionRouteError('onion_too_large', message, { length, limit: PAYLOADS_LENGTH });
  }
  return frames;
}

/** BOLT 4, "Shared Secret" and "Blinding Ephemeral Onion Keys": what the sender shares with each hop. */
function shareSecrets(sessionKey: Uint8Array, hops: readonly OnionHop[]): Uint8Array[] {
  let ephemeralKey = sessionKey;
  return hops.map(({ nodeId }, index) => {
    const sharedSecret = secp256k1.ecdh(nodeId, ephemeralKey);
    if (index < hops.length - 1) {
      const factor = blindingFactor(secp256k1.publicKey(ephemeralKey), sharedSecret);
      ephemeralKey = secp256k1.multiplyScalars(ephemeralKey, factor);
    }
    return sharedSecret;
  });
}

function blindingFactor(publicKey: Uint8Array, sharedSecret: Uint8Array): Uint8Array {
  return sha256(concat([publicKey, sharedSecret]));
}

/**
 * BOLT 4, "Filler Generation": the bytes that the hops before the final one will have shifted in and obfuscated at the
 * end of the payloads by the time that the final one checks its HMAC.
 */
function makeFiller(forwarders: readonly { readonly frame: Uint8Array; readonly rho: Uint8Array }[]): Uint8Array {
  let filler: Uint8Array = new Uint8Array();
  for (const { frame, rho } of forwarders) {
    const shift = frame.length + HMAC_LENGTH;
    // The hop sees the payloads with zeros after them, and keeps `shift` of these behind what was shifted in before.
    const extended = new Uint8Array(PAYLOADS_LENGTH + shift);
    extended.set(filler, PAYLOADS_LENGTH - filler.length);
    xorStream(rho, extended);
    filler = extended.slice(PAYLOADS_LENGTH - filler.length);
  }
  return filler;
}

/** The frame at the front of the payloads: length, payload, next HMAC; undefined if BOLT 4 has it abort. */
function readFrame(payloads: Uint8Array): { payload: Uint8Array; nextHmac: Uint8Array; length: number } | undefined {
  const reader = new Reader(payloads);
  try {
    const length = bigsize.read(reader);
    if (length < 2n || length > BigInt(reader.remaining)) return undefined;
    const payload = reader.bytes(Number(length));
    const nextHmac = reader.bytes(HMAC_LENGTH);
    return { payload, nextHmac, length: payloads.length - reader.remaining };
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

function refuse(packet: Uint8Array, type: BadOnionFailure['type'], message: string): OnionError {
  return new OnionError({ type, sha256OfOnion: sha256(packet) }, message);
}
