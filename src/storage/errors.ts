import { RunnelError } from '../../protocols/errors.ts';

/**
 * What can be wrong with the node's storage:
 * - `storage_damaged`: the file is not a sound SQLite database (or the part of it that was needed is gone);
 * - `storage_foreign`: a sound SQLite database of some other program;
 * - `storage_newer`: written by a version of Runnel that knows migrations which this one does not;
 * - `storage_full`: the disk (or a quota) has no room left;
 * - `storage_readonly`: the file, its folder or the connection cannot be written;
 * - `storage_locked`: another process holds it; `details.pid` names it where known;
 * - `storage_io`: the operating system failed a read or write, or the path cannot be opened;
 * - `storage_constraint`: a row broke a constraint of the schema;
 * - `storage_misuse`: the caller's mistake (wrong SQL or parameters, nested transaction, closed database).
 */
export type StorageErrorCode =
  | 'storage_damaged'
  | 'storage_foreign'
  | 'storage_newer'
  | 'storage_full'
  | 'storage_readonly'
  | 'storage_locked'
  | 'storage_io'
  | 'storage_constraint'
  | 'storage_misuse';

/** Anything that storage refuses or fails at; see {@link StorageErrorCode}. */
export class StorageError extends RunnelError {
  declare readonly code: StorageErrorCode;

  constructor(
    code: StorageErrorCode,
    message: string,
    details: Readonly<Record<string, unknown>> = {},
    options?: ErrorOptions,
  ) {
    super(code, message, details, options);
  }

  /** Whether SQLite may have rolled back the whole transaction, so that nothing more may be written in it. */
  get endsTransaction(): boolean {
    return this.code !== 'storage_constraint' && this.code !== 'storage_misuse';
  }
}

/** SQLite's primary result codes (https://sqlite.org/rescode.html) by the error that they are to us. */
const CODES: Readonly<Record<number, StorageErrorCode>> = {
  3: 'storage_readonly', // SQLITE_PERM
  5: 'storage_locked', // SQLITE_BUSY
  6: 'storage_locked', // SQLITE_LOCKED
  7: 'storage_io', // SQLITE_NOMEM
  8: 'storage_readonly', // SQLITE_READONLY
  10: 'storage_io', // SQLITE_IOERR
  11: 'storage_damaged', // SQLITE_CORRUPT
  13: 'storage_full', // SQLITE_FULL
  14: 'storage_io', // SQLITE_CANTOPEN
  19: 'storage_constraint', // SQLITE_CONSTRAINT
  23: 'storage_readonly', // SQLITE_AUTH
  26: 'storage_damaged', // SQLITE_NOTADB
};

/** The operating system's own error names that mean more than "failed". */
const ERRNO_CODES: Readonly<Record<string, StorageErrorCode>> = {
  EACCES: 'storage_readonly',
  EPERM: 'storage_readonly',
  EROFS: 'storage_readonly',
  ENOSPC: 'storage_full',
  EDQUOT: 'storage_full',
};

/** The advice that goes with a code, so that an operator reads what to do and not only what happened. */
const ADVICE: Partial<Record<StorageErrorCode, string>> = {
  storage_damaged: 'restore the file from a backup; it was left as it is',
  storage_full: 'free some disk space',
  storage_readonly: 'make the data folder and its files writable for this user',
  storage_io: 'check the path and the disk',
};

/** A `StorageError` for whatever libsql or node:fs threw while `doing` something with the file at `path`. */
export function toStorageError(error: unknown, path: string, doing: string): StorageError {
  if (error instanceof StorageError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const sqliteCode = resultCode(error, message);
  const code =
    errnoCode(error) ?? (sqliteCode === undefined ? undefined : CODES[sqliteCode & 0xff]) ?? 'storage_misuse';
  const advice = ADVICE[code];
  return new StorageError(
    code,
    `${doing} ${path}: ${message}${advice === undefined ? '' : ` (${advice})`}`,
    { path, ...(sqliteCode === undefined ? {} : { sqliteCode }) },
    { cause: error },
  );
}

/** Errors of node:fs carry an `errno` number, libsql's do not. */
function errnoCode(error: unknown): StorageErrorCode | undefined {
  if (!(error instanceof Error) || !('errno' in error) || !('code' in error)) return undefined;
  return ERRNO_CODES[String(error.code)] ?? 'storage_io';
}

/** libsql tells the code in `rawCode`, except when a connection cannot be opened: then only in the text. */
function resultCode(error: unknown, message: string): number | undefined {
  if (typeof error === 'object' && error !== null && 'rawCode' in error && typeof error.rawCode === 'number')
    return error.rawCode;
  const opening = /ConnectionFailed\(.*: (\d+)"\)/s.exec(message)?.[1];
  return opening === undefined ? undefined : Number(opening);
}
