import { Transaction, type Network } from 'bitcoinjs-lib';
import { toString } from 'uint8arrays/to-string';
import type { BlockRef, ChainEvent } from '../chain/chain.ts';
import type { OnchainSigner } from '../keys/signer-api.ts';
import { atomically, type Database } from '../storage/database.ts';
import type { FundedInputs, FundsRequest, SweepWallet } from '../sweep/sweep-wallet.ts';
import { AddressBook, type WalletAddress } from './address-book.ts';
import { AddressStore } from './address-store.ts';
import { addressToScript, bitcoinNetwork } from './address.ts';
import { BumpStore } from './bump-store.ts';
import { Coins } from './coins.ts';
import { FeeBumper } from './fee-bumper.ts';
import { selectFunds } from './funds.ts';
import { Ledger } from './ledger.ts';
import type { HistoryEntry, Replaceable } from './records.ts';
import { ReservationStore } from './reservation-store.ts';
import { checkFeerate, Spender } from './spender.ts';
import { WalletStore } from './store.ts';
import { REPLACEABLE, signInput, unsignedTransaction } from './transaction-builder.ts';
import type {
  FeeBump,
  FeeReserve,
  FundedTransaction,
  FundingRequest,
  SendRequest,
  UnspentCoin,
  WalletBalance,
  WalletOptions,
} from './types.ts';

export { WalletError, type WalletErrorCode } from './errors.ts';
export { feeReserveSat, feeReserveWarning } from './fee-reserve.ts';
export type { Payment } from './coin-selection.ts';
export type { HistoryEntry } from './records.ts';
export type { WalletAddress } from './address-book.ts';
export type * from './types.ts';

/**
 * The on-chain wallet: BIP84 (P2WPKH). Synchronous, with all of its state in the database: each method's writes are
 * part of the transaction that is open, or one of their own.
 *
 * A transaction's way: `fundTransaction` or `buildSend` signs it and reserves its coins; then either `release` gives
 * these back, or `recordTransaction` books it, right before it is broadcast. A booked one that is refused by the chain
 * is undone by `abandonTransaction`. The sweeper's transactions reserve nothing: `addFunds`, `signInputs` and
 * `recordTransaction` happen in one database transaction.
 */
export class Wallet implements SweepWallet {
  readonly #database: Database;
  readonly #store: WalletStore;
  readonly #reservations: ReservationStore;
  readonly #bumps: BumpStore;
  readonly #signer: OnchainSigner;
  readonly #network: Network;
  readonly #addresses: AddressBook;
  readonly #ledger: Ledger;
  readonly #coins: Coins;
  readonly #spender: Spender;
  readonly #bumper: FeeBumper;
  readonly #reserveSat: () => bigint;

