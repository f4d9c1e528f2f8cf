import { createActor, type ActorRefFrom } from 'xstate';
import type { HtlcLocation } from '../forwarding/circuit.ts';
import { paymentMachine, type PaymentState } from './payment.machine.ts';
import type { Unexpected } from './stepping.ts';

/** A hop of a route: a node, the channel that leads to it, and what the node is told and keeps. */
export interface PaymentHop {
  /** 33 bytes in hex. */
  readonly nodeId: string;
  readonly shortChannelId: bigint;
  readonly amountToForwardMsat: bigint;
  readonly outgoingCltvExpiry: number;
  readonly feeMsat: bigint;
}

/** The way that one part takes, from us (not among the hops) to the payee. */
export interface PaymentRoute {
  readonly hops: readonly PaymentHop[];
  /** What arrives. */
  readonly amountMsat: bigint;
  /** What leaves. */
  readonly totalAmountMsat: bigint;
  readonly totalFeeMsat: bigint;
  readonly cltvExpiry: number;
  readonly totalCltvDelta: number;
}

/** Why a part, or the payment, failed: for the user, and for programs by its code. */
export interface PaymentFailure {
  readonly code: string;
  readonly message: string;
  /** The node that failed it, where one is known. */
  readonly nodeId?: string;
  readonly shortChannelId?: bigint;
  /** It never left this node: that says nothing of the way. */
  readonly isLocal?: true;
}

/** One HTLC of a payment. Parts that failed stay in the list: they are its attempts. */
export interface PaymentPart {
  /** Its place in the list. */
  readonly number: number;
  readonly route: PaymentRoute;
  /** Known once the channel has offered it. */
  readonly htlc: HtlcLocation | undefined;
  readonly outcome: PartOutcome | undefined;
}

export type PartOutcome =
  | { readonly kind: 'succeeded' }
  | { readonly kind: 'failed'; readonly failure: PaymentFailure }
  /** Of a probe: the payee got it, and gave it back. */
  | { readonly kind: 'arrived' };

/**
 * What its HTLCs are sent for. `probe`: to learn whether a payment would arrive; nobody knows a preimage of its payment
 * hash, so that it cannot be settled.
 */
export type PaymentPurpose = 'payment' | 'probe';

/** All that a payment remembers beside its chart's state: plain data. What its parts' secrets are, the hub keeps. */
export interface PaymentData {
  readonly purpose: PaymentPurpose;
  readonly paymentHash: Uint8Array;
  /** What the payee is to receive. */
  readonly amountMsat: bigint;
  readonly maxAttempts: number;
  /** No attempt begins later. */
  readonly deadlineMs: number;
  readonly parts: readonly PaymentPart[];
  readonly paymentPreimage: Uint8Array | undefined;
  readonly failure: PaymentFailure | undefined;
}

export type PaymentEvent =
  /** Find routes, or find them again after a restart. */
  | { readonly type: 'search' }
  /** For all that is not out, one a part. */
  | { readonly type: 'routesFound'; readonly routes: readonly PaymentRoute[] }
  | { readonly type: 'noRoute'; readonly failure: PaymentFailure }
  | { readonly type: 'htlcOffered'; readonly part: number; readonly htlc: HtlcLocation }
  | { readonly type: 'htlcFulfilled'; readonly part: number; readonly paymentPreimage: Uint8Array }
  /**
   * No HTLC of this part stands any more, or ever did. `mayRetry`: another way may work (BOLT 4, "Receiving Failure
   * Codes"). `isUnknownToPayee`: the payee itself says that it knows of no such payment
   * (`incorrect_or_unknown_payment_details`), so it came all the way.
   */
  | {
      readonly type: 'partFailed';
      readonly part: number;
      readonly failure: PaymentFailure;
      readonly mayRetry: boolean;
      readonly isUnknownToPayee: boolean;
      readonly nowMs: number;
    };

/** What a payment wants done. */
export type PaymentEffect =
  /** For all that is not out. Answered by `routesFound` or `noRoute`. */
  | { readonly type: 'findRoutes' }
  /** Answered by `htlcOffered` or `partFailed`. */
  | { readonly type: 'sendPart'; readonly part: PaymentPart }
  | Unexpected;

export type PaymentActor = ActorRefFrom<typeof paymentMachine>;

/** A new payment: its first event is `search`. */
export function createPayment(data: PaymentData, emit: (effect: PaymentEffect) => void): PaymentActor {
  return createActor(paymentMachine, { input: { data, emit } }).start();
}

/** A payment as it was saved. */
export function restorePayment(
  state: PaymentState,
  data: PaymentData,
  emit: (effect: PaymentEffect) => void,
): PaymentActor {
  const snapshot = paymentMachine.resolveState({ value: state, context: { data, emit } });
  return createActor(paymentMachine, { snapshot, input: { data, emit } }).start();
}
