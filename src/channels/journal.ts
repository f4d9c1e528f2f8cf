import { concat, equals } from 'uint8arrays';
import type { ChannelStateValue } from '../../machines/channel/channel.ts';
import type { ChannelData } from '../../machines/channel/data.ts';
import type { ExternalChannelEvent } from '../../machines/channel/events.ts';
import type { ChannelPolicy } from '../../machines/channel/policy.ts';
import type { HtlcRow } from '../../machines/htlc/htlc-table.ts';
import { sha256 } from '../../protocols/crypto/hash.ts';
import { encodeJson } from '../../protocols/json.ts';

/** What an entry is about: an event as the chart got it, or what only the journal knows of. */
export type JournalEvent =
  | Exclude<ExternalChannelEvent, { readonly type: 'message' | 'restored' }>
  /** The peer's message, by its type: the entry's `wire` holds its bytes. */
  | { readonly type: 'message'; readonly name: string }
  /** The first entry: all that the machine starts from. */
  | { readonly type: 'created'; readonly data: ChannelData; readonly policy: ChannelPolicy }
  /** The process began anew and rebuilt the channel from its row, under the policy that holds from then on. */
  | { readonly type: 'restored'; readonly policy: ChannelPolicy };

/**
 * One step of a channel's life: what came from outside, and what it changed. Entries are chained by their hashes, so that none can be altered,
 * dropped, swapped or repeated unseen.
 */
export interface JournalEntry {
  readonly sequence: number;
  /** Milliseconds since the Unix epoch. */
  readonly time: number;
  readonly event: JournalEvent;
  readonly wire: Uint8Array | undefined;
  /** What only the signer could make of the messages that left: signatures, revocation secrets and points, as wire bytes. */
  readonly signed: readonly Uint8Array[];
  /** The signer's answers to the machine: public points of our own commitments, by number. */
  readonly points: Readonly<Record<string, Uint8Array>>;
  /** The regions of the chart that changed, with their new states. */
  readonly transitions: Readonly<Record<string, unknown>>;
  /** HTLCs that changed in the turn, with their new states, on its last entry; `ended` where one is gone. */
  readonly htlcs: Readonly<Record<string, string>>;
  /** SHA256 of the channel's row as it was written, on the last entry of each turn. */
  readonly stateHash: Uint8Array | undefined;
}

export interface ChainedEntry {
  readonly entry: JournalEntry;
  /** SHA256 of the hash before it and of this entry's own text. */
  readonly hash: Uint8Array;
}

/** The regions of the chart whose state is another one than before, with the new states. */
export function changedRegions(before: ChannelStateValue, after: ChannelStateValue): JournalEntry['transitions'] {
  const was: Readonly<Record<string, unknown>> = before;
  return Object.fromEntries(Object.entries(after).filter(([region, state]) => encodeJson(state) !== encodeJson(was[region])));
}

/** HTLCs that changed, as an entry has them. */
export const htlcChanges = (changes: ReadonlyMap<string, HtlcRow | undefined>): JournalEntry['htlcs'] =>
  Object.fromEntries([...changes].map(([key, htlc]) => [key, htlc?.state ?? 'ended']));

/** The end of a journal, from which the next entry goes on. */
export interface JournalHead {
  readonly length: number;
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
