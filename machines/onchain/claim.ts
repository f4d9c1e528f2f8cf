import type { Transaction } from 'bitcoinjs-lib';

export interface Outpoint {
  /** 32 bytes in internal order. */
  readonly txid: Uint8Array;
  readonly outputIndex: number;
}

/**
 * How an output is signed for, and what its witness looks like beside the witness script, which comes last (BOLT 3,
 * "Transaction Output Scripts" and "HTLC-Timeout and HTLC-Success Transactions"). Points and secrets are those of the
 * commitment that the output descends from.
 */
export type ClaimWitness =
  /** `to_local` of our own commitment, or the output of our own HTLC transaction: `<sig> <>`. */
  | { readonly kind: 'delayed'; readonly perCommitmentPoint: Uint8Array }
  /** `to_remote` of the peer's commitment: `<sig>`. */
  | { readonly kind: 'to_remote' }
  /** Our anchor on either commitment: `<sig>`. */
  | { readonly kind: 'anchor' }
  /** An HTLC that we offered, on the peer's commitment, after its expiry: `<sig> <>`. */
  | { readonly kind: 'htlc_timeout'; readonly perCommitmentPoint: Uint8Array }
  /** An HTLC that we received, on the peer's commitment: `<sig> <preimage>`. */
  | { readonly kind: 'htlc_success'; readonly perCommitmentPoint: Uint8Array; readonly paymentPreimage: Uint8Array }
  /**
   * An HTLC on our own commitment, by the HTLC transaction that the peer signed with SIGHASH_SINGLE|ANYONECANPAY:
   * `<> <remote sig> <local sig> <preimage or empty>`. The preimage is there for one that we received.
   */
  | {
      readonly kind: 'htlc_transaction';
      readonly commitmentNumber: number;
      /** The lowest of our commitments that is not revoked: the signer refuses to sign for those below. */
      readonly lowestUnrevoked: number;
      readonly remoteSignature: Uint8Array;
      readonly paymentPreimage: Uint8Array | undefined;
    }
  /** `to_local` of a revoked commitment, or the output of an HTLC transaction upon it: `<sig> 1`. */
  | { readonly kind: 'revoked_delayed'; readonly perCommitmentSecret: Uint8Array }
  /** An HTLC of a revoked commitment, of either direction: `<sig> <revocation pubkey>`. */
  | { readonly kind: 'revoked_htlc'; readonly perCommitmentSecret: Uint8Array; readonly revocationPubkey: Uint8Array };

/** An output that this node may take now, and all that it takes to do so. Plain data, derived from a channel's state. */
export interface Claim {
  readonly outpoint: Outpoint;
  readonly amountSat: bigint;
  readonly witnessScript: Uint8Array;
  /** Of the input: the relative delay in blocks where the script demands one, else 0xfffffffd (BIP 125). */
  readonly sequence: number;
  /** The transaction's lock time must reach it; exactly so where `pairedOutput` is there, since it was signed with it. */
  readonly lockTime: number;
  readonly witness: ClaimWitness;
  /** The output that must stand at the input's own index: that of an HTLC transaction. It leaves nothing for a fee. */
  readonly pairedOutput: { readonly script: Uint8Array; readonly amountSat: bigint } | undefined;
  /** The peer could spend it too, now or before the deadline: it shares a transaction only with what can be redone. */
  readonly isContested: boolean;
  /**
   * The height at which the peer can take it, or at which we lose by it otherwise: a block below it should hold our
   * transaction. Undefined where nothing is lost by waiting.
   */
  readonly deadline: number | undefined;
}

/** Our own commitment that waits for a block, and the anchor by which its fee can be raised (BOLT 5, "Failing a Channel"). */
export interface CommitmentBump {
  /** With all signatures. */
  readonly commitment: Transaction;
  readonly feeSat: bigint;
  /** Undefined where the commitment has no anchor of ours: nothing of ours hangs on it. */
  readonly anchor: Claim | undefined;
  /** All of ours in it, HTLCs included: what having it in a block at all may cost a part of. */
  readonly ownSat: bigint;
  /** What hangs on its confirmation before the deadline: what haste may cost a part of. */
  readonly valueAtStakeSat: bigint;
  readonly deadline: number | undefined;
}
