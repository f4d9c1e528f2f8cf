import { toString } from 'uint8arrays';
import type { ChannelSnapshot } from '../../machines/channel/channel.ts';
import type { ChannelData } from '../../machines/channel/data.ts';
import type { HtlcRow } from '../../machines/htlc/htlc-table.ts';
import type { OutputHtlc } from '../../machines/onchain/output.ts';
import { decodeJson, encodeJson } from '../../protocols/json.ts';
import { StorageError, u64, type Database } from '../storage/database.ts';
import type { ChainedEntry, JournalEntry, JournalHead } from './journal.ts';
import { packEntry, unpackEntry } from './journal-packing.ts';
import { channelMigrations } from './schema.ts';

interface ChannelRow {
  readonly channel_index: number;
  readonly row: string;
}

interface HtlcRecord {
  readonly id_u64: bigint;
  readonly direction: 'offered' | 'received';
  readonly amount_msat: bigint;
  readonly payment_hash: Uint8Array;
  readonly cltv_expiry: number;
  readonly onion: Uint8Array;
  readonly state: HtlcRow['state'];
  readonly removal: string | null;
}

interface JournalRecord {
  readonly sequence: number;
  readonly hash: Uint8Array;
  readonly entry: Uint8Array | string;
  readonly wire: Uint8Array | null;
}

/** By how many checkpoints a journal is cut short at once. */
const CHECKPOINTS_AT_ONCE = 8;

/** The states of HTLCs that nobody has signed, as SQL. */
const UNSIGNED = "'SENT_ADD_HTLC', 'RCVD_ADD_HTLC'";

/** The text of a channel's row: its chart's state and its data. Its hash stands in the journal. */
export const rowText = (snapshot: Pick<ChannelSnapshot, 'value' | 'data'>): string => encodeJson({ value: snapshot.value, data: snapshot.data });

