import type { CommitmentFormat, CommitmentHtlc } from './spec.ts';

/** The amount of one anchor output: the dust limit of a P2WSH output. The opener pays for both. */
export const ANCHOR_SATOSHIS = 330n;

const HTLC_OUTPUT_WEIGHT = 172;

/** BOLT 3, "Fee Calculation": the expected weights, in weight units. */
const WEIGHTS = {
  anchors: { commitment: 1124, htlcTimeout: 666, htlcSuccess: 706 },
  static_remotekey: { commitment: 724, htlcTimeout: 663, htlcSuccess: 703 },
  legacy: { commitment: 724, htlcTimeout: 663, htlcSuccess: 703 },
} as const satisfies Record<CommitmentFormat, Record<'commitment' | 'htlcTimeout' | 'htlcSuccess', number>>;

/** The expected weight of a commitment transaction with that many HTLC outputs. */
export function commitmentWeight(format: CommitmentFormat, untrimmedHtlcs: number): number {
  return WEIGHTS[format].commitment + HTLC_OUTPUT_WEIGHT * untrimmedHtlcs;
}

/** The expected weight of the HTLC transaction for an HTLC that the owner offered (timeout) or received (success). */
export function htlcTransactionWeight(format: CommitmentFormat, direction: CommitmentHtlc['direction']): number {
  return direction === 'offered' ? WEIGHTS[format].htlcTimeout : WEIGHTS[format].htlcSuccess;
}

/** The fee of `weight` weight units, rounded down. */
export function feeOfWeight(feeratePerKw: number, weight: number): bigint {
  return (BigInt(feeratePerKw) * BigInt(weight)) / 1000n;
}

/** The base fee of a commitment transaction, in satoshis: what the opener pays for it, anchors not included. */
export function commitmentFee(format: CommitmentFormat, feeratePerKw: number, untrimmedHtlcs: number): bigint {
  return feeOfWeight(feeratePerKw, commitmentWeight(format, untrimmedHtlcs));
}

/** What the opener pays for a commitment transaction, in satoshis: the base fee and the two anchors (660 sat). */
export function openerCost(format: CommitmentFormat, feeratePerKw: number, untrimmedHtlcs: number): bigint {
  const anchors = format === 'anchors' ? 2n * ANCHOR_SATOSHIS : 0n;
  return commitmentFee(format, feeratePerKw, untrimmedHtlcs) + anchors;
}

/**
 * The fee of an HTLC transaction in satoshis: zero with anchors, where whoever broadcasts it adds inputs for the fee.
 */
export function htlcTransactionFee(
  format: CommitmentFormat,
  feeratePerKw: number,
  direction: CommitmentHtlc['direction'],
): bigint {
  return format === 'anchors' ? 0n : feeOfWeight(feeratePerKw, htlcTransactionWeight(format, direction));
}

/**
 * The lowest HTLC amount, in satoshis, that gets an output of its own in a commitment whose owner has this dust limit
 * (BOLT 3, "Trimmed Outputs"): what is left of it after the HTLC transaction's fee must reach the dust limit.
 */
export function trimThreshold(
  format: CommitmentFormat,
  feeratePerKw: number,
  dustLimitSatoshis: bigint,
  direction: CommitmentHtlc['direction'],
): bigint {
  return dustLimitSatoshis + htlcTransactionFee(format, feeratePerKw, direction);
}

/** Whether the HTLC has no output in a commitment of this feerate whose owner has this dust limit. */
export function isTrimmed(
  format: CommitmentFormat,
  feeratePerKw: number,
  dustLimitSatoshis: bigint,
  htlc: Pick<CommitmentHtlc, 'direction' | 'amountMsat'>,
): boolean {
  return htlc.amountMsat / 1000n < trimThreshold(format, feeratePerKw, dustLimitSatoshis, htlc.direction);
}
