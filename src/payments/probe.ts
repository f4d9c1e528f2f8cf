import type { Currency } from '../../protocols/invoice/prefix.ts';
import type { RandomBytes } from '../runtime/clock.ts';
import { PaymentError } from './errors.ts';
import { planInvoice, planUnasked, type Moment, type PaymentLimits, type PaymentPlan } from './payment-request.ts';

/** A payment that is to be tried out without being made. */
export interface ProbeRequest extends Omit<PaymentLimits, 'maxParts'> {
  /** A node id in hex, or a BOLT 11 invoice. */
  readonly target: string;
  /** Needed unless an invoice names it. */
  readonly amountMsat?: bigint;
}

const DEFAULT_MAX_ATTEMPTS = 10;
const NODE_ID = /^[0-9a-f]{66}$/;

/**
 * The payment that is asked about, in one part, as a probe. Its payment hash is random, and so is its payment secret: of
 * an invoice it takes neither, or the payee would take the HTLC for the payment and keep it. Throws `InvoiceError`,
 * `PaymentError` or `RoutingError`.
 */
export function planProbe(request: ProbeRequest, currency: Currency, randomBytes: RandomBytes, moment: Moment): PaymentPlan {
  const paymentHash = randomBytes(32);
  const details = { paymentSecret: randomBytes(32) };
  const { target, amountMsat, ...given } = request;
  const limits = { maxAttempts: DEFAULT_MAX_ATTEMPTS, ...given };
  if (!NODE_ID.test(target)) {
    const asked = planInvoice({ ...limits, invoice: target, ...(amountMsat !== undefined && { amountMsat }) }, currency, moment);
    return { ...asked, purpose: 'probe', paymentHash, search: { ...asked.search, maxParts: 1, details } };
  }
  if (amountMsat === undefined) throw new PaymentError('amount_missing', 'a node id names no amount: expected one');
  return { ...planUnasked({ ...limits, nodeId: target, amountMsat }, paymentHash, details, moment), purpose: 'probe', isKeysend: false };
}
