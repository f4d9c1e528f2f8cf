import { accessSync, closeSync, constants, existsSync, openSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { pathToFileURL } from 'node:url';
import Libsql from 'libsql';
import { StorageError, toStorageError } from './errors.ts';
import { syncFolder } from './files.ts';

/** "Runl": marks the file as ours (https://sqlite.org/pragma.html#pragma_application_id). */
export const APPLICATION_ID = 0x52756e6c;
/** Readers and a checkpoint may hold SQLite's locks for a moment; the data folder's lock keeps other writers out. */
const BUSY_TIMEOUT_MS = 2_000;

/**
 * A connection to the database at this absolute path, which is created if absent and checked if present. Throws
 * `StorageError`; a file that is damaged or foreign is left as it is.
 */
export function openFile(path: string, readonly: boolean): Libsql.Database {
  if (!existsSync(path)) {
    if (readonly) throw new StorageError('storage_io', `no database at ${path}`, { path });
    createFile(path);
  } else if (!statSync(path).isFile()) {
    throw new StorageError('storage_io', `${path} is not a file`, { path });
  } else if (statSync(path).size === 0) {
    // createFile never leaves an empty file behind, so this one has lost what it held.
    throw damaged(path, 'it is empty');
  }
  if (!readonly) assertWritable(path);
  check(path);
  const native = connect(path, readonly ? readonlyName(path) : path);
  try {
    configure(native, readonly);
  } catch (error) {
    native.close();
    throw toStorageError(error, path, 'opening');
  }
  return native;
}

/** A database that ends with its connection. */
export function openMemory(): Libsql.Database {
  const native = connect(':memory:', ':memory:');
  configure(native, false);
  return native;
}

function damaged(path: string, how: string): StorageError {
  return new StorageError(
    'storage_damaged',
    `${path} is damaged: ${how} (restore it from a backup; it was left as it is)`,
    { path },
  );
}

/**
 * SQLite opens what it cannot write read-only and says so at the first write; we want to know before anything runs on
 * it.
 */
function assertWritable(path: string): void {
  try {
    accessSync(path, constants.W_OK);
    accessSync(dirname(path), constants.W_OK); // the write-ahead log stands beside the file
  } catch (error) {
    throw toStorageError(error, path, 'opening');
  }
}

function connect(path: string, name: string): Libsql.Database {
  try {
    const native = new Libsql(name);
    native.defaultSafeIntegers(true);
    return native;
  } catch (error) {
    throw toStorageError(error, path, 'opening');
  }
}

/**
 * Makes a new database beside its place and moves it there when it is whole, so that a crash leaves nothing half made.
 */
function createFile(path: string): void {
  if (existsSync(`${path}-wal`)) throw damaged(path, `it is missing, yet its log ${path}-wal exists`);
  const temporary = `${path}.new`;
  try {
    for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(temporary + suffix, { force: true });
    closeSync(openSync(temporary, 'wx', 0o600));
    const native = connect(path, temporary);
    // WAL from its birth on: never is there a rollback journal, which a read-only connection could not play back.
    native.exec(`PRAGMA synchronous = FULL; PRAGMA application_id = ${APPLICATION_ID}; PRAGMA journal_mode = WAL`);
    native.close();
    renameSync(temporary, path);
    syncFolder(dirname(path));
  } catch (error) {
    throw toStorageError(error, path, 'creating');
  }
}

function readonlyName(path: string): string {
  return `${pathToFileURL(path).href}?mode=ro`;
}

/**
 * Refuses what is not a sound database of ours. It looks through a read-only connection, since a writing one would
 * already change the file when it closes: it folds the log in.
 */
function check(path: string): void {
  const native = connect(path, readonlyName(path));
  const pragma = (name: string): unknown => {
    const row: unknown = native.prepare(`PRAGMA ${name}`).raw(true).get([]);
    return Array.isArray(row) ? row[0] : undefined;
  };
  try {
    const applicationId = pragma('application_id');
    if (applicationId !== BigInt(APPLICATION_ID)) {
      throw new StorageError(
        'storage_foreign',
        `${path} is another program's database: its application id is ${String(applicationId)}, not ${APPLICATION_ID}`,
        { path },
      );
    }
    const found = pragma('quick_check(1)');
    if (found !== 'ok') throw damaged(path, String(found));
  } catch (error) {
    throw toStorageError(error, path, 'opening');
  } finally {
    native.close();
  }
}

function configure(native: Libsql.Database, readonly: boolean): void {
  native.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF`);
  if (readonly) native.exec('PRAGMA query_only = ON');
  else native.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
}
