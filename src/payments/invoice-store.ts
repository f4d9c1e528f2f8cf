import { toString } from 'uint8arrays';
import type { InvoiceData, InvoicePart } from '../../machines/invoice/invoice.ts';
import type { InvoiceState } from '../../machines/invoice/invoice.machine.ts';
import { u64, type Database } from '../storage/database.ts';
import { DEFAULT_PAGE_LIMIT, type InvoiceRecord, type InvoiceStatus, type Page } from './records.ts';
import { htlcKey } from './outlet.ts';
import { storedText } from './schema.ts';

/** An invoice with what its chart must not know and what its history needs. */
export interface StoredInvoice {
  readonly state: InvoiceState;
  readonly data: InvoiceData;
  readonly preimage: Uint8Array;
  /** The secret of each part's onion, by `htlcKey`. */
  readonly partSecrets: ReadonlyMap<string, Uint8Array>;
  /** Undefined for a spontaneous payment. */
  readonly invoice: string | undefined;
  readonly description: string | undefined;
  readonly createdAtMs: number;
}

interface InvoiceRow {
  readonly payment_hash: Uint8Array;
  readonly state: InvoiceState;
  readonly invoice: string | null;
  readonly description: string | null;
  readonly amount_msat: bigint | null;
  readonly payment_secret: Uint8Array | null;
  readonly preimage: Uint8Array;
  readonly min_final_cltv_expiry_delta: number;
  readonly created_ms: number;
  readonly expires_ms: number | null;
  readonly total_msat: bigint | null;
  readonly deadline_ms: number | null;
  readonly received_msat: bigint | null;
  readonly paid_ms: number | null;
}

interface PartRow {
  readonly channel_index: number;
  readonly htlc_u64: bigint;
  readonly amount_msat: bigint;
  readonly amt_to_forward_msat: bigint;
  readonly cltv_expiry: number;
  readonly shared_secret: Uint8Array;
}

export interface InvoiceList {
  readonly total: number;
  readonly invoices: readonly InvoiceRecord[];
}

const STATUS: Readonly<Record<InvoiceState, InvoiceStatus>> = {
  open: 'open',
  collecting: 'accepted',
  // The preimage is given: what is left is bookkeeping between us and our peers.
  settling: 'paid',
  paid: 'paid',
  expired: 'expired',
  cancelled: 'canceled',
  lost: 'canceled',
};

const WHERE: Readonly<Record<InvoiceStatus, string>> = {
  open: "state = 'open'",
  accepted: "state = 'collecting'",
  paid: "state IN ('settling', 'paid')",
  expired: "state = 'expired'",
  canceled: "state IN ('cancelled', 'lost')",
};

