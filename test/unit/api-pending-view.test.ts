import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { outputCharts } from '../../machines/onchain/output-charts.ts';
import type { OutputKind, OutputRow, OutputState } from '../../machines/onchain/output.ts';
import { pendingOutput } from '../../src/api/contract/pending-types.ts';
import { perVbyte } from '../../src/api/feerate.ts';
import { outputView, outputViews, type Outlook, type PendingOutput } from '../../src/node/api/pending-view.ts';
import { sweepFees } from '../../src/node/api/sweep-fees.ts';

const bytes = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
const COMMITMENT = bytes(0xc0);
const SPENDER = bytes(0x5b);
const PREIMAGE = bytes(7);
const offered = {
  id: 3n,
  direction: 'offered',
  amountMsat: 50_000_500n,
  paymentHash: bytes(1),
  cltvExpiry: 140,
} as const;
const received = { ...offered, id: 4n, direction: 'received' } as const;
const sweep = { txid: 'ab'.repeat(32), feeSat: 200n, feeratePerKw: 1_000, firstHeight: 118 };

/** At height 120; the commitment stands in block 101, what spends it in block 111. */
const outlook = (changes: Partial<Outlook> = {}): Outlook => ({
  height: 120,
  depths: { reasonableDepth: 6, irrevocableDepth: 100 },
  sweepOf: () => undefined,
  isPostponed: () => false,
  cheatersDelay: 144,
  ...changes,
});

const isSpent = (state: OutputState): boolean => /^(claim(ed|Buried)|take(n|Buried))$/.test(state);

function row(kind: OutputKind, state: OutputState, changes: Partial<OutputRow> = {}): OutputRow {
  const isHtlc = ['htlc', 'no_output', 'second_stage', 'revoked_htlc', 'revoked_second_stage'].includes(kind);
  return {
    kind,
    state,
    outpoint: kind === 'no_output' ? undefined : { txid: COMMITMENT, outputIndex: 2 },
    amountSat: 50_000n,
    witnessScript: new Uint8Array(),
    csvDelay: kind === 'to_local' || kind === 'second_stage' ? 144 : 1,
    blockHeight: 101,
    htlc: isHtlc ? offered : undefined,
    paymentPreimage: undefined,
    parent: undefined,
    spend: isSpent(state) ? { txid: SPENDER, blockHeight: 111, by: state.startsWith('take') ? 'peer' : 'us' } : undefined,
    ...changes,
  };
}

const view = (one: OutputRow, changes: Partial<Outlook> = {}, others: readonly OutputRow[] = []): PendingOutput =>
  outputView(one, [one, ...others], outlook(changes));

/** The output of the HTLC transaction that spends `parent`. */
const stageOf = (
  parent: OutputRow,
  kind: 'second_stage' | 'revoked_second_stage',
  state: OutputState = 'waiting',
): OutputRow =>
  row(
    kind,
    state,
    { parent: parent.outpoint, outpoint: { txid: SPENDER, outputIndex: 0 }, htlc: parent.htlc, blockHeight: 111 },
  );

const kinds = Object.keys(outputCharts) as OutputKind[];
const all = kinds.flatMap((kind) =>
  Object.keys(outputCharts[kind].states).flatMap((state) =>
    kind === 'htlc' || kind === 'no_output'
      ? [
          [kind, state, 'offered', { htlc: offered }],
          [kind, state, 'offered, preimage known', { htlc: offered, paymentPreimage: PREIMAGE }],
          [kind, state, 'received', { htlc: received }],
          [kind, state, 'received, preimage known', { htlc: received, paymentPreimage: PREIMAGE }],
        ]
      : [[kind, state, '', {}]],
  ),
) as unknown as [OutputKind, OutputState, string, Partial<OutputRow>][];

describe('every kind of output in every state of its chart', () => {
  it.each(all)('%s, %s %s: is said in words and in figures that agree', (kind, state, _, changes) => {
    for (const sweepOf of [() => undefined, () => sweep]) {
      const shown = view(row(kind, state, changes), { sweepOf });
      const json = z.encode(pendingOutput, shown);
      expect(z.decode(pendingOutput, json)).toEqual(shown);
      expect(shown.text).toMatch(/^[a-zA-Z0-9].{3,}[^.]$/);
      expect(shown.text + shown.what).not.toMatch(/undefined|NaN|null|\b1 blocks|\b1 confirmations/);
      expect(shown.blocksLeft).toBe(shown.untilHeight === undefined ? undefined : Math.max(0, shown.untilHeight - 120));
      if (shown.waitsFor !== 'depth') expect(shown.text).toContain(String(shown.untilHeight ?? ''));
      expect(shown.holder === 'nobody').toBe(!isSpent(state));
      expect(shown.account === 'recovered').toBe(shown.holder === 'us');
      expect(shown.spendingTxid !== undefined).toBe(isSpent(state));
      expect(shown.transaction !== undefined).toBe(sweepOf() !== undefined && kind !== 'no_output' && !isSpent(state));
    }
  });

  it.each(kinds)('%s: what is irrevocable waits for nothing', (kind) => {
    const shown = view(row(kind, 'resolved'));
    expect(shown).toMatchObject({ waitsFor: 'nothing', text: expect.stringMatching(/; final$/) });
    expect(shown.blocksLeft).toBeUndefined();
  });
});

