import { execFileSync } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import Libsql from 'libsql';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDatabase, StorageError, u64, type Database } from '../../src/storage/database.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'runnel-database-'));
  path = join(folder, 'node.db');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const schema = [
  {
    name: 'create',
    sql: `CREATE TABLE items (
      id INTEGER PRIMARY KEY, amount_msat INTEGER, scid_u64 INTEGER, text TEXT, bytes BLOB) STRICT`,
  },
];

function open(at = ':memory:'): Database {
  const database = openDatabase({ path: at });
  database.migrate('items', schema);
  return database;
}

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof StorageError) return error.code;
    throw error;
  }
  return 'no error';
}

const count = (database: Database): number =>
  database.get<{ count: number }>('SELECT COUNT(*) AS count FROM items')?.count ?? -1;

describe('values', () => {
  const int64 = fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n);
  const anyU64 = fc.bigInt(0n, 2n ** 64n - 1n);
  const text = fc.string({ unit: 'grapheme' }).filter((value) => !value.includes('\0'));

  it('come back as they were stored, without loss', () => {
    const database = open();
    fc.assert(
      fc.property(int64, anyU64, text, fc.uint8Array(), (amount, scid, words, bytes) => {
        database.run('INSERT OR REPLACE INTO items VALUES (1, ?, ?, ?, ?)', amount, u64(scid), words, bytes);
        expect(database.get('SELECT * FROM items')).toEqual({
          id: 1,
          amount_msat: amount,
          scid_u64: scid,
          text: words,
          bytes,
        });
        expect(database.all('SELECT * FROM items')).toEqual([
          { id: 1, amount_msat: amount, scid_u64: scid, text: words, bytes },
        ]);
        expect(database.get('SELECT id FROM items WHERE scid_u64 = ? AND amount_msat = ?', u64(scid), amount)).toEqual({
          id: 1,
        });
      }),
    );
  });

  it('hold NULL, booleans and integers of either kind; blobs are Uint8Array and no Buffer', () => {
    const database = open();
    database.run('INSERT INTO items VALUES (?, ?, ?, ?, ?)', 7, 5, true, undefined, Uint8Array.of(1, 2, 3).subarray(1));
    const row = database.get<{ bytes: Uint8Array }>('SELECT *, typeof(?) AS kind FROM items', 5);
    expect(row).toEqual({
      id: 7,
      amount_msat: 5n,
      scid_u64: 1n,
      text: null,
      bytes: Uint8Array.of(2, 3),
      kind: 'integer',
    });
    expect(Object.getPrototypeOf(row?.bytes)).toBe(Uint8Array.prototype);
    expect(Object.getPrototypeOf(database.all<{ bytes: Uint8Array }>('SELECT * FROM items')[0]?.bytes)).toBe(
      Uint8Array.prototype,
    );
    expect(database.get('SELECT * FROM items WHERE id = 8')).toBeUndefined();
  });

  it('that would be lost or cut are refused before SQLite sees them', () => {
    const database = open();
    const insert = (value: never): unknown => database.run('INSERT INTO items (text) VALUES (?)', value);
    for (const value of [
      2 ** 53,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      2n ** 63n,
      -(2n ** 63n) - 1n,
      'a\0b',
      {},
      [1],
      new Date(),
    ]) {
      expect(
        codeOf(() => insert(value as never)),
        String(value),
      ).toBe('storage_misuse');
    }
    for (const value of [-1n, 2n ** 64n]) expect(codeOf(() => u64(value))).toBe('storage_misuse');
    database.run('INSERT INTO items (id, amount_msat) VALUES (1, ?)', 2n ** 53n);
    expect(codeOf(() => database.get('SELECT amount_msat AS amount FROM items'))).toBe('storage_misuse');
    expect(codeOf(() => database.run('INSERT INTO items (id) VALUES (?)'))).toBe('storage_misuse');
    expect(codeOf(() => database.run('INSERT INTO items (id) VALUES (?)', 1, 2))).toBe('storage_misuse');
    expect(codeOf(() => database.run('INSERT INTO items (id) VALUES (1)'))).toBe('storage_constraint');
    expect(codeOf(() => database.run('INSERT INTO items (id, text) VALUES (2, 1.5)'))).not.toBe('storage_damaged');
    expect(codeOf(() => database.run('nonsense'))).toBe('storage_misuse');
  });
});

