import type { Currency } from './prefix.ts';

/** BOLT 11, "Tagged Fields": what holds where an invoice does not say. */
export const DEFAULT_EXPIRY_SECONDS = 3600;
export const DEFAULT_MIN_FINAL_CLTV_EXPIRY_DELTA = 18;

/** One channel on a way to a payee whose own channels are not announced, as `channel_update` would describe it. */
export interface RouteHint {
  /** The node at the start of the channel: 33 bytes. */
  readonly nodeId: Uint8Array;
  readonly shortChannelId: bigint;
  readonly feeBaseMsat: number;
  readonly feeProportionalMillionths: number;
  readonly cltvExpiryDelta: number;
}

/** What the payee puts into an invoice. */
export interface InvoiceFields {
  /** The BIP 173 prefix of the network to pay on. */
  readonly currency: Currency;
  /** Absent: the payer chooses. */
  readonly amountMsat?: bigint;
  /** Seconds since 1970, at most 35 bits. */
  readonly timestamp: number;
  readonly paymentHash: Uint8Array;
  readonly paymentSecret: Uint8Array;
  /** Text of whoever made the invoice: harmless nowhere before it has been escaped. */
  readonly description?: string;
  /**
   * The SHA-256 of a description that came by other means, to be checked by whoever has it; instead of `description`.
   */
  readonly descriptionHash?: Uint8Array;
  readonly expirySeconds?: number;
  readonly minFinalCltvExpiryDelta?: number;
  /** Ways to the payee, the best first, each a list of channels in the direction of the payment. */
  readonly routeHints?: readonly (readonly RouteHint[])[];
  /** A bitfield of BOLT 9, as in messages. */
  readonly features?: Uint8Array;
  /** To be sent back in the payload for the final node. */
  readonly paymentMetadata?: Uint8Array;
  /** On-chain addresses to pay to if the payment fails, the best first. */
  readonly fallbackAddresses?: readonly string[];
}

/** What an invoice says, with the defaults filled in, and who signed it. */
export interface Invoice extends InvoiceFields {
  readonly payeeNodeId: Uint8Array;
  readonly expirySeconds: number;
  readonly minFinalCltvExpiryDelta: number;
  readonly routeHints: readonly (readonly RouteHint[])[];
  readonly features: Uint8Array;
  readonly fallbackAddresses: readonly string[];
}
