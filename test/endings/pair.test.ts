import { describe, expect, it } from 'vitest';
import { sampled } from '../harness/effort.ts';
import { playPair } from '../harness/endings-pair.ts';
import { casesOf, nameOf } from '../harness/endings-table.ts';

/*
 * Channels that end by agreement, with either side's latest commitment, or with what a cheater had revoked: the table of docs/endings.md, each case
 * with two whole nodes on one chain, from the opening to the last confirmation.
 */
describe.each(['mutual', 'latest', 'revoked'] as const)('%s', (closing) => {
  it.each(sampled(casesOf(closing)).map((end) => [nameOf(end), end] as const))('%s', async (_name, end) => {
    expect(await playPair(end)).toEqual([]);
  });
});
