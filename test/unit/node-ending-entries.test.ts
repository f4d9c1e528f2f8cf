import { describe, expect, it } from 'vitest';
import { EndingSearch } from '../../src/node/api/ending-entries.ts';
import type { ChannelStore } from '../../src/channels/channel-store.ts';
import type { ChainedEntry, JournalEntry } from '../../src/channels/journal.ts';

/** A journal of which only the lifecycle's moves are of interest, `dropped` entries of it gone. */
class Journal {
  readonly #moves = new Map<number, unknown>();
  length = 0;
  dropped = 0;
  read = 0;

  grow(by: number, lifecycle?: unknown): void {
    if (lifecycle !== undefined) this.#moves.set(this.length, lifecycle);
    this.length += by;
  }

  get store(): ChannelStore {
    const entryOf = (sequence: number): ChainedEntry => {
      const transitions = this.#moves.has(sequence) ? { lifecycle: this.#moves.get(sequence) } : {};
      return { entry: { sequence, event: { type: 'turnEnded' }, transitions } as unknown as JournalEntry, hash: new Uint8Array() };
    };
    return {
      journalHead: () => ({ length: this.length }),
      journalStart: () => this.dropped,
      journal: (_index: number, from: number, limit: number) => {
        const first = Math.max(from, this.dropped);
        const count = Math.max(0, Math.min(limit, this.length - first));
        this.read += count;
        return Array.from({ length: count }, (_, index) => entryOf(first + index));
      },
    } as unknown as ChannelStore;
  }
}

const movesOf = async (search: EndingSearch, { store }: Journal): Promise<number[]> => (await search.of(store, 0)).moves.map(({ sequence }) => sequence);

describe('the entries that tell of a channel’s end', () => {
  it('are looked for back to where it was usable, however far that is, and then only in what is new', async () => {
    const journal = new Journal();
    journal.grow(1_000, 'normal');
    journal.grow(2_345, 'failed');
    journal.grow(10, { closing: 'local' });
    const search = new EndingSearch();
    expect(await movesOf(search, journal)).toEqual([1_000, 3_345]);
    const { read } = journal;
    journal.grow(150, 'closed');
    journal.grow(1);
    expect(await movesOf(search, journal)).toEqual([1_000, 3_345, 3_355]);
    expect(journal.read - read).toBe(151);
  });

  it('are found by two who look at once', async () => {
    const journal = new Journal();
    journal.grow(500, 'normal');
    journal.grow(500, 'failed');
    const search = new EndingSearch();
    await movesOf(search, journal);
    journal.grow(450, { closing: 'local' });
    expect(await Promise.all([movesOf(search, journal), movesOf(search, journal)])).toEqual([[500, 1_000], [500, 1_000]]);
  });

  it('are those of the last end, and of what is kept', async () => {
    const journal = new Journal();
    journal.grow(100, 'failed');
    journal.grow(400, 'normal');
    journal.grow(300, 'failed');
    const search = new EndingSearch();
    expect(await movesOf(search, journal)).toEqual([500]);
    journal.grow(50, 'normal');
    journal.grow(50, { closing: 'mutual' });
    expect(await movesOf(search, journal)).toEqual([850]);
    journal.dropped = 620;
    expect(await movesOf(new EndingSearch(), journal)).toEqual([850]);
    journal.dropped = 870;
    expect(await movesOf(new EndingSearch(), journal)).toEqual([]);
  });
});
