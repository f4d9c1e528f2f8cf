import type { Migration } from '../storage/database.ts';

/** Channels, their HTLCs and their journals. */
export const channelMigrations: readonly Migration[] = [
  {
    name: 'channels, HTLCs and journals',
    sql: `
      CREATE TABLE channels (
        channel_index INTEGER PRIMARY KEY,
        peer BLOB NOT NULL,
        row TEXT NOT NULL,
        ended INTEGER NOT NULL
      ) STRICT;
      CREATE TABLE htlcs (
        channel_index INTEGER NOT NULL REFERENCES channels,
        htlc_key TEXT NOT NULL,
        id_u64 INTEGER NOT NULL,
        direction TEXT NOT NULL,
        amount_msat INTEGER NOT NULL,
        payment_hash BLOB NOT NULL,
        cltv_expiry INTEGER NOT NULL,
        onion BLOB NOT NULL,
        state TEXT NOT NULL,
        removal TEXT,
        PRIMARY KEY (channel_index, htlc_key)
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE journal (
        channel_index INTEGER NOT NULL REFERENCES channels,
        sequence INTEGER NOT NULL,
        hash BLOB NOT NULL,
        entry TEXT NOT NULL,
        wire BLOB,
        PRIMARY KEY (channel_index, sequence)
      ) STRICT;
      CREATE TABLE channel_indexes (next INTEGER NOT NULL) STRICT;
      INSERT INTO channel_indexes VALUES (0);
    `,
  },
  {
    name: 'HTLCs that are over, to punish revoked commitments that had them',
    sql: `
      -- The peer's latest commitment when the HTLC was first written: no earlier one has it.
      ALTER TABLE htlcs ADD COLUMN first_commitment INTEGER NOT NULL DEFAULT 0;
      CREATE TABLE past_htlcs (
        channel_index INTEGER NOT NULL REFERENCES channels,
        id_u64 INTEGER NOT NULL,
        direction TEXT NOT NULL,
        amount_msat INTEGER NOT NULL,
        payment_hash BLOB NOT NULL,
        cltv_expiry INTEGER NOT NULL,
        -- The peer's commitments that may have it, by their numbers.
        first_commitment INTEGER NOT NULL,
        last_commitment INTEGER NOT NULL
      ) STRICT;
      CREATE INDEX past_htlcs_last ON past_htlcs (channel_index, last_commitment);
    `,
  },
  {
    name: 'packed journals, with checkpoints',
    sql: `
      ALTER TABLE journal RENAME TO unpacked_journal;
      CREATE TABLE journal (
        channel_index INTEGER NOT NULL REFERENCES channels,
        sequence INTEGER NOT NULL,
        hash BLOB NOT NULL,
        -- Without its wire bytes: packed, or as text where an earlier version wrote it.
        entry ANY NOT NULL,
        wire BLOB,
        PRIMARY KEY (channel_index, sequence)
      ) STRICT;
      INSERT INTO journal SELECT channel_index, sequence, hash, entry, wire FROM unpacked_journal;
      DROP TABLE unpacked_journal;
      CREATE TABLE journal_checkpoints (
        channel_index INTEGER NOT NULL REFERENCES channels,
        sequence INTEGER NOT NULL,
        PRIMARY KEY (channel_index, sequence)
      ) STRICT, WITHOUT ROWID;
    `,
  },
];
