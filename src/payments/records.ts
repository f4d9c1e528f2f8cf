import type { HtlcLocation } from '../../machines/forwarding/circuit.ts';
import type { PaymentFailure, PaymentRoute } from '../../machines/payment/payment.ts';
import type { NodeId } from '../network/network.ts';
import type { Learnt } from '../routing/lesson.ts';

export type PaymentStatus = 'inFlight' | 'succeeded' | 'failed';

/** One HTLC that was tried, and how it ended. */
export interface AttemptRecord {
  readonly status: PaymentStatus;
  readonly route: PaymentRoute;
  readonly failure: PaymentFailure | undefined;
  /** What it taught about the way. */
  readonly learnt: readonly Learnt[];
}

/** A payment that this node made or makes. */
export interface PaymentRecord {
  readonly paymentHash: Uint8Array;
  readonly status: PaymentStatus;
  readonly payee: NodeId;
  readonly amountMsat: bigint;
  /** Fees of the parts that succeeded or are out. */
  readonly feeMsat: bigint;
  readonly isKeysend: boolean;
  readonly invoice: string | undefined;
  readonly description: string | undefined;
  readonly createdAtMs: number;
  readonly finishedAtMs: number | undefined;
  readonly preimage: Uint8Array | undefined;
  readonly failure: PaymentFailure | undefined;
  /** In the order in which they were made. */
  readonly attempts: readonly AttemptRecord[];
}

/** `arrived`: a payment would have come to the payee. */
export type ProbeStatus = 'inFlight' | 'arrived' | 'failed';

/** One HTLC of a probe, and how it ended. */
export interface ProbeAttemptRecord extends Omit<AttemptRecord, 'status'> {
  /** `stopped`: at a node of the route; `notSent`: it never left this node, which says nothing of the route. */
  readonly status: 'inFlight' | 'arrived' | 'stopped' | 'notSent';
  /** Known once the channel has offered it. */
  readonly htlc: HtlcLocation | undefined;
}

/** A probe that this node made or makes: no payment, whatever came of it. */
export interface ProbeRecord
  extends Pick<PaymentRecord, 'paymentHash' | 'payee' | 'amountMsat' | 'invoice' | 'description' | 'createdAtMs' | 'finishedAtMs' | 'failure'> {
  readonly status: ProbeStatus;
  readonly attempts: readonly ProbeAttemptRecord[];
}

/** `accepted`: parts of it are held, and the rest is awaited. */
export type InvoiceStatus = 'open' | 'accepted' | 'paid' | 'expired' | 'canceled';

/** An invoice that this node made, or a spontaneous payment that it received. */
export interface InvoiceRecord {
  readonly paymentHash: Uint8Array;
  readonly status: InvoiceStatus;
  /** Undefined for a spontaneous payment. */
  readonly invoice: string | undefined;
  readonly description: string | undefined;
  readonly amountMsat: bigint | undefined;
  readonly createdAtMs: number;
  readonly expiresAtMs: number | undefined;
  readonly paidAtMs: number | undefined;
  readonly receivedMsat: bigint | undefined;
  /** Once paid. */
  readonly preimage: Uint8Array | undefined;
}

/** `lost`: the outgoing HTLC was paid, the incoming one was not. */
export type ForwardStatus = 'inFlight' | 'settled' | 'failed' | 'lost';

/** An HTLC that this node forwarded, or was asked to. */
export interface ForwardRecord {
  readonly status: ForwardStatus;
  /** The chart's own state. */
  readonly state: string;
  readonly paymentHash: Uint8Array;
  readonly incomingChannelIndex: number;
  readonly incomingHtlcId: bigint;
  readonly incomingMsat: bigint;
  /** As the onion named the channel. */
  readonly outgoingShortChannelId: bigint;
  readonly outgoingChannelIndex: number | undefined;
  readonly outgoingHtlcId: bigint | undefined;
  readonly outgoingMsat: bigint;
  /** What this node earned with it: 0 unless it is settled, and below 0 if it is lost. */
  readonly feeMsat: bigint;
  /** The failure's name of BOLT 4 where it is ours, or `downstream`. */
  readonly failureCode: string | undefined;
  readonly createdAtMs: number;
  readonly finishedAtMs: number | undefined;
}

/** What is told once it is on disk. */
export type PaymentsNotice =
  | { readonly type: 'payment'; readonly payment: PaymentRecord }
  | { readonly type: 'probe'; readonly probe: ProbeRecord }
  | { readonly type: 'invoice'; readonly invoice: InvoiceRecord }
  | { readonly type: 'forward'; readonly forward: ForwardRecord }
  | LossNotice
  /** What was at risk, by the key of its notice, has come back. */
  | { readonly type: 'lossAverted'; readonly key: string };

/** Money that this node has lost, or may yet lose: whoever runs it must know. */
export interface LossNotice {
  readonly type: 'loss';
  /** What it is about: a later notice of the same key takes its place. */
  readonly key: string;
  readonly isCertain: boolean;
  readonly paymentHash: Uint8Array;
  readonly amountMsat: bigint;
  readonly reason: string;
}

/** A chart got an event that it has no answer for: a fault of ours or of a channel's, which changed nothing. */
export interface UnexpectedEvent {
  readonly actor: 'payment' | 'invoice' | 'forwarding';
  /** The actor's hash or HTLC. */
  readonly key: string;
  readonly state: string;
  readonly event: string;
}

export interface Page {
  /** At most this many (default 100), newest first. */
  readonly limit?: number;
  /** Leave out this many of the newest. */
  readonly offset?: number;
}

export const DEFAULT_PAGE_LIMIT = 100;
