/**
 * What the storage tests run in processes of their own, so that they can be killed: `node storage-child.mjs <command>
 * <folder>`. Prints one JSON value a line.
 */
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { RunnelError } from '../../protocols/errors.ts';
import { openDatabase } from '../../src/storage/database.ts';
import { lockDataFolder } from '../../src/storage/lock.ts';

function print(value: unknown): void {
  writeSync(1, `${JSON.stringify(value)}\n`);
}

/** Each transaction writes two rows; its number is printed once it is committed. */
function writeForEver(folder: string): void {
  const database = openDatabase({ path: join(folder, 'node.db') });
  database.migrate('test', [
    { name: 'create', sql: 'CREATE TABLE rows (n INTEGER NOT NULL, part INTEGER NOT NULL, filler BLOB) STRICT' },
  ]);
  for (let n = 0; ; n++) {
    database.transaction(() => {
      for (const part of [0, 1])
        database.run('INSERT INTO rows VALUES (?, ?, ?)', n, part, new Uint8Array(5_000).fill(n));
    });
    print(n);
  }
}

const [, , command, folder = ''] = process.argv;
try {
  if (command === 'lock') {
    lockDataFolder(folder);
    print('locked');
    setInterval(() => undefined, 1_000); // until it is killed
  } else if (command === 'write') {
    writeForEver(folder);
  } else if (command === 'open') {
    openDatabase({ path: join(folder, 'node.db') });
    print('opened');
  }
} catch (error) {
  if (!(error instanceof RunnelError)) throw error;
  print({ code: error.code, details: error.details });
  process.exitCode = 1;
}
