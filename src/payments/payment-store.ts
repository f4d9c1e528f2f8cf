import { concat } from 'uint8arrays';
import type {
  PartOutcome,
  PaymentData,
  PaymentFailure,
  PaymentPart,
  PaymentPurpose,
  PaymentRoute,
} from '../../machines/payment/payment.ts';
import type { PaymentState } from '../../machines/payment/payment.machine.ts';
import { decodeJson, encodeJson } from '../../protocols/json.ts';
import type { NodeId } from '../network/network.ts';
import type { Learnt } from '../routing/lesson.ts';
import type { RouteRequest } from '../routing/request.ts';
import type { PayeeDetails } from '../routing/route.ts';
import { u64, type Database } from '../storage/database.ts';
import { paymentRecord, probeRecord } from './payment-record.ts';
import {
  DEFAULT_PAGE_LIMIT,
  type Page,
  type PaymentRecord,
  type PaymentStatus,
  type ProbeRecord,
  type ProbeStatus,
} from './records.ts';
import { storedText } from './schema.ts';

/** What a part was sent with, kept until it comes back. */
export interface PartSecrets {
  /** The channel that was asked for its HTLC. */
  readonly channelIndex: number;
  /** One a hop: error packets are read with them. */
  readonly sharedSecrets: readonly Uint8Array[];
  /** SHA-256 of its onion: by it the HTLC is found should its number not be known. */
  readonly onionHash: Uint8Array;
}

/** What a payment looks for a way with; what it learned is in the request's exclusions. */
export interface PaymentSearch {
  readonly request: RouteRequest;
  readonly details: PayeeDetails;
  /** At most so many are out at once. */
  readonly maxParts: number;
}

/** A payment with what its chart must not know and what its history needs. */
export interface StoredPayment {
  readonly state: PaymentState;
  readonly data: PaymentData;
  readonly payee: NodeId;
  readonly isKeysend: boolean;
  readonly invoice: string | undefined;
  readonly description: string | undefined;
  readonly createdAtMs: number;
  readonly finishedAtMs: number | undefined;
  readonly search: PaymentSearch;
  /** By the part's number. */
  readonly partSecrets: ReadonlyMap<number, PartSecrets>;
  /** What each part taught, by its number; in the end nothing more is learnt of it. */
  readonly learnt: ReadonlyMap<number, readonly Learnt[]>;
}

interface PaymentRow {
  readonly payment_hash: Uint8Array;
  readonly purpose: PaymentPurpose;
  readonly state: PaymentState;
  readonly payee: NodeId;
  readonly amount_msat: bigint;
  readonly is_keysend: number;
  readonly invoice: string | null;
  readonly description: string | null;
  readonly created_ms: number;
  readonly finished_ms: number | null;
  readonly deadline_ms: number;
  readonly max_attempts: number;
  readonly preimage: Uint8Array | null;
  readonly failure: string | null;
  readonly search: string;
}

interface PartRow {
  readonly number: number;
  readonly route: string;
  readonly channel_index: number | null;
  readonly htlc_u64: bigint | null;
  readonly outcome: string | null;
  readonly shared_secrets: Uint8Array;
  readonly onion_hash: Uint8Array;
  readonly learnt: string | null;
}

export interface PaymentList {
  readonly total: number;
  readonly payments: readonly PaymentRecord[];
}

export interface ProbeList {
  readonly total: number;
  readonly probes: readonly ProbeRecord[];
}

const WHERE: Readonly<Record<PaymentStatus, string>> = {
  inFlight: 'finished_ms IS NULL',
  succeeded: "state = 'succeeded'",
  failed: "state = 'failed'",
};

const WHERE_PROBE: Readonly<Record<ProbeStatus, string>> = {
  inFlight: 'finished_ms IS NULL',
  arrived: "state = 'probed'",
  failed: "state = 'failed'",
};

/** Probes that are over and kept: they are no books. */
const PROBES_KEPT = 1_000;

const SECRET_BYTES = 32;

