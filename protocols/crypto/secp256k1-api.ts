/**
 * secp256k1 as Runnel uses it. Two implementations stand behind it (libsecp256k1 and noble), held to the same vectors.
 *
 * Secret keys and scalars are 32 bytes big-endian, public keys 33 bytes compressed, signatures 64 bytes compact
 * (r ‖ s, low-S, RFC 6979 nonce), message hashes 32 bytes. A malformed argument throws `CryptoError`; `verify` alone answers
 * false for any malformed signature or key, since those come from peers.
 */
export interface Secp256k1 {
  readonly implementation: 'libsecp256k1' | 'noble';
  isSecretKey(bytes: Uint8Array): boolean;
  isPublicKey(bytes: Uint8Array): boolean;
  publicKey(secretKey: Uint8Array): Uint8Array;
  sign(hash: Uint8Array, secretKey: Uint8Array): Uint8Array;
  verify(signature: Uint8Array, hash: Uint8Array, publicKey: Uint8Array): boolean;
  /** 65 bytes: compact signature followed by the recovery id (0 to 3), as BOLT 11 wants it. */
  signRecoverable(hash: Uint8Array, secretKey: Uint8Array): Uint8Array;
  /** The public key that made a 65-byte recoverable signature; throws `CryptoError` if there is none. */
  recover(signature: Uint8Array, hash: Uint8Array): Uint8Array;
  /** SHA256 of the compressed shared point: the ECDH of BOLT 4 and BOLT 8. */
  ecdh(publicKey: Uint8Array, secretKey: Uint8Array): Uint8Array;
  addPoints(points: readonly Uint8Array[]): Uint8Array;
  multiplyPoint(publicKey: Uint8Array, scalar: Uint8Array): Uint8Array;
  addScalars(a: Uint8Array, b: Uint8Array): Uint8Array;
  multiplyScalars(a: Uint8Array, b: Uint8Array): Uint8Array;
}
