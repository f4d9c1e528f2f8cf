import { equals } from 'uint8arrays';
import {
  createChannel, restoreChannel, snapshotOf, type ChannelActor, type ChannelSnapshot,
} from '../../machines/channel/channel.ts';
import type { ChannelData } from '../../machines/channel/data.ts';
import type { ChannelEffect } from '../../machines/channel/effects.ts';
import type { ExternalChannelEvent } from '../../machines/channel/events.ts';
import type { ChannelPolicy } from '../../machines/channel/policy.ts';
import type { HtlcRow } from '../../machines/htlc/htlc-table.ts';
import { decodeJson, encodeJson } from '../../protocols/json.ts';
import { decodeMessage, encodeMessage } from '../../protocols/wire/messages.ts';
import { wireMessage } from '../runtime/channel-wire.ts';
import { rowText } from './channel-store.ts';
import { JournalKeys, ReplayError } from './journal-keys.ts';
import {
  changedRegions, GENESIS, hashEntry, hashState, htlcChanges, type ChainedEntry, type JournalEntry,
} from './journal.ts';
import { signerMade } from './live-channel.ts';

/** The channel as it is after the last entry, or the first entry that does not follow from those before it. */
export type Replayed =
  | { readonly ok: true; readonly snapshot: ChannelSnapshot }
  | { readonly ok: false; readonly sequence: number; readonly reason: string };

/**
 * Lives a channel's life again from its journal alone, through the same charts and without a secret. Checks the hash
 * chain, each transition, what became of each HTLC, each row that was written, and that each signature and revocation
 * which left was the one that was due. Never throws.
 *
 * A journal that was cut short at the end of a turn is a journal still: compare the snapshot with the row that the node
 * holds.
 */
export function replayChannel(entries: Iterable<ChainedEntry>): Replayed {
  const replay = new ChannelReplay();
  let sequence = 0;
  try {
    for (const entry of entries) {
      replay.follow(entry, sequence);
      sequence += 1;
    }
    return { ok: true, snapshot: replay.end() };
  } catch (error) {
    return { ok: false, sequence, reason: error instanceof Error ? error.message : String(error) };
  }
}

class ChannelReplay {
  #actor: ChannelActor | undefined;
  #fault: { readonly error: unknown } | undefined;
  #effects: ChannelEffect[] = [];
  /** What the machine asked for in the present entry. */
  #asked = new Set<number>();
  #entry: JournalEntry | undefined;
  #hash: Uint8Array = GENESIS;
  readonly #keys = new JournalKeys(() => this.#data);

  follow({ entry, hash }: ChainedEntry, sequence: number): void {
    expect(entry.sequence === sequence, `expected entry ${sequence}, got ${entry.sequence}`);
    this.#hash = hashEntry(this.#hash, entry);
    expect(equals(this.#hash, hash), 'the entry does not hash to its place in the chain');
    this.#entry = entry;
    this.#effects = [];
    this.#asked = new Set();
    for (const [number, point] of Object.entries(entry.points)) this.#keys.notePoint(Number(number), point);
    const before = this.#begin(entry);
    const event = eventOf(entry);
    if (event !== undefined) this.#live.send(event);
    if (this.#fault !== undefined) throw this.#fault.error;
    expect(this.#asked.size === Object.keys(entry.points).length, 'the entry has points that nobody asked for');
    const transitions = changedRegions(before, this.#snapshot.value);
    expectSame('transitions', transitions, entry.transitions);
    this.#checkMessages(entry.signed);
    this.#checkRow(entry);
  }

  end(): ChannelSnapshot {
    expect(this.#entry?.stateHash !== undefined, 'the journal ends within a turn');
    return this.#snapshot;
  }

  get #live(): ChannelActor {
    if (this.#actor === undefined) throw new ReplayError('expected the journal to begin with the creation of the channel');
    return this.#actor;
  }

  get #snapshot(): ChannelSnapshot {
    return snapshotOf(this.#live);
  }

  get #data(): ChannelData {
    return this.#live.getSnapshot().context.data;
  }

  /** Has the actor that the entry's event goes to, and returns the state that it begins from. */
  #begin({ event, sequence }: JournalEntry): ChannelSnapshot['value'] {
    expect((event.type === 'created') === (sequence === 0), `${event.type} cannot be entry ${sequence}`);
    if (event.type === 'created') this.#watch(createChannel(event.data, this.#environment(event.policy)));
    if (event.type === 'restored') {
      this.#watch(restoreChannel(asFromDisk(this.#snapshot), this.#environment(event.policy)));
    }
    return this.#snapshot.value;
  }

  #watch(actor: ChannelActor): void {
    actor.subscribe({ error: (error) => void (this.#fault = { error }) });
    this.#actor = actor;
  }

  #environment(policy: ChannelPolicy) {
    const emit = (effect: ChannelEffect): void => void this.#effects.push(effect);
    return { policy, localPoint: (number: number) => this.#point(number), emit };
  }

  #point(number: number): Uint8Array {
    const point = this.#entry?.points[number];
    if (point === undefined) throw new ReplayError(`the entry lacks the point of commitment ${number}`);
    this.#asked.add(number);
    return point;
  }

  /** What left with a signature or a secret is what the channel had to send, byte for byte. */
  #checkMessages(signed: readonly Uint8Array[]): void {
    const due = this.#effects.filter(({ type }) => signerMade.has(type));
    expect(due.length === signed.length, `expected ${due.length} signed messages, got ${signed.length}`);
    for (const [index, effect] of due.entries()) {
      const bytes = signed[index] ?? new Uint8Array();
      const message = wireMessage(effect, this.#data, this.#keys.forMessage(bytes));
      const isRight = message !== undefined && equals(encodeMessage(message), bytes);
      expect(isRight, `expected another ${message?.type} to be sent`);
    }
  }

  /** At the end of a turn: the row that was written, and what became of the HTLCs. */
  #checkRow(entry: JournalEntry): void {
    if (entry.stateHash === undefined) {
      expect(Object.keys(entry.htlcs).length === 0, 'HTLCs are noted before the end of a turn');
      return;
    }
    const changes = htlcChanges(this.#live.getSnapshot().context.htlcs.takeChanges());
    expectSame('HTLCs', changes, entry.htlcs);
    const isRow = equals(hashState(rowText(this.#snapshot)), entry.stateHash);
    expect(isRow, 'the row that was written is not the one that follows');
  }
}

/** The event of an entry as the machine gets it; the creation of the channel is none. */
function eventOf({ event, wire }: JournalEntry): ExternalChannelEvent | undefined {
  expect((event.type === 'message') === (wire !== undefined), 'a message has wire bytes, and nothing else has');
  if (event.type === 'created') return undefined;
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
