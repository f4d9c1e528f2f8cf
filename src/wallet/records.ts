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

/** A transaction as the wallet keeps it. */
export interface StoredTransaction {
  readonly txid: string;
  readonly blockHeight: number | undefined;
  readonly isCoinbase: boolean;
  readonly feeSat: bigint | undefined;
  readonly raw: Uint8Array | undefined;
  /** None for a coinbase. */
  readonly inputs: readonly Outpoint[];
  readonly outputs: readonly (AddressPath & { readonly outputIndex: number; readonly amountSat: bigint })[];
}

/** One line of the wallet's history. */
export interface HistoryEntry {
  readonly txid: string;
  readonly blockHeight: number | undefined;
  /** What it brought us (positive) or took from us (negative, the fee included). */
  readonly netSat: bigint;
  readonly feeSat: bigint | undefined;
  /** A block holds another transaction in its place. */
  readonly conflicted: boolean;
}
