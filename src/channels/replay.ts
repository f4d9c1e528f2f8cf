import { equals } from 'uint8arrays';
import {
  channelAt, createChannel, restoreChannel, snapshotOf, type ChannelActor, type ChannelSnapshot,
} from '../../machines/channel/channel.ts';
import type { ChannelEnvironment } from '../../machines/channel/context.ts';
import type { ChannelData } from '../../machines/channel/data.ts';
import type { ChannelEffect } from '../../machines/channel/effects.ts';
import type { ExternalChannelEvent } from '../../machines/channel/events.ts';
import type { ChannelPolicy } from '../../machines/channel/policy.ts';
import type { HtlcRow, HtlcTable } from '../../machines/htlc/htlc-table.ts';
import { decodeJson, encodeJson } from '../../protocols/json.ts';
import { decodeMessage, encodeMessage, type Message } from '../../protocols/wire/messages.ts';
import { wireMessage } from '../runtime/channel-wire.ts';
import { rowText } from './channel-store.ts';
import { expectLatestSigned, expectSecretsInPlace, pointsOf, repeatedSignature } from './checkpoint.ts';
import { JournalKeys, ReplayError } from './journal-keys.ts';
import {
  changedRegions, entryText, GENESIS, hashEntry, hashState, htlcChanges, type ChainedEntry, type Checkpoint, type JournalEntry,
} from './journal.ts';
import { signerMade } from './live-channel.ts';

/** The channel as it is after the last entry, or the first entry that does not follow from those before it. */
export type Replayed =
  | { readonly ok: true; readonly snapshot: ChannelSnapshot }
  | { readonly ok: false; readonly sequence: number; readonly reason: string };

/**
 * Lives a channel's life again from its journal alone, and tells where that ends: at the last entry, or at the first that does not follow. Never
 * throws.
 *
 * A journal that was cut short at the end of a turn is a journal still: compare the snapshot with the row that the node
 * holds.
 */
export function replayChannel(entries: Iterable<ChainedEntry>): Replayed {
  const replay = new ChannelReplay();
  try {
    for (const entry of entries) replay.step(entry);
    return { ok: true, snapshot: replay.end() };
  } catch (error) {
    return { ok: false, sequence: replay.next, reason: error instanceof Error ? error.message : String(error) };
  }
}

/** What an entry of the journal did. */
export interface ReplayStep {
  readonly entry: JournalEntry;
  /** The channel's data before; undefined for the first entry. */
  readonly before: ChannelData | undefined;
  readonly effects: readonly ChannelEffect[];
  /** The messages that left, in their order. */
  readonly sent: readonly Message[];
}

export interface ReplayOptions {
  /** The journal is this node's own, from its own disk: what only proves that nobody forged it is left out. */
  readonly isTrusted?: boolean;
}

/**
 * A channel's life from its journal, entry by entry, through the same charts and without a secret. Checks the hash
 * chain, each transition, what became of each HTLC, each row that was written, each checkpoint, and that each signature and revocation
 * which left was the one that was due. It begins with the channel's creation, or with a checkpoint.
 */
export class ChannelReplay {
  readonly #isTrusted: boolean;
  #actor: ChannelActor | undefined;
  #policy: ChannelPolicy | undefined;
  #fault: { readonly error: unknown } | undefined;
  #effects: ChannelEffect[] = [];
  /** What the machine asked for in the present entry. */
  #asked = new Set<number>();
  #entry: JournalEntry | undefined;
  #next: number | undefined;
  #isBetweenTurns = false;
  #hash: Uint8Array = GENESIS;
  #keys = new JournalKeys(() => this.data);

  constructor({ isTrusted = false }: ReplayOptions = {}) {
    this.#isTrusted = isTrusted;
  }

