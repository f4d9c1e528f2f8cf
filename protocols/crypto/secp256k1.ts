import { libsecp256k1 } from './libsecp256k1.ts';
import { noble } from './noble.ts';
import type { Secp256k1 } from './secp256k1-api.ts';

export type { Secp256k1 } from './secp256k1-api.ts';
export { CryptoError, type CryptoErrorCode } from './crypto-error.ts';

/**
 * secp256k1 as the whole node uses it: libsecp256k1 where its prebuilt library loads, noble elsewhere. Both sign with
 * plain RFC 6979 nonces (no low-R grinding), and `verify` accepts low-S signatures only: BOLT 2 fails a channel over a
 * signature that breaks Bitcoin's LOW-S standardness rule.
 */
export const secp256k1: Secp256k1 = libsecp256k1 ?? noble;