/** Channels, their HTLCs and their journals on disk. Writes happen inside the turn's transaction, which the caller opens. */
export class ChannelStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
    database.migrate('channels', channelMigrations);
  }

  /** The first channel index never used: keys derive from it, so that it grows even if no channel comes of it. */
  nextIndex(): number {
    return this.#database.get<{ next: number }>('SELECT next FROM channel_indexes')?.next ?? 0;
  }

  saveNextIndex(next: number): void {
    this.#database.run('UPDATE channel_indexes SET next = ?', next);
  }

  /** The channels that are not ended, oldest first. */
  indexes(which: 'live' | 'ended'): number[] {
    const sql = 'SELECT channel_index FROM channels WHERE ended = ? ORDER BY channel_index';
    return this.#database.all<{ channel_index: number }>(sql, which === 'ended').map(({ channel_index: index }) => index);
  }

  load(channelIndex: number): ChannelSnapshot | undefined {
    const found = this.#database.get<ChannelRow>('SELECT channel_index, row FROM channels WHERE channel_index = ?', channelIndex);
    if (found === undefined) return undefined;
    const { value, data } = decodeJson(found.row) as Pick<ChannelSnapshot, 'value' | 'data'>;
    return { value, data, htlcs: this.#htlcs(channelIndex) };
  }

  save(data: ChannelData, row: string, ended: boolean): void {
    this.#database.run(
      `INSERT INTO channels (channel_index, peer, row, ended) VALUES (?, ?, ?, ?)
       ON CONFLICT (channel_index) DO UPDATE SET row = excluded.row, ended = excluded.ended`,
      data.channelIndex,
      data.remoteNodeId,
      row,
      ended,
    );
  }

  /**
   * BOLT 5, "Revoked Transaction Close Handling": what stood in a commitment of the peer's must be known for as long as the channel lives, to
   * take its output should the peer ever broadcast it. Dust has none, and what was undone before anyone signed it stood in none: of those a peer
   * could make as many as it likes.
   */
  saveHtlcs({ channelIndex, remoteCommitmentNumber, remote }: ChannelData, changes: ReadonlyMap<string, HtlcRow | undefined>): void {
    const dustMsat = (remote?.dustLimitSatoshis ?? 0n) * 1000n;
    for (const [key, htlc] of changes) {
      if (htlc === undefined) {
        this.#database.run(
          `INSERT INTO past_htlcs
           SELECT channel_index, id_u64, direction, amount_msat, payment_hash, cltv_expiry, first_commitment, ?
           FROM htlcs WHERE channel_index = ? AND htlc_key = ? AND amount_msat >= ? AND state NOT IN (${UNSIGNED})`,
          remoteCommitmentNumber,
          channelIndex,
          key,
          dustMsat,
        );
        this.#database.run('DELETE FROM htlcs WHERE channel_index = ? AND htlc_key = ?', channelIndex, key);
        continue;
      }
      const { direction, id, amountMsat, paymentHash, cltvExpiry, onionRoutingPacket } = htlc.details;
      this.#database.run(
        `INSERT INTO htlcs (channel_index, htlc_key, id_u64, direction, amount_msat, payment_hash, cltv_expiry, onion,
           state, removal, first_commitment)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (channel_index, htlc_key) DO UPDATE SET state = excluded.state, removal = excluded.removal,
         -- One that was undone may have left its number to another in the same turn.
         amount_msat = excluded.amount_msat, payment_hash = excluded.payment_hash, cltv_expiry = excluded.cltv_expiry, onion = excluded.onion`,
        channelIndex,
        key,
        u64(id),
        direction,
        amountMsat,
        paymentHash,
        cltvExpiry,
        onionRoutingPacket,
        htlc.state,
        htlc.removal && encodeJson(htlc.removal),
        remoteCommitmentNumber,
      );
    }
  }

  /**
   * The HTLCs that may have had an output in that commitment of the peer's: those that are over, and those that were not when the turn began, since
   * one may end with the very revocation that makes a cheat of it.
   */
  pastHtlcs(channelIndex: number, commitmentNumber: number): OutputHtlc[] {
    const columns = 'direction, id_u64, amount_msat, payment_hash, cltv_expiry';
    const sql = `SELECT ${columns} FROM past_htlcs WHERE channel_index = ? AND last_commitment >= ? AND first_commitment <= ?
      UNION ALL
      SELECT ${columns} FROM htlcs WHERE channel_index = ? AND first_commitment <= ? AND state NOT IN (${UNSIGNED})`;
    const parameters = [channelIndex, commitmentNumber, commitmentNumber, channelIndex, commitmentNumber];
    return this.#database.all<HtlcRecord>(sql, ...parameters).map((row) => ({
      direction: row.direction,
      id: row.id_u64,
      amountMsat: row.amount_msat,
      paymentHash: row.payment_hash,
      cltvExpiry: row.cltv_expiry,
    }));
  }

  append(channelIndex: number, { entry, hash }: ChainedEntry): void {
    const { wire, ...rest } = entry;
    this.#database.run(
      'INSERT INTO journal (channel_index, sequence, hash, entry, wire) VALUES (?, ?, ?, ?, ?)',
      channelIndex,
      entry.sequence,
      hash,
      packEntry(encodeJson(rest)),
      wire,
    );
    if (entry.event.type !== 'checkpoint') return;
    this.#database.run('INSERT INTO journal_checkpoints (channel_index, sequence) VALUES (?, ?)', channelIndex, entry.sequence);
  }

  /** The journal from `from` on, at most `limit` entries. */
  journal(channelIndex: number, from: number, limit: number): ChainedEntry[] {
    const sql = 'SELECT sequence, hash, entry, wire FROM journal WHERE channel_index = ? AND sequence >= ? ORDER BY sequence LIMIT ?';
    return this.#database.all<JournalRecord>(sql, channelIndex, from, limit).map(({ hash, entry, wire }) => ({
      hash,
      entry: { ...(decodeJson(unpackEntry(entry)) as JournalEntry), wire: wire ?? undefined },
    }));
  }

  /** The last entry's place in the chain, from which the next one goes on. */
  journalHead(channelIndex: number): JournalHead | undefined {
    const sql = 'SELECT sequence, hash FROM journal WHERE channel_index = ? ORDER BY sequence DESC LIMIT 1';
    const last = this.#database.get<Pick<JournalRecord, 'sequence' | 'hash'>>(sql, channelIndex);
    return last && { length: last.sequence + 1, hash: last.hash, checkpoint: this.lastCheckpoint(channelIndex, last.sequence) };
  }

  /** The first entry that was not dropped. */
  journalStart(channelIndex: number): number | undefined {
    const sql = 'SELECT sequence FROM journal WHERE channel_index = ? ORDER BY sequence LIMIT 1';
    return this.#database.get<Pick<JournalRecord, 'sequence'>>(sql, channelIndex)?.sequence;
  }

  /** The last checkpoint that is not after that entry, by its sequence. */
  lastCheckpoint(channelIndex: number, sequence: number): number | undefined {
    const sql = 'SELECT sequence FROM journal_checkpoints WHERE channel_index = ? AND sequence <= ? ORDER BY sequence DESC LIMIT 1';
    return this.#database.get<Pick<JournalRecord, 'sequence'>>(sql, channelIndex, sequence)?.sequence;
  }

  /**
   * Drops what came before a checkpoint, where at least `keep` entries remain. A few checkpoints further at a time, so that no turn takes long over
   * a journal that has grown without bounds.
   */
  pruneJournal(channelIndex: number, keep: number): void {
    const length = this.journalHead(channelIndex)?.length ?? 0;
    const eligible = this.#database.all<Pick<JournalRecord, 'sequence'>>(
      'SELECT sequence FROM journal_checkpoints WHERE channel_index = ? AND sequence <= ? ORDER BY sequence LIMIT ?',
      channelIndex,
      length - keep,
      CHECKPOINTS_AT_ONCE,
    );
    const first = eligible.at(-1);
    if (first === undefined) return;
    for (const table of ['journal', 'journal_checkpoints']) {
      this.#database.run(`DELETE FROM ${table} WHERE channel_index = ? AND sequence < ?`, channelIndex, first.sequence);
    }
  }

  #htlcs(channelIndex: number): HtlcRow[] {
    const sql = 'SELECT * FROM htlcs WHERE channel_index = ? ORDER BY direction, id_u64';
    return this.#database.all<HtlcRecord>(sql, channelIndex).map((row) => ({
      details: {
        direction: row.direction,
        id: row.id_u64,
        amountMsat: row.amount_msat,
        paymentHash: row.payment_hash,
        cltvExpiry: row.cltv_expiry,
        onionRoutingPacket: row.onion,
      },
      state: row.state,
      removal: row.removal === null ? undefined : (decodeJson(row.removal) as HtlcRow['removal']),
    }));
  }
}

/** A channel that was remembered must be readable: anything else is damage. */
export function mustLoad(store: ChannelStore, channelIndex: number): ChannelSnapshot {
  const snapshot = store.load(channelIndex);
  if (snapshot !== undefined) return snapshot;
  throw new StorageError('storage_damaged', `expected a row for channel ${channelIndex}, got none`);
}

/** Every channel on disk has a journal, whose end its next entry follows. */
export function mustHaveJournal(store: ChannelStore, channelIndex: number): JournalHead {
  const head = store.journalHead(channelIndex);
  if (head !== undefined) return head;
  throw new StorageError('storage_damaged', `expected a journal for channel ${channelIndex}, got none`);
}

export const hexOf = (bytes: Uint8Array): string => toString(bytes, 'base16');