describe('a transaction', () => {
  it('is kept whole or not at all', () => {
    const database = open(path);
    expect(
      database.transaction(() => {
        expect(database.inTransaction).toBe(true);
        return database.run('INSERT INTO items (id) VALUES (1), (2)').changes;
      }),
    ).toBe(2);
    expect(() =>
      database.transaction(() => {
        database.run('DELETE FROM items');
        throw new RangeError('on purpose');
      }),
    ).toThrow(RangeError);
    expect(database.inTransaction).toBe(false);
    expect(count(database)).toBe(2);
    database.close();
    expect(count(open(path))).toBe(2);
  });

  it('does not nest, is synchronous, and is rolled back by close', () => {
    const database = open(path);
    expect(codeOf(() => database.transaction(() => database.transaction(() => 1)))).toBe('storage_misuse');
    expect(codeOf(() => database.transaction(() => Promise.resolve()))).toBe('storage_misuse');
    expect(
      codeOf(() =>
        database.transaction(() => {
          database.run('INSERT INTO items (id) VALUES (1)');
          database.close();
        }),
      ),
    ).toBe('storage_misuse');
    expect(codeOf(() => database.get('SELECT 1'))).toBe('storage_misuse');
    database.close();
    expect(count(open(path))).toBe(0);
  });

  it('goes on after a broken constraint, which undoes its own statement only', () => {
    const database = open();
    database.transaction(() => {
      database.run('INSERT INTO items (id) VALUES (1)');
      expect(codeOf(() => database.run('INSERT INTO items (id) VALUES (2), (1)'))).toBe('storage_constraint');
    });
    expect(count(database)).toBe(1);
  });

  it('on a full disk keeps nothing, even of work that swallowed the error; what was there stays', () => {
    const database = open(path);
    database.run('INSERT INTO items (id) VALUES (1)');
    database.get('PRAGMA max_page_count = 8');
    const fill = (): void => {
      for (let i = 0; i < 100; i++) database.run('INSERT INTO items (bytes) VALUES (?)', new Uint8Array(4_000));
    };
    expect(codeOf(() => database.transaction(fill))).toBe('storage_full');
    expect(count(database)).toBe(1);
    expect(
      codeOf(() =>
        database.transaction(() => {
          expect(codeOf(fill)).toBe('storage_full');
          // SQLite may have ended the transaction: this row must not be committed on its own.
          expect(codeOf(() => database.run('INSERT INTO items (id) VALUES (99)'))).toBe('storage_misuse');
        }),
      ),
    ).toBe('storage_misuse');
    expect(count(database)).toBe(1);
    database.get('PRAGMA max_page_count = 10000');
    database.transaction(fill);
    expect(count(database)).toBe(101);
    database.close();
    expect(count(open(path))).toBe(101);
  });

  it('waits for nobody: another writer is an error', () => {
    const database = open(path);
    const other = new Libsql(path);
    database.get('PRAGMA busy_timeout = 0');
    other.exec('BEGIN IMMEDIATE');
    expect(codeOf(() => database.transaction(() => 1))).toBe('storage_locked');
    other.exec('ROLLBACK');
    expect(database.transaction(() => 1)).toBe(1);
    database.close();
  });
});

describe('migrations', () => {
  const more = [
    ...schema,
    { name: 'add colour', sql: "ALTER TABLE items ADD COLUMN colour TEXT; UPDATE items SET colour = 'red'" },
  ];

  it('run once each, in order, with statements prepared anew', () => {
    const database = open(path);
    database.run('INSERT INTO items (id) VALUES (1)');
    expect(database.get('SELECT * FROM items')).not.toHaveProperty('colour');
    database.migrate('items', more);
    database.migrate('items', more);
    database.migrate('other', [{ name: 'create', sql: 'CREATE TABLE others (id INTEGER) STRICT' }]);
    expect(database.get('SELECT * FROM items')).toHaveProperty('colour', 'red');
    database.close();
    const again = openDatabase({ path });
    again.migrate('items', more);
    expect(codeOf(() => again.migrate('items', schema))).toBe('storage_newer');
    expect(codeOf(() => again.migrate('items', [{ name: 'another', sql: '' }, ...more]))).toBe('storage_newer');
  });

  it('that fail leave no trace', () => {
    const database = open();
    expect(
      codeOf(() => database.migrate('items', [...more, { name: 'wrong', sql: 'ALTER TABLE nowhere ADD COLUMN x' }])),
    ).toBe('storage_misuse');
    expect(database.get('SELECT COUNT(*) AS n FROM migrations')).toEqual({ n: 1 });
    database.migrate('items', more);
  });
});

