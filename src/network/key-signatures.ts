import { privateKeyFromRaw } from '@libp2p/crypto/keys';
import type { PrivateKey, PublicKey } from '@libp2p/interface';
import { secp256k1 as noble } from '@noble/curves/secp256k1.js';
import { sha256 } from '../../protocols/crypto/hash.ts';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';

// libp2p's secp256k1 keys sign and check with noble, which is half of what a refused connection costs the main thread, and libp2p has no place where one could say otherwise.
// So here its classes learn to use the library that the rest of the node uses. What they sign, take and refuse stays the same, to the byte: RFC 6979 nonces,
// DER, low S. Import this file wherever libp2p's keys are used.

type Sign = PrivateKey['sign'];
type Verify = PublicKey['verify'];

const sign = function (this: PrivateKey, data, options) {
  options?.signal?.throwIfAborted();
  const signature = secp256k1.sign(sha256(data.subarray()), this.raw);
  return noble.Signature.fromBytes(signature, 'compact').toBytes('der');
} satisfies Sign;

const verify = function (this: PublicKey, data, signature, options) {
  options?.signal?.throwIfAborted();
  const compact = fromDer(signature);
  return compact !== undefined && secp256k1.verify(compact, sha256(data.subarray()), this.raw);
} satisfies Verify;

function fromDer(signature: Uint8Array): Uint8Array | undefined {
  try {
    return noble.Signature.fromBytes(signature, 'der').toBytes('compact');
  } catch {
    // From a peer, who may send anything: it is no signature of anybody's.
    return undefined;
  }
}

const anyKey = privateKeyFromRaw(new Uint8Array(32).fill(1));
Object.assign(Object.getPrototypeOf(anyKey) as object, { sign });
Object.assign(Object.getPrototypeOf(anyKey.publicKey) as object, { verify });
