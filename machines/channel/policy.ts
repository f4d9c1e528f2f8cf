import type { Depths } from '../onchain/output.ts';

/**
 * What this node asks of a channel and accepts in one: chosen by its operator, given to each channel's machine at its start.
 * Amounts carry their unit; feerates are sat per 1,000 weight units.
 */
export interface ChannelPolicy extends Depths {
  readonly dustLimitSatoshis: bigint;
  readonly htlcMinimumMsat: bigint;
  /** Millionths of the capacity, for what the peer may have in flight to us. */
  readonly maxHtlcValueInFlightPpm: bigint;
  /** Millionths of the capacity that the peer must keep. */
  readonly reservePpm: bigint;
  readonly maxAcceptedHtlcs: number;
  /** Demanded of the peer's delayed outputs. */
  readonly toSelfDelay: number;
  readonly minimumDepth: number;
  /** Bounds on what the peer may ask. */
  readonly maxDustLimitSatoshis: bigint;
  readonly maxToSelfDelay: number;
  readonly maxMinimumDepth: number;
  readonly minFundingSatoshis: bigint;
  readonly maxFundingSatoshis: bigint;
  readonly minFeeratePerKw: number;
  readonly maxFeeratePerKw: number;
  readonly maxDustHtlcExposureMsat: bigint;
}

export const defaultPolicy: ChannelPolicy = {
  dustLimitSatoshis: 354n,
  htlcMinimumMsat: 1n,
  maxHtlcValueInFlightPpm: 1_000_000n,
  reservePpm: 10_000n,
  maxAcceptedHtlcs: 483,
  toSelfDelay: 144,
  minimumDepth: 3,
  maxDustLimitSatoshis: 1_000n,
  maxToSelfDelay: 2_016,
  maxMinimumDepth: 144,
  minFundingSatoshis: 20_000n,
  // BOLT 2: below 2^24 unless option_support_large_channel is negotiated.
  maxFundingSatoshis: 16_777_215n,
  minFeeratePerKw: 253,
  maxFeeratePerKw: 250_000,
  maxDustHtlcExposureMsat: 50_000_000n,
  reasonableDepth: 6,
  irrevocableDepth: 100,
};

/** The reserve asked of the peer (BOLT 2 suggests 1%); never below either side's dust limit, which the reserve must not undercut. */
export function channelReserve(fundingSatoshis: bigint, policy: ChannelPolicy): bigint {
  const suggested = (fundingSatoshis * policy.reservePpm) / 1_000_000n;
  const floor = policy.maxDustLimitSatoshis > policy.dustLimitSatoshis ? policy.maxDustLimitSatoshis : policy.dustLimitSatoshis;
  return suggested > floor ? suggested : floor;
}
