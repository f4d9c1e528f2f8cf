import type { Migration } from '../storage/database.ts';

/**
 * Text of an invoice as the database takes it: whoever wrote it may have put NULs into it, at which SQLite would cut it
 * off.
 */
export const storedText = (text: string | undefined): string | undefined => text?.replaceAll('\0', '\ufffd');

/**
 * The tables of payments, invoices and forwarding circuits. Rows of what is over stay: they are the node's books. (Probes
 * stand among the payments, since they go the same way; of those that are over, only the newest stay.)
 */
export const paymentsMigrations: readonly Migration[] = [
  {
    name: 'payments, invoices, circuits and onions',
    sql: `
      CREATE TABLE payments (
        payment_hash BLOB NOT NULL UNIQUE,
        state TEXT NOT NULL,
        payee TEXT NOT NULL,
        amount_msat INTEGER NOT NULL,
        is_keysend INTEGER NOT NULL,
        invoice TEXT,
        description TEXT,
        created_ms INTEGER NOT NULL,
        finished_ms INTEGER,
        deadline_ms INTEGER NOT NULL,
        max_attempts INTEGER NOT NULL,
        preimage BLOB,
        failure TEXT,
        search TEXT NOT NULL
      ) STRICT;
      CREATE INDEX payments_in_flight ON payments (payment_hash) WHERE finished_ms IS NULL;

      CREATE TABLE payment_parts (
        payment_hash BLOB NOT NULL,
        number INTEGER NOT NULL,
        route TEXT NOT NULL,
        channel_index INTEGER,
        htlc_u64 INTEGER,
        outcome TEXT,
        shared_secrets BLOB NOT NULL,
        onion_hash BLOB NOT NULL,
        PRIMARY KEY (payment_hash, number)
      ) STRICT, WITHOUT ROWID;

      CREATE TABLE invoices (
        payment_hash BLOB NOT NULL UNIQUE,
        state TEXT NOT NULL,
        invoice TEXT,
        description TEXT,
        amount_msat INTEGER,
        payment_secret BLOB,
        preimage BLOB NOT NULL,
        min_final_cltv_expiry_delta INTEGER NOT NULL,
        created_ms INTEGER NOT NULL,
        expires_ms INTEGER,
        total_msat INTEGER,
        deadline_ms INTEGER,
        received_msat INTEGER,
        paid_ms INTEGER
      ) STRICT;
      CREATE INDEX invoices_open ON invoices (expires_ms) WHERE state = 'open';
      CREATE INDEX invoices_being_paid ON invoices (payment_hash) WHERE state IN ('collecting', 'settling');

      CREATE TABLE invoice_parts (
        channel_index INTEGER NOT NULL,
        htlc_u64 INTEGER NOT NULL,
        payment_hash BLOB NOT NULL,
        amount_msat INTEGER NOT NULL,
        amt_to_forward_msat INTEGER NOT NULL,
        cltv_expiry INTEGER NOT NULL,
        shared_secret BLOB NOT NULL,
        PRIMARY KEY (channel_index, htlc_u64)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX invoice_parts_of ON invoice_parts (payment_hash);

      CREATE TABLE circuits (
        incoming_channel INTEGER NOT NULL,
        incoming_htlc_u64 INTEGER NOT NULL,
        payment_hash BLOB NOT NULL,
        state TEXT NOT NULL,
        incoming_msat INTEGER NOT NULL,
        incoming_expiry INTEGER NOT NULL,
        outgoing_scid_u64 INTEGER NOT NULL,
        outgoing_channel INTEGER,
        outgoing_htlc_u64 INTEGER,
        outgoing_msat INTEGER NOT NULL,
        outgoing_expiry INTEGER NOT NULL,
        shared_secret BLOB NOT NULL,
        onion_hash BLOB NOT NULL,
        preimage BLOB,
        failure TEXT,
        created_ms INTEGER NOT NULL,
        finished_ms INTEGER,
        UNIQUE (incoming_channel, incoming_htlc_u64)
      ) STRICT;
      CREATE INDEX circuits_live ON circuits (incoming_channel) WHERE finished_ms IS NULL;
      CREATE INDEX circuits_settled ON circuits (incoming_msat, outgoing_msat) WHERE state = 'settled';

      CREATE TABLE onions_seen (
        replay_key BLOB PRIMARY KEY,
        channel_index INTEGER NOT NULL,
        htlc_u64 INTEGER NOT NULL,
        cltv_expiry INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX onions_seen_until ON onions_seen (cltv_expiry);
    `,
  },
  {
    name: 'circuits by how they ended on chain',
    sql: `
      CREATE INDEX circuits_failed ON circuits (outgoing_channel, outgoing_htlc_u64) WHERE state = 'failed';
      CREATE INDEX circuits_lost ON circuits (outgoing_msat) WHERE state = 'lost';
    `,
  },
  {
    name: 'sums and counts for the overview',
    sql: `
      CREATE INDEX circuits_earned ON circuits (finished_ms, incoming_msat, outgoing_msat) WHERE state = 'settled';
      CREATE INDEX payments_by_state ON payments (state);
      CREATE INDEX invoices_by_state ON invoices (state);
    `,
  },
  {
    name: 'what attempts taught',
    sql: 'ALTER TABLE payment_parts ADD COLUMN learnt TEXT;',
  },
  {
    name: 'probes beside payments',
    sql: `
      ALTER TABLE payments ADD COLUMN purpose TEXT NOT NULL DEFAULT 'payment';
      DROP INDEX payments_by_state;
      CREATE INDEX payments_by_purpose ON payments (purpose, state);
    `,
  },
];