describe('the words', () => {
  const txid = sweep.txid;
  it.each<[string, OutputRow, Partial<Outlook>, string]>([
    ['a delay', row('to_local', 'waiting'), {}, '124 blocks until its delay ends, at height 244'],
    [
      'the last block of a delay',
      row('to_local', 'waiting'),
      { height: 243 },
      '1 block until its delay ends, at height 244',
    ],
    ['no transaction yet', row('to_local', 'claimable'), {}, 'our transaction is being made'],
    [
      'not worth it yet',
      row('to_local', 'claimable'),
      { isPostponed: () => true },
      'left for now: taking it costs more than it is worth',
    ],
    [
      'a transaction',
      row('to_local', 'claimable'),
      { sweepOf: () => sweep },
      `our transaction ${txid} at 4.0 sat/vB waits for a block`,
    ],
    ['confirmations', row('to_remote', 'claimed'), {}, 'ours; 90 confirmations left until it is final'],
    ['the last of them', row('to_remote', 'claimed'), { height: 209 }, 'ours; 1 confirmation left until it is final'],
    ['a reorg', row('to_remote', 'unconfirmed'), {}, 'waits until a block holds the transaction that makes it'],
    ['an expiry', row('htlc', 'waiting'), {}, 'HTLC expires at height 140, in 20 blocks'],
    [
      'an expiry of what is paid',
      row('htlc', 'waiting', { paymentPreimage: PREIMAGE }),
      {},
      'HTLC expires at height 140, in 20 blocks; the peer has the preimage and can take it',
    ],
    [
      'a preimage',
      row('htlc', 'waiting', { htlc: received }),
      {},
      'preimage unknown: the peer can take it from height 140, in 20 blocks',
    ],
    [
      'a preimage too late',
      row('htlc', 'waiting', { htlc: received }),
      { height: 150 },
      'preimage unknown: the peer can take it since height 140',
    ],
    [
      'a race',
      row('htlc', 'claimable', { htlc: received, paymentPreimage: PREIMAGE }),
      { sweepOf: () => sweep },
      `our transaction ${txid} at 4.0 sat/vB waits for a block; the peer can take it from height 140, in 20 blocks`,
    ],
    [
      'what is left to the peer',
      row('htlc', 'expired', { htlc: received }),
      { height: 150 },
      'expired without its preimage: left to the peer; 90 blocks until that is final, at height 240',
    ],
    [
      'a payment',
      row('htlc', 'taken', { paymentPreimage: PREIMAGE }),
      {},
      'the peer took it with the preimage; 90 confirmations left until it is final',
    ],
    [
      'a return',
      row('htlc', 'takeBuried', { htlc: received }),
      {},
      'the peer took it back after its expiry; 90 confirmations left until it is final',
    ],
    [
      'dust',
      row('no_output', 'waiting', { amountSat: 100n }),
      { height: 103 },
      'too small for an output: left to the miners; 3 blocks until that is acted upon, at height 106',
    ],
    [
      'an HTLC elsewhere',
      row('no_output', 'buried', { amountSat: 0n }),
      {},
      'not in the commitment: part of a balance there; 80 confirmations left until it is final',
    ],
    [
      'an anchor',
      row('anchor', 'waiting'),
      {},
      'not worth its fee: left to whoever wants it; 80 confirmations left until it is final',
    ],
    ['a penalty', row('revoked_to_local', 'waiting'), {}, 'ours by the penalty; our transaction is being made'],
    [
      'a penalty with a deadline',
      row('revoked_htlc', 'claimable'),
      {},
      'our transaction is being made; the peer can take it from height 245, in 125 blocks',
    ],
  ])('of %s', (_, one, changes, text) => {
    expect(view(one, changes).text).toBe(text);
  });

  it('of a second stage, whose parent is told apart from it', () => {
    const parent = row('htlc', 'claimed');
    const child = stageOf(parent, 'second_stage');
    expect(view(parent, {}, [child]).text).toBe('our HTLC transaction has it; 90 confirmations left until it is final');
    expect(view(child, {}, [parent])).toMatchObject({
      what: 'HTLC 3 that we offered, fetched from our commitment',
      untilHeight: 254,
    });
    const cheated = row('revoked_htlc', 'taken');
    expect(view(cheated, {}, [stageOf(cheated, 'revoked_second_stage')]).text).toContain('we take what that made');
  });

  it('of a feerate', () => {
    expect([253, 1_000, 12_345, 0].map(perVbyte)).toEqual(['1.0 sat/vB', '4.0 sat/vB', '49.3 sat/vB', '0.0 sat/vB']);
  });
});

