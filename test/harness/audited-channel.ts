import { ChannelEnd, openChannel } from '../../scripts/bench/channel-ends.ts';
import { batch } from '../../scripts/bench/traffic.ts';
import type { ChainedEntry } from '../../src/channels/journal.ts';
import { auditLines } from './audit-files.ts';

export type Ends = readonly [ChannelEnd, ChannelEnd];

const ALL = 1_000_000;

/** Two ends of one channel through which HTLCs of all sizes went in both directions. */
export function auditedChannel(checkpointEntries: number, rounds: number): Ends {
  const limits = { checkpointEntries, keepEntries: 0 };
  const ends: Ends = [
    new ChannelEnd({ name: 'alice', peer: 'bob', database: ':memory:', limits }),
    new ChannelEnd({ name: 'bob', peer: 'alice', database: ':memory:', limits }),
  ];
  openChannel(ends);
  more(ends, rounds);
  return ends;
}

/** More of them. */
export function more(ends: Ends, rounds: number, name = 'round'): void {
  for (let round = 0; round < rounds; round++) {
    batch(ends, round % 2 === 0 ? 0 : 1, 1 + (round % 3), `${name} ${round}`, round % 3 === 2 ? 300_000n : 3_000_000n);
  }
}

export const entriesOf = ({ store }: ChannelEnd, from = 0): ChainedEntry[] => store.journal(0, from, ALL);

/** The lines of its audit file; of other entries than its own where a test says so. */
export const linesOf = (end: ChannelEnd, entries = entriesOf(end)): string[] => auditLines(entries, end.channel.data, end.signer);
