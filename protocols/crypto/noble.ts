import { secp256k1 as curve } from '@noble/curves/secp256k1.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { checked } from './checked.ts';
import type { Secp256k1 } from './secp256k1-api.ts';

const { Point } = curve;
const { Fn } = Point;

/**
 * secp256k1 by @noble/curves: pure JavaScript, 10 to 50 times slower than libsecp256k1, for platforms without a
 * prebuilt library. `verify` refuses high-S signatures, as libsecp256k1 does; `recover` accepts them, as BOLT 11 asks.
 */
export const noble: Secp256k1 = checked('noble', {
  isSecretKey: (bytes) => curve.utils.isValidSecretKey(bytes),
  isPublicKey: (bytes) => curve.utils.isValidPublicKey(bytes, true),
  publicKey: (secretKey) => curve.getPublicKey(secretKey),
  signWithRecoveryId(hash, secretKey) {
    const recovered = curve.sign(hash, secretKey, { prehash: false, format: 'recovered' });
    return { signature: recovered.slice(1), recoveryId: Number(recovered[0]) };
  },
  verify: (signature, hash, publicKey) => curve.verify(signature, hash, publicKey, { prehash: false, lowS: true }),
  recover(signature, hash) {
    const recovered = new Uint8Array(65);
    recovered.set(signature.subarray(64));
    recovered.set(signature.subarray(0, 64), 1);
    return curve.recoverPublicKey(recovered, hash, { prehash: false });
  },
  ecdh: (publicKey, secretKey) => sha256(curve.getSharedSecret(secretKey, publicKey)),
  addPoints: (points) =>
    points.reduce((sum, point) => sum.add(Point.fromBytes(point)), Point.ZERO).toBytes(),
  multiplyPoint: (publicKey, scalar) => Point.fromBytes(publicKey).multiply(Fn.fromBytes(scalar)).toBytes(),
  addScalars: (a, b) => nonZero(Fn.add(Fn.fromBytes(a), Fn.fromBytes(b))),
  multiplyScalars: (a, b) => nonZero(Fn.mul(Fn.fromBytes(a), Fn.fromBytes(b))),
});

function nonZero(scalar: bigint): Uint8Array {
  if (Fn.is0(scalar)) throw new RangeError('the scalar is zero');
  return Fn.toBytes(scalar);
}
