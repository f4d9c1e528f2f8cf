import { equalBytes } from '@noble/ciphers/utils.js';
import { concat } from 'uint8arrays/concat';
import { hmacSha256 } from '../crypto/hash.ts';
import { u16Bytes } from '../wire/codec.ts';
import { WireError } from '../wire/errors.ts';
import { Reader } from '../wire/reader.ts';
import { Writer } from '../wire/writer.ts';
import { decodeFailure, encodeFailure, type FailureMessage } from './failures.ts';
import { deriveKey, xorStream } from './keys.ts';

const HMAC_LENGTH = 32;

/** BOLT 4, "Erring node": the length of the failure message and its padding together. */
const PADDED_LENGTH = 256;

/** BOLT 4, "Origin node": the longest route, and how often each packet is therefore decrypted. */
const MAX_HOPS = 27;

/** What an error packet says: `hopIndex` counts the route's hops from 0. */
export type ErrorPacketResult =
  | { readonly readable: true; readonly hopIndex: number; readonly failure: FailureMessage }
  | { readonly readable: false };

/**
 * BOLT 4, "Returning Errors": the `reason` with which the node that shares this secret fails an HTLC, already
 * obfuscated by it. Throws `WireError` for a failure with a value that its field does not allow.
 */
export function createErrorPacket(sharedSecret: Uint8Array, failure: FailureMessage): Uint8Array {
  const message = encodeFailure(failure);
  const writer = new Writer();
  u16Bytes.write(writer, message);
  u16Bytes.write(writer, new Uint8Array(Math.max(0, PADDED_LENGTH - message.length)));
  const content = writer.finish();
  const hmac = hmacSha256(deriveKey('um', sharedSecret), content);
  return wrapErrorPacket(sharedSecret, concat([hmac, content]));
}

/** BOLT 4, "Intermediate nodes": the `reason` that a forwarder passes on upstream, whatever came from downstream. */
export function wrapErrorPacket(sharedSecret: Uint8Array, packet: Uint8Array): Uint8Array {
  const wrapped = packet.slice();
  xorStream(deriveKey('ammag', sharedSecret), wrapped);
  return wrapped;
}

/**
 * BOLT 4, "Origin node": which hop failed, and why. `sharedSecrets` are those of the packet that was sent, in the order
 * of the route. A packet that no hop of the route has made, or that one on the way has altered, is not readable, and
 * tells of no hop in particular.
 *
 * However long the route is and wherever the error arose, the packet is decrypted as often, so that the time it takes
 * before the next attempt leaves does not tell the erring hop how near it is.
 */
export function readErrorPacket(sharedSecrets: readonly Uint8Array[], packet: Uint8Array): ErrorPacketResult {
  let result: ErrorPacketResult = { readable: false };
  let decrypted = packet;
  const dummySecret = new Uint8Array(32);
  for (let hopIndex = 0; hopIndex < Math.max(MAX_HOPS, sharedSecrets.length); hopIndex++) {
    const sharedSecret = sharedSecrets[hopIndex] ?? dummySecret;
    decrypted = wrapErrorPacket(sharedSecret, decrypted);
    const content = decrypted.subarray(HMAC_LENGTH);
    const hmac = hmacSha256(deriveKey('um', sharedSecret), content);
    const matches = equalBytes(hmac, decrypted.subarray(0, HMAC_LENGTH));
    if (matches && hopIndex < sharedSecrets.length && !result.readable) {
      result = { readable: true, hopIndex, failure: decodeFailure(readMessage(content)) };
    }
  }
  return result;
}

/** The failure message in what a hop has vouched for; empty, and so an unknown failure, if the hop made it badly. */
function readMessage(content: Uint8Array): Uint8Array {
  try {
    return u16Bytes.read(new Reader(content));
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    return new Uint8Array();
  }
}
