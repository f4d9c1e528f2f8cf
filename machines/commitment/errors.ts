import { RunnelError } from '../../protocols/errors.ts';

export type CommitmentErrorCode =
  | 'unbalanced_commitment'
  | 'outputs_exceed_funding'
  | 'invalid_commitment_number'
  | 'invalid_commitment_signature'
  | 'wrong_htlc_signature_count'
  | 'invalid_htlc_signature'
  | 'invalid_secret'
  | 'secret_out_of_order'
  | 'wrong_preimage'
  | 'unbalanced_close'
  | 'close_fee_exceeds_balance'
  | 'close_without_outputs'
  | 'invalid_closing_signature';

/** A transaction of BOLT 3 cannot be built from what was given, or what a peer gave for it is wrong. */
export class CommitmentError extends RunnelError {
  declare readonly code: CommitmentErrorCode;

  constructor(code: CommitmentErrorCode, message: string, details: Readonly<Record<string, unknown>> = {}) {
    super(code, message, details);
  }
}