describe('the accounts', () => {
  const account = (...args: Parameters<typeof view>): string => view(...args).account;

  it.each([
    'to_local',
    'to_remote',
    'second_stage',
    'revoked_to_local',
    'revoked_htlc',
    'revoked_second_stage',
  ] as const)(
    '%s is ours: in limbo, then recovered, or lost',
    (kind) => {
      for (const state of ['unconfirmed', 'waiting', 'claimable'] as const) {
        expect(account(row(kind, state))).toBe('limbo');
      }
      expect(account(row(kind, 'claimed'))).toBe('recovered');
      expect(account(row(kind, 'taken'))).toBe('lost');
    },
  );

  it.each<[string, Partial<OutputRow>, boolean]>([
    ['offered', { htlc: offered }, true],
    ['offered, preimage known', { htlc: offered, paymentPreimage: PREIMAGE }, false],
    ['received', { htlc: received }, false],
    ['received, preimage known', { htlc: received, paymentPreimage: PREIMAGE }, true],
  ])('an HTLC (%s) is ours as long as the rules say so', (_, changes, isOurs) => {
    for (const state of ['unconfirmed', 'waiting', 'claimable', 'expired'] as const) {
      expect(account(row('htlc', state, changes))).toBe(isOurs ? 'limbo' : 'none');
    }
    expect(account(row('htlc', 'taken', changes))).toBe(isOurs ? 'lost' : 'none');
    expect(account(row('htlc', 'claimBuried', changes))).toBe('recovered');
    expect(account(row('no_output', 'buried', { ...changes, amountSat: 353n }))).toBe(isOurs ? 'lost' : 'none');
    expect(account(row('no_output', 'buried', { ...changes, amountSat: 0n }))).toBe('none');
  });

  it('count each satoshi once, at the last output that it came to', () => {
    const parent = row('htlc', 'claimed');
    const rows = [parent, stageOf(parent, 'second_stage', 'claimed')];
    expect(outputViews(rows, outlook()).map((output) => output.account)).toEqual(['none', 'recovered']);
    const cheated = row('revoked_htlc', 'taken');
    expect(account(cheated, {}, [stageOf(cheated, 'revoked_second_stage')])).toBe('none');
  });

  it('an anchor is worth fetching only for its commitment', () => {
    expect(account(row('anchor', 'waiting'))).toBe('none');
    expect(account(row('anchor', 'claimed'))).toBe('recovered');
    expect(account(row('anchor', 'taken'))).toBe('none');
  });

  it.each([['us', 'recovered'], ['peer', 'lost']] as const)('what is irrevocable is %s: %s', (by, account) => {
    const resolved = row('revoked_to_local', 'resolved', { spend: { txid: SPENDER, blockHeight: 111, by } });
    expect(view(resolved)).toMatchObject({ holder: by, account });
  });
});

describe('the fees of our transactions', () => {
  const ours = { txid: bytes(1), blockHeight: 111, by: 'us' } as const;
  const theirs = { txid: bytes(2), blockHeight: 111, by: 'peer' } as const;
  const named = (fill: number): string => fill.toString(16).padStart(2, '0').repeat(32);

  it('are what they took less what the wallet got, over all channels', () => {
    const rows = [
      row('to_local', 'claimed', { spend: ours, amountSat: 70_000n }),
      row('to_remote', 'claimed', { spend: ours, amountSat: 30_000n }),
      row('htlc', 'taken', { spend: theirs }),
    ];
    expect([...sweepFees(rows, new Map([[named(1), 99_000n]]))]).toEqual([[named(1), 1_000n]]);
  });

  it('of an HTLC transaction are the coins that the wallet added', () => {
    const parent = row('htlc', 'claimed', { spend: ours });
    const child = { ...stageOf(parent, 'second_stage'), outpoint: { txid: ours.txid, outputIndex: 0 } };
    expect([...sweepFees([parent, child], new Map([[named(1), -700n]]))]).toEqual([[named(1), 700n]]);
  });
});
