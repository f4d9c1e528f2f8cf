import type { CircuitData, CircuitFailure } from '../../machines/forwarding/circuit.ts';
import type { CircuitState } from '../../machines/forwarding/forwarding.machine.ts';
import { decodeJson, encodeJson } from '../../protocols/json.ts';
import { u64, type Database } from '../storage/database.ts';
import { DEFAULT_PAGE_LIMIT, type ForwardRecord, type ForwardStatus, type Page } from './records.ts';

/** A circuit with what its chart must not know and what its history needs. */
export interface StoredCircuit {
  readonly state: CircuitState;
  readonly data: CircuitData;
  /** Shared with the sender: error packets are made and wrapped with it. */
  readonly sharedSecret: Uint8Array;
  /** SHA-256 of the onion that goes on: by it the outgoing HTLC is found should its number not be known. */
  readonly onionHash: Uint8Array;
  readonly createdAtMs: number;
  readonly finishedAtMs: number | undefined;
}

interface CircuitRow {
  readonly incoming_channel: number;
  readonly incoming_htlc_u64: bigint;
  readonly payment_hash: Uint8Array;
  readonly state: CircuitState;
  readonly incoming_msat: bigint;
  readonly incoming_expiry: number;
  readonly outgoing_scid_u64: bigint;
  readonly outgoing_channel: number | null;
  readonly outgoing_htlc_u64: bigint | null;
  readonly outgoing_msat: bigint;
  readonly outgoing_expiry: number;
  readonly shared_secret: Uint8Array;
  readonly onion_hash: Uint8Array;
  readonly preimage: Uint8Array | null;
  readonly failure: string | null;
  readonly created_ms: number;
  readonly finished_ms: number | null;
}

/** Of all forwards ever. */
export interface ForwardTotals {
  readonly earnedMsat: bigint;
  /** By those that were paid and not paid for. */
  readonly lostMsat: bigint;
}

export interface ForwardList {
  readonly total: number;
  /** Earned by all forwards ever, less what was lost by some. */
  readonly feeMsat: bigint;
  readonly forwards: readonly ForwardRecord[];
}

const WHERE: Readonly<Record<ForwardStatus, string>> = {
  inFlight: 'finished_ms IS NULL',
  settled: "state = 'settled'",
  failed: "state = 'failed'",
  lost: "state = 'lost'",
};

/** The circuits on disk. */
export class CircuitStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  live(): StoredCircuit[] {
    return this.#database
      .all<CircuitRow>('SELECT * FROM circuits WHERE finished_ms IS NULL ORDER BY rowid')
      .map(fromRow);
  }

  /** The circuit that failed though its outgoing HTLC, which is this one, had been signed. */
  failedOver(outgoingChannel: number, outgoingId: bigint): StoredCircuit | undefined {
    const row = this.#database.get<CircuitRow>(
      "SELECT * FROM circuits WHERE state = 'failed' AND outgoing_channel = ? AND outgoing_htlc_u64 = ?",
      outgoingChannel,
      u64(outgoingId),
    );
    return row && fromRow(row);
  }

  save({ state, data, sharedSecret, onionHash, createdAtMs, finishedAtMs }: StoredCircuit): void {
    const { incoming, outgoing, paymentHash, paymentPreimage, failure } = data;
    this.#database.run(
      `INSERT INTO circuits (incoming_channel, incoming_htlc_u64, payment_hash, state, incoming_msat, incoming_expiry,
         outgoing_scid_u64, outgoing_channel, outgoing_htlc_u64, outgoing_msat, outgoing_expiry, shared_secret,
         onion_hash, preimage, failure, created_ms, finished_ms)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (incoming_channel, incoming_htlc_u64) DO UPDATE SET state = excluded.state,
         outgoing_htlc_u64 = excluded.outgoing_htlc_u64, preimage = excluded.preimage,
         failure = excluded.failure, finished_ms = excluded.finished_ms`,
      incoming.channelIndex,
      u64(incoming.id),
      paymentHash,
      state,
      incoming.amountMsat,
      incoming.cltvExpiry,
      u64(outgoing.shortChannelId),
      outgoing.channelIndex,
      outgoing.id === undefined ? undefined : u64(outgoing.id),
      outgoing.amountMsat,
      outgoing.cltvExpiry,
      sharedSecret,
      onionHash,
      paymentPreimage,
      failure && encodeJson(finishedAtMs === undefined ? failure : withoutReason(failure)),
      createdAtMs,
      finishedAtMs,
    );
  }

  list({
    status,
    limit = DEFAULT_PAGE_LIMIT,
    offset = 0,
  }: Page & { readonly status?: ForwardStatus } = {}): ForwardList {
    const where = status === undefined ? 'TRUE' : WHERE[status];
    const totals = this.#database.get<{ total: number }>(`SELECT COUNT(*) AS total FROM circuits WHERE ${where}`);
    const { earnedMsat, lostMsat } = this.totals();
    const rows = this.#database.all<CircuitRow>(
      `SELECT * FROM circuits WHERE ${where} ORDER BY rowid DESC LIMIT ? OFFSET ?`,
      limit,
      offset,
    );
    return {
      total: totals?.total ?? 0,
      feeMsat: earnedMsat - lostMsat,
      forwards: rows.map((row) => forwardRecord(fromRow(row))),
    };
  }

  totals(): ForwardTotals {
    const lost = this.#database.get<{ lost_msat: bigint | null }>(
      "SELECT SUM(outgoing_msat) AS lost_msat FROM circuits WHERE state = 'lost'",
    );
    return { earnedMsat: this.earnedSince(0), lostMsat: lost?.lost_msat ?? 0n };
  }

  /** Earned by what was settled from that moment on; by all of it from 0 on. */
  earnedSince(sinceMs: number): bigint {
    const when = sinceMs > 0 ? 'AND finished_ms >= ?' : '';
    const earned = this.#database.get<{ fee_msat: bigint | null }>(
      `SELECT SUM(incoming_msat - outgoing_msat) AS fee_msat FROM circuits WHERE state = 'settled' ${when}`,
      ...(sinceMs > 0 ? [sinceMs] : []),
    );
    return earned?.fee_msat ?? 0n;
  }

  /** How many there are of each status. */
  counts(): Readonly<Record<ForwardStatus, number>> {
    const count = (status: ForwardStatus): number =>
      this.#database.get<{ total: number }>(`SELECT COUNT(*) AS total FROM circuits WHERE ${WHERE[status]}`)?.total ?? 0;
    return { inFlight: count('inFlight'), settled: count('settled'), failed: count('failed'), lost: count('lost') };
  }
}

