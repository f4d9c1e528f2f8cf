import { Transaction } from 'bitcoinjs-lib';
import type { Database, Migration } from '../storage/database.ts';
import type { Sweep } from './sweep.ts';

const migrations: readonly Migration[] = [
  {
    name: 'create tables',
    sql: `
      -- The sweeper's transactions, whole: what was broadcast once is broadcast again, and replaced at a higher fee.
      CREATE TABLE sweeps (
        txid TEXT PRIMARY KEY,
        raw BLOB NOT NULL,
        fee_sat INTEGER NOT NULL,
        feerate_per_kw INTEGER NOT NULL,
        first_height INTEGER NOT NULL,
        made_height INTEGER NOT NULL,
        -- Not NULL once nothing of it could be claimed any more; kept for some blocks, for a reorg.
        ended_height INTEGER
      ) STRICT;

      -- The channels' outputs that they spend, in the order of the inputs. Other inputs are the wallet's.
      CREATE TABLE sweep_inputs (
        txid TEXT NOT NULL REFERENCES sweeps ON DELETE CASCADE,
        position INTEGER NOT NULL,
        outpoint TEXT NOT NULL,
        channel_index INTEGER NOT NULL,
        PRIMARY KEY (txid, position)
      ) STRICT, WITHOUT ROWID;
    `,
  },
];

interface SweepRow {
  txid: string;
  raw: Uint8Array;
  fee_sat: bigint;
  feerate_per_kw: number;
  first_height: number;
  made_height: number;
  ended_height: number | null;
}

/** The sweeper's rows. Writes are part of the database transaction that is open. */
export class SweepStore {
  readonly #database: Database;

  constructor(database: Database) {
    database.migrate('sweep', migrations);
    this.#database = database;
  }

  /** All of them, in the order in which they were made. */
  all(): Sweep[] {
    return this.#database.all<SweepRow>('SELECT * FROM sweeps ORDER BY rowid').map((row) => ({
      txid: row.txid,
      transaction: Transaction.fromBuffer(row.raw),
      claimed: this.#claimed(row.txid),
      feeSat: row.fee_sat,
      feeratePerKw: row.feerate_per_kw,
      firstHeight: row.first_height,
      madeHeight: row.made_height,
      endedHeight: row.ended_height ?? undefined,
    }));
  }

  add({ txid, transaction, claimed, feeSat, feeratePerKw, firstHeight, madeHeight }: Sweep): void {
    this.#database.run(
      `INSERT INTO sweeps (txid, raw, fee_sat, feerate_per_kw, first_height, made_height) VALUES (?, ?, ?, ?, ?, ?)`,
      txid,
      transaction.toBuffer(),
      feeSat,
      feeratePerKw,
      firstHeight,
      madeHeight,
    );
    for (const [position, { key, channelIndex }] of claimed.entries()) {
      this.#database.run(
        'INSERT INTO sweep_inputs (txid, position, outpoint, channel_index) VALUES (?, ?, ?, ?)',
        txid,
        position,
        key,
        channelIndex,
      );
    }
  }

  setEnded(txid: string, height: number | undefined): void {
    this.#database.run('UPDATE sweeps SET ended_height = ? WHERE txid = ?', height, txid);
  }

  remove(txid: string): void {
    this.#database.run('DELETE FROM sweeps WHERE txid = ?', txid);
  }

  #claimed(txid: string): Sweep['claimed'] {
    return this.#database
      .all<{ outpoint: string; channel_index: number }>(
        'SELECT outpoint, channel_index FROM sweep_inputs WHERE txid = ? ORDER BY position',
        txid,
      )
      .map((row) => ({ key: row.outpoint, channelIndex: row.channel_index }));
  }
}
