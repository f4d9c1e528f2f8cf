import { concat } from 'uint8arrays/concat';
import { sha256 } from '../../protocols/crypto/hash.ts';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import type { CommitmentFormat } from './spec.ts';

/** The four basepoints that a node sends in `open_channel` or `accept_channel`: 33-byte public keys. */
export interface Basepoints {
  readonly revocationBasepoint: Uint8Array;
  readonly paymentBasepoint: Uint8Array;
  readonly delayedPaymentBasepoint: Uint8Array;
  readonly htlcBasepoint: Uint8Array;
}

/** The public keys of one commitment transaction, in BOLT 3's words: "local" is its owner, "remote" the other node. */
export interface CommitmentKeys {
  readonly localHtlcPubkey: Uint8Array;
  readonly remoteHtlcPubkey: Uint8Array;
  readonly localDelayedPubkey: Uint8Array;
  readonly revocationPubkey: Uint8Array;
  /** The key that `to_remote` pays. */
  readonly remotePubkey: Uint8Array;
}

/**
 * The keys of the commitment transaction of `owner` at its `perCommitmentPoint` (BOLT 3, "Key Derivation"). The two
 * HTLC keys are derived when they are first read: a commitment that carries only trimmed HTLCs never needs them.
 * Throws `CryptoError` when a basepoint or the point is not a public key.
 */
export function deriveCommitmentKeys(
  format: CommitmentFormat,
  perCommitmentPoint: Uint8Array,
  owner: Pick<Basepoints, 'delayedPaymentBasepoint' | 'htlcBasepoint'>,
  counterparty: Pick<Basepoints, 'revocationBasepoint' | 'paymentBasepoint' | 'htlcBasepoint'>,
): CommitmentKeys {
  const localHtlcPubkey = once(() => derivePublicKey(owner.htlcBasepoint, perCommitmentPoint));
  const remoteHtlcPubkey = once(() => derivePublicKey(counterparty.htlcBasepoint, perCommitmentPoint));
  return {
    get localHtlcPubkey() {
      return localHtlcPubkey();
    },
    get remoteHtlcPubkey() {
      return remoteHtlcPubkey();
    },
    localDelayedPubkey: derivePublicKey(owner.delayedPaymentBasepoint, perCommitmentPoint),
    revocationPubkey: deriveRevocationPublicKey(counterparty.revocationBasepoint, perCommitmentPoint),
    // BOLT 3, "remotepubkey Derivation": the bare basepoint, so that a node which lost its state still finds its funds.
    remotePubkey:
      format === 'legacy'
        ? derivePublicKey(counterparty.paymentBasepoint, perCommitmentPoint)
        : counterparty.paymentBasepoint,
  };
}

/** pubkey = basepoint + SHA256(per_commitment_point ‖ basepoint) · G. */
export function derivePublicKey(basepoint: Uint8Array, perCommitmentPoint: Uint8Array): Uint8Array {
  const tweak = sha256(concat([perCommitmentPoint, basepoint]));
  return secp256k1.addPoints([basepoint, secp256k1.publicKey(tweak)]);
}

/** The secret key of `derivePublicKey`: basepoint_secret + SHA256(per_commitment_point ‖ basepoint). */
export function derivePrivateKey(basepointSecret: Uint8Array, perCommitmentPoint: Uint8Array): Uint8Array {
  const basepoint = secp256k1.publicKey(basepointSecret);
  return secp256k1.addScalars(basepointSecret, sha256(concat([perCommitmentPoint, basepoint])));
}

/**
 * The key that punishes a revoked commitment: `revocationBasepoint` is that of the node which may punish,
 * `perCommitmentPoint` that of the commitment's owner (BOLT 3, "revocationpubkey Derivation").
 */
export function deriveRevocationPublicKey(
  revocationBasepoint: Uint8Array,
  perCommitmentPoint: Uint8Array,
): Uint8Array {
  return secp256k1.addPoints([
    secp256k1.multiplyPoint(revocationBasepoint, sha256(concat([revocationBasepoint, perCommitmentPoint]))),
    secp256k1.multiplyPoint(perCommitmentPoint, sha256(concat([perCommitmentPoint, revocationBasepoint]))),
  ]);
}

/** The secret key of `deriveRevocationPublicKey`, known once the commitment's owner has revealed its secret. */
export function deriveRevocationPrivateKey(
  revocationBasepointSecret: Uint8Array,
  perCommitmentSecret: Uint8Array,
): Uint8Array {
  const basepoint = secp256k1.publicKey(revocationBasepointSecret);
  const point = secp256k1.publicKey(perCommitmentSecret);
  return secp256k1.addScalars(
    secp256k1.multiplyScalars(revocationBasepointSecret, sha256(concat([basepoint, point]))),
    secp256k1.multiplyScalars(perCommitmentSecret, sha256(concat([point, basepoint]))),
  );
}

function once(derive: () => Uint8Array): () => Uint8Array {
  let key: Uint8Array | undefined;
  return () => (key ??= derive());
}
