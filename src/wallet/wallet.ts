import { Transaction, type Network } from 'bitcoinjs-lib';
import { equals } from 'uint8arrays/equals';
import type { BlockRef, ChainEvent } from '../chain/chain.ts';
import type { OnchainSigner } from '../keys/signer-api.ts';
import { atomically, type Database } from '../storage/database.ts';
import { AddressBook, type WalletAddress } from './address-book.ts';
import { addressToScript, bitcoinNetwork } from './address.ts';
import { dustLimit, selectAll, selectCoins, type Payment, type Selection } from './coin-selection.ts';
import { WalletError } from './errors.ts';
import { Ledger } from './ledger.ts';
import type { Coin, HistoryEntry } from './records.ts';
import { WalletStore } from './store.ts';
import { buildTransaction } from './transaction-builder.ts';

export { WalletError, type WalletErrorCode } from './errors.ts';
export type { Payment } from './coin-selection.ts';
export type { HistoryEntry } from './records.ts';
export type { WalletAddress } from './address-book.ts';

/** Consensus: a coinbase output is spent at the earliest by the 100th block after its own. */
const COINBASE_MATURITY = 100;
/** Bitcoin Core's limit on unconfirmed transactions that build on each other, the new one included. */
const MAX_UNCONFIRMED_CHAIN = 25;
/** BOLT 2's floor, and ten times what has ever been paid. */
const MIN_FEERATE_PER_KW = 253;
const MAX_FEERATE_PER_KW = 2_500_000;

/** Each unspent output counts in exactly one of these. */
export interface WalletBalance {
  /** In blocks, and free to spend. */
  readonly confirmedSat: bigint;
  readonly unconfirmedSat: bigint;
  /** Reserved for transactions being made; what these give back as change is in it. */
  readonly reservedSat: bigint;
  /** Mined less than 100 blocks ago. */
  readonly immatureSat: bigint;
}

export interface UnspentCoin {
  readonly txid: string;
  readonly outputIndex: number;
  readonly amountSat: bigint;
  readonly address: string;
  /** 0 while no block holds it. */
  readonly confirmations: number;
  readonly reserved: boolean;
}

/** A signed transaction whose coins are reserved under `reference`. */
export interface FundedTransaction {
  readonly transaction: Transaction;
  readonly txid: string;
  /** Where each of the requested outputs stands, in their order. */
  readonly outputIndexes: readonly number[];
  readonly feeSat: bigint;
  readonly changeSat: bigint;
  readonly reference: string;
}

export interface FundingRequest {
  readonly outputs: readonly Payment[];
  readonly feeratePerKw: number;
  /** Names the reservation; unique among those that stand. */
  readonly reference: string;
}

export interface SendRequest {
  readonly address: string;
  /** 'all': every confirmed coin that is free and worth its fee, less the fee. */
  readonly amountSat: bigint | 'all';
  readonly feeratePerKw: number;
  readonly reference: string;
}

export interface WalletOptions {
  readonly database: Database;
  readonly signer: OnchainSigner;
  /** The chain's name as bitcoind has it. */
  readonly network: string;
  /** How many unused addresses are watched ahead on each chain (BIP44's 20): what a restore from the seed can find. */
  readonly gapLimit?: number;
}

/**
 * The on-chain wallet: BIP84 (P2WPKH). Synchronous, with all of its state in the database: each method's writes are
 * part of the transaction that is open, or one of their own.
 *
 * A transaction's way: `fundTransaction` or `buildSend` signs it and reserves its coins; then either `release` gives
 * these back, or `recordTransaction` books it, right before it is broadcast. A booked one that is refused by the chain
 * is undone by `abandonTransaction`.
 */
export class Wallet {
  readonly #database: Database;
  readonly #store: WalletStore;
  readonly #signer: OnchainSigner;
  readonly #network: Network;
  readonly #addresses: AddressBook;
  readonly #ledger: Ledger;

  constructor({ database, signer, network, gapLimit = 20 }: WalletOptions) {
    this.#database = database;
    this.#store = new WalletStore(database);
    this.#signer = signer;
    this.#network = bitcoinNetwork(network);
    this.#addresses = new AddressBook(this.#store, signer, this.#network, gapLimit);
    this.#ledger = new Ledger(this.#store, this.#addresses);
    atomically(database, () => {
      for (const chain of [0, 1] as const) this.#addresses.watchGap(chain);
    });
  }

