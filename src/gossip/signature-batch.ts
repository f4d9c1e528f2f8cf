import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import type { SignatureClaim } from '../../protocols/gossip/gossip-message.ts';

/** Hash, signature and key of a claim, one behind the other. */
const HASH_BYTES = 32;
const SIGNATURE_BYTES = 64;
const KEY_BYTES = 33;
const CLAIM_BYTES = HASH_BYTES + SIGNATURE_BYTES + KEY_BYTES;

/** Claims as one piece of memory, which goes to another thread without a copy. */
export function packClaims(claims: readonly SignatureClaim[]): Uint8Array<ArrayBuffer> {
  const batch = new Uint8Array(claims.length * CLAIM_BYTES);
  for (const [index, { hash, signature, key }] of claims.entries()) {
    const start = index * CLAIM_BYTES;
    batch.set(hash, start);
    batch.set(signature, start + HASH_BYTES);
    batch.set(key, start + HASH_BYTES + SIGNATURE_BYTES);
  }
  return batch;
}

/** A byte for each claim that `packClaims` was given: 1 if it is right, else 0. */
export function checkBatch(batch: Uint8Array): Uint8Array<ArrayBuffer> {
  const verdicts = new Uint8Array(batch.length / CLAIM_BYTES);
  for (let index = 0; index < verdicts.length; index++) {
    const claim = batch.subarray(index * CLAIM_BYTES, (index + 1) * CLAIM_BYTES);
    const hash = claim.subarray(0, HASH_BYTES);
    const signature = claim.subarray(HASH_BYTES, HASH_BYTES + SIGNATURE_BYTES);
    verdicts[index] = secp256k1.verify(signature, hash, claim.subarray(HASH_BYTES + SIGNATURE_BYTES)) ? 1 : 0;
  }
  return verdicts;
}
