import { RunnelError } from '../errors.ts';

export type CryptoErrorCode =
  | 'invalid_secret_key'
  | 'invalid_public_key'
  | 'invalid_hash'
  | 'invalid_signature'
  | 'invalid_scalar'
  | 'invalid_result';

/** A cryptographic operation was given bytes that it cannot work on, or its result does not exist. */
export class CryptoError extends RunnelError {
  declare readonly code: CryptoErrorCode;

  constructor(code: CryptoErrorCode, message: string, details: Readonly<Record<string, unknown>> = {}) {
    super(code, message, details);
  }
}
