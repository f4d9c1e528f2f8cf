import { Transaction } from 'bitcoinjs-lib';
import { equals, toString } from 'uint8arrays';
import { hash256 } from '../../../../protocols/crypto/hash.ts';
import { RunnelError } from '../../../../protocols/errors.ts';
import { RejectedError } from '../rejection.ts';
import { MAX_BLOCK_WEIGHT, MAX_MONEY_SAT, WITNESS_SCALE_FACTOR } from './params.ts';

/** A transaction with what is asked of it again and again. Ids are hex in display order. */
export interface ChainTransaction {
  readonly transaction: Transaction;
  readonly raw: Uint8Array;
  readonly txid: string;
  readonly wtxid: string;
  readonly isCoinbase: boolean;
  readonly strippedSize: number;
  readonly weight: number;
  /** The key of the output that each input spends, as `outpointKey` makes it. */
  readonly spends: readonly string[];
}

/** The bytes are not a transaction as Bitcoin serializes it. */
export class TransactionDecodeError extends RunnelError {
  constructor(reason: string, options?: ErrorOptions) {
    super('transaction_decode', `expected a serialized Bitcoin transaction: ${reason}`, {}, options);
  }
}

/** Names one output: `<txid>:<index>`. */
export function outpointKey(txid: string, index: number): string {
  return `${txid}:${index}`;
}

/** 32 bytes as they are hashed (internal order), in the usual display order as hex. */
export function displayHex(hash: Uint8Array): string {
  return toString(Uint8Array.from(hash).reverse(), 'base16');
}

/**
 * Parses exactly one transaction; throws `TransactionDecodeError` for anything that Bitcoin would not serialize the
 * same.
 */
export function decodeTransaction(raw: Uint8Array): ChainTransaction {
  let transaction: Transaction;
  try {
    transaction = Transaction.fromBuffer(raw);
  } catch (cause) {
    throw new TransactionDecodeError(cause instanceof Error ? cause.message : 'unreadable', { cause });
  }
  return describeTransaction(transaction, raw);
}

/** The same of a transaction that is parsed already; `raw`, if given, must be its serialization. */
export function describeTransaction(transaction: Transaction, raw?: Uint8Array): ChainTransaction {
  const serialized = transaction.toBuffer();
  if (raw !== undefined && !equals(serialized, raw)) {
    throw new TransactionDecodeError('its lengths are not encoded in their shortest form');
  }
  const txid = transaction.getId();
  const strippedSize = transaction.byteLength(false);
  return {
    transaction,
    raw: serialized,
    txid,
    wtxid: transaction.hasWitnesses() ? displayHex(hash256(serialized)) : txid,
    isCoinbase: isCoinbase(transaction),
    strippedSize,
    weight: strippedSize * (WITNESS_SCALE_FACTOR - 1) + serialized.length,
    spends: transaction.ins.map(({ hash, index }) => outpointKey(displayHex(hash), index)),
  };
}

/** The checks that need nothing but the transaction. Throws `RejectedError`. */
export function checkTransaction({ transaction, isCoinbase: coinbase, strippedSize, spends }: ChainTransaction): void {
  const { ins, outs } = transaction;
  if (ins.length === 0) throw new RejectedError('consensus', 'bad-txns-vin-empty');
  if (outs.length === 0) throw new RejectedError('consensus', 'bad-txns-vout-empty');
  if (strippedSize * WITNESS_SCALE_FACTOR > MAX_BLOCK_WEIGHT) throw new RejectedError('consensus', 'bad-txns-oversize');
  let totalSat = 0n;
  for (const { value } of outs) {
    if (value < 0n) throw new RejectedError('consensus', 'bad-txns-vout-negative');
    if (value > MAX_MONEY_SAT) throw new RejectedError('consensus', 'bad-txns-vout-toolarge');
    totalSat += value;
    if (totalSat > MAX_MONEY_SAT) throw new RejectedError('consensus', 'bad-txns-txouttotal-toolarge');
  }
  if (new Set(spends).size !== spends.length) throw new RejectedError('consensus', 'bad-txns-inputs-duplicate');
  if (coinbase) {
    const length = ins[0]?.script.length ?? 0;
    if (length < 2 || length > 100) throw new RejectedError('consensus', 'bad-cb-length');
  } else if (ins.some(isNullInput)) {
    throw new RejectedError('consensus', 'bad-txns-prevout-null');
  }
}

/** Whether the only input spends nothing. (bitcoinjs-lib's own `isCoinbase` does not look at the output index.) */
function isCoinbase({ ins }: Transaction): boolean {
  const [input] = ins;
  return ins.length === 1 && input !== undefined && isNullInput(input);
}

function isNullInput({ hash, index }: { hash: Uint8Array; index: number }): boolean {
  return index === 0xffffffff && hash.every((byte) => byte === 0);
}
