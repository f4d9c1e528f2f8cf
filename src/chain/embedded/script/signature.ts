import { secp256k1 as curve } from '@noble/curves/secp256k1.js';
import { check as isStrictDer, decode as decodeDer } from 'bitcoinjs-lib/src/bip66';
import { secp256k1 } from '../../../../protocols/crypto/secp256k1.ts';
import type { ScriptError } from './errors.ts';
import { ScriptFlag } from './flags.ts';
import type { SignatureVersion } from './sighash.ts';

const { Fn } = curve.Point;

/**
 * Checks a signature (DER and a hash type byte) against `flags`; an empty one stands for "no signature" and is always
 * well formed.
 */
export function checkSignatureEncoding(signature: Uint8Array, flags: number): ScriptError | undefined {
  if (signature.length === 0) return undefined;
  const der = signature.subarray(0, -1);
  if ((flags & (ScriptFlag.DERSIG | ScriptFlag.LOW_S | ScriptFlag.STRICTENC)) !== 0 && !isStrictDer(der)) {
    return 'SIG_DER';
  }
  if ((flags & ScriptFlag.LOW_S) !== 0 && isHighS(der)) return 'SIG_HIGH_S';
  if ((flags & ScriptFlag.STRICTENC) !== 0) {
    const outputsMode = (signature.at(-1) ?? 0) & ~0x80;
    if (outputsMode < 1 || outputsMode > 3) return 'SIG_HASHTYPE';
  }
  return undefined;
}

/** Checks a public key's form against `flags`. */
export function checkPublicKeyEncoding(
  publicKey: Uint8Array,
  flags: number,
  version: SignatureVersion,
): ScriptError | undefined {
  const compressed = publicKey.length === 33 && (publicKey[0] === 2 || publicKey[0] === 3);
  const uncompressed = publicKey.length === 65 && publicKey[0] === 4;
  if ((flags & ScriptFlag.STRICTENC) !== 0 && !compressed && !uncompressed) return 'PUBKEYTYPE';
  if ((flags & ScriptFlag.WITNESS_PUBKEYTYPE) !== 0 && version === 'witness_v0' && !compressed) {
    return 'WITNESS_PUBKEYTYPE';
  }
  return undefined;
}

/**
 * Whether `der` (without the hash type) is `publicKey`'s ECDSA signature of `hash`. Consensus lets S be high and keys
 * be uncompressed or hybrid, so all of that is brought into the form that `secp256k1.verify` takes. Never throws.
 */
export function verifyEcdsa(der: Uint8Array, publicKey: Uint8Array, hash: Uint8Array): boolean {
  if (!isStrictDer(der)) return false;
  const { r, s } = decodeDer(der);
  const compact = new Uint8Array(64);
  if (!writeScalar(compact, 0, r) || !writeScalar(compact, 32, s)) return false;
  if (isHighS(der)) compact.set(Fn.toBytes(Fn.neg(Fn.fromBytes(compact.subarray(32)))), 32);
  const compressed = compressPublicKey(publicKey);
  return compressed !== undefined && secp256k1.verify(compact, hash, compressed);
}

function isHighS(der: Uint8Array): boolean {
  const scalar = new Uint8Array(32);
  if (!writeScalar(scalar, 0, decodeDer(der).s)) return false;
  const s = bytesToBigInt(scalar);
  return s > Fn.ORDER / 2n && s < Fn.ORDER;
}

/** Writes a DER integer as 32 bytes big-endian; false if it is longer. */
function writeScalar(target: Uint8Array, offset: number, integer: Uint8Array): boolean {
  const digits = integer[0] === 0 ? integer.subarray(1) : integer;
  if (digits.length > 32) return false;
  target.set(digits, offset + 32 - digits.length);
  return true;
}

function compressPublicKey(publicKey: Uint8Array): Uint8Array | undefined {
  if (publicKey.length === 33) return publicKey;
  const prefix = publicKey[0];
  if (publicKey.length !== 65 || (prefix !== 4 && prefix !== 6 && prefix !== 7)) return undefined;
  const parity = (publicKey[64] ?? 0) & 1;
  // A hybrid key (06, 07) is an uncompressed one that also says whether y is odd.
  if (prefix !== 4 && (prefix & 1) !== parity) return undefined;
  const uncompressed = Uint8Array.from(publicKey);
  uncompressed[0] = 4;
  try {
    return curve.Point.fromBytes(uncompressed).toBytes(true);
  } catch {
    return undefined;
  }
}

function bytesToBigInt(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return value;
}
