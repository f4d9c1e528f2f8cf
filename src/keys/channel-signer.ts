import { derivePrivateKey, deriveRevocationPrivateKey } from '../../machines/commitment/keys.ts';
import { perCommitmentSecret } from '../../machines/commitment/secrets.ts';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import type { ChannelSecrets } from './derivation.ts';
import { KeysError } from './errors.ts';
import type { ChannelPublicKeys, ChannelSigner, OutputSigner, RemoteCommitmentToSign } from './signer-api.ts';

/** A dance needs the points of the current commitment and of the next; retransmission the one before. */
const CACHED_POINTS = 4;

/** The implementation of both interfaces of a channel's keys; its secrets are private to the instance. */
export class SeedChannelSigner implements ChannelSigner, OutputSigner {
  readonly channelIndex: number;
  readonly publicKeys: ChannelPublicKeys;
  readonly #secrets: ChannelSecrets;
  readonly #points = new Map<number, Uint8Array>();

  constructor(channelIndex: number, secrets: ChannelSecrets) {
    this.channelIndex = channelIndex;
    this.#secrets = secrets;
    this.publicKeys = {
      fundingPubkey: secp256k1.publicKey(secrets.funding),
      revocationBasepoint: secp256k1.publicKey(secrets.revocation),
      paymentBasepoint: secp256k1.publicKey(secrets.payment),
      delayedPaymentBasepoint: secp256k1.publicKey(secrets.delayedPayment),
      htlcBasepoint: secp256k1.publicKey(secrets.htlc),
    };
  }

  perCommitmentPoint(commitmentNumber: number): Uint8Array {
    const cached = this.#points.get(commitmentNumber);
    if (cached !== undefined) return cached;
    const point = secp256k1.publicKey(perCommitmentSecret(this.#secrets.perCommitmentSeed, commitmentNumber));
    if (this.#points.size >= CACHED_POINTS) this.#points.delete(Math.min(...this.#points.keys()));
    this.#points.set(commitmentNumber, point);
    return point;
  }

  perCommitmentSecret(commitmentNumber: number, latestLocalCommitment: number): Uint8Array {
    // BOLT 2, "Completing the Transition to the Updated State": what is revoked has been replaced.
    if (!(commitmentNumber < latestLocalCommitment)) {
      throw new KeysError(
        'commitment_not_superseded',
        `the secret of commitment ${commitmentNumber} stays: the latest valid commitment is ${latestLocalCommitment}`,
        { channelIndex: this.channelIndex, commitmentNumber, latestLocalCommitment },
      );
    }
    return perCommitmentSecret(this.#secrets.perCommitmentSeed, commitmentNumber);
  }

  signRemoteCommitment(commitment: RemoteCommitmentToSign): { signature: Uint8Array; htlcSignatures: Uint8Array[] } {
    const signature = secp256k1.sign(commitment.sighash, this.#secrets.funding);
    if (commitment.htlcSighashes.length === 0) return { signature, htlcSignatures: [] };
    const htlcKey = derivePrivateKey(this.#secrets.htlc, commitment.perCommitmentPoint);
    return { signature, htlcSignatures: commitment.htlcSighashes.map((sighash) => secp256k1.sign(sighash, htlcKey)) };
  }

  signLocalCommitment(sighash: Uint8Array, commitmentNumber: number, lowestUnrevoked: number): Uint8Array {
    this.#refuseRevoked(commitmentNumber, lowestUnrevoked);
    return secp256k1.sign(sighash, this.#secrets.funding);
  }

  signMutualClose(sighash: Uint8Array): Uint8Array {
    return secp256k1.sign(sighash, this.#secrets.funding);
  }

  signDelayedOutput(sighash: Uint8Array, perCommitmentPoint: Uint8Array): Uint8Array {
    return secp256k1.sign(sighash, derivePrivateKey(this.#secrets.delayedPayment, perCommitmentPoint));
  }

  signToRemote(sighash: Uint8Array): Uint8Array {
    return secp256k1.sign(sighash, this.#secrets.payment);
  }

  signRemoteCommitmentHtlc(sighash: Uint8Array, perCommitmentPoint: Uint8Array): Uint8Array {
    return secp256k1.sign(sighash, derivePrivateKey(this.#secrets.htlc, perCommitmentPoint));
  }

  signLocalHtlcTransaction(sighash: Uint8Array, commitmentNumber: number, lowestUnrevoked: number): Uint8Array {
    this.#refuseRevoked(commitmentNumber, lowestUnrevoked);
    return secp256k1.sign(sighash, derivePrivateKey(this.#secrets.htlc, this.perCommitmentPoint(commitmentNumber)));
  }

  signRevokedOutput(sighash: Uint8Array, revealedSecret: Uint8Array): Uint8Array {
    return secp256k1.sign(sighash, deriveRevocationPrivateKey(this.#secrets.revocation, revealedSecret));
  }

  signAnchor(sighash: Uint8Array): Uint8Array {
    return secp256k1.sign(sighash, this.#secrets.funding);
  }

  signAudit(hash: Uint8Array): Uint8Array {
    return secp256k1.sign(hash, this.#secrets.funding);
  }

  signChannelAnnouncement(hash: Uint8Array): Uint8Array {
    return secp256k1.sign(hash, this.#secrets.funding);
  }

  #refuseRevoked(commitmentNumber: number, lowestUnrevoked: number): void {
    // BOLT 5, "Revoked Transaction Close Handling": the peer answers a revoked commitment by taking all of it.
    if (commitmentNumber >= lowestUnrevoked) return;
    throw new KeysError(
      'commitment_revoked',
      `commitment ${commitmentNumber} is revoked, never to be signed: the lowest that is not is ${lowestUnrevoked}`,
      { channelIndex: this.channelIndex, commitmentNumber, lowestUnrevoked },
    );
  }
}
