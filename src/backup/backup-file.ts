import { existsSync, readFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { toStorageError } from '../storage/errors.ts';
import { writeFileDurably } from '../storage/files.ts';
import { MAX_BACKUP_BYTES } from './backup-codec.ts';
import { BackupError } from './errors.ts';

export const BACKUP_FILE = 'channel.backup';

/** Where the node keeps the backup of its channels; a simulation keeps it elsewhere. */
export interface BackupFile {
  /** Undefined where there is none. Throws `StorageError`, or `BackupError` for one that is too large. */
  read(): string | undefined;
  /** On disk once it returns; a crash before leaves what was there. Throws `StorageError`. */
  write(text: string): void;
  /** Gives what is there another name, which it returns: it is not this node's, and somebody may want it yet. */
  setAside(): string;
}

/** The backup in a data folder. */
export function backupFileIn(dataDir: string): BackupFile {
  const path = join(dataDir, BACKUP_FILE);
  return {
    read: () => (existsSync(path) ? readBackupFile(path) : undefined),
    write: (text) => writeFileDurably(path, text),
    setAside: () => setAside(path),
  };
}

/**
 * The text of a backup that a user names. Throws `BackupError` (`backup_unreadable` where there is no such file,
 * `backup_damaged` where it is too large to be one).
 */
export function readBackupFile(path: string): string {
  try {
    const { size } = statSync(path);
    if (size <= MAX_BACKUP_BYTES) return readFileSync(path, 'latin1');
    const what = `expected at most ${MAX_BACKUP_BYTES} bytes, got ${size}`;
    throw new BackupError('backup_damaged', `${path} is no channel backup: ${what}`, { path, size });
  } catch (error) {
    if (error instanceof BackupError) throw error;
    throw new BackupError('backup_unreadable', `${path} cannot be read: ${(error as Error).message}`, { path });
  }
}

function setAside(path: string): string {
  try {
    for (let number = 1; ; number++) {
      const aside = `${path}.${number}`;
      if (existsSync(aside)) continue;
      renameSync(path, aside);
      return aside;
    }
  } catch (error) {
    throw toStorageError(error, path, 'writing');
  }
}
