import { accessSync, constants, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import Libsql from 'libsql';
import { StorageError, toStorageError } from './errors.ts';

/**
 * Never opened but through SQLite: POSIX drops all locks of a process on a file as soon as that process closes any
 * handle on it.
 */
const LOCK_FILE = 'runnel.lock';
/** Who holds the lock, for people and error messages only. */
const PID_FILE = 'runnel.pid';
/** Long enough that of several processes that start at once one gets the lock, rather than none. */
const BUSY_TIMEOUT_MS = 250;

/** The right to write in a data folder, held until `release` or the end of the process. */
export interface DataFolderLock {
  /** The data folder, as an absolute path. */
  readonly path: string;
  /** Idempotent. */
  release(): void;
}

/**
 * Creates the data folder if need be (mode 0700) and takes its single-writer lock.
 *
 * The lock is the operating system's own lock on a file, held through a SQLite transaction that is never committed: it
 * ends with the process however that dies, so there is neither a stale lock to wait for nor a moment with two holders.
 * It also keeps out a second holder in the same process. It needs a file system with working POSIX locks (some network
 * mounts have none).
 *
 * Throws `StorageError`: `storage_locked` with `details.pid`, or `storage_readonly`, `storage_full`, `storage_io` for
 * the folder.
 */
export function lockDataFolder(folder: string): DataFolderLock {
  const path = resolve(folder);
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    accessSync(path, constants.W_OK);
  } catch (error) {
    throw toStorageError(error, path, 'locking the data folder');
  }
  const connection = acquire(path);
  try {
    writeFileSync(join(path, PID_FILE), `${process.pid}\n`, { mode: 0o600 });
  } catch (error) {
    release(connection);
    throw toStorageError(error, path, 'locking the data folder');
  }
  return { path, release: () => release(connection) };
}

function acquire(path: string): Libsql.Database {
  let connection: Libsql.Database | undefined;
  try {
    connection = new Libsql(join(path, LOCK_FILE));
    // The rollback journal's protocol: in WAL mode an exclusive transaction would keep out writers only.
    connection.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}; PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE`);
    return connection;
  } catch (error) {
    connection?.close();
    const failure = toStorageError(error, path, 'locking the data folder');
    if (failure.code !== 'storage_locked') throw failure;
    const pid = readPid(path);
    throw new StorageError(
      'storage_locked',
      `the data folder ${path} is in use by ${pid === undefined ? 'another process' : `process ${pid}`} ` +
        '(stop it first, or choose another folder)',
      { path, ...(pid === undefined ? {} : { pid }) },
      { cause: error },
    );
  }
}

/** Ending the transaction is what frees the lock: libsql may keep the file open until its garbage is collected. */
function release(connection: Libsql.Database): void {
  if (!connection.open) return;
  if (connection.inTransaction) connection.exec('ROLLBACK');
  connection.close();
}

/**
 * The holder may not have written it yet, so it can be missing, or that of an earlier holder, who then lives no more.
 */
function readPid(path: string): number | undefined {
  try {
    const pid = Number(readFileSync(join(path, PID_FILE), 'utf8'));
    return Number.isSafeInteger(pid) && pid > 0 && isAlive(pid) ? pid : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'; // alive, but another user's
  }
}
