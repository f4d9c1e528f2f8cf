import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { AuditError } from './errors.ts';

/** The longest line that is read: a checkpoint with as many HTLCs as a channel may have, each with its onion and its end, takes some 5 MB. */
export const MAX_LINE_BYTES = 16 * 1024 * 1024;
const CHUNK_BYTES = 256 * 1024;
const NEWLINE = 0x0a;

/** A line of a file, and how much of the file is read with it. */
export interface Line {
  readonly text: string;
  /** Counted from 1. */
  readonly number: number;
  readonly bytesRead: number;
}

/** The lines of a file and its size; every line must end as one, the last one too. Reads as it goes. Throws `AuditError`. */
export function openLines(path: string): { readonly size: number; readonly lines: IterableIterator<Line> } {
  let file: number;
  let size: number;
  try {
    file = openSync(path, 'r');
    size = fstatSync(file).size;
  } catch (error) {
    throw unreadable(path, error);
  }
  return { size, lines: linesOf(path, file) };
}

function* linesOf(path: string, file: number): IterableIterator<Line> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  let parts: Buffer[] = [];
  let length = 0;
  let bytesRead = 0;
  let number = 1;
  const take = (): Line => {
    const bytes = Buffer.concat(parts);
    parts = [];
    length = 0;
    try {
      return { text: decoder.decode(bytes), number: number++, bytesRead };
    } catch {
      throw new AuditError('audit_not_canonical', `line ${number} is not UTF-8`, { line: number });
    }
  };
  const keep = (bytes: Buffer): void => {
    length += bytes.length;
    bytesRead += bytes.length;
    if (length > MAX_LINE_BYTES) throw new AuditError('audit_line_too_long', `line ${number} is longer than ${MAX_LINE_BYTES} bytes`, { line: number });
    parts.push(Buffer.from(bytes));
  };
  try {
    for (let read = readChunk(path, file, chunk); read > 0; read = readChunk(path, file, chunk)) {
      let from = 0;
      for (let end = chunk.indexOf(NEWLINE, from); end !== -1 && end < read; end = chunk.indexOf(NEWLINE, from)) {
        keep(chunk.subarray(from, end));
        bytesRead += 1;
        from = end + 1;
        yield take();
      }
      if (from < read) keep(chunk.subarray(from, read));
    }
    if (length > 0) throw new AuditError('audit_incomplete', `the file ends within line ${number}`, { line: number });
  } finally {
    closeSync(file);
  }
}

function readChunk(path: string, file: number, chunk: Buffer): number {
  try {
    return readSync(file, chunk, 0, chunk.length, null);
  } catch (error) {
    throw unreadable(path, error);
  }
}

const unreadable = (path: string, error: unknown): AuditError => new AuditError('audit_unreadable', `${path} cannot be read: ${(error as Error).message}`);
