import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openDatabase, StorageError } from '../../src/storage/database.ts';
import { lockDataFolder } from '../../src/storage/lock.ts';
import { buildChild, Child, childFolder } from './storage-processes.ts';

let script: string;
let folder: string;
let children: Child[] = [];

beforeAll(async () => {
  script = await buildChild();
});
afterAll(() => rmSync(childFolder, { recursive: true, force: true }));
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'runnel-lock-'));
});
afterEach(async () => {
  for (const child of children) await child.kill();
  children = [];
  rmSync(folder, { recursive: true, force: true });
});

function start(command: string, path = folder, options = {}): Child {
  const child = new Child(process.execPath, [script, command, path], options);
  children.push(child);
  return child;
}

function failure(work: () => unknown): StorageError {
  try {
    work();
  } catch (error) {
    if (error instanceof StorageError) return error;
    throw error;
  }
  throw new Error('a StorageError was expected');
}

describe('the lock of a data folder', () => {
  it('creates the folder for its owner alone', () => {
    const path = join(folder, 'a', 'data');
    lockDataFolder(path).release();
    expect(statSync(path).mode & 0o777).toBe(0o700);
  });

  it('keeps out a second holder in the same process until it is released', () => {
    const lock = lockDataFolder(folder);
    const error = failure(() => lockDataFolder(folder));
    expect(error.code).toBe('storage_locked');
    expect(error.details['pid']).toBe(process.pid);
    // Failing must not have weakened the first one.
    expect(failure(() => lockDataFolder(folder)).code).toBe('storage_locked');
    lock.release();
    lock.release();
    lockDataFolder(folder).release();
  });

  it('names the process that holds it, and is free at once when that is killed', async () => {
    const holder = start('lock');
    expect(await holder.next()).toBe('locked');
    const error = failure(() => lockDataFolder(folder));
    expect(error.code).toBe('storage_locked');
    expect(error.details['pid']).toBe(holder.process.pid);
    expect(error.message).toContain(String(holder.process.pid));
    await holder.kill();
    const lock = lockDataFolder(folder);
    expect(await start('lock').next()).toMatchObject({ code: 'storage_locked', details: { pid: process.pid } });
    lock.release();
  });

  it('is not lost by a holder that is stopped, however long', async () => {
    const holder = start('lock');
    expect(await holder.next()).toBe('locked');
    holder.process.kill('SIGSTOP');
    expect(failure(() => lockDataFolder(folder)).code).toBe('storage_locked');
  });

  it('goes to exactly one of several processes that start at once, again and again', async () => {
    for (let round = 0; round < 2; round++) {
      const contenders = Array.from({ length: 4 }, () => start('lock'));
      const answers = await Promise.all(contenders.map((child) => child.next()));
      expect(answers.filter((answer) => answer === 'locked')).toHaveLength(1);
      for (const answer of answers) if (answer !== 'locked') expect(answer).toMatchObject({ code: 'storage_locked' });
      for (const child of contenders) await child.kill();
    }
  });

  it('does not name a process that is gone', async () => {
    const lock = lockDataFolder(folder);
    const gone = start('none');
    await gone.kill();
    writeFileSync(join(folder, 'runnel.pid'), `${gone.process.pid}\n`);
    expect(failure(() => lockDataFolder(folder)).details['pid']).toBeUndefined();
    lock.release();
  });

  it('refuses a path that is a file', () => {
    writeFileSync(join(folder, 'file'), 'x');
    expect(failure(() => lockDataFolder(join(folder, 'file'))).code).toBe('storage_io');
  });
});

describe('a process of its own', () => {
  const isRoot = process.getuid?.() === 0;
  // Root may write anywhere, so the child runs as nobody.
  const unprivileged = isRoot ? { uid: 65_534, gid: 65_534 } : {};

  it.each(['lock', 'open'])('that may not write the folder: %s', async (command) => {
    openDatabase({ path: join(folder, 'node.db') }).close();
    chmodSync(join(folder, 'node.db'), 0o444);
    chmodSync(folder, 0o555);
    expect(await start(command, folder, unprivileged).next()).toMatchObject({ code: 'storage_readonly' });
    chmodSync(folder, 0o755);
  });

  it('that may not create the database', async () => {
    chmodSync(folder, 0o555);
    expect(await start('open', folder, unprivileged).next()).toMatchObject({ code: 'storage_readonly' });
    chmodSync(folder, 0o755);
  });

  it('that is killed in the middle of its writes has lost nothing that it committed', async () => {
    const writer = start('write');
    let committed = -1;
    while (committed < 100) committed = Number(await writer.next());
    await writer.kill();
    for (let rest = await writer.next(); rest !== undefined; rest = await writer.next()) committed = Number(rest);

    const database = openDatabase({ path: join(folder, 'node.db') });
    const parts = database.all<{ n: number; parts: number }>(
      'SELECT n, COUNT(*) AS parts FROM rows GROUP BY n ORDER BY n',
    );
    expect(parts.length).toBeGreaterThanOrEqual(committed + 1);
    expect(parts.length).toBeLessThanOrEqual(committed + 2);
    expect(parts.every((row, index) => row.n === index && row.parts === 2)).toBe(true);
    database.close();
  });

  it('whose disk refuses a write gets a typed error and keeps what it committed', async () => {
    // A limit on the size of files is the disk failure that needs no privileges: 400 blocks of 1,024 bytes.
    const child = new Child('bash', ['-c', `ulimit -f 400; exec "${process.execPath}" "${script}" write "${folder}"`]);
    children.push(child);
    let committed = -1;
    let answer = await child.next();
    for (; typeof answer === 'number'; answer = await child.next()) committed = answer;
    expect(answer).toMatchObject({ code: expect.stringMatching(/^storage_(full|io)$/) });
    expect(committed).toBeGreaterThan(10);

    const database = openDatabase({ path: join(folder, 'node.db') });
    expect(database.get('SELECT COUNT(*) AS count, MAX(n) AS last FROM rows')).toEqual({
      count: 2 * (committed + 1),
      last: committed,
    });
    database.close();
  });
});