/** A circuit as others see it. */
export function forwardRecord({ state, data, createdAtMs, finishedAtMs }: StoredCircuit): ForwardRecord {
  const { incoming, outgoing, paymentHash, failure } = data;
  return {
    status: state === 'settled' || state === 'failed' || state === 'lost' ? state : 'inFlight',
    state,
    paymentHash,
    incomingChannelIndex: incoming.channelIndex,
    incomingHtlcId: incoming.id,
    incomingMsat: incoming.amountMsat,
    outgoingShortChannelId: outgoing.shortChannelId,
    outgoingChannelIndex: outgoing.channelIndex,
    outgoingHtlcId: outgoing.id,
    outgoingMsat: outgoing.amountMsat,
    feeMsat: gainedMsat(state, data),
    failureCode: failure && (failure.by === 'us' ? failure.failure.type : 'downstream'),
    createdAtMs,
    finishedAtMs,
  };
}

function gainedMsat(state: CircuitState, { incoming, outgoing }: CircuitData): bigint {
  if (state === 'settled') return incoming.amountMsat - outgoing.amountMsat;
  return state === 'lost' ? -outgoing.amountMsat : 0n;
}

/**
 * Nobody needs a packet that only the sender could read once it is on its way for good; a peer may have made it 64 kB
 * long.
 */
function withoutReason(failure: CircuitFailure): CircuitFailure {
  return failure.by === 'us' ? failure : { by: 'downstream', reason: new Uint8Array() };
}

function fromRow(row: CircuitRow): StoredCircuit {
  return {
    state: row.state,
    data: {
      incoming: {
        channelIndex: row.incoming_channel,
        id: row.incoming_htlc_u64,
        amountMsat: row.incoming_msat,
        cltvExpiry: row.incoming_expiry,
      },
      outgoing: {
        shortChannelId: row.outgoing_scid_u64,
        channelIndex: row.outgoing_channel ?? undefined,
        id: row.outgoing_htlc_u64 ?? undefined,
        amountMsat: row.outgoing_msat,
        cltvExpiry: row.outgoing_expiry,
      },
      paymentHash: row.payment_hash,
      paymentPreimage: row.preimage ?? undefined,
      failure: row.failure === null ? undefined : (decodeJson(row.failure) as CircuitFailure),
    },
    sharedSecret: row.shared_secret,
    onionHash: row.onion_hash,
    createdAtMs: row.created_ms,
    finishedAtMs: row.finished_ms ?? undefined,
  };
}