  constructor({ database, signer, network, gapLimit = 20, reserveSat = () => 0n }: WalletOptions) {
    this.#database = database;
    this.#store = new WalletStore(database);
    this.#reservations = new ReservationStore(database);
    this.#bumps = new BumpStore(database);
    this.#signer = signer;
    this.#network = bitcoinNetwork(network);
    this.#addresses = new AddressBook(new AddressStore(database), signer, this.#network, gapLimit);
    this.#ledger = new Ledger(this.#store, this.#reservations, this.#addresses);
    this.#coins = new Coins(this.#store);
    this.#reserveSat = reserveSat;
    const parts = { store: this.#store, coins: this.#coins, addresses: this.#addresses, signer };
    this.#spender = new Spender({ ...parts, reservations: this.#reservations, reserveSat });
    this.#bumper = new FeeBumper({ ...parts, bumps: this.#bumps, addFunds: (request) => this.addFunds(request) });
    atomically(database, () => {
      for (const chain of [0, 1] as const) this.#addresses.watchGap(chain);
    });
  }

  /** A fresh address to receive at, never given out before. */
  newAddress(): WalletAddress {
    return atomically(this.#database, () => this.#addresses.next(0));
  }

  payoutScript(): Uint8Array {
    return atomically(this.#database, () => this.#addresses.payout().script);
  }

  /** Follows the chain, one event after the other; throws `WalletError` `block_out_of_order`. */
  handleChainEvent(event: ChainEvent): void {
    atomically(this.#database, () => this.#ledger.handle(event));
  }

  /** The lowest block that holds a transaction of the wallet's, if any does. */
  firstHeight(): number | undefined {
    return this.#store.firstHeight();
  }

  /** The chain is told again from the block after this one on, as a restore does; what is known is found again. */
  rewindTo({ height, hash }: BlockRef): void {
    atomically(this.#database, () => this.#store.setTip(height, hash));
  }

  /** The last block that the wallet has seen. */
  tipHeight(): number | undefined {
    return this.#store.tip().height;
  }

  balance(): WalletBalance {
    return this.#coins.balance();
  }

  /** What is kept for the fees of channels, and what there is of it: less than needed is cause for an alarm. */
  feeReserve(): FeeReserve {
    return { neededSat: this.#reserveSat(), availableSat: this.balance().confirmedSat };
  }

  listUnspent(): UnspentCoin[] {
    return this.#coins.all().map((coin) => ({
      txid: coin.txid,
      outputIndex: coin.outputIndex,
      amountSat: coin.amountSat,
      address: this.#addresses.addressOf(this.#addresses.scriptAt(coin)),
      confirmations: this.#coins.confirmations(coin),
      reserved: coin.reference !== undefined,
    }));
  }

  /** The history, latest first. */
  listTransactions(limit = 100): HistoryEntry[] {
    return this.#store.history(limit);
  }

  /**
   * A signed transaction to these outputs and, if worth it, a change output; its coins stay reserved, over restarts
   * too, until it is recorded or released. Spends confirmed coins, and if these do not suffice the wallet's own
   * unconfirmed change; leaves the fee reserve. Throws `WalletError`: `insufficient_funds` (details `neededSat`,
   * `availableSat`), `fee_reserve` (details `reserveSat`, `sendableSat`), `dust_output`, `invalid_feerate`,
   * `invalid_amount`, `transaction_too_large`, `reservation_exists`.
   */
  fundTransaction(request: FundingRequest): FundedTransaction {
    return atomically(this.#database, () => this.#spender.fund(request));
  }

  /** The same for one address, or for all that is there. Throws as `fundTransaction`, and `invalid_address`. */
  buildSend({ address, amountSat, ...request }: SendRequest): FundedTransaction {
    const script = addressToScript(address, this.#network);
    if (amountSat !== 'all') return this.fundTransaction({ ...request, outputs: [{ script, amountSat }] });
    return atomically(this.#database, () => this.#spender.sendAll(script, request));
  }

  addFunds({ inputs, outputs, lockTime, feeratePerKw, extraFeeSat, keep }: FundsRequest): FundedInputs {
    checkFeerate(feeratePerKw);
    const confirmed = this.#coins.confirmed();
    const kept = keep.flatMap(
      ({ txid, outputIndex }) =>
        confirmed.find((coin) => coin.txid === txid && coin.outputIndex === outputIndex) ?? [],
    );
    const others = confirmed.filter((coin) => !kept.includes(coin));
    const { coins, feeSat, changeSat, weight } = selectFunds(
      { inputs, outputs, feeratePerKw, extraFeeSat },
      kept,
      others,
    );
    const change = changeSat === 0n ? [] : [{ script: this.payoutScript(), amountSat: changeSat }];
    const added = coins.map(({ txid, outputIndex }) => ({ txid, outputIndex }));
    const allInputs = [...inputs, ...added.map((coin) => ({ ...coin, sequence: REPLACEABLE }))];
    const transaction = unsignedTransaction(allInputs, [...outputs, ...change], lockTime);
    return { transaction, feeSat, weight, coins: added };
  }

  signInputs(transaction: Transaction): void {
    for (const [index, input] of transaction.ins.entries()) {
      const txid = toString(Uint8Array.from(input.hash).reverse(), 'base16');
      const output = this.#store.output({ txid, outputIndex: input.index });
      if (output === undefined) continue;
      signInput(transaction, index, { ...output, script: this.#addresses.scriptAt(output) }, this.#signer);
    }
  }

  /**
   * Books a transaction that is about to be broadcast and frees the reservations of what it spends: its coins are spent
   * and its change can be used from now on; one without a block that spends the same gives way to it. Also for a
   * transaction of others that pays us. Idempotent.
   */
  recordTransaction(transaction: Transaction): void {
    atomically(this.#database, () => this.#ledger.addUnconfirmed(transaction));
  }

  /** The same for a payment to somebody's address, which may be replaced by one that pays a higher fee. */
  recordWithdrawal({ transaction, txid, changeIndex, outputIndexes }: FundedTransaction, sendsAll: boolean): void {
    const replaceable: Replaceable = { feeOutput: sendsAll ? outputIndexes[0] : changeIndex, sendsAll };
    atomically(this.#database, () => {
      this.#ledger.addUnconfirmed(transaction);
      this.#bumps.setReplaceable(txid, replaceable);
    });
  }

  /** Forgets a recorded transaction that no block holds, and those that build on it: their coins are free again. */
  abandonTransaction(txid: string): void {
    atomically(this.#database, () => this.#ledger.removeUnconfirmed(txid));
  }

  /**
   * Raises the fee of a transaction of the wallet's alone that no block holds, so that it and what it builds on pay the
   * feerate: a withdrawal is replaced (its change pays, and more confirmed coins where that does not suffice), all
   * others, such as the funding of a channel, get a child that spends their change. What it makes is booked, and is to
   * be broadcast. It may use the fee reserve.
   *
   * Throws `WalletError` `unknown_transaction`, `not_bumpable`, `fee_too_low` (details `leastFeeratePerKw`),
   * `invalid_feerate`, `insufficient_funds`, `transaction_too_large`.
   */
  bumpTransaction(txid: string, feeratePerKw: number): FeeBump {
    checkFeerate(feeratePerKw);
    return atomically(this.#database, () => {
      const bump = this.#bumper.bump(txid, feeratePerKw);
      if (bump.replaced !== undefined) this.#ledger.removeUnconfirmed(bump.bumpedTxid);
      this.#ledger.addUnconfirmed(bump.transaction);
      this.#bumps.setReplaceable(bump.txid, bump.replaceable);
      return bump;
    });
  }

  /** Takes a bump that the chain refused out of the books: what it replaced is back. */
  undoBump({ txid, bumpedTxid, replaced }: FeeBump): void {
    atomically(this.#database, () => {
      this.#ledger.removeUnconfirmed(txid);
      if (replaced === undefined) return;
      this.#ledger.addUnconfirmed(replaced.transaction);
      this.#bumps.setReplaceable(bumpedTxid, replaced.replaceable);
    });
  }

  /** Gives the coins under a reference back; a no-op if there are none. */
  release(reference: string): void {
    atomically(this.#database, () => this.#reservations.release(reference));
  }

  /** The references that coins are reserved under. */
  reservations(): string[] {
    return this.#reservations.references();
  }

  /**
   * The transactions of ours alone that wait for a block, to be broadcast again after a restart or a reorg; parents
   * come first.
   */
  unconfirmedTransactions(): Transaction[] {
    return this.#store.unconfirmedRaw().map((raw) => Transaction.fromBuffer(raw));
  }
}
