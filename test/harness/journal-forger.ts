import type { Seeded } from './seeded.ts';
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

/** Where each leaf of an entry stands. */
export function leavesOf(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value === undefined ? [] : [path];
  return Object.entries(value).flatMap(([key, inner]) => leavesOf(inner, [...path, key]));
}

/** The value with another leaf at that place, of the same kind. */
export function mutated(value: unknown, [key, ...path]: readonly string[], random: Seeded): unknown {
  if (key === undefined) return otherLeaf(value, random);
  if (Array.isArray(value)) return value.map((item: unknown, index) => (String(index) === key ? mutated(item, path, random) : item));
  return { ...(value as object), [key]: mutated((value as Readonly<Record<string, unknown>>)[key], path, random) };
}

function otherLeaf(leaf: unknown, random: Seeded): unknown {
  switch (typeof leaf) {
    case 'bigint':
      return random.chance(50) ? leaf + 1n : leaf - BigInt(random.between(1, 1_000));
    case 'number':
      return leaf + (random.chance(50) ? 1 : -1);
    case 'boolean':
      return !leaf;
    case 'string':
      return `${leaf}x`;
    default:
      return otherBytes(leaf as Uint8Array, random);
  }
}

function otherBytes(bytes: Uint8Array, random: Seeded): Uint8Array {
  if (bytes.length === 0) return Uint8Array.of(1);
  const other = Uint8Array.from(bytes);
  const at = random.between(0, bytes.length - 1);
  other[at] = (other[at] ?? 0) ^ (1 << random.between(0, 7));
  return other;
}
