import fc from 'fast-check';
import {
  buildCommitment,
  type BuiltCommitment,
  type CommitmentParameters,
} from '../../machines/commitment/commitment-transaction.ts';
import { type Basepoints, deriveCommitmentKeys, derivePrivateKey } from '../../machines/commitment/keys.ts';
import { perCommitmentSecret } from '../../machines/commitment/secrets.ts';
import type { CommitmentFormat, CommitmentHtlc, CommitmentSpec } from '../../machines/commitment/spec.ts';
import { sha256 } from '../../protocols/crypto/hash.ts';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';

export const FORMATS: readonly CommitmentFormat[] = ['anchors', 'static_remotekey', 'legacy'];
export const FUNDING_SATOSHIS = 1_000_000n;

/** One end of a test channel, with all its secrets. */
export interface Party {
  readonly fundingSecret: Uint8Array;
  readonly fundingPubkey: Uint8Array;
  readonly htlcSecret: Uint8Array;
  readonly seed: Uint8Array;
  readonly basepoints: Basepoints;
}

function party(first: number): Party {
  const secret = (index: number) => new Uint8Array(32).fill(first + index);
  const point = (index: number) => secp256k1.publicKey(secret(index));
  return {
    fundingSecret: secret(0),
    fundingPubkey: point(0),
    htlcSecret: secret(1),
    seed: secret(2),
    basepoints: {
      htlcBasepoint: point(1),
      revocationBasepoint: point(3),
      paymentBasepoint: point(4),
      delayedPaymentBasepoint: point(5),
    },
  };
}

/** Alice opened the channel, Bob accepted it. */
export const alice = party(0x10);
export const bob = party(0x20);

export function parametersOf(
  owner: Party,
  other: Party,
  overrides: Partial<CommitmentParameters> = {},
): CommitmentParameters {
  return {
    format: 'anchors',
    fundingTxid: new Uint8Array(32).fill(0x77),
    fundingOutputIndex: 1,
    fundingSatoshis: FUNDING_SATOSHIS,
    localFundingPubkey: owner.fundingPubkey,
    remoteFundingPubkey: other.fundingPubkey,
    localIsOpener: owner === alice,
    dustLimitSatoshis: 354n,
    toSelfDelay: 144,
    openerPaymentBasepoint: alice.basepoints.paymentBasepoint,
    accepterPaymentBasepoint: bob.basepoints.paymentBasepoint,
    ...overrides,
  };
}

export function pointOf(owner: Party, commitmentNumber: number): Uint8Array {
  return secp256k1.publicKey(perCommitmentSecret(owner.seed, commitmentNumber));
}

/** The commitment of `owner`, Alice's by default. */
export function build(
  spec: CommitmentSpec,
  overrides: Partial<CommitmentParameters> = {},
  { owner = alice, commitmentNumber = 5 }: { owner?: Party; commitmentNumber?: number } = {},
): BuiltCommitment {
  const other = owner === alice ? bob : alice;
  const parameters = parametersOf(owner, other, overrides);
  const point = pointOf(owner, commitmentNumber);
  const keys = deriveCommitmentKeys(parameters.format, point, owner.basepoints, other.basepoints);
  return buildCommitment(parameters, commitmentNumber, keys, spec);
}

/** The secret of the HTLC key of one party in a commitment of `owner`. */
export function htlcSecretOf(party: Party, owner: Party, commitmentNumber = 5): Uint8Array {
  return derivePrivateKey(party.htlcSecret, pointOf(owner, commitmentNumber));
}

export function preimageOf(seed: number): Uint8Array {
  return new Uint8Array(32).fill(seed);
}

export function htlc(overrides: Partial<CommitmentHtlc> & { id: bigint }): CommitmentHtlc {
  return {
    direction: 'offered',
    amountMsat: 5_000_000n,
    paymentHash: sha256(preimageOf(Number(overrides.id % 256n))),
    cltvExpiry: 500,
    ...overrides,
  };
}

/** A spec with these HTLCs, the rest of the capacity split so that the owner gets `share` thousandths of it. */
export function specOf(htlcs: readonly CommitmentHtlc[], feeratePerKw = 253, share = 500n): CommitmentSpec {
  const rest = FUNDING_SATOSHIS * 1000n - htlcs.reduce((sum, { amountMsat }) => sum + amountMsat, 0n);
  const toLocalMsat = (rest * share) / 1000n;
  return { feeratePerKw, toLocalMsat, toRemoteMsat: rest - toLocalMsat, htlcs };
}

/** The same state as the other node's commitment has it. */
export function mirrored({ feeratePerKw, toLocalMsat, toRemoteMsat, htlcs }: CommitmentSpec): CommitmentSpec {
  return {
    feeratePerKw,
    toLocalMsat: toRemoteMsat,
    toRemoteMsat: toLocalMsat,
    htlcs: htlcs.map((htlc) => ({ ...htlc, direction: htlc.direction === 'offered' ? 'received' : 'offered' })),
  };
}

/** Any balanced state of the channel, with HTLCs around the dust limits, equal amounts and equal hashes among them. */
export const anySpec: fc.Arbitrary<CommitmentSpec> = fc
  .record({
    feeratePerKw: fc.constantFrom(0, 253, 1000, 2500),
    // Enough for the opener to pay for the anchors, not always for the fee.
    share: fc.bigInt({ min: 1n, max: 1000n }),
    htlcs: fc.array(
      fc.record({
        direction: fc.constantFrom('offered' as const, 'received' as const),
        amountMsat: fc.oneof(
          fc.bigInt({ min: 1n, max: 5_000_000n }),
          fc.constantFrom(353_999n, 354_000n, 354_001n, 2_000_000n, 2_000_999n),
        ),
        preimage: fc.nat(3),
        cltvExpiry: fc.integer({ min: 500, max: 503 }),
      }),
      { maxLength: 12 },
    ),
  })
  .map(({ feeratePerKw, share, htlcs }) =>
    specOf(
      htlcs.map(({ preimage, ...rest }, id) => ({
        ...rest,
        id: BigInt(id),
        paymentHash: sha256(preimageOf(preimage)),
      })),
      feeratePerKw,
      share,
    ),
  );
