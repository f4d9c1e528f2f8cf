/**
 * How a channel's commitment transactions are made:
 * - `anchors`: option_static_remotekey and option_anchors (HTLC transactions without a fee);
 * - `static_remotekey`: option_static_remotekey alone;
 * - `legacy`: neither, so that `remotepubkey` changes with every commitment.
 */
export type CommitmentFormat = 'anchors' | 'static_remotekey' | 'legacy';

/** An HTLC as one commitment transaction holds it. */
export interface CommitmentHtlc {
  /** Seen from the owner (the broadcaster) of the commitment: it offered the HTLC, or it received it. */
  readonly direction: 'offered' | 'received';
  readonly id: bigint;
  readonly amountMsat: bigint;
  readonly paymentHash: Uint8Array;
  readonly cltvExpiry: number;
}

/**
 * What one commitment transaction pays to whom, seen from its owner. HTLC amounts are already deducted from the
 * balances; the opener's fee and anchors are not, since building deducts them. Balances and HTLCs add up to the
 * channel's capacity.
 */
export interface CommitmentSpec {
  readonly feeratePerKw: number;
  /** The owner's balance. */
  readonly toLocalMsat: bigint;
  readonly toRemoteMsat: bigint;
  readonly htlcs: readonly CommitmentHtlc[];
}
