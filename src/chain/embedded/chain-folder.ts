import {
  closeSync,
  existsSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { concat } from 'uint8arrays';
import { RunnelError } from '../../../protocols/errors.ts';
import { type DataFolderLock, lockDataFolder } from '../../storage/lock.ts';
import type { ChainLog, ChainRecord } from './embedded-chain.ts';
import {
  ChainDamagedError,
  FILE_MAGIC,
  type RawRecord,
  decodeRecords,
  encodeRecord,
  hashPayload,
  payloadHash,
} from './records.ts';

const CHAIN_FILE = 'chain.dat';
const MEMPOOL_FILE = 'mempool.dat';

const TYPE = { verifiedBlock: 1, unverifiedBlock: 2, invalidate: 3, reconsider: 4, transaction: 5 } as const;

/** The chain's files cannot be read or written. */
export class ChainStorageError extends RunnelError {
  constructor(path: string, doing: string, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super('chain_storage_io', `${doing} ${path} failed: ${reason}`, { path }, { cause });
  }
}

/**
 * The folder that an embedded chain lives in from one run to the next: its records in `chain.dat`, appended and flushed
 * to disk, and, after an orderly end, its mempool in `mempool.dat`. One process may have it open.
 */
export class ChainFolder implements ChainLog {
  /** What `chain.dat` held when it was opened. */
  readonly history: readonly ChainRecord[];
  /** How many bytes of a record that a crash had cut short were taken off the end. */
  readonly repairedBytes: number;
  readonly #path: string;
  readonly #lock: DataFolderLock;
  readonly #file: number;
  #pending: Uint8Array[] = [];

  /**
   * Opens the folder, creating it if need be. Throws `StorageError` if it is locked, `ChainStorageError`,
   * `ChainDamagedError`.
   */
  constructor(folder: string) {
    this.#lock = lockDataFolder(folder);
    this.#path = this.#lock.path;
    const path = join(this.#path, CHAIN_FILE);
    try {
      const bytes = existsSync(path) ? new Uint8Array(readFileSync(path)) : new Uint8Array(0);
      const { records, end } = decodeRecords(path, bytes);
      this.history = records.map((record) => toChainRecord(path, record));
      this.repairedBytes = bytes.length - end;
      this.#file = openForAppending(path, this.#path, end);
    } catch (error) {
      this.#lock.release();
      throw error instanceof RunnelError ? error : new ChainStorageError(path, 'opening', error);
    }
  }

  append(record: ChainRecord): void {
    this.#pending.push(encodeRecord(toRawRecord(record)));
  }

  /** Throws `ChainStorageError`; the file may then end in part of a record, which the next opening takes off. */
  sync(): void {
    if (this.#pending.length === 0) return;
    const bytes = concat(this.#pending);
    this.#pending = [];
    try {
      writeFully(this.#file, bytes);
      fsyncSync(this.#file);
    } catch (error) {
      throw new ChainStorageError(join(this.#path, CHAIN_FILE), 'writing', error);
    }
  }

  /** The transactions that `saveMempool` kept. They are a convenience: a file that cannot be read counts as empty. */
  loadMempool(): Uint8Array[] {
    const path = join(this.#path, MEMPOOL_FILE);
    if (!existsSync(path)) return [];
    try {
      const { records } = decodeRecords(path, new Uint8Array(readFileSync(path)));
      return records.filter(({ type }) => type === TYPE.transaction).map(({ payload }) => payload);
    } catch (error) {
      if (error instanceof ChainDamagedError) return [];
      throw new ChainStorageError(path, 'reading', error);
    }
  }

  /** Keeps the mempool's transactions for the next run. Throws `ChainStorageError`. */
  saveMempool(transactions: Iterable<Uint8Array>): void {
    const path = join(this.#path, MEMPOOL_FILE);
    const records = Array.from(transactions, (payload) => encodeRecord({ type: TYPE.transaction, payload }));
    try {
      writeFileSync(`${path}.new`, concat([FILE_MAGIC, ...records]), { mode: 0o600, flush: true });
      renameSync(`${path}.new`, path);
    } catch (error) {
      throw new ChainStorageError(path, 'writing', error);
    }
  }

  close(): void {
    closeSync(this.#file);
    this.#lock.release();
  }
}

/** Opens the file with what comes after `end` cut off, and a fresh file with its first bytes written. */
function openForAppending(path: string, folder: string, end: number): number {
  const file = openSync(path, end === 0 ? 'w' : 'r+', 0o600);
  try {
    ftruncateSync(file, end);
    closeSync(file);
  } catch (error) {
    closeSync(file);
    throw error;
  }
  const appending = openSync(path, 'a', 0o600);
  if (end === 0) writeFully(appending, FILE_MAGIC);
  fsyncSync(appending);
  // A file is only there after a power cut if its folder's entry for it is on disk too.
  const directory = openSync(folder, 'r');
  fsyncSync(directory);
  closeSync(directory);
  return appending;
}

function writeFully(file: number, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written);
}

function toRawRecord(record: ChainRecord): RawRecord {
  if (record.type === 'block') {
    return { type: record.verified ? TYPE.verifiedBlock : TYPE.unverifiedBlock, payload: record.raw };
  }
  return { type: TYPE[record.type], payload: hashPayload(record.hash) };
}

function toChainRecord(path: string, { type, payload }: RawRecord): ChainRecord {
  switch (type) {
    case TYPE.verifiedBlock:
    case TYPE.unverifiedBlock:
      return { type: 'block', raw: payload, verified: type === TYPE.verifiedBlock };
    case TYPE.invalidate:
      return { type: 'invalidate', hash: payloadHash(payload) };
    case TYPE.reconsider:
      return { type: 'reconsider', hash: payloadHash(payload) };
    default:
      throw new ChainDamagedError(path, 0, `it has a record of type ${type}: was it written by a later version?`);
  }
}
