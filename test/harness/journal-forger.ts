import { entryText, GENESIS, hashEntry, type ChainedEntry, type JournalEntry } from '../../src/channels/journal.ts';

/** The chain of these entries, made anew: what a forger does who has changed some of them. */
export function rechained(entries: readonly JournalEntry[]): ChainedEntry[] {
  const [first] = entries;
  let hash: Uint8Array = first?.event.type === 'checkpoint' ? first.event.previous : GENESIS;
  return entries.map((entry) => {
    const linked = entry.event.type === 'checkpoint' ? { ...entry, event: { ...entry.event, previous: hash } } : entry;
    hash = hashEntry(hash, entryText(linked));
    return { entry: linked, hash };
  });
}
