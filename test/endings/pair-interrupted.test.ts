import { describe, expect, it } from 'vitest';
import { sampled } from '../harness/effort.ts';
import { playPair } from '../harness/endings-pair.ts';
import { casesOf, nameOf } from '../harness/endings-table.ts';

/*
 * Channels that end while a commitment is being replaced, with the one before or with the one after: the table of docs/endings.md, each case with two
 * whole nodes on one chain, from the opening to the last confirmation.
 */
describe.each(['current', 'next'] as const)('%s', (closing) => {
  it.each(sampled(casesOf(closing)).map((end) => [nameOf(end), end] as const))('%s', async (_name, end) => {
    expect(await playPair(end)).toEqual([]);
  });
});