/** The payments and the probes that this node made, on disk. */
export class PaymentStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  get(paymentHash: Uint8Array): StoredPayment | undefined {
    const row = this.#database.get<PaymentRow>('SELECT * FROM payments WHERE payment_hash = ?', paymentHash);
    return row && this.#fromRow(row);
  }

  inFlight(): StoredPayment[] {
    return this.#database
      .all<PaymentRow>('SELECT * FROM payments WHERE finished_ms IS NULL ORDER BY rowid')
      .map((row) => this.#fromRow(row));
  }

  /** Forgets a payment that failed, since it is tried anew, or an old probe. */
  delete(paymentHash: Uint8Array): void {
    this.#database.run('DELETE FROM payment_parts WHERE payment_hash = ?', paymentHash);
    this.#database.run('DELETE FROM payments WHERE payment_hash = ?', paymentHash);
  }

  /** Writes the payment; of its parts those that are not as in `partsBefore`. */
  save(payment: StoredPayment, partsBefore: readonly PaymentPart[]): void {
    const { state, data, payee, isKeysend, invoice, description, createdAtMs, finishedAtMs, search, partSecrets, learnt } =
      payment;
    this.#database.run(
      `INSERT INTO payments (payment_hash, purpose, state, payee, amount_msat, is_keysend, invoice, description, created_ms,
         finished_ms, deadline_ms, max_attempts, preimage, failure, search)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (payment_hash) DO UPDATE SET state = excluded.state, finished_ms = excluded.finished_ms,
         preimage = excluded.preimage, failure = excluded.failure, search = excluded.search`,
      data.paymentHash,
      data.purpose,
      state,
      payee,
      data.amountMsat,
      isKeysend,
      invoice,
      storedText(description),
      createdAtMs,
      finishedAtMs,
      data.deadlineMs,
      data.maxAttempts,
      data.paymentPreimage,
      data.failure && encodeJson(data.failure),
      encodeJson(search),
    );
    for (const part of data.parts) {
      if (partsBefore[part.number] !== part) this.#savePart(data.paymentHash, part, partSecrets.get(part.number), learnt.get(part.number));
    }
    if (data.purpose === 'probe' && finishedAtMs !== undefined) this.#forgetOldProbes();
  }

  list({ status, ...page }: Page & { readonly status?: PaymentStatus } = {}): PaymentList {
    const { total, stored } = this.#page('payment', status && WHERE[status], page);
    return { total, payments: stored.map(paymentRecord) };
  }

  listProbes({ status, ...page }: Page & { readonly status?: ProbeStatus } = {}): ProbeList {
    const { total, stored } = this.#page('probe', status && WHERE_PROBE[status], page);
    return { total, probes: stored.map(probeRecord) };
  }

  #page(
    purpose: PaymentPurpose,
    status: string | undefined,
    { limit = DEFAULT_PAGE_LIMIT, offset = 0 }: Page,
  ): { readonly total: number; readonly stored: readonly StoredPayment[] } {
    const where = `purpose = '${purpose}' AND ${status ?? 'TRUE'}`;
    const totals = this.#database.get<{ total: number }>(`SELECT COUNT(*) AS total FROM payments WHERE ${where}`);
    const rows = this.#database.all<PaymentRow>(
      `SELECT * FROM payments WHERE ${where} ORDER BY rowid DESC LIMIT ? OFFSET ?`,
      limit,
      offset,
    );
    return { total: totals?.total ?? 0, stored: rows.map((row) => this.#fromRow(row)) };
  }

  #forgetOldProbes(): void {
    const old = this.#database.all<{ payment_hash: Uint8Array }>(
      "SELECT payment_hash FROM payments WHERE purpose = 'probe' AND finished_ms IS NOT NULL ORDER BY rowid DESC LIMIT -1 OFFSET ?",
      PROBES_KEPT,
    );
    for (const { payment_hash: paymentHash } of old) this.delete(paymentHash);
  }

  #savePart(
    paymentHash: Uint8Array,
    { number, route, htlc, outcome }: PaymentPart,
    secrets: PartSecrets | undefined,
    learnt: readonly Learnt[] | undefined,
  ): void {
    this.#database.run(
      `INSERT INTO payment_parts (payment_hash, number, route, channel_index, htlc_u64, outcome, shared_secrets,
         onion_hash, learnt)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (payment_hash, number) DO UPDATE SET channel_index = excluded.channel_index,
         htlc_u64 = excluded.htlc_u64, outcome = excluded.outcome, learnt = excluded.learnt`,
      paymentHash,
      number,
      encodeJson(route),
      secrets?.channelIndex,
      htlc && u64(htlc.id),
      outcome && encodeJson(outcome),
      concat([...(secrets?.sharedSecrets ?? [])]),
      secrets?.onionHash ?? new Uint8Array(),
      learnt && encodeJson(learnt),
    );
  }

  #fromRow(row: PaymentRow): StoredPayment {
    const parts = this.#database.all<PartRow>(
      'SELECT * FROM payment_parts WHERE payment_hash = ? ORDER BY number',
      row.payment_hash,
    );
    return {
      state: row.state,
      data: {
        purpose: row.purpose,
        paymentHash: row.payment_hash,
        amountMsat: row.amount_msat,
        maxAttempts: row.max_attempts,
        deadlineMs: row.deadline_ms,
        parts: parts.map(partFromRow),
        paymentPreimage: row.preimage ?? undefined,
        failure: row.failure === null ? undefined : (decodeJson(row.failure) as PaymentFailure),
      },
      payee: row.payee,
      isKeysend: row.is_keysend === 1,
      invoice: row.invoice ?? undefined,
      description: row.description ?? undefined,
      createdAtMs: row.created_ms,
      finishedAtMs: row.finished_ms ?? undefined,
      // Of before there were parts: one at a time.
      search: { maxParts: 1, ...(decodeJson(row.search) as Omit<PaymentSearch, 'maxParts'>) },
      partSecrets: new Map(parts.flatMap((part) => secretsFromRow(part))),
      learnt: new Map(parts.flatMap(({ number, learnt }) => (learnt === null ? [] : [[number, decodeJson(learnt) as Learnt[]]]))),
    };
  }
}

function partFromRow(row: PartRow): PaymentPart {
  const { number, channel_index: channelIndex, htlc_u64: id } = row;
  return {
    number,
    route: decodeJson(row.route) as PaymentRoute,
    htlc: channelIndex === null || id === null ? undefined : { channelIndex, id },
    outcome: row.outcome === null ? undefined : (decodeJson(row.outcome) as PartOutcome),
  };
}

/** None for a part that ended before a channel was asked. */
function secretsFromRow(row: PartRow): [number, PartSecrets][] {
  const { number, channel_index: channelIndex, shared_secrets: joined, onion_hash: onionHash } = row;
  if (channelIndex === null) return [];
  const count = joined.length / SECRET_BYTES;
  const secretAt = (index: number): Uint8Array => joined.slice(index * SECRET_BYTES, (index + 1) * SECRET_BYTES);
  return [[number, { channelIndex, onionHash, sharedSecrets: Array.from({ length: count }, (_, i) => secretAt(i)) }]];
}
