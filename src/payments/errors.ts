import { RunnelError } from '../../protocols/errors.ts';

/**
 * Why a request about payments is refused; nothing was changed.
 *
 * - `invoice_wrong_network`, `invoice_expired`: an invoice that cannot be paid here, or any more
 * - `amount_missing`: the invoice leaves the amount to the payer, who gave none
 * - `amount_not_asked`: the invoice asks for another amount than the one given
 * - `amount_invalid`: not between 1 msat and all the bitcoin there can be
 * - `circle_invalid`: money cannot go round in this way
 * - `payment_in_flight`: a payment of the same hash is on its way, and would be paid twice
 * - `payment_unknown`, `probe_unknown`, `invoice_unknown`: there is none of that hash
 * - `invoice_not_open`: it was paid already, or is over
 */
export type PaymentErrorCode =
  | 'invoice_wrong_network'
  | 'invoice_expired'
  | 'amount_missing'
  | 'amount_not_asked'
  | 'amount_invalid'
  | 'circle_invalid'
  | 'payment_in_flight'
  | 'payment_unknown'
  | 'probe_unknown'
  | 'invoice_unknown'
  | 'invoice_not_open';

/** A request about payments that is refused. */
export class PaymentError extends RunnelError {
  declare readonly code: PaymentErrorCode;

  constructor(code: PaymentErrorCode, message: string, details: Readonly<Record<string, unknown>> = {}) {
    super(code, message, details);
  }
}
