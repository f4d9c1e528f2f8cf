import { describe, expect, it } from 'vitest';
import { playPair } from '../harness/endings-pair.ts';
import { casesOf, nameOf } from '../harness/endings-table.ts';

/* Channels that end by agreement, or with the latest commitment of either side: the table of docs/endings.md, each case with two whole nodes on one chain. */
describe.each(['mutual', 'latest'] as const)('%s', (closing) => {
  it.each(casesOf(closing).map((end) => [nameOf(end), end] as const))('%s', async (_name, end) => {
    expect(await playPair(end)).toEqual([]);
  });
});
