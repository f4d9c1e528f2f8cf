import type { Database } from '../storage/database.ts';
import type { Outpoint } from './records.ts';

/** The rows of coins that transactions being made will spend. No decision. */
export class ReservationStore {
  readonly #database: Database;

  /** The tables are `WalletStore`'s to make. */
  constructor(database: Database) {
    this.#database = database;
  }

  /** `changeIndex`: of the change address that the reserving transaction uses. */
  reserve({ txid, outputIndex }: Outpoint, reference: string, changeIndex: number | undefined): void {
    this.#database.run(
      'INSERT INTO wallet_reservations (txid, output_index, reference, change_index) VALUES (?, ?, ?, ?)',
      txid,
      outputIndex,
      reference,
      changeIndex,
    );
  }

  /** Frees one output, whoever reserved it. */
  unreserve({ txid, outputIndex }: Outpoint): void {
    this.#database.run('DELETE FROM wallet_reservations WHERE txid = ? AND output_index = ?', txid, outputIndex);
  }

  /**
   * Frees what is reserved under a reference. Change addresses that only it used are given out again: otherwise
   * transactions that come to nothing would leave a gap that a restore from the seed does not look beyond.
   */
  release(reference: string): void {
    this.#database.run('DELETE FROM wallet_reservations WHERE reference = ?', reference);
    this.#database.run(
      `UPDATE wallet_state SET next_change = MAX(
         COALESCE((SELECT MAX(address_index) + 1 FROM wallet_outputs WHERE chain = 1), 0),
         COALESCE((SELECT MAX(change_index) + 1 FROM wallet_reservations), 0),
         COALESCE(payout_index + 1, 0))`,
    );
  }

  references(): string[] {
    return this.#database
      .all<{ reference: string }>('SELECT DISTINCT reference FROM wallet_reservations ORDER BY reference')
      .map(({ reference }) => reference);
  }
}
