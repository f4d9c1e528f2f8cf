import { RunnelError } from '../../protocols/errors.ts';

export type WalletErrorCode =
  | 'insufficient_funds'
  | 'fee_reserve'
  | 'fee_too_low'
  | 'not_bumpable'
  | 'unknown_transaction'
  | 'invalid_address'
  | 'invalid_amount'
  | 'invalid_feerate'
  | 'dust_output'
  | 'transaction_too_large'
  | 'reservation_exists'
  | 'unknown_network'
  | 'block_out_of_order';

/** The wallet cannot do what was asked of it; amounts in `details` are bigint satoshis. */
export class WalletError extends RunnelError {
  declare readonly code: WalletErrorCode;

  constructor(code: WalletErrorCode, message: string, details: Readonly<Record<string, unknown>> = {}) {
    super(code, message, details);
  }
}
