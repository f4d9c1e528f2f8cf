import type { HtlcDetails } from '../htlc/htlc.machine.ts';
import type { Outpoint } from './claim.ts';

/**
 * What an output is to this node (BOLT 5):
 * - `to_local`, `second_stage`: ours after a delay (of our own commitment, or of our own HTLC transaction upon it);
 * - `to_remote`: ours, of the peer's commitment;
 * - `anchor`: ours, of either commitment;
 * - `htlc`: an HTLC of either direction that has an output;
 * - `no_output`: an HTLC that has none: dust, or not in the commitment that was confirmed;
 * - `revoked_to_local`, `revoked_htlc`, `revoked_second_stage`: the peer's by a commitment that it had revoked, and so ours.
 */
export type OutputKind =
  | 'to_local'
  | 'second_stage'
  | 'to_remote'
  | 'anchor'
  | 'htlc'
  | 'no_output'
  | 'revoked_to_local'
  | 'revoked_htlc'
  | 'revoked_second_stage';

/** The states of the charts of outputs; which of them a kind has is its chart's business. */
export type OutputState =
  | 'unconfirmed'
  | 'waiting'
  | 'claimable'
  | 'expired'
  | 'claimed'
  | 'claimBuried'
  | 'taken'
  | 'takeBuried'
  | 'buried'
  | 'resolved';

/** The HTLC that an output stands for. What is known of a revoked commitment's is what its script says. */
export interface OutputHtlc extends Pick<HtlcDetails, 'direction' | 'amountMsat' | 'paymentHash' | 'cltvExpiry'> {
  readonly id: bigint;
}

/** The transaction in a block that spends the output. */
export interface OutputSpend {
  /** 32 bytes in internal order. */
  readonly txid: Uint8Array;
  readonly blockHeight: number;
  /** Whose transaction it is. */
  readonly by: 'us' | 'peer';
}

/** One output of the transaction that ended a channel, or of one upon it: plain data, one for each that this node watches. */
export interface OutputRow {
  readonly kind: OutputKind;
  /** Where it is in the chart of its kind. */
  readonly state: OutputState;
  /** Undefined for `no_output`. */
  readonly outpoint: Outpoint | undefined;
  /** Of `no_output`: what went to the miners, being dust; 0 for an HTLC that was not in the commitment at all. */
  readonly amountSat: bigint;
  readonly witnessScript: Uint8Array;
  /** Confirmations that its script demands before we may spend it; 0 for none. */
  readonly csvDelay: number;
  /** The block with the transaction that makes it. */
  readonly blockHeight: number;
  readonly htlc: OutputHtlc | undefined;
  /** Of an HTLC: ours to claim with if we received it, learnt from the chain if we offered it. */
  readonly paymentPreimage: Uint8Array | undefined;
  /** Of a second stage: the HTLC output that its transaction spends. */
  readonly parent: Outpoint | undefined;
  readonly spend: OutputSpend | undefined;
}

export type OutputEvent =
  | { readonly type: 'blockConnected'; readonly height: number }
  /** The block of that height is gone, by a reorg. */
  | { readonly type: 'blockDisconnected'; readonly height: number }
  /** The transaction that makes the output is in a block (again). */
  | { readonly type: 'confirmed'; readonly height: number }
  | {
      readonly type: 'spent';
      readonly spend: OutputSpend;
      /** Of an HTLC, if the spending transaction shows it. */
      readonly paymentPreimage: Uint8Array | undefined;
    }
  /** The preimage of an HTLC that we received: now it can be claimed. */
  | { readonly type: 'preimageKnown'; readonly paymentPreimage: Uint8Array };

/** What an output's chart wants to be told about its HTLC. */
export type OutputEffect =
  /** The chain shows the preimage of an HTLC that we offered: whoever waits upstream is to have it at once. */
  | { readonly type: 'fulfilled'; readonly paymentPreimage: Uint8Array }
  /** What becomes of the HTLC is buried: we have it, or the peer has. */
  | { readonly type: 'ended'; readonly to: 'us' | 'peer' };

/** How deep a transaction must be, in blocks, for what hangs on it. */
export interface Depths {
  /** BOLT 5's "reasonable depth": what stands so deep is acted upon in other channels. */
  readonly reasonableDepth: number;
  /** BOLT 5, "General Nomenclature": what stands so deep is irrevocable. */
  readonly irrevocableDepth: number;
}
