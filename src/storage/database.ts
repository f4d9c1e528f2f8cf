import { resolve } from 'node:path';
import type Libsql from 'libsql';
import { openFile, openMemory } from './database-file.ts';
import { StorageError, toStorageError } from './errors.ts';
import { applyMigrations, type Migration } from './migrations.ts';
import { CachedStatement, type SqlParameter } from './statement.ts';

export { StorageError, type StorageErrorCode } from './errors.ts';
export type { Migration } from './migrations.ts';
export { u64, type SqlParameter, type SqlValue } from './statement.ts';

const MAX_CACHED_STATEMENTS = 500;

export interface OpenOptions {
  /** A file in an existing folder, created if absent; or ':memory:'. */
  readonly path: string;
  /** Only reads: the file must exist, may be in use by the node, and is never changed. */
  readonly readonly?: boolean;
}

/**
 * A synchronous SQLite database.
 *
 * **SQL** is constant text with positional `?` parameters (no literal `?` elsewhere); statements are prepared once and
 * cached.
 *
 * **Integers.** A column (or `AS` name) that ends in `_sat` or `_msat` is read as a signed bigint, one that ends in
 * `_u64` as an unsigned bigint, and every other integer as a number, which throws beyond 2^53. All are stored as
 * SQLite's signed 64-bit INTEGER without loss: bigints from -2^63 to 2^63-1 are bound as they are (all the bitcoin
 * there can be is below 2^61 msat), and a `_u64` value is bound with `u64(value)`, which keeps equality but not the
 * order above 2^63. Blobs are `Uint8Array`.
 */
export interface Database {
  readonly path: string;
  readonly inTransaction: boolean;
  /** The first row, or undefined. */
  get<Row extends object>(sql: string, ...parameters: readonly SqlParameter[]): Row | undefined;
  all<Row extends object>(sql: string, ...parameters: readonly SqlParameter[]): Row[];
  /** Runs a statement that returns no rows; `changes` is the number of rows it inserted, updated or deleted. */
  run(sql: string, ...parameters: readonly SqlParameter[]): { readonly changes: number };
  /**
   * Runs `work` (synchronous) between BEGIN IMMEDIATE and COMMIT; once this returns, what it wrote is on the disk. If
   * it throws or the write fails, everything is rolled back and the error passed on. Nesting is an error: who composes
   * writes composes functions.
   */
  transaction<T>(work: () => T): T;
  /** Brings the tables of one component up to the end of its ordered list; lists only ever grow at their end. */
  migrate(component: string, migrations: readonly Migration[]): void;
  /** Closes for good (idempotent); an open transaction is rolled back. */
  close(): void;
}

/**
 * Several writes that belong together, within the transaction that is open or, if none is, in one of their own. If
 * `work` throws inside an open one, what it wrote before stays part of that: let the error through, or check before the
 * first write.
 */
export function atomically<T>(database: Database, work: () => T): T {
  return database.inTransaction ? work() : database.transaction(work);
}

/**
 * Opens and checks a database. Throws `StorageError`: a file that is damaged, foreign or newer is refused and left as
 * it is.
 */
export function openDatabase(options: OpenOptions): Database {
  const readonly = options.readonly === true;
  const path = options.path === ':memory:' ? options.path : resolve(options.path);
  const native = path === ':memory:' ? openMemory() : openFile(path, readonly);
  return new SqliteDatabase(native, path, readonly);
}

class SqliteDatabase implements Database {
  readonly path: string;
  readonly #native: Libsql.Database;
  readonly #readonly: boolean;
  readonly #statements = new Map<string, CachedStatement>();
  #state: 'idle' | 'transaction' | 'failed' | 'closed' = 'idle';

  constructor(native: Libsql.Database, path: string, readonly: boolean) {
    this.#native = native;
    this.#readonly = readonly;
    this.path = path;
  }

  get inTransaction(): boolean {
    return this.#state === 'transaction' || this.#state === 'failed';
  }

  get<Row extends object>(sql: string, ...parameters: readonly SqlParameter[]): Row | undefined {
    return this.#guarded('reading', () => this.#statement(sql).get(parameters)) as Row | undefined;
  }

  all<Row extends object>(sql: string, ...parameters: readonly SqlParameter[]): Row[] {
    return this.#guarded('reading', () => this.#statement(sql).all(parameters)) as Row[];
  }

  run(sql: string, ...parameters: readonly SqlParameter[]): { readonly changes: number } {
    return this.#guarded('writing', () => this.#statement(sql).run(parameters));
  }

  transaction<T>(work: () => T): T {
    if (this.inTransaction) throw new StorageError('storage_misuse', 'transactions do not nest', { path: this.path });
    this.#guarded('writing', () => this.#native.exec('BEGIN IMMEDIATE'));
    this.#state = 'transaction';
    try {
      const result = work();
      if (typeof result === 'object' && result !== null && 'then' in result) {
        throw new StorageError('storage_misuse', 'a transaction ended before its work: it must be synchronous', {
          path: this.path,
        });
      }
      this.#guarded('writing', () => this.#native.exec('COMMIT'));
      this.#state = 'idle';
      return result;
    } catch (error) {
      this.#rollback();
      throw error;
    }
  }

  migrate(component: string, migrations: readonly Migration[]): void {
    applyMigrations(this, component, migrations, (sql) => this.#guarded('migrating', () => this.#native.exec(sql)));
    this.#statements.clear(); // prepared against the schema that was
  }

  close(): void {
    if (this.#state === 'closed') return;
    if (this.inTransaction) this.#rollback();
    this.#state = 'closed';
    this.#statements.clear();
    try {
      // libsql closes the file only when the last statement is garbage-collected, so the log is folded in here. Best
      // effort: what stays in it is read at the next opening.
      if (!this.#readonly) this.#native.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    } catch {
      // A full or read-only disk: everything committed is in the log.
    }
    this.#native.close();
  }

  /** After a failed write SQLite may have rolled back by itself already, and then there is nothing to roll back. */
  #rollback(): void {
    if (this.#state === 'closed') return;
    this.#state = 'idle';
    if (this.#native.inTransaction) this.#native.exec('ROLLBACK');
  }

  /**
   * Runs one operation with its errors typed. Once one failed in a way that may have ended the transaction, the rest of
   * it is refused: a statement after SQLite's own rollback would otherwise commit alone.
   */
  #guarded<T>(doing: string, operation: () => T): T {
    if (this.#state === 'closed')
      throw new StorageError('storage_misuse', `${this.path} is closed`, { path: this.path });
    if (this.#state === 'failed') {
      throw new StorageError(
        'storage_misuse',
        'an earlier write of this transaction failed: it can only be rolled back',
        { path: this.path },
      );
    }
    try {
      return operation();
    } catch (error) {
      const storageError = toStorageError(error, this.path, doing);
      if (this.#state === 'transaction' && storageError.endsTransaction) this.#state = 'failed';
      throw storageError;
    }
  }

  #statement(sql: string): CachedStatement {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      if (this.#statements.size >= MAX_CACHED_STATEMENTS) this.#statements.clear();
      statement = new CachedStatement(this.#native, sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}
