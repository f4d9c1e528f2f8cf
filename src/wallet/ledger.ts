import type { Transaction } from 'bitcoinjs-lib';
import { toString } from 'uint8arrays/to-string';
import type { Block, BlockRef, ChainEvent } from '../chain/chain.ts';
import type { AddressBook } from './address-book.ts';
import { WalletError } from './errors.ts';
import type { Outpoint, StoredTransaction } from './records.ts';
import type { ReservationStore } from './reservation-store.ts';
import type { WalletStore } from './store.ts';

/**
 * Keeps the wallet's transactions as the chain has them, through reorgs. Runs inside the caller's database transaction.
 */
export class Ledger {
  readonly #store: WalletStore;
  readonly #reservations: ReservationStore;
  readonly #addresses: AddressBook;

  constructor(store: WalletStore, reservations: ReservationStore, addresses: AddressBook) {
    this.#store = store;
    this.#reservations = reservations;
    this.#addresses = addresses;
  }

  /** Events come strictly in order; throws `WalletError` `block_out_of_order` otherwise, before anything is written. */
  handle(event: ChainEvent): void {
    if (event.type === 'blockConnected') this.#connect(event.block);
    else this.#disconnect(event.block);
  }

  /**
   * A transaction of ours, or one that pays us, which no block holds yet; those without a block that spend the same
   * give way to it. Idempotent.
   */
  addUnconfirmed(transaction: Transaction): void {
    const txid = transaction.getId();
    if (this.#store.transaction(txid) === undefined) this.#put(transaction, undefined, false);
    else this.#store.setArrived(txid);
    this.#settleRivalries();
  }

  /** Takes an unconfirmed transaction, and all that builds on it, out of the books. */
  removeUnconfirmed(txid: string): void {
    const known = this.#store.transaction(txid);
    if (known === undefined || known.blockHeight !== undefined) return;
    this.#delete(txid);
    this.#settleRivalries();
  }

  #connect(block: Block): void {
    this.#expect(block.height, block.previousHash, 1);
    // Again where an address came into use: the gap that is watched grew, and what now is watched may be in this very
    // block.
    while (this.#scan(block));
    this.#settleRivalries();
    this.#store.setTip(block.height, block.hash);
  }

  /** Answers whether more scripts are watched than before. */
  #scan(block: Block): boolean {
    let grew = false;
    for (const [position, transaction] of block.transactions.entries()) {
      const isCoinbase = position === 0;
      if (!isCoinbase) this.#markConflicts(transaction, block.height);
      grew = this.#put(transaction, block.height, isCoinbase) || grew;
    }
    return grew;
  }

  #disconnect(block: BlockRef): void {
    this.#expect(block.height, block.hash, 0);
    // A coinbase is part of its block alone: it and what builds on it can never stand in another one.
    for (const txid of this.#store.coinbasesAt(block.height)) this.#delete(txid);
    this.#store.disconnect(block.height);
    this.#settleRivalries();
    this.#store.setTip(block.height - 1, undefined);
  }

  /** `hash` is that of our last block, whose height must be `distance` below. */
  #expect(height: number, hash: string, distance: number): void {
    const tip = this.#store.tip();
    if (tip.height === undefined || (height === tip.height + distance && (tip.hash === undefined || hash === tip.hash)))
      return;
    throw new WalletError(
      'block_out_of_order',
      `the wallet stands at block ${tip.height} (${tip.hash ?? 'hash unknown'}): ` +
        `block ${height} that ${distance === 1 ? 'builds on' : 'is'} ${hash} does not follow`,
      { tipHeight: tip.height, tipHash: tip.hash, height, hash },
    );
  }

  /** What a block spends, no other transaction can spend any more; and nothing can build on those. */
  #markConflicts(transaction: Transaction, height: number): void {
    for (const outpoint of outpoints(transaction)) {
      for (const rival of this.#store.unconfirmedSpenders(outpoint)) {
        if (rival === transaction.getId()) continue;
        for (const txid of [rival, ...this.#store.descendants(rival)]) this.#store.setConflict(txid, height);
      }
    }
  }

  /**
   * Of unconfirmed transactions that spend the same, such as a sweep and its replacement after a reorg, one can count:
   * the one that was last booked or given back by a block, since that is what miners have. The others, and what builds
   * on them, wait for whether it stays.
   */
  #settleRivalries(): void {
    this.#store.replaceDisplaced();
    const displaced = new Set<string>();
    for (const { standing, rival } of this.#store.rivalries()) {
      if (displaced.has(standing) || displaced.has(rival)) continue;
      for (const txid of [rival, ...this.#store.descendants(rival)]) {
        displaced.add(txid);
        this.#store.displace(txid);
      }
    }
  }

  /** Books the transaction if it concerns us. Answers whether more scripts are watched than before. */
  #put(transaction: Transaction, blockHeight: number | undefined, isCoinbase: boolean): boolean {
    const inputs = isCoinbase ? [] : outpoints(transaction);
    const spent = inputs.map((outpoint) => this.#store.output(outpoint)?.amountSat);
    const outputs = this.#ownOutputs(transaction);
    if (outputs.length === 0 && spent.every((amount) => amount === undefined)) return false;
    const feeSat = isCoinbase ? undefined : feeOf(transaction, spent);
    this.#store.putTransaction({
      txid: transaction.getId(),
      blockHeight,
      isCoinbase,
      feeSat,
      raw: feeSat === undefined ? undefined : transaction.toBuffer(),
      inputs,
      outputs,
    });
    for (const input of inputs) this.#reservations.unreserve(input);
    return outputs.map((output) => this.#addresses.markUsed(output)).includes(true);
  }

  #ownOutputs(transaction: Transaction): StoredTransaction['outputs'] {
    return transaction.outs.flatMap(({ script, value }, outputIndex) => {
      const path = this.#addresses.pathOf(script);
      return path === undefined ? [] : [{ ...path, outputIndex, amountSat: value }];
    });
  }

  #delete(txid: string): void {
    for (const each of [...this.#store.descendants(txid), txid]) this.#store.deleteTransaction(each);
  }
}

/** The fee, if all inputs are ours. */
function feeOf(transaction: Transaction, spent: readonly (bigint | undefined)[]): bigint | undefined {
  let feeSat = -transaction.outs.reduce((sum, { value }) => sum + value, 0n);
  for (const amount of spent) {
    if (amount === undefined) return undefined;
    feeSat += amount;
  }
  return feeSat;
}

function outpoints(transaction: Transaction): Outpoint[] {
  return transaction.ins.map(({ hash, index }) => ({
    txid: toString(Uint8Array.from(hash).reverse(), 'base16'),
    outputIndex: index,
  }));
}
