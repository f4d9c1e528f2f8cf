import { describe, expect, it } from 'vitest';
import { playPair } from '../harness/endings-pair.ts';
import { casesOf, nameOf } from '../harness/endings-table.ts';

/* Channels that a cheater ends with what it had revoked: all of it is its victim's (docs/endings.md). */
describe.each(['revoked'] as const)('%s', (closing) => {
  it.each(casesOf(closing).map((end) => [nameOf(end), end] as const))('%s', async (_name, end) => {
    expect(await playPair(end)).toEqual([]);
  });
});
