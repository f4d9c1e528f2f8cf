import { RunnelError } from '../../protocols/errors.ts';

export type KeysErrorCode =
  | 'invalid_mnemonic'
  | 'seed_missing'
  | 'seed_exists'
  | 'seed_damaged'
  | 'seed_newer'
  | 'seed_encrypted'
  | 'seed_not_encrypted'
  | 'empty_passphrase'
  | 'wrong_passphrase'
  | 'commitment_not_superseded'
  | 'commitment_revoked';

/**
 * The seed cannot be read or made, or the signer refuses a request. Never holds a secret, in message, details or cause.
 */
export class KeysError extends RunnelError {
  declare readonly code: KeysErrorCode;

  constructor(code: KeysErrorCode, message: string, details: Readonly<Record<string, unknown>> = {}) {
    super(code, message, details);
  }
}
