import { describe, expect, it } from 'vitest';
import { deriveCommitmentKeys } from '../../machines/commitment/keys.ts';
import { sha256 } from '../../protocols/crypto/hash.ts';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import { createSigner } from '../../src/keys/signer.ts';

const ours = createSigner(new Uint8Array(64).fill(1), 'regtest').channel(3);
const theirs = createSigner(new Uint8Array(64).fill(2), 'regtest').channel(9);
const sighash = sha256(Uint8Array.of(1));
const signs = (publicKey: Uint8Array, signature: Uint8Array): boolean =>
  secp256k1.verify(signature, sighash, publicKey);

describe('the keys of outputs on our commitment', () => {
  const number = 7;
  const point = ours.perCommitmentPoint(number);
  const keys = deriveCommitmentKeys('anchors', point, ours.publicKeys, theirs.publicKeys);

  it('signs for what is delayed, for HTLC transactions and for the anchor', () => {
    expect(signs(keys.localDelayedPubkey, ours.signDelayedOutput(sighash, point))).toBe(true);
    expect(signs(keys.localHtlcPubkey, ours.signLocalHtlcTransaction(sighash, number, number))).toBe(true);
    expect(signs(ours.publicKeys.fundingPubkey, ours.signAnchor(sighash))).toBe(true);
  });

  it('signs no HTLC transaction of a revoked commitment', () => {
    expect(() => ours.signLocalHtlcTransaction(sighash, number, number + 1)).toThrow(
      expect.objectContaining({ code: 'commitment_revoked' }) as Error,
    );
    expect(() => ours.signLocalHtlcTransaction(sighash, number, Number.NaN)).toThrow('revoked');
    expect(signs(keys.localHtlcPubkey, ours.signLocalHtlcTransaction(sighash, number, number - 1))).toBe(true);
  });

  it('signs with another key at another point', () => {
    const otherPoint = ours.perCommitmentPoint(number + 1);
    expect(signs(keys.localDelayedPubkey, ours.signDelayedOutput(sighash, otherPoint))).toBe(false);
    expect(signs(keys.localHtlcPubkey, ours.signLocalHtlcTransaction(sighash, number + 1, 0))).toBe(false);
  });
});

describe("the keys of outputs on the peer's commitment", () => {
  const number = 4;
  const point = theirs.perCommitmentPoint(number);
  const keys = deriveCommitmentKeys('anchors', point, theirs.publicKeys, ours.publicKeys);

  it('signs for to_remote and for HTLCs', () => {
    expect(signs(keys.remotePubkey, ours.signToRemote(sighash))).toBe(true);
    expect(signs(keys.remoteHtlcPubkey, ours.signRemoteCommitmentHtlc(sighash, point))).toBe(true);
  });

  it('signs for all of a revoked one with the secret that the peer revealed, and with no other', () => {
    expect(signs(keys.revocationPubkey, ours.signRevokedOutput(sighash, theirs.perCommitmentSecret(number, 9)))).toBe(
      true,
    );
    expect(signs(keys.revocationPubkey, ours.signRevokedOutput(sighash, theirs.perCommitmentSecret(5, 9)))).toBe(false);
  });
});
