import type { Migration } from '../storage/database.ts';

/**
 * The wallet's tables. Txids are hex in display order.
 *
 * What an output is worth follows from facts that blocks give and take back: an output is unspent while no transaction
 * that may still stand (one without a `conflict_height`) has it as an input.
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
  {
    name: 'mark what is spent',
    sql: `
      -- In which order unconfirmed transactions were booked, or given back by a block: of two that spend the same, the
      -- later one is taken to stand. (The other one then has -1 as its conflict_height.)
      ALTER TABLE wallet_transactions ADD COLUMN arrival INTEGER NOT NULL DEFAULT 0;
      CREATE INDEX wallet_transactions_arrival ON wallet_transactions (arrival);

      -- The change address that is kept for what channels pay out, until a block pays to it.
      ALTER TABLE wallet_state ADD COLUMN payout_index INTEGER;
      CREATE INDEX wallet_outputs_address ON wallet_outputs (chain, address_index);

      -- Whether a transaction that may still stand spends the output: follows from the other tables, and is kept by
      -- triggers, so that to find the few unspent ones takes no walk over all that ever were.
      ALTER TABLE wallet_outputs ADD COLUMN is_spent INTEGER NOT NULL DEFAULT 0;
      CREATE INDEX wallet_outputs_unspent ON wallet_outputs (txid, output_index) WHERE is_spent = 0;
      CREATE VIEW wallet_spends AS
        SELECT i.spent_txid, i.spent_index FROM wallet_inputs i JOIN wallet_transactions t ON t.txid = i.txid
        WHERE t.conflict_height IS NULL;
      UPDATE wallet_outputs SET is_spent = EXISTS (
        SELECT 1 FROM wallet_spends s WHERE s.spent_txid = txid AND s.spent_index = output_index);
      CREATE TRIGGER wallet_outputs_added AFTER INSERT ON wallet_outputs BEGIN
        UPDATE wallet_outputs SET is_spent = EXISTS (
          SELECT 1 FROM wallet_spends s WHERE s.spent_txid = txid AND s.spent_index = output_index)
        WHERE txid = NEW.txid AND output_index = NEW.output_index;
      END;
      CREATE TRIGGER wallet_inputs_added AFTER INSERT ON wallet_inputs BEGIN
        UPDATE wallet_outputs SET is_spent = EXISTS (
          SELECT 1 FROM wallet_spends s WHERE s.spent_txid = txid AND s.spent_index = output_index)
        WHERE txid = NEW.spent_txid AND output_index = NEW.spent_index;
      END;
      CREATE TRIGGER wallet_inputs_gone AFTER DELETE ON wallet_inputs BEGIN
        UPDATE wallet_outputs SET is_spent = EXISTS (
          SELECT 1 FROM wallet_spends s WHERE s.spent_txid = txid AND s.spent_index = output_index)
        WHERE txid = OLD.spent_txid AND output_index = OLD.spent_index;
      END;
      CREATE TRIGGER wallet_conflicts_changed AFTER UPDATE OF conflict_height ON wallet_transactions
      WHEN (OLD.conflict_height IS NULL) <> (NEW.conflict_height IS NULL) BEGIN
        UPDATE wallet_outputs SET is_spent = EXISTS (
          SELECT 1 FROM wallet_spends s WHERE s.spent_txid = txid AND s.spent_index = output_index)
        WHERE (txid, output_index) IN (SELECT spent_txid, spent_index FROM wallet_inputs WHERE txid = NEW.txid);
      END;

      -- The transactions that may be replaced, which the funding of a channel must never be: the channel hangs on its
      -- txid.
      CREATE TABLE wallet_replaceable (
        txid TEXT PRIMARY KEY REFERENCES wallet_transactions ON DELETE CASCADE,
        -- The output that a higher fee is taken from, if there is one: the change; or the payment, where everything
        -- was sent.
        fee_output INTEGER,
        sends_all INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;

      DROP VIEW wallet_coins;
      CREATE VIEW wallet_coins AS
        SELECT o.txid, o.output_index, o.amount_sat, o.chain, o.address_index,
          t.block_height, t.is_coinbase, r.reference
        FROM wallet_outputs o
        JOIN wallet_transactions t ON t.txid = o.txid
        LEFT JOIN wallet_reservations r ON r.txid = o.txid AND r.output_index = o.output_index
        WHERE o.is_spent = 0 AND t.conflict_height IS NULL;
    `,
  },
];
