import type { Migration } from '../storage/database.ts';

/**
 * The wallet's tables. Txids are hex in display order.
 *
 * What an output is worth follows from facts that blocks give and take back, and is never stored itself: an output is
 * unspent while no transaction that may still stand (one without a `conflict_height`) has it as an input.
 */
export const walletMigrations: readonly Migration[] = [
  {
    name: 'create tables',
    sql: `
      CREATE TABLE wallet_state (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        -- The next address to give out, by chain (BIP44: 0 receives, 1 is change).
        next_receive INTEGER NOT NULL,
        next_change INTEGER NOT NULL,
        -- The last block connected; the hash is unknown after a disconnect.
        tip_height INTEGER,
        tip_hash TEXT
      ) STRICT;
      INSERT INTO wallet_state VALUES (1, 0, 0, NULL, NULL);

      -- Every script that is watched: those given out, and a gap ahead of them.
      CREATE TABLE wallet_scripts (
        script BLOB PRIMARY KEY,
        chain INTEGER NOT NULL,
        address_index INTEGER NOT NULL,
        UNIQUE (chain, address_index)
      ) STRICT;

      -- Transactions that pay us or that we pay with.
      CREATE TABLE wallet_transactions (
        txid TEXT PRIMARY KEY,
        -- NULL while no block holds it.
        block_height INTEGER,
        -- Not NULL while a block from that height on holds another transaction that spends what this one (or one it
        -- builds on) spends.
        conflict_height INTEGER,
        is_coinbase INTEGER NOT NULL,
        -- Known where all inputs are ours; such a transaction can be trusted to confirm.
        fee_sat INTEGER,
        -- Whole, to be broadcast again; NULL where that is somebody else's business.
        raw BLOB
      ) STRICT;
      CREATE INDEX wallet_transactions_height ON wallet_transactions (block_height);
      CREATE INDEX wallet_transactions_conflict ON wallet_transactions (conflict_height)
        WHERE conflict_height IS NOT NULL;

      -- All inputs of these transactions, so that a conflict over any of them is seen.
      CREATE TABLE wallet_inputs (
        txid TEXT NOT NULL REFERENCES wallet_transactions ON DELETE CASCADE,
        spent_txid TEXT NOT NULL,
        spent_index INTEGER NOT NULL,
        PRIMARY KEY (spent_txid, spent_index, txid)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX wallet_inputs_txid ON wallet_inputs (txid);

      CREATE TABLE wallet_outputs (
        txid TEXT NOT NULL REFERENCES wallet_transactions ON DELETE CASCADE,
        output_index INTEGER NOT NULL,
        amount_sat INTEGER NOT NULL,
        chain INTEGER NOT NULL,
        address_index INTEGER NOT NULL,
        PRIMARY KEY (txid, output_index)
      ) STRICT, WITHOUT ROWID;

      -- Leases: outputs that a transaction being made will spend. They outlive a restart.
      CREATE TABLE wallet_reservations (
        txid TEXT NOT NULL,
        output_index INTEGER NOT NULL,
        reference TEXT NOT NULL,
        -- Of the change address that the transaction uses, if any: it is given out again only if the transaction is
        -- given up.
        change_index INTEGER,
        PRIMARY KEY (txid, output_index)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX wallet_reservations_reference ON wallet_reservations (reference);

      -- The unspent outputs.
      CREATE VIEW wallet_coins AS
        SELECT o.txid, o.output_index, o.amount_sat, o.chain, o.address_index,
          t.block_height, t.is_coinbase, r.reference
        FROM wallet_outputs o
        JOIN wallet_transactions t ON t.txid = o.txid
        LEFT JOIN wallet_reservations r ON r.txid = o.txid AND r.output_index = o.output_index
        WHERE t.conflict_height IS NULL AND NOT EXISTS (
          SELECT 1 FROM wallet_inputs i JOIN wallet_transactions spender ON spender.txid = i.txid
          WHERE i.spent_txid = o.txid AND i.spent_index = o.output_index AND spender.conflict_height IS NULL
        );
    `,
  },
];
