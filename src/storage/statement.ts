import type Libsql from 'libsql';
import { StorageError } from './errors.ts';

/** What a parameter may be: integers as number or bigint, `undefined` for NULL, booleans as 0 and 1. */
export type SqlParameter = null | undefined | boolean | number | bigint | string | Uint8Array;
/** What a column may hold when read. */
export type SqlValue = null | number | bigint | string | Uint8Array;

/**
 * An unsigned 64-bit value as the signed one with the same bits, to be bound to a `_u64` column. Throws outside of 0 to
 * 2^64-1.
 */
export function u64(value: bigint): bigint {
  if (BigInt.asUintN(64, value) !== value)
    throw new StorageError('storage_misuse', `${value} is not an unsigned 64-bit integer`);
  return BigInt.asIntN(64, value);
}

type Column = { readonly name: string; readonly kind: 'number' | 'signed' | 'unsigned' };

/**
 * A prepared statement of libsql, with its rough edges kept away from callers: it aborts the process on a boolean,
 * binds missing parameters as NULL, turns numbers into REAL and cuts strings at NUL.
 */
export class CachedStatement {
  readonly #sql: string;
  readonly #parameterCount: number;
  readonly #columns: readonly Column[];
  readonly #native: Libsql.Statement<unknown[]>;

  constructor(database: Libsql.Database, sql: string) {
    this.#sql = sql;
    this.#parameterCount = sql.split('?').length - 1;
    this.#native = database.prepare(sql);
    this.#native.safeIntegers(true);
    this.#columns = this.#native.columns().map(({ name }) => ({ name, kind: columnKind(name) }));
    if (this.#columns.length > 0) this.#native.raw(true); // which libsql refuses where no rows can come
  }

  get(parameters: readonly SqlParameter[]): Record<string, SqlValue> | undefined {
    const row = this.#native.get(this.#bind(parameters));
    return row === undefined ? undefined : this.#row(row);
  }

  all(parameters: readonly SqlParameter[]): Record<string, SqlValue>[] {
    return this.#native.all(this.#bind(parameters)).map((row) => this.#row(row));
  }

  run(parameters: readonly SqlParameter[]): { changes: number } {
    return { changes: Number(this.#native.run(this.#bind(parameters)).changes) };
  }

  #bind(parameters: readonly SqlParameter[]): unknown[] {
    if (parameters.length !== this.#parameterCount) {
      throw new StorageError(
        'storage_misuse',
        `${this.#parameterCount} parameters expected, ${parameters.length} given: ${this.#sql}`,
      );
    }
    return parameters.map((value) => this.#bindable(value));
  }

  #bindable(value: SqlParameter): null | number | bigint | string | Uint8Array {
    switch (typeof value) {
      case 'undefined':
        return null;
      case 'boolean':
        return value ? 1n : 0n;
      case 'number':
        if (Number.isSafeInteger(value)) return BigInt(value);
        if (Number.isFinite(value) && !Number.isInteger(value)) return value;
        throw new StorageError('storage_misuse', `${value} cannot be stored without loss: ${this.#sql}`);
      case 'bigint':
        if (BigInt.asIntN(64, value) === value) return value;
        throw new StorageError('storage_misuse', `${value} does not fit a signed 64-bit integer: ${this.#sql}`);
      case 'string':
        if (!value.includes('\0')) return value;
        throw new StorageError('storage_misuse', `text with a NUL character: ${this.#sql}`);
      default:
        return value;
    }
  }

  #row(values: unknown): Record<string, SqlValue> {
    const row: Record<string, SqlValue> = {};
    if (!Array.isArray(values))
      throw new StorageError('storage_io', `libsql gave a row that is no array: ${this.#sql}`);
    for (const [index, column] of this.#columns.entries()) row[column.name] = this.#value(values[index], column);
    return row;
  }

  #value(value: unknown, column: Column): SqlValue {
    if (typeof value === 'bigint') {
      if (column.kind === 'signed') return value;
      if (column.kind === 'unsigned') return BigInt.asUintN(64, value);
      const number = Number(value);
      if (Number.isSafeInteger(number)) return number;
      throw new StorageError(
        'storage_misuse',
        `column ${column.name} holds ${value}, which a number cannot: ${this.#sql}`,
      );
    }
    if (value === null || typeof value === 'number' || typeof value === 'string') return value;
    if (value instanceof Uint8Array) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    if (value instanceof ArrayBuffer) return new Uint8Array(value);
    throw new StorageError('storage_io', `libsql gave a ${typeof value} in column ${column.name}: ${this.#sql}`);
  }
}

function columnKind(name: string): Column['kind'] {
  if (name.endsWith('_sat') || name.endsWith('_msat')) return 'signed';
  return name.endsWith('_u64') ? 'unsigned' : 'number';
}
