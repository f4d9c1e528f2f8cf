import { createCipheriv, createDecipheriv } from 'node:crypto';

/** Bytes that the authentication adds to what is encrypted. */
export const TAG_BYTES = 16;

const ALGORITHM = 'chacha20-poly1305';
const NO_DATA = new Uint8Array();

/** BOLT 8, "Handshake State": `encryptWithAD`, ChaCha20-Poly1305 with the nonce as Noise writes it. 16 bytes longer than the plaintext. */
export function encryptWithAd(key: Uint8Array, nonce: number, associated: Uint8Array, plaintext: Uint8Array): Uint8Array {
  const cipher = createCipheriv(ALGORITHM, key, nonceBytes(nonce), { authTagLength: TAG_BYTES });
  if (associated.length > 0) cipher.setAAD(associated, { plaintextLength: plaintext.length });
  const sealed = new Uint8Array(plaintext.length + TAG_BYTES);
  sealed.set(cipher.update(plaintext));
  cipher.final();
  sealed.set(cipher.getAuthTag(), plaintext.length);
  return sealed;
}

/** BOLT 8, "Handshake State": `decryptWithAD`; undefined for what was not made with this key, nonce and data. */
export function decryptWithAd(key: Uint8Array, nonce: number, associated: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
  const length = sealed.length - TAG_BYTES;
  if (length < 0) return undefined;
  const decipher = createDecipheriv(ALGORITHM, key, nonceBytes(nonce), { authTagLength: TAG_BYTES });
  decipher.setAuthTag(sealed.subarray(length));
  if (associated.length > 0) decipher.setAAD(associated, { plaintextLength: length });
  const plaintext = new Uint8Array(decipher.update(sealed.subarray(0, length)));
  try {
    decipher.final();
    return plaintext;
  } catch {
    return undefined;
  }
}

/** Sealed without data beside it, as each message of a session is. */
export const encrypt = (key: Uint8Array, nonce: number, plaintext: Uint8Array): Uint8Array => encryptWithAd(key, nonce, NO_DATA, plaintext);

/** Undefined for what is not authentic. */
export const decrypt = (key: Uint8Array, nonce: number, sealed: Uint8Array): Uint8Array | undefined => decryptWithAd(key, nonce, NO_DATA, sealed);

/** 32 zero bits, then the nonce in 64 bits, little-endian. */
function nonceBytes(nonce: number): Uint8Array {
  const bytes = new Uint8Array(12);
  new DataView(bytes.buffer).setUint32(4, nonce, true);
  return bytes;
}
