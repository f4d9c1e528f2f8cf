/*
 * What BOLT 3 and BOLT 5 say of each way in which a channel may end, as a table: which outputs the transaction leaves that spends the funding, who takes
 * each, and when. The tests play each case with whole nodes and hold what happened against it, to the satoshi; docs/endings.md is made from it.
 */

export type Who = 'opener' | 'accepter';

export const both: readonly Who[] = ['opener', 'accepter'];
export const other = (who: Who): Who => (who === 'opener' ? 'accepter' : 'opener');

/** Which transaction spends the funding. */
export type Closing =
  /** The one that both signed. */
  | 'mutual'
  /** A commitment, with nothing under way between the two. */
  | 'latest'
  /** A commitment whose successor the peer has signed, and which its owner has not got. */
  | 'current'
  /** A commitment whose predecessor its owner has not revoked, as far as the peer knows. */
  | 'next'
  /** A commitment that its owner had revoked. */
  | 'revoked';

/** What there is of an HTLC, and what becomes of it. */
export type Fate =
  | 'none'
  | 'dust'
  | 'dust fulfilled'
  | 'timed out'
  | 'fulfilled before'
  | 'fulfilled after'
  | 'being added'
  | 'being fulfilled'
  | 'fulfilled since'
  | 'failed since'
  | 'still standing'
  | 'taken by the cheater';

export interface EndingCase {
  readonly closing: Closing;
  /** Whose commitment it is; of a mutual close, who asks for it. */
  readonly by: Who;
  readonly fate: Fate;
  /** Who offered the HTLC. */
  readonly offeredBy: Who | undefined;
  readonly reorg: boolean;
}

/** The names of a commitment's outputs are BOLT 3's: `to_local` is its owner's. `balance`: what a mutual close pays. */
export type OutputName = 'to_local' | 'to_remote' | 'HTLC' | 'second stage' | 'balance';

/** The first block that can hold what takes an output, counted from the one that made it. */
export type When = 'in it' | 'one block later' | 'after the delay' | 'after the expiry';

export interface Taking {
  readonly output: OutputName;
  /** Whom it is worth something to. */
  readonly by: Who;
  readonly when: When;
  /** For `balance`, `to_local` and `to_remote`: whose it is before anybody is punished. */
  readonly of: Who;
}

interface FateRow {
  readonly fate: Fate;
  readonly closings: readonly Closing[];
  /** As a test's name and the docs say it. */
  readonly words: string;
}

const ordinary: readonly Closing[] = ['latest', 'current', 'next'];

export const fates: readonly FateRow[] = [
  { fate: 'none', closings: ['mutual', ...ordinary, 'revoked'], words: 'no HTLC' },
  { fate: 'dust', closings: ['mutual', ...ordinary, 'revoked'], words: 'a dust HTLC whose preimage nobody shows' },
  { fate: 'dust fulfilled', closings: ['mutual', ...ordinary], words: 'a dust HTLC whose preimage its receiver knows' },
  { fate: 'timed out', closings: ['mutual', ...ordinary], words: 'an HTLC whose preimage nobody shows' },
  { fate: 'fulfilled before', closings: ['mutual', ...ordinary], words: 'an HTLC whose preimage its receiver knows' },
  { fate: 'fulfilled after', closings: ordinary, words: 'an HTLC whose preimage its receiver learns once a block holds the commitment' },
  { fate: 'being added', closings: ['current', 'next'], words: 'an HTLC that is being added' },
  { fate: 'being fulfilled', closings: ['current', 'next'], words: 'an HTLC that is being fulfilled' },
  { fate: 'fulfilled since', closings: ['revoked'], words: 'an HTLC that was fulfilled since' },
  { fate: 'failed since', closings: ['revoked'], words: 'an HTLC that was failed since' },
  { fate: 'still standing', closings: ['revoked'], words: 'an HTLC that still stands' },
  { fate: 'taken by the cheater', closings: ['revoked'], words: 'an HTLC whose HTLC transaction the cheater gets into a block first' },
];

export const closings: readonly Closing[] = ['mutual', 'latest', 'current', 'next', 'revoked'];

