/** Files that a user names on the command line. */
import { readFileSync, statSync } from 'node:fs';
import { RunnelError } from '../../protocols/errors.ts';
import { writeFileDurably } from '../storage/files.ts';
import { exitStatus, NotDoneError } from './exit.ts';

/** More than any request may hold. */
const MAX_FILE_BYTES = 32 * 1024 * 1024;

/** The text of a file. Throws `NotDoneError` where it cannot be read, or is too large to be sent. */
export function readNamedFile(path: string): string {
  let size: number;
  try {
    size = statSync(path).size;
    if (size <= MAX_FILE_BYTES) return readFileSync(path, 'utf8');
  } catch (error) {
    throw new NotDoneError(exitStatus.failed, 'file_unreadable', `${path} cannot be read: ${(error as Error).message}`);
  }
  throw new NotDoneError(exitStatus.failed, 'file_too_large', `${path}: expected at most ${MAX_FILE_BYTES} bytes, got ${size}`);
}

/** Writes a file for its owner alone; a crash leaves what was there. Throws `NotDoneError`. */
export function writeNamedFile(path: string, text: string): void {
  try {
    writeFileDurably(path, text);
  } catch (error) {
    if (!(error instanceof RunnelError)) throw error;
    throw new NotDoneError(exitStatus.failed, error.code, error.message);
  }
}
