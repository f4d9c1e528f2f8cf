import type { Migration } from '../storage/database.ts';

/** Gossip as it came, byte for byte, so that it can be passed on with its signatures. */
export const gossipMigrations: readonly Migration[] = [
  {
    name: 'gossip',
    sql: `
      CREATE TABLE gossip_channels (
        short_channel_id_u64 INTEGER PRIMARY KEY,
        message BLOB NOT NULL,
        capacity_sat INTEGER NOT NULL,
        funding_txid TEXT NOT NULL,
        added_at INTEGER NOT NULL,
        spent_height INTEGER
      ) STRICT;
      CREATE TABLE gossip_updates (
        short_channel_id_u64 INTEGER NOT NULL,
        direction INTEGER NOT NULL,
        message BLOB NOT NULL,
        PRIMARY KEY (short_channel_id_u64, direction)
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE gossip_nodes (
        node_id TEXT PRIMARY KEY,
        message BLOB NOT NULL
      ) STRICT, WITHOUT ROWID;
    `,
  },
  {
    // All rows once more in a form that is read at once, and which rows have changed since it was made.
    name: 'graph_image',
    sql: `
      CREATE TABLE gossip_image (
        known_features BLOB NOT NULL,
        image BLOB NOT NULL
      ) STRICT;
      CREATE TABLE gossip_changed_channels (short_channel_id_u64 INTEGER PRIMARY KEY) STRICT;
      CREATE TABLE gossip_changed_nodes (node_id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
    `,
  },
];
