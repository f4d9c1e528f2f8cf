import type { Transaction } from 'bitcoinjs-lib';
import { concat } from 'uint8arrays/concat';
import { sha256 } from '../../protocols/crypto/hash.ts';
import { CommitmentError } from './errors.ts';

/*
 * BOLT 3, "Commitment Transaction": a commitment transaction carries its 48-bit number, obscured, in the lower 24 bits
 * of its input's sequence (the upper half) and of its locktime (the lower half).
 */

/** Commitment numbers count up from 0 and have 48 bits. */
export const MAX_COMMITMENT_NUMBER = 2 ** 48 - 1;

const HALF = 2 ** 24;
const SEQUENCE_MARK = 0x80;
const LOCKTIME_MARK = 0x20;

/** The payment basepoints of `open_channel` and `accept_channel`. */
export interface PaymentBasepoints {
  readonly openerPaymentBasepoint: Uint8Array;
  readonly accepterPaymentBasepoint: Uint8Array;
}

/** The locktime and the input's sequence of the commitment transaction with that number. */
export function obscureCommitmentNumber(
  basepoints: PaymentBasepoints,
  commitmentNumber: number,
): { locktime: number; sequence: number } {
  expectCommitmentNumber(commitmentNumber);
  const factor = obscuringFactor(basepoints);
  return {
    locktime: LOCKTIME_MARK * HALF + (factor.lower ^ (commitmentNumber % HALF)),
    sequence: SEQUENCE_MARK * HALF + (factor.upper ^ Math.floor(commitmentNumber / HALF)),
  };
}

/** The number of a commitment transaction of the channel; undefined when it does not have the marks of one. */
export function readCommitmentNumber(basepoints: PaymentBasepoints, transaction: Transaction): number | undefined {
  const { locktime } = transaction;
  const [input] = transaction.ins;
  if (input === undefined || transaction.ins.length !== 1) return undefined;
  if (locktime >>> 24 !== LOCKTIME_MARK || input.sequence >>> 24 !== SEQUENCE_MARK) return undefined;
  const factor = obscuringFactor(basepoints);
  return (factor.upper ^ (input.sequence % HALF)) * HALF + (factor.lower ^ (locktime % HALF));
}

/** Throws `CommitmentError` unless the number is one that a commitment can have. */
export function expectCommitmentNumber(commitmentNumber: number): void {
  if (Number.isInteger(commitmentNumber) && commitmentNumber >= 0 && commitmentNumber <= MAX_COMMITMENT_NUMBER) return;
  throw new CommitmentError(
    'invalid_commitment_number',
    `expected a commitment number from 0 to ${MAX_COMMITMENT_NUMBER}, got ${commitmentNumber}`,
    { commitmentNumber },
  );
}

function obscuringFactor({ openerPaymentBasepoint, accepterPaymentBasepoint }: PaymentBasepoints) {
  const hash = sha256(concat([openerPaymentBasepoint, accepterPaymentBasepoint]));
  const view = new DataView(hash.buffer, hash.byteOffset);
  return { upper: view.getUint32(25) % HALF, lower: view.getUint32(28) % HALF };
}
