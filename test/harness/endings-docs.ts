import { linesOf } from './endings-line-table.ts';
import {
  both,
  casesOf,
  closings,
  fates,
  isDust,
  isPaid,
  standsInIt,
  takingsOf,
  type Closing,
  type EndingCase,
  type Fate,
  type OutputName,
  type Who,
} from './endings-table.ts';

/*
 * docs/endings.md, made from the table that the tests play: what it says is what they hold.
 */

const titles: Record<Closing, string> = {
  mutual: 'A mutual close',
  latest: 'A commitment, with nothing under way',
  current: 'A commitment whose successor is signed',
  next: 'A commitment whose predecessor is not revoked yet',
  revoked: 'A commitment that its owner had revoked',
};

const explanations: Record<Closing, string> = {
  mutual:
    'Both have said `shutdown` and signed one transaction; HTLCs are out by then, each settled off chain. It pays both directly. The opener pays its fee.',
  latest:
    'One side, the *owner* of the commitment, goes to the chain: by `runnel close --force`, at a deadline, or since the peer broke the protocol. The other is its *peer*.',
  current: 'The peer has signed the next commitment, and its owner never got it: the owner goes to the chain with the one that it has.',
  next: 'The owner has the next commitment and the revocation of the one before it never reached the peer: two are valid, and the newer is on chain.',
  revoked: 'The owner is a *cheater*, and its peer the *victim*, which takes all of it by the revocation key, before the delay of the cheater ends.',
};

const whenWords = {
  'in it': 'in the transaction itself',
  'one block later': 'one block later',
  'after the delay': "after the delay that the peer asked for",
  'after the expiry': 'after its expiry',
} as const;

/** The whole document. */
export function endingsDocument(): string {
  const lines = [
    '# How channels end, and who gets what',
    '',
    'Made from the table that the tests play (`test/harness/endings-table.ts`, `test/harness/endings-line-table.ts`), and held against it by',
    '`test/endings/docs.test.ts`. Do not edit it: `RUNNEL_WRITE_DOCS=1 npx vitest run test/endings/docs.test.ts` writes it anew.',
    '',
    `Every row is played with whole nodes on one chain, for the opener's transaction and for the accepter's, without reorgs and through them: ${countOf()} cases.`,
    'In each the wallets of all have to the satoshi what this page and BOLT 3 say, every payment, forward and invoice comes to its end, every channel is',
    '`closed`, and its journal, lived again, tells the same.',
    '',
    ...fees(),
    ...closings.flatMap(closingSection),
    ...forwarder(),
    ...reorgs(),
  ];
  return `${lines.join('\n')}\n`;
}

const countOf = (): number =>
  closings.reduce((sum, closing) => sum + casesOf(closing).length, 0) +
  (['downstream', 'upstream', 'both'] as const).reduce((sum, where) => sum + linesOf(where).length, 0);

function fees(): string[] {
  return [
    '## Who pays for what',
    '',
    ...table(['transaction', 'its fee is paid by', 'out of'], [
      ['funding', 'the opener', 'its wallet'],
      ['mutual close', 'the opener', 'its balance'],
      ['commitment, with both anchors (330 sat each) and what is below a satoshi or dust', 'the opener (dust: who offered it)', 'its balance'],
      ['child of a commitment that waits too long', 'the owner of the commitment', 'its wallet, the anchor included'],
      ['HTLC-timeout, HTLC-success (of the owner of the commitment)', 'the owner', 'its wallet: the HTLC goes whole into the second stage'],
      ['all else that takes an output', 'who takes it', 'the output'],
    ]),
    '',
    'Anchors that nobody needed are left where they are: whoever wants them may have them after 16 blocks.',
    '',
  ];
}

function closingSection(closing: Closing): string[] {
  const head = [`## ${titles[closing]}`, '', explanations[closing], ''];
  const shown = fates.filter((row) => row.closings.includes(closing) && row.fate !== 'none');
  if (closing === 'mutual') {
    const rows = shown.map(({ fate, words }) => {
      const settled = isPaid({ closing, by: 'opener', fate, offeredBy: 'opener', reorg: false });
      return [words, settled ? "its receiver's: settled before the close" : "its offerer's again: failed before the close"];
    });
    return [...head, ...table(['HTLC', 'its amount is'], rows), ''];
  }
  const balances = takingsOf({ closing, by: 'opener', fate: 'none', offeredBy: undefined, reorg: false });
  const rows = shown.flatMap(({ fate, words }) =>
    both.map((offeredBy) => htlcRow({ closing, by: 'opener', fate, offeredBy, reorg: false }, offeredBy, words)),
  );
  return [
    ...head,
    ...balances.map(({ output, by, when }) => `- \`${output}\`: taken by ${roleIn(closing, by)}, ${whenWords[when]}.`),
    '',
    ...table(['HTLC', 'offered by', 'its output is taken by', 'second stage, taken by', 'the payment'], rows),
    '',
  ];
}