/** The invoices on disk. */
export class InvoiceStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  get(paymentHash: Uint8Array): StoredInvoice | undefined {
    const row = this.#database.get<InvoiceRow>('SELECT * FROM invoices WHERE payment_hash = ?', paymentHash);
    return row && this.#fromRow(row);
  }

  /** Those that HTLCs stand for. */
  beingPaid(): StoredInvoice[] {
    const rows = this.#database.all<InvoiceRow>("SELECT * FROM invoices WHERE state IN ('collecting', 'settling')");
    return rows.map((row) => this.#fromRow(row));
  }

  /** When the next open invoice expires. */
  nextExpiryMs(): number | undefined {
    const row = this.#database.get<{ next: number | null }>(
      "SELECT MIN(expires_ms) AS next FROM invoices WHERE state = 'open'",
    );
    return row?.next ?? undefined;
  }

  /** Open invoices whose time is over, at most `limit`. */
  expired(nowMs: number, limit: number): Uint8Array[] {
    const rows = this.#database.all<{ payment_hash: Uint8Array }>(
      "SELECT payment_hash FROM invoices WHERE state = 'open' AND expires_ms <= ? ORDER BY expires_ms LIMIT ?",
      nowMs,
      limit,
    );
    return rows.map((row) => row.payment_hash);
  }

  /** Writes the invoice; of its parts only those that came or went since `partsBefore`. */
  save(
    { state, data, preimage, partSecrets, invoice, description, createdAtMs }: StoredInvoice,
    partsBefore: readonly InvoicePart[],
  ): void {
    this.#database.run(
      `INSERT INTO invoices (payment_hash, state, invoice, description, amount_msat, payment_secret, preimage,
         min_final_cltv_expiry_delta, created_ms, expires_ms, total_msat, deadline_ms, received_msat, paid_ms)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (payment_hash) DO UPDATE SET state = excluded.state, total_msat = excluded.total_msat,
         deadline_ms = excluded.deadline_ms, received_msat = excluded.received_msat, paid_ms = excluded.paid_ms`,
      data.paymentHash,
      state,
      invoice,
      storedText(description),
      data.amountMsat,
      data.paymentSecret,
      preimage,
      data.minFinalCltvExpiryDelta,
      createdAtMs,
      data.expiresAtMs,
      data.totalMsat,
      data.deadlineMs,
      data.receivedMsat,
      data.paidAtMs,
    );
    const before = new Set(partsBefore.map(htlcKey));
    const now = new Set(data.parts.map(htlcKey));
    for (const part of data.parts)
      if (!before.has(htlcKey(part))) this.#savePart(data.paymentHash, part, partSecrets.get(htlcKey(part)));
    for (const part of partsBefore) {
      if (now.has(htlcKey(part))) continue;
      this.#database.run(
        'DELETE FROM invoice_parts WHERE channel_index = ? AND htlc_u64 = ?',
        part.channelIndex,
        u64(part.id),
      );
    }
  }

  list({
    status,
    limit = DEFAULT_PAGE_LIMIT,
    offset = 0,
  }: Page & { readonly status?: InvoiceStatus } = {}): InvoiceList {
    const where = status === undefined ? 'TRUE' : WHERE[status];
    const totals = this.#database.get<{ total: number }>(`SELECT COUNT(*) AS total FROM invoices WHERE ${where}`);
    const rows = this.#database.all<InvoiceRow>(
      `SELECT * FROM invoices WHERE ${where} ORDER BY rowid DESC LIMIT ? OFFSET ?`,
      limit,
      offset,
    );
    return { total: totals?.total ?? 0, invoices: rows.map((row) => invoiceRecord(fromRows(row, []))) };
  }

  #savePart(paymentHash: Uint8Array, part: InvoicePart, sharedSecret: Uint8Array | undefined): void {
    this.#database.run(
      `INSERT INTO invoice_parts (channel_index, htlc_u64, payment_hash, amount_msat, amt_to_forward_msat, cltv_expiry,
         shared_secret)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      part.channelIndex,
      u64(part.id),
      paymentHash,
      part.amountMsat,
      part.amtToForwardMsat,
      part.cltvExpiry,
      sharedSecret,
    );
  }

  #fromRow(row: InvoiceRow): StoredInvoice {
    return fromRows(
      row,
      this.#database.all<PartRow>('SELECT * FROM invoice_parts WHERE payment_hash = ?', row.payment_hash),
    );
  }
}

/** An invoice as others see it. */
export function invoiceRecord({
  state,
  data,
  preimage,
  invoice,
  description,
  createdAtMs,
}: StoredInvoice): InvoiceRecord {
  const status = STATUS[state];
  return {
    paymentHash: data.paymentHash,
    status,
    invoice,
    description,
    amountMsat: data.amountMsat,
    createdAtMs,
    expiresAtMs: data.expiresAtMs,
    paidAtMs: data.paidAtMs,
    receivedMsat: data.receivedMsat,
    preimage: status === 'paid' ? preimage : undefined,
  };
}

/** A payment hash as a key of a map. */
export const hashKey = (paymentHash: Uint8Array): string => toString(paymentHash, 'hex');

function fromRows(row: InvoiceRow, partRows: readonly PartRow[]): StoredInvoice {
  const parts = partRows.map((part): InvoicePart => ({
    channelIndex: part.channel_index,
    id: part.htlc_u64,
    amountMsat: part.amount_msat,
    amtToForwardMsat: part.amt_to_forward_msat,
    cltvExpiry: part.cltv_expiry,
  }));
  return {
    state: row.state,
    data: {
      paymentHash: row.payment_hash,
      paymentSecret: row.payment_secret ?? undefined,
      amountMsat: row.amount_msat ?? undefined,
      minFinalCltvExpiryDelta: row.min_final_cltv_expiry_delta,
      expiresAtMs: row.expires_ms ?? undefined,
      parts,
      totalMsat: row.total_msat ?? undefined,
      deadlineMs: row.deadline_ms ?? undefined,
      receivedMsat: row.received_msat ?? undefined,
      paidAtMs: row.paid_ms ?? undefined,
    },
    preimage: row.preimage,
    partSecrets: new Map(partRows.map((part, index) => [htlcKey(parts[index] as InvoicePart), part.shared_secret])),
    invoice: row.invoice ?? undefined,
    description: row.description ?? undefined,
    createdAtMs: row.created_ms,
  };
}
