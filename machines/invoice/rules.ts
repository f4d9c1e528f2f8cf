import { equals } from 'uint8arrays';
import type { FailureMessage } from '../../protocols/onion/failures.ts';
import type { PaymentData } from '../../protocols/onion/payload.ts';
import { FULFILMENT_BLOCKS } from '../channel/deadlines.ts';
import type { InvoiceData, InvoicePart, PartArrived } from './invoice.ts';

/** BOLT 4, "Basic Multi-Part Payments": how long to wait for the rest after the first part. */
export const MPP_TIMEOUT_MS = 60_000;

/**
 * What all parts come to: what the sender says, or where it says nothing this part alone (BOLT 4, `payload` format).
 */
export const totalMsatOf = ({ payment, amtToForwardMsat }: PartArrived): bigint =>
  payment?.totalMsat ?? amtToForwardMsat;

/** BOLT 4: the one failure for all that the payer got wrong, so that it tells nobody what exactly. */
export const unknownDetails = (part: InvoicePart, height: number): FailureMessage => ({
  type: 'incorrect_or_unknown_payment_details',
  htlcMsat: part.amountMsat,
  height,
});

/**
 * Why a part cannot be accepted, if it cannot: BOLT 4, "Failure Messages", what the final node checks. The payment
 * secret comes first: who does not know it must not learn that there is such an invoice here. Then what the hop before
 * us may have changed, so that the payee is not blamed for it.
 */
export function partFailure(invoice: InvoiceData, event: PartArrived): FailureMessage | undefined {
  const { part, blockHeight } = event;
  if (!knowsSecret(invoice, event.payment)) return unknownDetails(part, blockHeight);
  if (part.cltvExpiry < event.outgoingCltvValue) {
    return { type: 'final_incorrect_cltv_expiry', cltvExpiry: part.cltvExpiry };
  }
  if (part.amountMsat < event.amtToForwardMsat) {
    return { type: 'final_incorrect_htlc_amount', incomingHtlcAmtMsat: part.amountMsat };
  }
  const isAcceptable =
    paysEnough(invoice, totalMsatOf(event)) &&
    !isExpired(invoice, event.nowMs) &&
    part.cltvExpiry >= blockHeight + invoice.minFinalCltvExpiryDelta;
  return isAcceptable ? undefined : unknownDetails(part, blockHeight);
}

/** Whether the parts with this one make up the total. BOLT 4: their `amt_to_forward` count. */
export function completesSet({ parts }: InvoiceData, event: PartArrived): boolean {
  const held = parts.reduce((sum, part) => sum + part.amtToForwardMsat, 0n);
  return held + event.amtToForwardMsat >= totalMsatOf(event);
}

/**
 * BOLT 2, "`cltv_expiry_delta` Selection": whether it is too late to take a part that we hold. Once it is taken, the
 * channel goes to the chain for it `FULFILMENT_BLOCKS` before its expiry, and before that the peer is to have the time
 * to remove it.
 */
export const isTooLate = (part: InvoicePart, blockHeight: number): boolean =>
  part.cltvExpiry < blockHeight + MIN_BLOCKS_TO_TAKE;

/** Blocks that may come while the peer removes an HTLC that we fulfill. */
const REMOVAL_BLOCKS = 3;
/** A part with less left to its expiry is failed, never taken. */
export const MIN_BLOCKS_TO_TAKE = FULFILMENT_BLOCKS + REMOVAL_BLOCKS;

function knowsSecret({ paymentSecret }: InvoiceData, payment: PaymentData | undefined): boolean {
  if (paymentSecret === undefined) return payment === undefined;
  return payment !== undefined && equals(payment.paymentSecret, paymentSecret);
}

/** BOLT 4: at least the amount, and at most twice as much. */
function paysEnough({ amountMsat }: InvoiceData, totalMsat: bigint): boolean {
  return amountMsat === undefined ? totalMsat > 0n : totalMsat >= amountMsat && totalMsat <= 2n * amountMsat;
}

/** BOLT 11, "Payer / Payee Requirements". */
function isExpired({ expiresAtMs }: InvoiceData, nowMs: number): boolean {
  return expiresAtMs !== undefined && nowMs >= expiresAtMs;
}
