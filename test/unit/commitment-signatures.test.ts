import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BuiltCommitment } from '../../machines/commitment/commitment-transaction.ts';
import { CommitmentError } from '../../machines/commitment/errors.ts';
import { deriveRevocationPrivateKey, deriveRevocationPublicKey } from '../../machines/commitment/keys.ts';
import { perCommitmentSecret } from '../../machines/commitment/secrets.ts';
import {
  commitmentSighash,
  completeCommitment,
  completeHtlcTransaction,
  htlcSighash,
  verifyCommitmentSignatures,
} from '../../machines/commitment/signatures.ts';
import type { CommitmentSpec } from '../../machines/commitment/spec.ts';
import { sha256 } from '../../protocols/crypto/hash.ts';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import {
  alice,
  anySpec,
  bob,
  build,
  FORMATS,
  htlc,
  htlcSecretOf,
  mirrored,
  pointOf,
  preimageOf,
  specOf,
} from './commitment-fixtures.ts';

/** What Bob sends in `commitment_signed` for Alice's commitment. */
function signedByBob(built: BuiltCommitment) {
  const htlcSecret = htlcSecretOf(bob, alice);
  return {
    signature: secp256k1.sign(commitmentSighash(built), bob.fundingSecret),
    htlcSignatures: built.htlcs.map((_, index) => secp256k1.sign(htlcSighash(built, index, 'remote'), htlcSecret)),
  };
}

const htlcs = [1n, 2n, 3n].map((id) =>
  htlc({ id, amountMsat: 2_000_000n * id, direction: id === 2n ? 'received' : 'offered' }),
);
const spec: CommitmentSpec = specOf([...htlcs, htlc({ id: 4n, amountMsat: 1000n })]);
const built = build(spec);
const { signature, htlcSignatures } = signedByBob(built);

describe('verifyCommitmentSignatures', () => {
  it('accepts what the other node signs for any commitment', () => {
    fc.assert(
      fc.property(fc.constantFrom(...FORMATS), anySpec, (format, anyState) => {
        const commitment = build(anyState, { format });
        const sent = signedByBob(commitment);
        expect(verifyCommitmentSignatures(commitment, sent.signature, sent.htlcSignatures)).toBeUndefined();
      }),
      { numRuns: 20 },
    );
  });

  it('names a wrong number of HTLC signatures', () => {
    for (const wrong of [[], htlcSignatures.slice(1), [...htlcSignatures, signature]]) {
      const error = verifyCommitmentSignatures(built, signature, wrong);
      expect(error).toBeInstanceOf(CommitmentError);
      expect(error).toMatchObject({
        code: 'wrong_htlc_signature_count',
        details: { commitmentNumber: 5, expected: 3, received: wrong.length },
      });
    }
  });

  it('names a wrong signature of the commitment', () => {
    for (const wrong of [htlcSignatures[0]!, new Uint8Array(64), new Uint8Array(0), new Uint8Array(64).fill(255)]) {
      const error = verifyCommitmentSignatures(built, wrong, htlcSignatures);
      expect(error).toMatchObject({ code: 'invalid_commitment_signature', details: { commitmentNumber: 5 } });
    }
    const otherState = build(specOf(htlcs, 254));
    expect(verifyCommitmentSignatures(otherState, signature, htlcSignatures)?.code).toBe(
      'invalid_commitment_signature',
    );
  });

  it.each([0, 1, 2])('names HTLC signature %i when that is wrong', (index) => {
    const wrong = htlcSignatures.with(index, signature);
    expect(verifyCommitmentSignatures(built, signature, wrong)).toMatchObject({
      code: 'invalid_htlc_signature',
      details: { index, id: built.htlcs[index]!.htlc.id, direction: built.htlcs[index]!.htlc.direction },
    });
  });

  it('insists on the order of the outputs, even where only the expiry tells two HTLCs apart', () => {
    const twins = [510, 505].map((cltvExpiry, id) =>
      htlc({ id: BigInt(id), cltvExpiry, paymentHash: sha256(preimageOf(9)) }),
    );
    const twin = build(specOf(twins));
    expect(twin.htlcs.map((output) => output.htlc.cltvExpiry)).toEqual([505, 510]);
    const sent = signedByBob(twin);
    expect(verifyCommitmentSignatures(twin, sent.signature, sent.htlcSignatures)).toBeUndefined();
    expect(verifyCommitmentSignatures(twin, sent.signature, [...sent.htlcSignatures].reverse())).toMatchObject({
      code: 'invalid_htlc_signature',
      details: { index: 0 },
    });
  });

  it('does not take signatures of the one commitment for the other', () => {
    const ofBob = build(mirrored(spec), {}, { owner: bob });
    expect(verifyCommitmentSignatures(ofBob, signature, htlcSignatures)?.code).toBe('invalid_commitment_signature');
  });
});

describe('completed transactions', () => {
  const localSignature = secp256k1.sign(commitmentSighash(built), alice.fundingSecret);

  it('are the built ones with a witness, signatures in the order of the keys in the script', () => {
    const complete = completeCommitment(built, localSignature, signature);
    expect(complete.getHash()).toEqual(built.txid);
    expect(built.transaction.hasWitnesses()).toBe(false);
    // The mirrored call, as the other node would make it, gives the same bytes.
    const swapped = {
      ...built,
      parameters: {
        ...built.parameters,
        localFundingPubkey: bob.fundingPubkey,
        remoteFundingPubkey: alice.fundingPubkey,
      },
    };
    expect(completeCommitment(swapped, signature, localSignature).toHex()).toBe(complete.toHex());
    const [empty, first, second, script] = complete.ins[0]!.witness;
    expect(empty).toHaveLength(0);
    expect(script).toHaveLength(71);
    for (const der of [first, second]) expect(der!.at(-1)).toBe(1);
  });

  it('need the right preimage for a received HTLC, and none for an offered one', () => {
    const received = built.htlcs.findIndex((output) => output.htlc.direction === 'received');
    const offered = built.htlcs.findIndex((output) => output.htlc.direction === 'offered');
    const complete = (index: number, preimage?: Uint8Array) =>
      completeHtlcTransaction(built, index, localSignature, htlcSignatures[index]!, preimage);

    expect(complete(received, preimageOf(2)).ins[0]!.witness[3]).toEqual(preimageOf(2));
    expect(complete(offered).ins[0]!.witness[3]).toHaveLength(0);
    for (const wrong of [undefined, preimageOf(3), preimageOf(2).subarray(1)]) {
      expect(() => complete(received, wrong)).toThrow(expect.objectContaining({ code: 'wrong_preimage' }));
    }
    expect(() => complete(offered, preimageOf(1))).toThrow(expect.objectContaining({ code: 'wrong_preimage' }));
    expect(() => complete(3)).toThrow(RangeError);
  });
});

describe('a revoked commitment', () => {
  it('gives the other node the key that punishes it', () => {
    const secret = perCommitmentSecret(alice.seed, 5);
    const basepointSecret = new Uint8Array(32).fill(0x23);
    expect(secp256k1.publicKey(basepointSecret)).toEqual(bob.basepoints.revocationBasepoint);
    const privateKey = deriveRevocationPrivateKey(basepointSecret, secret);
    expect(secp256k1.publicKey(privateKey)).toEqual(built.keys.revocationPubkey);
    expect(deriveRevocationPublicKey(bob.basepoints.revocationBasepoint, pointOf(alice, 5))).toEqual(
      built.keys.revocationPubkey,
    );
  });
});
