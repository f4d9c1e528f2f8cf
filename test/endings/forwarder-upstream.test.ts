import { describe, expect, it } from 'vitest';
import { nameOfLine, playLine } from '../harness/endings-line.ts';
import { linesOf } from '../harness/endings-line-table.ts';

/* Channels that end upstream of a forwarder, or on both of its sides: what it pays it is paid (docs/endings.md). */
describe.each(['upstream', 'both'] as const)('%s', (where) => {
  it.each(linesOf(where).map((line) => [nameOfLine(line), line] as const))('%s', async (_name, line) => {
    expect(await playLine(line)).toEqual([]);
  });
});
