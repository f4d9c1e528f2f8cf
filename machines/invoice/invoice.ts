import { createActor, type ActorRefFrom } from 'xstate';
import type { FailureMessage } from '../../protocols/onion/failures.ts';
import type { PaymentData } from '../../protocols/onion/payload.ts';
import type { HtlcLocation } from '../forwarding/circuit.ts';
import type { Unexpected } from '../payment/stepping.ts';
import { invoiceMachine, type InvoiceState } from './invoice.machine.ts';

/** An HTLC that pays (a part of) an invoice and is held until all of it is there. */
export interface InvoicePart extends HtlcLocation {
  readonly amountMsat: bigint;
  readonly cltvExpiry: number;
  /** What the sender meant to arrive: the hop before us may have added to it. */
  readonly amtToForwardMsat: bigint;
}

/**
 * All that an invoice remembers beside its chart's state: plain data. Its preimage is not among it: the hub keeps that.
 */
export interface InvoiceData {
  readonly paymentHash: Uint8Array;
  /** Undefined for a spontaneous payment, whose preimage is its secret. */
  readonly paymentSecret: Uint8Array | undefined;
  /** Undefined where the payer chooses. */
  readonly amountMsat: bigint | undefined;
  /** What a part must have left to its expiry when it comes: `MIN_BLOCKS_TO_TAKE` at least. */
  readonly minFinalCltvExpiryDelta: number;
  /** Undefined for a spontaneous payment, which is there or is not. */
  readonly expiresAtMs: number | undefined;
  /** The HTLCs that stand for it: held, or fulfilled and not yet gone for good. */
  readonly parts: readonly InvoicePart[];
  /** What the sender says that all parts come to, once there is one. */
  readonly totalMsat: bigint | undefined;
  /** When the parts that are held are given up. */
  readonly deadlineMs: number | undefined;
  /** The sum of all parts that were taken, less those that the chain gave back nevertheless. */
  readonly receivedMsat: bigint | undefined;
  readonly paidAtMs: number | undefined;
}

export interface PartArrived {
  readonly type: 'partArrived';
  readonly part: InvoicePart;
  readonly amtToForwardMsat: bigint;
  readonly outgoingCltvValue: number;
  readonly payment: PaymentData | undefined;
  readonly blockHeight: number;
  readonly nowMs: number;
}

export type InvoiceEvent =
  /** An HTLC is irrevocably committed, and its onion ends here. */
  | PartArrived
  /** The channel says again that it holds the HTLC, and that nothing was decided about it. */
  | { readonly type: 'htlcReceived'; readonly htlc: HtlcLocation }
  /** The HTLC is gone for good; `isPaid`: to us. */
  | { readonly type: 'htlcEnded'; readonly htlc: HtlcLocation; readonly isPaid: boolean }
  | { readonly type: 'mppTimeout' }
  | { readonly type: 'blockHeight'; readonly blockHeight: number }
  | { readonly type: 'expire' }
  | { readonly type: 'cancel'; readonly blockHeight: number };

/** What an invoice wants done. The hub adds the preimage, and the secrets that error packets are made with. */
export type InvoiceEffect =
  | { readonly type: 'fulfillPart'; readonly part: HtlcLocation }
  | { readonly type: 'failPart'; readonly part: HtlcLocation; readonly failure: FailureMessage }
  /** `mppTimeout` is due then. */
  | { readonly type: 'setTimer'; readonly atMs: number }
  | { readonly type: 'clearTimer' }
  | Unexpected;

export type InvoiceActor = ActorRefFrom<typeof invoiceMachine>;

/** A new invoice, open. */
export function createInvoiceActor(data: InvoiceData, emit: (effect: InvoiceEffect) => void): InvoiceActor {
  return createActor(invoiceMachine, { input: { data, emit } }).start();
}

/** An invoice as it was saved. While it is collecting, its timer is for the hub to set again. */
export function restoreInvoice(
  state: InvoiceState,
  data: InvoiceData,
  emit: (effect: InvoiceEffect) => void,
): InvoiceActor {
  const snapshot = invoiceMachine.resolveState({ value: state, context: { data, emit } });
  return createActor(invoiceMachine, { snapshot, input: { data, emit } }).start();
}
