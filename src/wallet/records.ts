import type { AddressPath } from '../keys/signer-api.ts';

/** An unspent output of the wallet's. */
export interface Coin extends AddressPath {
  /** Hex, display order. */
  readonly txid: string;
  readonly outputIndex: number;
  readonly amountSat: bigint;
  /** Undefined while no block holds it. */
  readonly blockHeight: number | undefined;
  readonly isCoinbase: boolean;
  /** Who reserved it. */
  readonly reference: string | undefined;
}

export interface Outpoint {
  readonly txid: string;
  readonly outputIndex: number;
}

/** An output of the wallet's, spent or not. */
export interface OwnOutput extends AddressPath {
  readonly amountSat: bigint;
}

/** A transaction as the wallet keeps it. */
export interface StoredTransaction {
  readonly txid: string;
  readonly blockHeight: number | undefined;
  readonly isCoinbase: boolean;
  readonly feeSat: bigint | undefined;
  readonly raw: Uint8Array | undefined;
  /** None for a coinbase. */
  readonly inputs: readonly Outpoint[];
  readonly outputs: readonly (OwnOutput & { readonly outputIndex: number })[];
}

/** How a transaction may be replaced by one that pays a higher fee. */
export interface Replaceable {
  /** The output that the fee is taken from, if there is one: the change; or the payment, where everything was sent. */
  readonly feeOutput: number | undefined;
  readonly sendsAll: boolean;
}

/** One line of the wallet's history. */
export interface HistoryEntry {
  readonly txid: string;
  readonly blockHeight: number | undefined;
  /** What it brought us (positive) or took from us (negative, the fee included). */
  readonly netSat: bigint;
  readonly feeSat: bigint | undefined;
  /** A block holds another transaction in its place, or another one waits that is to replace it. */
  readonly conflicted: boolean;
}
