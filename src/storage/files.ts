import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { toStorageError } from './errors.ts';

/**
 * Writes a small file for its owner alone (mode 0600) so that it is on the disk whole once this returns, and a crash
 * before leaves what was there. Throws `StorageError`.
 */
export function writeFileDurably(path: string, content: string): void {
  const temporary = `${path}.new`;
  try {
    rmSync(temporary, { force: true });
    const file = openSync(temporary, 'wx', 0o600);
    try {
      writeSync(file, content);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
    syncFolder(dirname(path));
  } catch (error) {
    throw toStorageError(error, path, 'writing');
  }
}

/** Puts a folder's list of names on the disk: without it a power failure can take back a rename. */
export function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