  /** Takes the next entry, or throws what is wrong with it; then this replay is over. `text`: the entry's, where it is at hand. */
  step({ entry, hash }: ChainedEntry, text = entryText(entry)): ReplayStep {
    if (this.#next !== undefined) expect(entry.sequence === this.#next, `expected entry ${this.#next}, got ${entry.sequence}`);
    this.#next = entry.sequence;
    this.#chain(entry, hash, text);
    expect((entry.event.type === 'message') === (entry.wire !== undefined), 'a message has wire bytes, and nothing else has');
    const before = this.#actor && this.data;
    for (const [number, point] of Object.entries(entry.points)) this.#keys.notePoint(Number(number), point);
    this.#effects = [];
    this.#entry = entry;
    const sent = entry.event.type === 'checkpoint' ? this.#checkpoint(entry, entry.event) : this.#live(entry);
    this.#checkRow(entry);
    this.#isBetweenTurns = entry.stateHash !== undefined;
    this.#next += 1;
    return { entry, before, effects: this.#effects, sent };
  }

  /** The channel, whose journal must not end within a turn. */
  end(): ChannelSnapshot {
    expect(this.isBetweenTurns, 'the journal ends within a turn');
    return this.snapshot;
  }

  /** The sequence of the entry that is at fault, or due. */
  get next(): number {
    return this.#next ?? 0;
  }

  /** The hash of the last entry. */
  get hash(): Uint8Array {
    return this.#hash;
  }

  /** A journal may end here. */
  get isBetweenTurns(): boolean {
    return this.#isBetweenTurns;
  }

  get snapshot(): ChannelSnapshot {
    return snapshotOf(this.#started);
  }

  get data(): ChannelData {
    return this.#started.getSnapshot().context.data;
  }

  get htlcs(): HtlcTable {
    return this.#started.getSnapshot().context.htlcs;
  }

  /** The point of our own commitment, if the journal has spoken of it. */
  localPoint(commitmentNumber: number): Uint8Array | undefined {
    return this.#keys.pointOf(commitmentNumber);
  }

  get #value(): ChannelSnapshot['value'] {
    return this.#started.getSnapshot().value as ChannelSnapshot['value'];
  }

  get #started(): ChannelActor {
    if (this.#actor === undefined) throw new ReplayError('expected the journal to begin with the creation of the channel, or with a checkpoint');
    return this.#actor;
  }

  #chain({ event, sequence }: JournalEntry, hash: Uint8Array, text: string): void {
    if (event.type === 'checkpoint') {
      expect(sequence > 0, 'a checkpoint cannot be entry 0');
      if (this.#actor === undefined) this.#hash = event.previous;
      expect(equals(this.#hash, event.previous), 'the checkpoint names another hash than that of the entry before it');
    }
    if (this.#isTrusted) {
      this.#hash = hash;
      return;
    }
    this.#hash = hashEntry(this.#hash, text);
    expect(equals(this.#hash, hash), 'the entry does not hash to its place in the chain');
  }

  /** Gives the entry's event to the machine, and answers what left. */
  #live(entry: JournalEntry): readonly Message[] {
    this.#asked = new Set();
    const before = this.#begin(entry);
    const event = eventOf(entry);
    if (event !== undefined) this.#started.send(event);
    if (this.#fault !== undefined) throw this.#fault.error;
    expect(this.#asked.size === Object.keys(entry.points).length, 'the entry has points that nobody asked for');
    expectSame('transitions', changedRegions(before, this.#value), entry.transitions);
    return this.#sent(entry.signed);
  }

  /** Has the actor that the entry's event goes to, and returns the state that it begins from. */
  #begin({ event, sequence }: JournalEntry): ChannelSnapshot['value'] {
    expect((event.type === 'created') === (sequence === 0), `${event.type} cannot be entry ${sequence}`);
    if (event.type === 'created') this.#watch(createChannel(event.data, this.#environment(event.policy)));
    if (event.type === 'restored') this.#watch(restoreChannel(asFromDisk(this.snapshot), this.#environment(event.policy)));
    return this.#value;
  }

  /** Begins from a checkpoint, or holds it against what the channel is. */
  #checkpoint({ points, signed, transitions }: JournalEntry, { snapshot, policy, revokedSecrets }: Checkpoint): readonly Message[] {
    const isFirst = this.#actor === undefined;
    if (isFirst) {
      this.#keys = new JournalKeys(() => this.data, revokedSecrets);
      for (const [number, point] of Object.entries(points)) this.#keys.notePoint(Number(number), point);
      this.#watch(channelAt(snapshot, this.#environment(policy)));
    } else expect(this.#isBetweenTurns, 'there is a checkpoint within a turn');
    if (this.#isTrusted) return [];
    const pointOf = (number: number): Uint8Array | undefined => this.#keys.pointOf(number);
    expectSame('checkpoint', this.snapshot, snapshot);
    expectSame('policy', this.#policy, policy);
    expectSecretsInPlace(this.data, revokedSecrets);
    expectSame('revoked secrets', this.#keys.revokedSecrets, revokedSecrets);
    expectSame('points', pointsOf(this.data, pointOf), points);
    expectSame('transitions', {}, transitions);
    const due = repeatedSignature(this.data, this.htlcs);
    expect(signed.length === (due === undefined ? 0 : 1), 'the checkpoint does not carry our latest signature alone');
    const repeated = due === undefined ? [] : signed.map((bytes) => this.#signed(due, bytes));
    expectLatestSigned(this.data, this.htlcs, pointOf);
    if (due === undefined || !isFirst) return [];
    // Of what was signed before, this is all that there is.
    this.#effects = [due];
    return repeated;
  }

  #watch(actor: ChannelActor): void {
    actor.subscribe({ error: (error) => void (this.#fault = { error }) });
    this.#actor = actor;
  }

  #environment(policy: ChannelPolicy): ChannelEnvironment {
    this.#policy = policy;
    const emit = (effect: ChannelEffect): void => void this.#effects.push(effect);
    return { policy, localPoint: (number) => this.#point(number), emit };
  }

  #point(number: number): Uint8Array {
    const point = this.#entry?.points[number];
    if (point === undefined) throw new ReplayError(`the entry lacks the point of commitment ${number}`);
    this.#asked.add(number);
    return point;
  }

  /** The messages that left: those with a signature or a secret are what the channel had to send, byte for byte. */
  #sent(signed: readonly Uint8Array[]): readonly Message[] {
    const messages: Message[] = [];
    let used = 0;
    for (const effect of this.#effects) {
      if (effect.type === 'send' || effect.type === 'sendReestablish') messages.push(effect.message);
      if (!signerMade.has(effect.type)) continue;
      const bytes = signed[used++];
      if (bytes !== undefined) messages.push(this.#signed(effect, bytes));
    }
    expect(used === signed.length, `expected ${used} signed messages, got ${signed.length}`);
    return messages;
  }

  #signed(effect: ChannelEffect, bytes: Uint8Array): Message {
    if (this.#isTrusted) return decodeMessage(bytes);
    const message = wireMessage(effect, this.data, this.#keys.forMessage(bytes));
    expect(message !== undefined && equals(encodeMessage(message), bytes), `expected another ${message?.type} to be sent`);
    return message;
  }

  /** At the end of a turn: the row that was written, and what became of the HTLCs. */
  #checkRow(entry: JournalEntry): void {
    if (entry.stateHash === undefined) {
      expect(entry.event.type !== 'checkpoint', 'a checkpoint has the hash of its row');
      expect(Object.keys(entry.htlcs).length === 0, 'HTLCs are noted before the end of a turn');
      return;
    }
    const changes = htlcChanges(this.htlcs.takeChanges());
    if (this.#isTrusted) return;
    expectSame('HTLCs', changes, entry.htlcs);
    const isRow = equals(hashState(rowText({ value: this.#value, data: this.data })), entry.stateHash);
    expect(isRow, 'the row that was written is not the one that follows');
  }
}

/** The event of an entry as the machine gets it; the creation of the channel is none. */
function eventOf({ event, wire }: JournalEntry): ExternalChannelEvent | undefined {
  if (event.type === 'created' || event.type === 'checkpoint') return undefined;
  if (event.type === 'restored') return { type: 'restored' };
  if (event.type !== 'message') return event;
  const message = decodeMessage(wire ?? new Uint8Array());
  expect(message.type === event.name, `expected ${event.name}, got ${message.type}`);
  return { type: 'message', message };
}

/** What a new process finds: the text of the row, and the HTLCs by their ids. */
function asFromDisk(snapshot: ChannelSnapshot): ChannelSnapshot {
  const { value, data, htlcs } = decodeJson(encodeJson(snapshot)) as ChannelSnapshot;
  const order = ({ details: a }: HtlcRow, { details: b }: HtlcRow): number =>
    a.direction === b.direction ? Number(a.id - b.id) : a.direction < b.direction ? -1 : 1;
  return { value, data, htlcs: [...htlcs].sort(order) };
}

function expectSame(what: string, expected: unknown, got: unknown): void {
  expect(encodeJson(expected) === encodeJson(got), `expected the ${what} ${encodeJson(expected)}, got ${encodeJson(got)}`);
}

function expect(holds: boolean, reason: string): asserts holds {
  if (!holds) throw new ReplayError(reason);
}
