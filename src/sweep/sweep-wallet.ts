import type { Transaction } from 'bitcoinjs-lib';
import type { Payment } from '../wallet/coin-selection.ts';
import type { Outpoint } from '../wallet/records.ts';

/** An input that is not the wallet's: a channel's output, which its channel's keys sign. */
export interface ForeignInput {
  /** Hex, display order. */
  readonly txid: string;
  readonly outputIndex: number;
  readonly sequence: number;
  readonly amountSat: bigint;
  /** Of the whole input, its witness at its largest. */
  readonly weight: number;
}

export interface FundsRequest {
  /** They stand first, in this order: input i of an HTLC transaction goes with output i. */
  readonly inputs: readonly ForeignInput[];
  /** They stand first, in this order; may be empty. */
  readonly outputs: readonly Payment[];
  readonly lockTime: number;
  /** What the transaction pays for its whole weight. */
  readonly feeratePerKw: number;
  /** Beyond that: what a child pays for its parent, or a replacement for what it replaces. */
  readonly extraFeeSat: bigint;
  /** Coins to take before all others, where they are still free: those of the transaction that this one replaces. */
  readonly keep: readonly Outpoint[];
}

export interface FundedInputs {
  /** Version 2; the foreign inputs first, without witness, then the wallet's; the change last. */
  readonly transaction: Transaction;
  /** All inputs less all outputs. */
  readonly feeSat: bigint;
  /** Once signed, at its largest: what the fee was reckoned with. */
  readonly weight: number;
  /** The wallet's own inputs, in their order. */
  readonly coins: readonly Outpoint[];
}

/**
 * What the sweeper wants of the wallet. All of it is synchronous, within the database transaction that the caller has
 * open: building, booking and the sweeper's own record are written together or not at all, so nothing is reserved.
 */
export interface SweepWallet {
  /** The script that sweeps pay to, and that change of `addFunds` goes to: the same one until a block pays to it. */
  payoutScript(): Uint8Array;
  /**
   * Adds coins and change to a transaction so that it pays its fee. Only confirmed coins: a replacement may not bring
   * new unconfirmed ones (BIP 125, rule 2), nor may the child of a package. May use the fee reserve. Change below dust
   * goes to the fee; but where there is no other output there always is change, so more coins are taken if need be. No
   * coin is added where the foreign inputs suffice.
   *
   * Throws `WalletError` `insufficient_funds` (details `neededSat`, `availableSat`), `transaction_too_large`,
   * `invalid_feerate`.
   */
  addFunds(request: FundsRequest): FundedInputs;
  /**
   * Puts the witnesses of the wallet's own inputs (P2WPKH, SIGHASH_ALL) into a transaction that is complete but for
   * witnesses.
   */
  signInputs(transaction: Transaction): void;
  /** Books a transaction that is about to be broadcast: its coins are spent, what it pays us is to come. Idempotent. */
  recordTransaction(transaction: Transaction): void;
  /**
   * Takes an unconfirmed transaction out of the books again: its coins are free. A no-op for one in a block, or
   * unknown.
   */
  abandonTransaction(txid: string): void;
}
