import { decodeJson, encodeJson } from '../../protocols/json.ts';
import type { JournalEntry } from '../channels/journal.ts';
import { bytes } from './data-schema.ts';
import { checked, readEntry } from './entry-schema.ts';
import { AuditError } from './errors.ts';

const BEGIN = '{"entry":';
const MIDDLE = ',"hash":';

/** The line of an entry in an audit file, without its end. */
export const entryLine = (text: string, hash: Uint8Array): string => `${BEGIN}${text}${MIDDLE}${encodeJson(hash)}}`;

/** What stands behind an entry's text in its line. */
const TAIL = entryLine('', new Uint8Array(32)).length - BEGIN.length;

/** Reads the line of an entry, which must be written as Runnel writes it: `text` is what is hashed. Throws `AuditError`, or `JsonError`. */
export function readEntryLine(line: string): { readonly entry: JournalEntry; readonly hash: Uint8Array; readonly text: string } {
  const value = decodeJson(line);
  if (typeof value !== 'object' || value === null || encodeJson(value) !== line) {
    throw new AuditError('audit_not_canonical', 'the line is not written as Runnel writes it');
  }
  const { entry, hash, ...others } = value as Readonly<Record<string, unknown>>;
  if (Object.keys(others).length > 0) throw new AuditError('audit_malformed', 'expected an entry and its hash');
  return { entry: readEntry(entry), hash: checked(bytes(32), hash, 'hash'), text: line.slice(BEGIN.length, -TAIL) };
}
