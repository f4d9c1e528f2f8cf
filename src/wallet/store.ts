import type { Database } from '../storage/database.ts';
import type { AddressPath } from '../keys/signer-api.ts';
import type { Coin, HistoryEntry, Outpoint, StoredTransaction } from './records.ts';
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
const NEXT_COLUMN = ['next_receive', 'next_change'] as const;

/** The wallet's rows: every SQL statement of the wallet is here, and no decision. */
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

  /** The index of the chain's next address to give out. */
  nextIndex(chain: 0 | 1): number {
    return this.#database.get<{ next: number }>(`SELECT ${NEXT_COLUMN[chain]} AS next FROM wallet_state`)?.next ?? 0;
  }

  setNextIndex(chain: 0 | 1, index: number): void {
    this.#database.run(`UPDATE wallet_state SET ${NEXT_COLUMN[chain]} = ?`, index);
  }

  /** How many of a chain's scripts are watched: those from index 0 on. */
  watchedCount(chain: 0 | 1): number {
    return (
      this.#database.get<{ count: number }>('SELECT COUNT(*) AS count FROM wallet_scripts WHERE chain = ?', chain)
        ?.count ?? 0
    );
  }

  watch(script: Uint8Array, { chain, index }: AddressPath): void {
    this.#database.run(
      'INSERT INTO wallet_scripts (script, chain, address_index) VALUES (?, ?, ?)',
      script,
      chain,
      index,
    );
  }

  /** Whose script this is, if it is one of ours. */
  pathOf(script: Uint8Array): AddressPath | undefined {
    return this.#database.get<{ chain: 0 | 1; index: number }>(
      'SELECT chain, address_index AS "index" FROM wallet_scripts WHERE script = ?',
      script,
    );
  }

  scriptAt({ chain, index }: AddressPath): Uint8Array | undefined {
    return this.#database.get<{ script: Uint8Array }>(
      'SELECT script FROM wallet_scripts WHERE chain = ? AND address_index = ?',
      chain,
      index,
    )?.script;
  }

  /** The amount of one of our outputs, spent or not. */
  outputAmount({ txid, outputIndex }: Outpoint): bigint | undefined {
    return this.#database.get<{ amount_sat: bigint }>(
      'SELECT amount_sat FROM wallet_outputs WHERE txid = ? AND output_index = ?',
      txid,
      outputIndex,
    )?.amount_sat;
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
      `INSERT INTO wallet_transactions (txid, block_height, is_coinbase, fee_sat, raw) VALUES (?, ?, ?, ?, ?)
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

  /** Puts unconfirmed transactions in conflict with what a block of this height holds; earlier conflicts stay. */
  setConflict(txid: string, height: number): void {
    this.#database.run(
      `UPDATE wallet_transactions SET conflict_height = ?
       WHERE txid = ? AND block_height IS NULL AND conflict_height IS NULL`,
      height,
      txid,
    );
  }

  /** Takes a block's effects back, but for its coinbase. */
  disconnect(height: number): void {
    this.#database.run('UPDATE wallet_transactions SET block_height = NULL WHERE block_height = ?', height);
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
         COALESCE((SELECT MAX(change_index) + 1 FROM wallet_reservations), 0))`,
    );
  }

  reservations(): string[] {
    return this.#database
      .all<{ reference: string }>('SELECT DISTINCT reference FROM wallet_reservations ORDER BY reference')
      .map(({ reference }) => reference);
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
