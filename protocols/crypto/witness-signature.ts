import { script, Transaction } from 'bitcoinjs-lib';
import { CryptoError } from './crypto-error.ts';

/** The signature covers all inputs and all outputs. */
export const SIGHASH_ALL = Transaction.SIGHASH_ALL;
/** The signature covers its own input and the output of the same index, so that others can add inputs and outputs. */
export const SIGHASH_SINGLE_ANYONECANPAY = Transaction.SIGHASH_SINGLE | Transaction.SIGHASH_ANYONECANPAY;

/** A 64-byte compact signature as a witness holds it: DER, then the byte of the sighash type. */
export function toWitnessSignature(signature: Uint8Array, sighashType: number): Uint8Array {
  if (signature.length !== 64) {
    throw new CryptoError('invalid_signature', `expected a signature of 64 bytes, got ${signature.length}`);
  }
  return script.signature.encode(signature, sighashType);
}