  /** A fresh address to receive at, never given out before. */
  newAddress(): WalletAddress {
    return atomically(this.#database, () => this.#addresses.next(0));
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
    const balance = { confirmedSat: 0n, unconfirmedSat: 0n, reservedSat: 0n, immatureSat: 0n };
    for (const coin of this.#store.coins()) {
      if (coin.reference !== undefined) balance.reservedSat += coin.amountSat;
      else if (coin.blockHeight === undefined) balance.unconfirmedSat += coin.amountSat;
      else if (this.#isImmature(coin)) balance.immatureSat += coin.amountSat;
      else balance.confirmedSat += coin.amountSat;
    }
    return balance;
  }

  listUnspent(): UnspentCoin[] {
    return this.#store.coins().map((coin) => ({
      txid: coin.txid,
      outputIndex: coin.outputIndex,
      amountSat: coin.amountSat,
      address: this.#addresses.addressOf(this.#addresses.scriptAt(coin)),
      confirmations: this.#confirmations(coin),
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
   * unconfirmed change. Throws `WalletError`: `insufficient_funds` (details `neededSat`, `availableSat`),
   * `dust_output`, `invalid_feerate`, `invalid_amount`, `transaction_too_large`, `reservation_exists`.
   */
  fundTransaction({ outputs, feeratePerKw, reference }: FundingRequest): FundedTransaction {
    if (outputs.length === 0) throw new WalletError('invalid_amount', 'a transaction needs an output');
    this.#check(outputs, feeratePerKw, reference);
    return this.#complete(outputs, this.#select(outputs, feeratePerKw), reference);
  }

  /** The same for one address, or for all that is there. Throws as `fundTransaction`, and `invalid_address`. */
  buildSend({ address, amountSat, feeratePerKw, reference }: SendRequest): FundedTransaction {
    const script = addressToScript(address, this.#network);
    if (amountSat !== 'all') return this.fundTransaction({ outputs: [{ script, amountSat }], feeratePerKw, reference });
    this.#check([], feeratePerKw, reference);
    const selection = selectAll(this.#confirmedCoins(), script, feeratePerKw);
    const total = selection.coins.reduce((sum, coin) => sum + coin.amountSat, 0n);
    return this.#complete([{ script, amountSat: total - selection.feeSat }], selection, reference);
  }

  /**
   * Books a transaction that is about to be broadcast and frees the reservations of what it spends: its coins are spent
   * and its change can be used from now on. Also for a transaction of others that pays us. Idempotent.
   */
  recordTransaction(transaction: Transaction): void {
    atomically(this.#database, () => this.#ledger.addUnconfirmed(transaction));
  }

  /** Forgets a recorded transaction that no block holds, and those that build on it: their coins are free again. */
  abandonTransaction(txid: string): void {
    atomically(this.#database, () => this.#ledger.removeUnconfirmed(txid));
  }

  /** Gives the coins under a reference back; a no-op if there are none. */
  release(reference: string): void {
    atomically(this.#database, () => this.#store.release(reference));
  }

  /** The references that coins are reserved under. */
  reservations(): string[] {
    return this.#store.reservations();
  }

  /**
   * Our own transactions that wait for a block, to be broadcast again after a restart or a reorg; parents come first.
   */
  unconfirmedTransactions(): Transaction[] {
    return this.#store.unconfirmedRaw().map((raw) => Transaction.fromBuffer(raw));
  }

  #check(outputs: readonly Payment[], feeratePerKw: number, reference: string): void {
    if (!Number.isInteger(feeratePerKw) || feeratePerKw < MIN_FEERATE_PER_KW || feeratePerKw > MAX_FEERATE_PER_KW) {
      throw new WalletError(
        'invalid_feerate',
        `expected a feerate from ${MIN_FEERATE_PER_KW} to ${MAX_FEERATE_PER_KW} sat per kw, got ${feeratePerKw}`,
        { feeratePerKw },
      );
    }
    for (const { script, amountSat } of outputs) {
      const limit = dustLimit(script);
      if (amountSat < limit)
        throw new WalletError('dust_output', `an output of ${amountSat} sat is dust: at least ${limit} are needed`, {
          amountSat,
          limit,
        });
    }
    if (this.#store.reservations().includes(reference)) {
      throw new WalletError('reservation_exists', `coins are reserved under '${reference}' already`, { reference });
    }
  }

  #select(outputs: readonly Payment[], feeratePerKw: number): Selection {
    try {
      return selectCoins(this.#confirmedCoins(), outputs, feeratePerKw);
    } catch (error) {
      if (!(error instanceof WalletError) || error.code !== 'insufficient_funds') throw error;
      return selectCoins([...this.#confirmedCoins(), ...this.#ownChange()], outputs, feeratePerKw);
    }
  }

  #complete(payments: readonly Payment[], selection: Selection, reference: string): FundedTransaction {
    const { coins, feeSat, changeSat } = selection;
    return atomically(this.#database, () => {
      const change = changeSat === 0n ? undefined : this.#addresses.next(1);
      const outputs = change === undefined ? payments : [...payments, { script: change.script, amountSat: changeSat }];
      const spendable = coins.map((coin) => ({ ...coin, script: this.#addresses.scriptAt(coin) }));
      const transaction = buildTransaction(spendable, outputs, this.#store.tip().height ?? 0, this.#signer);
      for (const coin of coins) this.#store.reserve(coin, reference, change?.index);
      return {
        transaction,
        txid: transaction.getId(),
        outputIndexes: placesOf(payments, transaction),
        feeSat,
        changeSat,
        reference,
      };
    });
  }

  #freeCoins(): Coin[] {
    return this.#store.coins().filter((coin) => coin.reference === undefined);
  }

  #confirmedCoins(): Coin[] {
    return this.#freeCoins().filter((coin) => coin.blockHeight !== undefined && !this.#isImmature(coin));
  }

  /** Unconfirmed coins that nobody else can take back, on chains short enough to be relayed with one more. */
  #ownChange(): Coin[] {
    return this.#freeCoins().filter((coin) => {
      if (coin.blockHeight !== undefined) return false;
      const { count, isOwn } = this.#store.unconfirmedAncestry(coin.txid);
      return isOwn && count < MAX_UNCONFIRMED_CHAIN;
    });
  }

  #isImmature(coin: Coin): boolean {
    return coin.isCoinbase && this.#confirmations(coin) < COINBASE_MATURITY;
  }

  #confirmations({ blockHeight }: Coin): number {
    return blockHeight === undefined ? 0 : (this.#store.tip().height ?? blockHeight) - blockHeight + 1;
  }
}

/** The index of each payment's output; equal payments get different ones. */
function placesOf(payments: readonly Payment[], transaction: Transaction): number[] {
  const taken = new Set<number>();
  return payments.map(({ script, amountSat }) => {
    const place = transaction.outs.findIndex(
      (output, index) => !taken.has(index) && output.value === amountSat && equals(output.script, script),
    );
    taken.add(place);
    return place;
  });
}
