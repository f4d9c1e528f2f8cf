import { setImmediate } from 'node:timers/promises';
import { toString } from 'uint8arrays';
import { decodeMessage } from '../../../protocols/wire/messages.ts';
import type { ChannelStore } from '../../channels/channel-store.ts';
import type { JournalEntry } from '../../channels/journal.ts';
import { isEnding } from './why.ts';

/** Entries that are looked through before others of this process come to their turn, and at most. */
const PAGE = 100;
const MAX_SEARCHED = 20_000;
/** Of so many channels what was found is kept: each look at one would cost as much again. */
const MAX_KEPT = 50;

/** What a channel's journal has of its end. */
export interface EndingEntries {
  /** Those with which its lifecycle went on, from where it was usable, in their order. */
  readonly moves: readonly JournalEntry[];
  /** The sequences of the peer's revocations, by their secrets in hex. */
  readonly revocations: ReadonlyMap<string, number>;
}

interface Found {
  readonly moves: JournalEntry[];
  readonly revocations: Map<string, number>;
  /** The journal's length as far as it was looked through. */
  searched: number;
}

/** Looks through the journals of channels that end: back from their ends at first, and then only through what is new. */
export class EndingSearch {
  readonly #found = new Map<number, Found>();

  async of(store: ChannelStore, channelIndex: number): Promise<EndingEntries> {
    const length = store.journalHead(channelIndex)?.length ?? 0;
    const found = this.#found.get(channelIndex) ?? (await lookBack(store, channelIndex, length));
    while (found.searched < length) {
      const page = store.journal(channelIndex, found.searched, PAGE);
      for (const { entry } of page) take(found, entry);
      // What is dropped meanwhile is passed over.
      found.searched = (page.at(-1)?.entry.sequence ?? length - 1) + 1;
      await setImmediate();
    }
    this.#found.delete(channelIndex);
    this.#found.set(channelIndex, found);
    for (const oldest of this.#found.keys()) {
      if (this.#found.size <= MAX_KEPT) break;
      this.#found.delete(oldest);
    }
    return found;
  }
}

/** From the end back to where the channel was usable still; within bounds. */
async function lookBack(store: ChannelStore, channelIndex: number, length: number): Promise<Found> {
  const start = store.journalStart(channelIndex) ?? 0;
  let begin = length;
  while (begin > start && length - begin < MAX_SEARCHED) {
    const from = Math.max(start, begin - PAGE);
    const page = store.journal(channelIndex, from, begin - from);
    begin = from;
    if (page.some(({ entry: { transitions } }) => 'lifecycle' in transitions && !isEnding(transitions.lifecycle))) break;
    await setImmediate();
  }
  return { moves: [], revocations: new Map(), searched: begin };
}

function take({ moves, revocations }: Found, entry: JournalEntry): void {
  const { event, wire, transitions, sequence } = entry;
  if ('lifecycle' in transitions) {
    // What came before is of another end, which a reorg undid.
    if (!isEnding(transitions.lifecycle)) moves.length = 0;
    else moves.push(entry);
  }
  if (event.type !== 'message' || event.name !== 'revoke_and_ack' || wire === undefined) return;
  const message = decodeMessage(wire);
  if (message.type === 'revoke_and_ack') revocations.set(toString(message.perCommitmentSecret, 'base16'), sequence);
}
