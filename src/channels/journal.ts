import { concat } from 'uint8arrays';
import type { ChannelSnapshot, ChannelStateValue } from '../../machines/channel/channel.ts';
import type { ChannelData } from '../../machines/channel/data.ts';
import type { ExternalChannelEvent } from '../../machines/channel/events.ts';
import type { ChannelPolicy } from '../../machines/channel/policy.ts';
import type { SecretStore } from '../../machines/commitment/secrets.ts';
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
  | { readonly type: 'restored'; readonly policy: ChannelPolicy }
  | Checkpoint;

/**
 * All that the machine goes on from, between two turns: what came before may be dropped, and what follows can be checked all the same. The
 * entry's `signed` holds our signatures for the peer's latest commitment, its `points` those of our own commitments that are not revoked.
 */
export interface Checkpoint {
  readonly type: 'checkpoint';
  /** The hash of the entry before it. */
  readonly previous: Uint8Array;
  /** The HTLCs in the order of the channel's table, which decides between them where it is one's turn. */
  readonly snapshot: ChannelSnapshot;
  readonly policy: ChannelPolicy;
  /** The secrets with which we revoked our commitments, and which the peer has: our earlier points follow from them. */
  readonly revokedSecrets: SecretStore;
}

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
  /** The sequence of the last checkpoint. */
  readonly checkpoint: number | undefined;
}

/** How much of a journal there is. */
export interface JournalLimits {
  /** A checkpoint follows that many entries after the one before it. */
  readonly checkpointEntries: number;
  /** So many entries are kept at least; 0 keeps all. */
  readonly keepEntries: number;
}

export const defaultJournalLimits: JournalLimits = { checkpointEntries: 1_000, keepEntries: 100_000 };

/** The hash before the first entry. */
export const GENESIS = new Uint8Array(32);

/** The entry exactly as it is hashed. */
export const entryText = (entry: JournalEntry): string => encodeJson(entry);

/** The hash of an entry, by its text, which may be at hand. */
export function hashEntry(previous: Uint8Array, text: string): Uint8Array {
  return sha256(concat([previous, new TextEncoder().encode(text)]));
}

export const hashState = (row: string): Uint8Array => sha256(new TextEncoder().encode(row));
