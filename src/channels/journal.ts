import { concat, equals } from 'uint8arrays';
import type { ExternalChannelEvent } from '../../machines/channel/events.ts';
import { sha256 } from '../../protocols/crypto/hash.ts';
import { encodeJson } from '../../protocols/json.ts';

/**
 * One step of a channel's life: what came from outside, and what it changed. Entries are chained by their hashes, so that none can be altered,
 * dropped, swapped or repeated unseen.
 */
export interface JournalEntry {
  readonly sequence: number;
  /** Milliseconds since the Unix epoch. */
  readonly time: number;
  /** The event; for a message of the peer's only its type, since `wire` holds its bytes. */
  readonly event: Omit<ExternalChannelEvent, 'message'> | { readonly type: 'message'; readonly name: string };
  readonly wire: Uint8Array | undefined;
  /** What only the signer could make of the messages that left: signatures, revocation secrets and points, as wire bytes. */
  readonly signed: readonly Uint8Array[];
  /** The regions of the chart that changed, with their new states. */
  readonly transitions: Readonly<Record<string, unknown>>;
  /** HTLCs that changed, with their new states; undefined where one ended. */
  readonly htlcs: Readonly<Record<string, string>>;
  /** SHA256 of the channel's row as it was written, on the last entry of each turn. */
  readonly stateHash: Uint8Array | undefined;
}

export interface ChainedEntry {
  readonly entry: JournalEntry;
  /** SHA256 of the hash before it and of this entry's own text. */
  readonly hash: Uint8Array;
}

/** The hash before the first entry. */
export const GENESIS = new Uint8Array(32);

/** The entry exactly as it is hashed. */
export const entryText = (entry: JournalEntry): string => encodeJson(entry);

export function hashEntry(previous: Uint8Array, entry: JournalEntry): Uint8Array {
  return sha256(concat([previous, new TextEncoder().encode(entryText(entry))]));
}

export const hashState = (row: string): Uint8Array => sha256(new TextEncoder().encode(row));

/** The first entry that does not follow from the one before it, by its sequence number; undefined if the chain holds. */
export function firstBreak(entries: Iterable<ChainedEntry>): { readonly sequence: number; readonly reason: string } | undefined {
  let previous: Uint8Array = GENESIS;
  let sequence = 0;
  for (const { entry, hash } of entries) {
    if (entry.sequence !== sequence) return { sequence, reason: `expected entry ${sequence}, got ${entry.sequence}` };
    if (!equals(hashEntry(previous, entry), hash)) return { sequence, reason: 'the entry does not hash to its place in the chain' };
    previous = hash;
    sequence += 1;
  }
  return undefined;
}
