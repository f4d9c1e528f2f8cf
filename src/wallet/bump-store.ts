import { Transaction } from 'bitcoinjs-lib';
import type { Database } from '../storage/database.ts';
import type { Replaceable } from './records.ts';

/** A transaction of the wallet's alone, which no block holds. */
export interface OwnTransaction {
  readonly transaction: Transaction;
  readonly weight: number;
  readonly feeSat: bigint;
}

/** The rows that raising a fee takes: what waits, what it builds on, and what may be replaced. No decision. */
export class BumpStore {
  readonly #database: Database;

  /** The tables are `WalletStore`'s to make. */
  constructor(database: Database) {
    this.#database = database;
  }

  /** Undefined where the wallet has not the whole transaction, or others have a part in it. */
  ownTransaction(txid: string): OwnTransaction | undefined {
    const row = this.#database.get<{ raw: Uint8Array; fee_sat: bigint }>(
      'SELECT raw, fee_sat FROM wallet_transactions WHERE txid = ? AND raw IS NOT NULL AND fee_sat IS NOT NULL',
      txid,
    );
    if (row === undefined) return undefined;
    const transaction = Transaction.fromBuffer(row.raw);
    return { transaction, weight: transaction.weight(), feeSat: row.fee_sat };
  }

  /** Txids of what a transaction builds on and no block holds either. */
  unconfirmedAncestors(txid: string): string[] {
    return this.#txids(
      `WITH RECURSIVE earlier(txid) AS (
         SELECT i.spent_txid FROM wallet_inputs i JOIN wallet_transactions p ON p.txid = i.spent_txid
           WHERE i.txid = ? AND p.block_height IS NULL
         UNION SELECT i.spent_txid FROM earlier JOIN wallet_inputs i ON i.txid = earlier.txid
           JOIN wallet_transactions p ON p.txid = i.spent_txid AND p.block_height IS NULL
       ) SELECT txid FROM earlier`,
      txid,
    );
  }

  /** Txids of the unconfirmed transactions that may still stand and spend outputs of this one. */
  children(txid: string): string[] {
    return this.#txids(
      `SELECT DISTINCT i.txid FROM wallet_inputs i JOIN wallet_transactions t ON t.txid = i.txid
       WHERE i.spent_txid = ? AND t.block_height IS NULL AND t.conflict_height IS NULL`,
      txid,
    );
  }

  replaceable(txid: string): Replaceable | undefined {
    const row = this.#database.get<{ fee_output: number | null; sends_all: number }>(
      'SELECT fee_output, sends_all FROM wallet_replaceable WHERE txid = ?',
      txid,
    );
    return row && { feeOutput: row.fee_output ?? undefined, sendsAll: row.sends_all === 1 };
  }

  setReplaceable(txid: string, { feeOutput, sendsAll }: Replaceable): void {
    this.#database.run(
      'INSERT OR REPLACE INTO wallet_replaceable (txid, fee_output, sends_all) VALUES (?, ?, ?)',
      txid,
      feeOutput,
      sendsAll,
    );
  }

  #txids(sql: string, txid: string): string[] {
    return this.#database.all<{ txid: string }>(sql, txid).map((row) => row.txid);
  }
}
