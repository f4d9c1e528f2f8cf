import { chacha20poly1305 } from '@noble/ciphers/chacha.js';

/** Bytes that the authentication adds to what is encrypted. */
export const TAG_BYTES = 16;

/**
 * BOLT 8, "Handshake State": `encryptWithAD`, ChaCha20-Poly1305 with the nonce as Noise writes it. 16 bytes longer than the
 * plaintext; without `associated`, as each message of a session is sealed.
 */
export function encryptWithAd(key: Uint8Array, nonce: number, associated: Uint8Array | undefined, plaintext: Uint8Array): Uint8Array {
  return chacha20poly1305(key, nonceBytes(nonce), associated).encrypt(plaintext);
}

/** BOLT 8, "Handshake State": `decryptWithAD`; undefined for what was not made with this key, nonce and data. */
export function decryptWithAd(key: Uint8Array, nonce: number, associated: Uint8Array | undefined, sealed: Uint8Array): Uint8Array | undefined {
  try {
    return chacha20poly1305(key, nonceBytes(nonce), associated).decrypt(sealed);
  } catch {
    return undefined;
  }
}

/** 32 zero bits, then the nonce in 64 bits, little-endian. */
function nonceBytes(nonce: number): Uint8Array {
  const bytes = new Uint8Array(12);
  new DataView(bytes.buffer).setUint32(4, nonce, true);
  return bytes;
}