/** With the opener as the owner: the accepter's are the same. */
function htlcRow(end: EndingCase, offeredBy: Who, words: string): string[] {
  const { closing, fate } = end;
  const cell = (output: OutputName): string => {
    const taking = takingsOf(end).find((each) => each.output === output);
    return taking === undefined ? '' : `${roleIn(closing, taking.by)}, ${whenWords[taking.when]}`;
  };
  const output = cell('HTLC') || (standsInIt(end) && isDust(fate) ? "none: the miner's" : 'none: not in it');
  return [words, roleIn(closing, offeredBy), output, cell('second stage'), isPaid(end) ? 'succeeds' : 'fails'];
}

/** The opener stands for the owner. */
function roleIn(closing: Closing, who: Who): string {
  if (closing === 'revoked') return who === 'opener' ? 'the cheater' : 'the victim';
  return who === 'opener' ? 'the owner' : 'the peer';
}

function forwarder(): string[] {
  return [
    '## Under a forwarder',
    '',
    'Who forwards has offered an HTLC downstream for one that it received upstream, and settles this one exactly as that one was: with the preimage as',
    'soon as it is seen, be it in a block; with a failure only once what ended it downstream is 6 blocks deep.',
    '',
    'The channel **downstream** ends, and the HTLC upstream is:',
    '',
    ...lineTable('downstream', (end) => (isPaid(end) ? 'fulfilled' : 'failed')),
    '',
    'The channel **upstream** ends, and the forwarder, which downstream pays if the payee shows the preimage,',
    '',
    ...lineTable('upstream', (end) => {
      if (isPaid(end)) return 'is paid';
      return end.fate === 'dust fulfilled' ? 'loses the dust, and says so' : 'pays nothing';
    }),
    '',
    'Where **both** end at once the preimage goes from one to the other by the chain, and an HTLC that expires is back on both sides: upstream later, since',
    'its expiry is. And where nobody asks for it, the deadline does: two blocks after the expiry of what was offered, 18 before that of what was fulfilled',
    '(BOLT 2, "cltv_expiry_delta Selection"); the other channel goes on.',
    '',
  ];
}

function lineTable(where: 'downstream' | 'upstream', wordOf: (end: EndingCase) => string): string[] {
  const lines = linesOf(where).filter(({ atDeadline }) => atDeadline !== true);
  const cell = (fate: Fate, closing: Closing): string => {
    const found = lines.filter(({ end }) => end.fate === fate && end.closing === closing);
    const as = (by: Who): EndingCase => ({ closing, by, fate, offeredBy: 'opener', reorg: false });
    // The forwarder is the opener downstream and the accepter upstream; a cheater is never it.
    const peer: Who = where === 'downstream' ? 'accepter' : 'opener';
    const words = found.map(({ by }) => wordOf(as(by === 'peer' ? peer : peer === 'opener' ? 'accepter' : 'opener')));
    return [...new Set(words)].join(' or ');
  };
  const shown = fates.filter(({ fate }) => lines.some(({ end }) => end.fate === fate));
  return table(['HTLC', 'mutual close', 'latest', 'successor signed', 'predecessor not revoked', 'revoked'], shown.map(({ fate, words }) => [words, ...closings.map((closing) => cell(fate, closing))]));
}

function reorgs(): string[] {
  return [
    '## Reorgs',
    '',
    'The cases above that go through reorgs lose the commitment to one, then the funding and the commitment, and each transaction that takes an output when one',
    'block is missing until it is irrevocable. What comes back is seen as it was before; what does not is broadcast again. Besides:',
    '',
    ...table(['a reorg takes out', 'and in its place comes', 'then'], [
      ['a commitment', "the other side's, which a node then offers as well", 'each takes what is its of that one; what it had made for the first leaves its books'],
      ["a mutual close, or a cheater's latest commitment", 'one that it had revoked', 'the victim takes all of it'],
      ['what took an HTLC after its expiry, less than 6 deep', 'what takes it by the preimage', 'the HTLC upstream, not failed yet, is fulfilled'],
      ['the same, 6 deep or more', 'what takes it by the preimage', 'the HTLC upstream was failed: the forwarder has lost it, and says so (alarm `money_lost`)'],
      ['99 blocks', 'the same again, later', 'nothing is over before all is 100 deep: what blocks gave nothing back of, the nodes make and broadcast again'],
    ]),
  ];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)];
}