describe('opening', () => {
  const filled = (): void => {
    const database = open(path);
    database.transaction(() => {
      for (let i = 0; i < 200; i++)
        database.run('INSERT INTO items (text, bytes) VALUES (?, ?)', `row ${i}`, new Uint8Array(1_000).fill(i));
    });
    database.close();
  };
  /** The refusal's code; the file must be the same byte for byte afterwards. */
  const refused = (): string => {
    const before = readFileSync(path);
    const code = codeOf(() => openDatabase({ path }));
    expect(readFileSync(path).equals(before)).toBe(true);
    return code;
  };
  const overwrite = (position: number, bytes: Uint8Array): void => {
    const file = openSync(path, 'r+');
    writeSync(file, bytes, 0, bytes.length, position);
    closeSync(file);
  };

  it('makes a file for its owner alone, with WAL and full syncs, and no rest of its making', () => {
    const database = open(path);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(`${path}-wal`).mode & 0o777).toBe(0o600);
    expect(database.get('PRAGMA journal_mode')).toEqual({ journal_mode: 'wal' });
    expect(database.get('PRAGMA synchronous')).toEqual({ synchronous: 2 });
    expect(database.get('PRAGMA foreign_keys')).toEqual({ foreign_keys: 1 });
    for (const suffix of ['', '-wal', '-shm', '-journal']) expect(existsSync(`${path}.new${suffix}`)).toBe(false);
  });

  it('refuses what is damaged, whatever the damage', () => {
    filled();
    copyFileSync(path, `${path}.sound`);
    const damages: Record<string, () => void> = {
      'a page overwritten': () => overwrite(4_096 * 2, new Uint8Array(4_096).fill(0xa5)),
      'the header overwritten': () => overwrite(0, new Uint8Array(100).fill(0x20)),
      'cut in the middle of a page': () => truncateSync(path, Math.floor(statSync(path).size / 2) + 100),
      'cut to one page': () => truncateSync(path, 4_096),
      emptied: () => truncateSync(path, 0),
      'not a database': () => writeFileSync(path, 'hello '.repeat(5_000)),
    };
    for (const [name, damage] of Object.entries(damages)) {
      copyFileSync(`${path}.sound`, path);
      expect(
        codeOf(() => openDatabase({ path }).close()),
        'sound',
      ).toBe('no error');
      damage();
      expect(refused(), name).toBe('storage_damaged');
    }
  });

  it('takes up the log of a writer that was killed, but changes neither if the database is damaged', () => {
    filled();
    const writer = open(path);
    writer.run("UPDATE items SET text = 'newer' WHERE id = 200");
    const copies = ['sound', 'damaged'].map((name) => join(folder, `${name}.db`));
    for (const copy of copies) for (const suffix of ['', '-wal']) copyFileSync(path + suffix, copy + suffix);
    writer.close();

    const [sound = '', damaged = ''] = copies;
    expect(open(sound).get('SELECT text FROM items WHERE id = 200')).toEqual({ text: 'newer' });

    const file = openSync(damaged, 'r+');
    writeSync(file, new Uint8Array(4_096).fill(0xa5), 0, 4_096, 4_096 * 3);
    closeSync(file);
    const before = ['', '-wal'].map((suffix) => readFileSync(damaged + suffix));
    expect(before[1]?.length).toBeGreaterThan(0);
    expect(codeOf(() => openDatabase({ path: damaged }))).toBe('storage_damaged');
    expect(['', '-wal'].map((suffix) => readFileSync(damaged + suffix))).toEqual(before);
  });

  it('refuses a lost database whose log is still there', () => {
    filled();
    rmSync(path);
    writeFileSync(`${path}-wal`, new Uint8Array(100));
    expect(codeOf(() => openDatabase({ path }))).toBe('storage_damaged');
    expect(existsSync(path)).toBe(false);
  });

  it("refuses another program's database, and a path that is no file", () => {
    const other = new Libsql(path);
    other.exec('CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)');
    other.close();
    expect(refused()).toBe('storage_foreign');
    expect(codeOf(() => openDatabase({ path: folder }))).toBe('storage_io');
    expect(codeOf(() => openDatabase({ path: join(folder, 'absent', 'node.db') }))).toBe('storage_io');
    expect(codeOf(() => openDatabase({ path: join(folder, 'absent.db'), readonly: true }))).toBe('storage_io');
  });

  it('starts over after a crash in the middle of the making', () => {
    writeFileSync(`${path}.new`, 'half made');
    expect(count(open(path))).toBe(0);
  });

  it('read-only reads beside the writer, sees its commits and can write nothing', () => {
    const writer = open(path);
    const reader = openDatabase({ path, readonly: true });
    reader.migrate('items', schema);
    writer.run('INSERT INTO items (id) VALUES (1)');
    expect(count(reader)).toBe(1);
    expect(codeOf(() => reader.run('DELETE FROM items'))).toBe('storage_readonly');
    expect(codeOf(() => reader.migrate('new', schema))).toBe('storage_readonly');
    reader.close();
    expect(count(writer)).toBe(1);
  });

  it('takes paths with characters that mean something in a URI', () => {
    const odd = join(folder, 'a b?c#d%41.db');
    open(odd).run('INSERT INTO items (id) VALUES (1)');
    expect(count(openDatabase({ path: odd, readonly: true }))).toBe(1);
    expect(execFileSync('ls', [folder], { encoding: 'utf8' })).toContain('a b?c#d%41.db\n');
  });
});
