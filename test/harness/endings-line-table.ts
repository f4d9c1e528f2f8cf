import type { LineCase } from './endings-line.ts';
import { closings, fates, type Closing, type Fate } from './endings-table.ts';

/** The cells of the table for a forwarder: it never cheats, so that what is revoked is a peer's. */
export function linesOf(where: LineCase['where']): LineCase[] {
  const cells = where === 'both' ? bothCells : closings.flatMap((closing) => fatesOf(where, closing).map((fate) => [closing, fate] as const));
  const asked = cells.flatMap(([closing, fate]) =>
    (closing === 'revoked' ? (['peer'] as const) : (['forwarder', 'peer'] as const)).flatMap((by) =>
      reorgsOf(closing).map((reorg, _index, all): LineCase => ({ where, by, end: { closing, fate, reorg }, hasNoReorgs: all.length === 1 })),
    ),
  );
  return [...asked, ...deadlines.filter((line) => line.where === where)];
}

/** What a reorg does to a commitment that was being replaced is the pair's matter; here it would be the same again. */
const reorgsOf = (closing: Closing): readonly boolean[] => (closing === 'current' || closing === 'next' ? [false] : [false, true]);

/** Where both channels end at once, the chain alone tells the one of the other. */
const bothCells: readonly (readonly [Closing, Fate])[] = [
  ['latest', 'timed out'],
  ['latest', 'fulfilled after'],
];

function fatesOf(where: LineCase['where'], closing: Closing): Fate[] {
  const all = fates.filter((row) => row.closings.includes(closing)).map(({ fate }) => fate);
  return all.filter((fate) => {
    if (fate === 'none') return false;
    // The payer's HTLC expires long after what the forwarder offered for it.
    return !(where === 'upstream' && fate === 'taken by the cheater');
  });
}

/** An HTLC that the payee leaves standing until it expires. */
const deadlines: readonly LineCase[] = [
  { where: 'downstream', by: 'forwarder', end: { closing: 'latest', fate: 'timed out', reorg: false }, atDeadline: true },
  { where: 'upstream', by: 'forwarder', end: { closing: 'latest', fate: 'fulfilled before', reorg: false }, atDeadline: true },
];
