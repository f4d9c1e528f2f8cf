import { describe, expect, it } from 'vitest';
import { sampled } from '../harness/effort.ts';
import { nameOfLine, playLine } from '../harness/endings-line.ts';
import { linesOf } from '../harness/endings-line-table.ts';

/*
 * Channels that end on either side of a forwarder, or on both: what stands upstream is settled exactly as what stood downstream (docs/endings.md).
 */
describe.each(['downstream', 'upstream', 'both'] as const)('%s', (where) => {
  it.each(sampled(linesOf(where)).map((line) => [nameOfLine(line), line] as const))('%s', async (_name, line) => {
    expect(await playLine(line)).toEqual([]);
  });
});
