import { RunnelError } from '../errors.ts';

/**
 * Why a text is not an invoice that can be paid, or why one cannot be made.
 *
 * - `invoice_not_bech32`: not Bech32 at all, a wrong checksum, or longer than any invoice needs to be
 * - `invoice_unknown_prefix`: not `ln` and a currency that Runnel knows
 * - `invoice_bad_amount`: an amount that is none, or not a whole number of millisatoshis, or more than all bitcoin
 * - `invoice_truncated`: too short, or a field runs into the signature
 * - `invoice_bad_field`: a field whose contents are not what its tag asks for
 * - `invoice_missing_field`: a field that must be there is not
 * - `invoice_conflicting_fields`: a description and the hash of one
 * - `invoice_unknown_feature`: it asks for a feature that Runnel does not have
 * - `invoice_missing_dependency`: it sets a feature without another that the first depends on
 * - `invoice_bad_signature`: no key, or not the payee's, has signed it
 */
export type InvoiceErrorCode =
  | 'invoice_not_bech32'
  | 'invoice_unknown_prefix'
  | 'invoice_bad_amount'
  | 'invoice_truncated'
  | 'invoice_bad_field'
  | 'invoice_missing_field'
  | 'invoice_conflicting_fields'
  | 'invoice_unknown_feature'
  | 'invoice_missing_dependency'
  | 'invoice_bad_signature';

/** What is wrong with an invoice: the one error that reading and making invoices throw. */
export class InvoiceError extends RunnelError {
  declare readonly code: InvoiceErrorCode;

  /** `place` is the field's name, where there is one; `expected` and `actual` complete a sentence. */
  constructor(
    code: InvoiceErrorCode,
    fault: { readonly place?: string; readonly expected: string; readonly actual: string },
    options?: ErrorOptions,
  ) {
    const { place, expected, actual } = fault;
    super(code, `${place ?? 'invoice'}: expected ${expected}, got ${actual}`, fault, options);
  }
}
