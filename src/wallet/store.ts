import type { Database } from '../storage/database.ts';
import type { Coin, HistoryEntry, Outpoint, OwnOutput, StoredTransaction } from './records.ts';
import { walletMigrations } from './schema.ts';

interface CoinRow {
  txid: string;
  output_index: number;
  amount_sat: bigint;
  chain: 0 | 1;
  address_index: number;
  block_height: number | null;
  is_coinbase: number;
  reference: string | null;
}

const COIN_COLUMNS = 'txid, output_index, amount_sat, chain, address_index, block_height, is_coinbase, reference';

/** The `conflict_height` of what gives way to a transaction that waits for a block itself. */
const DISPLACED = -1;
const NEXT_ARRIVAL = '(SELECT COALESCE(MAX(arrival), 0) + 1 FROM wallet_transactions)';

/** The rows of the wallet's transactions and coins; no decision. */
export class WalletStore {
  readonly #database: Database;

  constructor(database: Database) {
    database.migrate('wallet', walletMigrations);
    this.#database = database;
  }

  tip(): { readonly height: number | undefined; readonly hash: string | undefined } {
    const row = this.#database.get<{ tip_height: number | null; tip_hash: string | null }>(
      'SELECT tip_height, tip_hash FROM wallet_state',
    );
    return { height: row?.tip_height ?? undefined, hash: row?.tip_hash ?? undefined };
  }

  setTip(height: number, hash: string | undefined): void {
    this.#database.run('UPDATE wallet_state SET tip_height = ?, tip_hash = ?', height, hash);
  }

  /** The lowest block that holds one of the transactions. */
  firstHeight(): number | undefined {
    const sql = 'SELECT MIN(block_height) AS height FROM wallet_transactions';
    return this.#database.get<{ height: number | null }>(sql)?.height ?? undefined;
  }

  /** One of our outputs, spent or not. */
  output({ txid, outputIndex }: Outpoint): OwnOutput | undefined {
    const row = this.#database.get<{ amount_sat: bigint; chain: 0 | 1; address_index: number }>(
      'SELECT amount_sat, chain, address_index FROM wallet_outputs WHERE txid = ? AND output_index = ?',
      txid,
      outputIndex,
    );
    return row && { amountSat: row.amount_sat, chain: row.chain, index: row.address_index };
  }

  /** The unspent outputs, oldest first. */
  coins(): Coin[] {
    return this.#database
      .all<CoinRow>(
        `SELECT ${COIN_COLUMNS} FROM wallet_coins ORDER BY block_height IS NULL, block_height, txid, output_index`,
      )
      .map(toCoin);
  }

  /** A transaction, or what is new about one that is known; it is no longer in conflict. */
  putTransaction(transaction: StoredTransaction): void {
    const { txid, blockHeight, isCoinbase, feeSat, raw } = transaction;
    this.#database.run(
      `INSERT INTO wallet_transactions (txid, block_height, is_coinbase, fee_sat, raw, arrival)
       VALUES (?, ?, ?, ?, ?, ${NEXT_ARRIVAL})
       ON CONFLICT (txid) DO UPDATE SET block_height = excluded.block_height, conflict_height = NULL,
         fee_sat = COALESCE(excluded.fee_sat, fee_sat), raw = COALESCE(excluded.raw, raw)`,
      txid,
      blockHeight,
      isCoinbase,
      feeSat,
      raw,
    );
    for (const input of transaction.inputs) {
      this.#database.run(
        'INSERT OR IGNORE INTO wallet_inputs (txid, spent_txid, spent_index) VALUES (?, ?, ?)',
        txid,
        input.txid,
        input.outputIndex,
      );
    }
    for (const output of transaction.outputs) {
      this.#database.run(
        `INSERT OR IGNORE INTO wallet_outputs (txid, output_index, amount_sat, chain, address_index)
         VALUES (?, ?, ?, ?, ?)`,
        txid,
        output.outputIndex,
        output.amountSat,
        output.chain,
        output.index,
      );
    }
  }

  /** An unconfirmed transaction that is known is broadcast anew. */
  setArrived(txid: string): void {
    this.#database.run(
      `UPDATE wallet_transactions SET arrival = ${NEXT_ARRIVAL} WHERE txid = ? AND block_height IS NULL`,
      txid,
    );
  }

  /** Where the transaction stands, or undefined if the wallet does not know it. */
  transaction(txid: string): { readonly blockHeight: number | undefined; readonly conflicted: boolean } | undefined {
    const row = this.#database.get<{ block_height: number | null; conflict_height: number | null }>(
      'SELECT block_height, conflict_height FROM wallet_transactions WHERE txid = ?',
      txid,
    );
    return row === undefined
      ? undefined
      : { blockHeight: row.block_height ?? undefined, conflicted: row.conflict_height !== null };
  }

  /** Txids of the transactions without a block that spend the output. */
  unconfirmedSpenders({ txid, outputIndex }: Outpoint): string[] {
    return this.#txids(
      `SELECT i.txid FROM wallet_inputs i JOIN wallet_transactions t ON t.txid = i.txid
       WHERE i.spent_txid = ? AND i.spent_index = ? AND t.block_height IS NULL`,
      txid,
      outputIndex,
    );
  }

  /** Txids of the transactions that build on this one, however far. */
  descendants(txid: string): string[] {
    return this.#txids(
      `WITH RECURSIVE later(txid) AS (
         SELECT txid FROM wallet_inputs WHERE spent_txid = ?
         UNION SELECT i.txid FROM wallet_inputs i JOIN later ON i.spent_txid = later.txid
       ) SELECT txid FROM later`,
      txid,
    );
  }

  /** Of the transaction and what it builds on without a block: how many they are, and whether all are ours alone. */
  unconfirmedAncestry(txid: string): { readonly count: number; readonly isOwn: boolean } {
    const row = this.#database.get<{ count: number; foreign_count: number }>(
      `WITH RECURSIVE earlier(txid) AS (
         SELECT ?
         UNION SELECT i.spent_txid FROM earlier JOIN wallet_inputs i ON i.txid = earlier.txid
           JOIN wallet_transactions p ON p.txid = i.spent_txid AND p.block_height IS NULL
       )
       SELECT COUNT(*) AS count, COUNT(*) - COUNT(t.fee_sat) AS foreign_count
       FROM earlier JOIN wallet_transactions t ON t.txid = earlier.txid`,
      txid,
    );
    return { count: row?.count ?? 0, isOwn: row?.foreign_count === 0 };
  }

  /** Puts an unconfirmed transaction in conflict with what a block of this height holds; earlier conflicts stay. */
  setConflict(txid: string, height: number): void {
    this.#database.run(
      `UPDATE wallet_transactions SET conflict_height = ?
       WHERE txid = ? AND block_height IS NULL AND (conflict_height IS NULL OR conflict_height = ${DISPLACED})`,
      height,
      txid,
    );
  }

  /** Puts a standing unconfirmed transaction in conflict with one that waits for a block itself. */
  displace(txid: string): void {
    this.#database.run(
      `UPDATE wallet_transactions SET conflict_height = ${DISPLACED}
       WHERE txid = ? AND block_height IS NULL AND conflict_height IS NULL`,
      txid,
    );
  }

  /** Undoes all of `displace`. */
  replaceDisplaced(): void {
    this.#database.run(
      `UPDATE wallet_transactions SET conflict_height = NULL WHERE conflict_height = ${DISPLACED}`,
    );
  }

  /** Pairs of standing unconfirmed transactions that spend the same, the one that came last first. */
  rivalries(): { readonly standing: string; readonly rival: string }[] {
    return this.#database.all(
      `SELECT DISTINCT a.txid AS standing, b.txid AS rival
       FROM wallet_transactions a
       JOIN wallet_inputs ai ON ai.txid = a.txid
       JOIN wallet_inputs bi ON bi.spent_txid = ai.spent_txid AND bi.spent_index = ai.spent_index AND bi.txid <> a.txid
       JOIN wallet_transactions b ON b.txid = bi.txid
       WHERE a.block_height IS NULL AND a.conflict_height IS NULL
         AND b.block_height IS NULL AND b.conflict_height IS NULL
         AND (a.arrival, a.rowid) > (b.arrival, b.rowid)
       ORDER BY a.arrival DESC, a.rowid DESC`,
    );
  }

  /** Takes a block's effects back, but for its coinbase; its transactions arrive anew. */
  disconnect(height: number): void {
    this.#database.run(
      `UPDATE wallet_transactions SET block_height = NULL, arrival = ${NEXT_ARRIVAL} WHERE block_height = ?`,
      height,
    );
    this.#database.run('UPDATE wallet_transactions SET conflict_height = NULL WHERE conflict_height = ?', height);
  }

  coinbasesAt(height: number): string[] {
    return this.#txids('SELECT txid FROM wallet_transactions WHERE block_height = ? AND is_coinbase = 1', height);
  }

  deleteTransaction(txid: string): void {
    this.#database.run('DELETE FROM wallet_transactions WHERE txid = ?', txid);
  }

  /** The unconfirmed transactions that are kept whole, parents before children. */
  unconfirmedRaw(): Uint8Array[] {
    return this.#database
      .all<{ raw: Uint8Array }>(
        `SELECT raw FROM wallet_transactions
         WHERE block_height IS NULL AND conflict_height IS NULL AND raw IS NOT NULL ORDER BY rowid`,
      )
      .map(({ raw }) => raw);
  }

  /** The latest transactions first, those without a block before all. */
  history(limit: number): HistoryEntry[] {
    return this.#database
      .all<{
        txid: string;
        block_height: number | null;
        conflict_height: number | null;
        fee_sat: bigint | null;
        received_sat: bigint;
        spent_sat: bigint;
      }>(
        `SELECT txid, block_height, conflict_height, fee_sat,
           (SELECT COALESCE(SUM(amount_sat), 0) FROM wallet_outputs o WHERE o.txid = t.txid) AS received_sat,
           (SELECT COALESCE(SUM(o.amount_sat), 0) FROM wallet_inputs i
              JOIN wallet_outputs o ON o.txid = i.spent_txid AND o.output_index = i.spent_index
              WHERE i.txid = t.txid) AS spent_sat
         FROM wallet_transactions t ORDER BY block_height IS NOT NULL, block_height DESC, rowid DESC LIMIT ?`,
        limit,
      )
      .map((row) => ({
        txid: row.txid,
        blockHeight: row.block_height ?? undefined,
        netSat: row.received_sat - row.spent_sat,
        feeSat: row.fee_sat ?? undefined,
        conflicted: row.conflict_height !== null,
      }));
  }

  #txids(sql: string, ...parameters: readonly (string | number)[]): string[] {
    return this.#database.all<{ txid: string }>(sql, ...parameters).map(({ txid }) => txid);
  }
}

function toCoin(row: CoinRow): Coin {
  return {
    txid: row.txid,
    outputIndex: row.output_index,
    amountSat: row.amount_sat,
    chain: row.chain,
    index: row.address_index,
    blockHeight: row.block_height ?? undefined,
    isCoinbase: row.is_coinbase === 1,
    reference: row.reference ?? undefined,
  };
}
