import { chacha20 } from '@noble/ciphers/chacha.js';
import { fromString } from 'uint8arrays/from-string';
import { hmacSha256 } from '../crypto/hash.ts';

/** BOLT 4, "Key Generation": what a key derived from a shared secret is for; the ASCII name is the HMAC's key. */
const KEY_TYPES = {
  rho: fromString('rho'),
  mu: fromString('mu'),
  um: fromString('um'),
  pad: fromString('pad'),
  ammag: fromString('ammag'),
};

const NULL_NONCE = new Uint8Array(12);

/** BOLT 4, "Key Generation": 32 bytes. */
export function deriveKey(keyType: keyof typeof KEY_TYPES, sharedSecret: Uint8Array): Uint8Array {
  return hmacSha256(KEY_TYPES[keyType], sharedSecret);
}

/**
 * BOLT 4, "Pseudo Random Byte Stream": XORs the key's ChaCha20 stream into the bytes, in place. Over zeros this is the
 * stream itself. The nonce can be fixed, since no key is used for two streams.
 */
export function xorStream(key: Uint8Array, bytes: Uint8Array): void {
  chacha20(key, NULL_NONCE, bytes, bytes);
}
