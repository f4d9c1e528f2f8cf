/** `runnel audit export`: a channel's header and its journal, page by page, in one file. */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { equals, fromString } from 'uint8arrays';
import type { Client, Input, Output } from '../api/client.ts';
import { headerLine } from '../audit/header.ts';
import { entryLine } from '../audit/entry-line.ts';
import { hashEntry } from '../channels/journal.ts';
import { syncFolder } from '../storage/files.ts';
import { exitStatus, NotDoneError } from './exit.ts';
import type { Progress } from './follow.ts';

/** Entries that are asked for at once. */
const PAGE = 200;

/** Writes the lines of a channel's audit file through `write`, one after the other. Throws `NotDoneError` where the journal changes meanwhile. */
export async function exportLines(client: Client, input: Input<'audit'>, progress: Progress, write: (text: string) => void): Promise<Output<'audit'>> {
  const audit = await client.audit(input);
  const { funding, node } = audit.signatures;
  write(`${headerLine(audit.header, { funding: fromString(funding, 'base16'), node: fromString(node, 'base16') })}\n`);
  let previous: Uint8Array | undefined;
  for (let done = 0; done < audit.numEntries; ) {
    progress.show(`${done} of ${audit.numEntries} entries …`);
    const { entries } = await client.journal({ channel: audit.channelId, from: audit.first + done, limit: Math.min(PAGE, audit.numEntries - done) });
    const lines: string[] = [];
    for (const { sequence, text, hash } of entries) {
      const bytes = fromString(hash, 'base16');
      const follows = sequence === audit.first + done && (previous === undefined || equals(hashEntry(previous, text), bytes));
      if (!follows) throw moved();
      lines.push(`${entryLine(text, bytes)}\n`);
      previous = bytes;
      done += 1;
    }
    if (lines.length === 0) throw moved();
    write(lines.join(''));
  }
  progress.clear();
  if (previous === undefined || !equals(previous, fromString(audit.headHash, 'base16'))) throw moved();
  return audit;
}

/** The same into a file for its owner alone, which is there as a whole or not at all. */
export async function exportToFile(client: Client, input: Input<'audit'>, progress: Progress, path: string): Promise<Output<'audit'>> {
  const temporary = `${path}.new`;
  const file = attempt(path, () => {
    rmSync(temporary, { force: true });
    return openSync(temporary, 'wx', 0o600);
  });
  let audit: Output<'audit'>;
  try {
    audit = await exportLines(client, input, progress, (text) => attempt(path, () => void writeSync(file, text)));
    attempt(path, () => fsyncSync(file));
  } catch (error) {
    closeSync(file);
    rmSync(temporary, { force: true });
    throw error;
  }
  attempt(path, () => {
    closeSync(file);
    renameSync(temporary, path);
    syncFolder(dirname(path));
  });
  return audit;
}

function attempt<T>(path: string, write: () => T): T {
  try {
    return write();
  } catch (error) {
    throw new NotDoneError(exitStatus.failed, 'file_unwritable', `${path} cannot be written: ${(error as Error).message}`);
  }
}

const moved = (): NotDoneError =>
  new NotDoneError(exitStatus.failed, 'journal_moved', 'the journal was cut short while it was read', 'run it again: it begins at a later checkpoint now');
