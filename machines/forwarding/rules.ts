import type { FailureMessage } from '../../protocols/onion/failures.ts';

/** What this node asks of those who route through one of its channels, as its `channel_update` says. */
export interface ForwardingPolicy {
  readonly feeBaseMsat: number;
  readonly feeProportionalMillionths: number;
  readonly cltvExpiryDelta: number;
  readonly htlcMinimumMsat: bigint;
  readonly htlcMaximumMsat: bigint;
}

/** What is asked for forwarding an amount. */
export type Fees = Pick<ForwardingPolicy, 'feeBaseMsat' | 'feeProportionalMillionths'>;

/** The channel that an onion names, as it is at the moment. */
export interface OutgoingChannel {
  readonly channelIndex: number;
  readonly policy: ForwardingPolicy;
  /** Those that the policy has replaced a short while ago: others may not have heard of it yet. */
  readonly olderFees: readonly Fees[];
  /** Its `channel_update` says that nothing is forwarded over it. */
  readonly isDisabled: boolean;
  /** The peer is connected, and the channel in normal operation. */
  readonly isUsable: boolean;
  /** Our `channel_update` with the short channel id that the onion used; empty where none is to be shown. */
  readonly channelUpdate: Uint8Array;
}

/** What came and what is asked for: the two HTLCs that a circuit is to link. */
export interface HtlcTerms {
  readonly amountMsat: bigint;
  readonly cltvExpiry: number;
}

/**
 * BOLT 4, "`max_htlc_cltv` Selection": an HTLC may lock funds for so many blocks at most.
 */
const MAX_HTLC_CLTV = 2016;

/**
 * BOLT 2, "`cltv_expiry_delta` Selection": an HTLC that we offer and that times out before its peer can settle it costs
 * a channel. One block of grace, and the twelve that a transaction may take to confirm.
 */
export const MIN_OUTGOING_BLOCKS = 13;

/**
 * BOLT 2, same section: `3R+2G+2S`. With fewer blocks between the two HTLCs of a forward the node can lose, in the
 * worst case, what it forwards. R = 6 is the depth that it waits for before it fails upstream what the chain gave back;
 * G = 2 blocks of grace for a peer; S = 12 for a transaction to confirm.
 */
export const SAFE_CLTV_EXPIRY_DELTA = 3 * 6 + 2 * 2 + 2 * 12;

/**
 * So many blocks before the incoming HTLC expires, its channel is kept from the chain: time for both ends to remove it.
 * The outgoing one has had its `cltv_expiry_delta` by then, and may never be taken by anyone, if it is worth no fee.
 */
export const GIVE_UP_BLOCKS = 3;

/** BOLT 7, "HTLC Fees". */
export function forwardingFeeMsat(amountToForwardMsat: bigint, fees: Fees): bigint {
  return BigInt(fees.feeBaseMsat) + (amountToForwardMsat * BigInt(fees.feeProportionalMillionths)) / 1_000_000n;
}

/** BOLT 7, "HTLC Fees": the fee, or an older one for some time after the `channel_update` that replaced it. */
const paysFee = (incoming: HtlcTerms, outgoing: HtlcTerms, { policy, olderFees }: OutgoingChannel): boolean =>
  [policy, ...olderFees].some((fees) => incoming.amountMsat >= outgoing.amountMsat + forwardingFeeMsat(outgoing.amountMsat, fees));

/**
 * Why an HTLC cannot be forwarded, if it cannot: BOLT 4, "Failure Messages", what a forwarding node checks, in the
 * order of its list. What only the outgoing channel can tell (balance, HTLCs in flight) is asked last and ends in
 * `temporary_channel_failure`.
 */
export function forwardingFailure(
  incoming: HtlcTerms,
  outgoing: HtlcTerms,
  channel: OutgoingChannel | undefined,
  blockHeight: number,
): FailureMessage | undefined {
  if (channel === undefined) return { type: 'unknown_next_peer' };
  const { policy, channelUpdate } = channel;
  if (outgoing.amountMsat < policy.htlcMinimumMsat) {
    return { type: 'amount_below_minimum', htlcMsat: outgoing.amountMsat, channelUpdate };
  }
  if (!paysFee(incoming, outgoing, channel)) {
    return { type: 'fee_insufficient', htlcMsat: incoming.amountMsat, channelUpdate };
  }
  // BOLT 2, "Forwarding HTLCs": the delta is the outgoing channel's.
  if (incoming.cltvExpiry < outgoing.cltvExpiry + policy.cltvExpiryDelta) {
    return { type: 'incorrect_cltv_expiry', cltvExpiry: outgoing.cltvExpiry, channelUpdate };
  }
  if (outgoing.cltvExpiry < blockHeight + MIN_OUTGOING_BLOCKS) return { type: 'expiry_too_soon', channelUpdate };
  if (channel.isDisabled) return { type: 'channel_disabled', disabledFlags: 0, channelUpdate };
  if (incoming.cltvExpiry > blockHeight + MAX_HTLC_CLTV) return { type: 'expiry_too_far' };
  if (!channel.isUsable || outgoing.amountMsat > policy.htlcMaximumMsat) {
    return { type: 'temporary_channel_failure', channelUpdate };
  }
  return undefined;
}