/** Every cell of the table. */
export function casesOf(closing: Closing): EndingCase[] {
  return both.flatMap((by) =>
    fates.filter((row) => row.closings.includes(closing)).flatMap(({ fate }) =>
      (fate === 'none' ? [undefined] : both).flatMap((offeredBy) =>
        (hasReorgs({ closing, fate }) ? [false, true] : [false]).map((reorg) => ({ closing, by, fate, offeredBy, reorg })),
      ),
    ),
  );
}

/** What a reorg does to a commitment that was being replaced and has no HTLC's output is what it does to the latest one. */
export const hasReorgs = ({ closing, fate }: Pick<EndingCase, 'closing' | 'fate'>): boolean =>
  !((closing === 'current' || closing === 'next') && isDust(fate));

const wordsOf = (fate: Fate): string => fates.find((row) => row.fate === fate)!.words;

const closingWords: Record<Closing, (by: Who) => string> = {
  mutual: (by) => `a mutual close that the ${by} asks for`,
  latest: (by) => `the ${by}'s commitment`,
  current: (by) => `the ${by}'s commitment, while the ${other(by)} has signed the next one`,
  next: (by) => `the ${by}'s next commitment, while the ${other(by)} waits for the revocation of the one before it`,
  revoked: (by) => `a commitment that the ${by} had revoked`,
};

/** `the opener's commitment: an HTLC …, offered by the accepter, through reorgs`. */
export function nameOf({ closing, by, fate, offeredBy, reorg }: EndingCase): string {
  const htlc = offeredBy === undefined ? wordsOf(fate) : `${wordsOf(fate)}, offered by the ${offeredBy}`;
  return `${closingWords[closing](by)}: ${htlc}${reorg ? ', through reorgs' : ''}`;
}

/** Whether the HTLC's amount is its receiver's in the end, as whoever waits upstream must see it. */
export const isPaid = ({ fate, offeredBy, by, closing }: EndingCase): boolean =>
  fate === 'fulfilled before' ||
  fate === 'fulfilled after' ||
  fate === 'being fulfilled' ||
  fate === 'fulfilled since' ||
  (fate === 'dust fulfilled' && closing === 'mutual') ||
  // The cheater can take what it received with the preimage alone, which it thereby shows.
  (fate === 'taken by the cheater' && offeredBy !== by);

/** Whether the commitment that a block holds has the HTLC, be it with an output or without. */
export function standsInIt({ closing, fate }: EndingCase): boolean {
  if (fate === 'none' || closing === 'mutual') return false;
  if (fate === 'being added') return closing === 'next';
  if (fate === 'being fulfilled') return closing === 'current';
  return true;
}

export const isDust = (fate: Fate): boolean => fate === 'dust' || fate === 'dust fulfilled';

/** Who gets each output of the transaction that spends the funding, and when (BOLT 5). Anchors are left where they are. */
export function takingsOf(end: EndingCase): Taking[] {
  const { closing, by, fate, offeredBy } = end;
  const peer = other(by);
  if (closing === 'mutual') return both.map((of) => ({ output: 'balance', by: of, when: 'in it', of }));
  const isRevoked = closing === 'revoked';
  const balances: Taking[] = [
    { output: 'to_local', by: isRevoked ? peer : by, when: isRevoked ? 'one block later' : 'after the delay', of: by },
    { output: 'to_remote', by: peer, when: 'one block later', of: peer },
  ];
  if (offeredBy === undefined || !standsInIt(end) || isDust(fate)) return balances;
  const taker = isRevoked ? peer : isPaid(end) ? other(offeredBy) : offeredBy;
  const goesThroughHtlcTransaction = isRevoked ? fate === 'taken by the cheater' : taker === by;
  const when = isRevoked || isPaid(end) ? 'one block later' : 'after the expiry';
  const htlc: Taking = { output: 'HTLC', by: goesThroughHtlcTransaction ? by : taker, when, of: offeredBy };
  if (!goesThroughHtlcTransaction) return [...balances, htlc];
  const second: Taking = { output: 'second stage', by: taker, when: isRevoked ? 'one block later' : 'after the delay', of: offeredBy };
  return [...balances, htlc, second];
}
