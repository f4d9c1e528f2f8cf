/** A channel's audit file, straight from its store. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { entryLine } from '../../src/audit/entry-line.ts';
import { headerLine } from '../../src/audit/header.ts';
import { makeHeader } from '../../src/audit/make-header.ts';
import { mustLoad } from '../../src/channels/channel-store.ts';
import { entryText } from '../../src/channels/journal.ts';
import type { ChannelEnd } from './channel-ends.ts';

const PAGE = 500;

export async function writeAudit({ store, signer }: ChannelEnd, path: string): Promise<void> {
  const sources = { store, snapshot: mustLoad(store, 0), signer, gossip: { announcement: undefined, updates: [] }, now: 0, software: 'bench' };
  const { header, text, signatures } = await makeHeader(sources);
  const file = openSync(path, 'w', 0o600);
  writeSync(file, `${headerLine(text, signatures)}\n`);
  const end = header.firstSequence + header.numEntries;
  for (let from = header.firstSequence; from < end; from += PAGE) {
    const entries = store.journal(0, from, Math.min(PAGE, end - from));
    writeSync(file, entries.map(({ entry, hash }) => `${entryLine(entryText(entry), hash)}\n`).join(''));
  }
  closeSync(file);
}
