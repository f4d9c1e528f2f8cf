import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AnyStateMachine } from 'xstate';
import { outputCharts } from '../../machines/onchain/output-charts.ts';
import type { OutputEffect, OutputEvent, OutputKind, OutputRow } from '../../machines/onchain/output.ts';
import { resolve } from '../../machines/onchain/resolver.ts';
import { sha256 } from '../../protocols/crypto/hash.ts';

const depths = { reasonableDepth: 6, irrevocableDepth: 100 };
const paymentPreimage = new Uint8Array(32).fill(7);
const kinds = Object.keys(outputCharts) as OutputKind[];

const htlc = (direction: 'offered' | 'received') => ({
  direction,
  id: 1n,
  amountMsat: 50_000_000n,
  paymentHash: sha256(paymentPreimage),
  cltvExpiry: 150,
});

function row(kind: OutputKind, more: Partial<OutputRow> = {}): OutputRow {
  return {
    kind,
    state: 'waiting',
    outpoint: { txid: new Uint8Array(32), outputIndex: 0 },
    amountSat: 50_000n,
    witnessScript: new Uint8Array(),
    csvDelay: kind === 'to_local' || kind === 'second_stage' ? 144 : 1,
    blockHeight: 100,
    htlc: undefined,
    paymentPreimage: undefined,
    parent: undefined,
    spend: undefined,
    ...more,
  };
}

const spentAt = (blockHeight: number, by: 'us' | 'peer', more: { paymentPreimage?: Uint8Array } = {}): OutputEvent => ({
  type: 'spent',
  spend: { txid: new Uint8Array(32).fill(1), blockHeight, by },
  paymentPreimage: more.paymentPreimage,
});

/** The row and what it told, after these events. */
function live(start: OutputRow, events: readonly OutputEvent[]): { readonly row: OutputRow; readonly told: readonly OutputEffect[] } {
  const told: OutputEffect[] = [];
  let current = start;
  for (const event of events) {
    const step = resolve(current, event, depths);
    current = step.row;
    told.push(...step.effects);
  }
  return { row: current, told };
}

const blocks = (from: number, to: number): OutputEvent[] =>
  Array.from({ length: to - from + 1 }, (_, index) => ({ type: 'blockConnected', height: from + index }));

/** The heights at which the state changes, walking block by block. */
function changes(start: OutputRow, to: number): [number, string][] {
  const found: [number, string][] = [];
  let current = start;
  for (let height = start.blockHeight; height <= to; height++) {
    const next = resolve(current, { type: 'blockConnected', height }, depths).row;
    if (next.state !== current.state) found.push([height, next.state]);
    current = next;
  }
  return found;
}

describe('an output of a commitment in block 100', () => {
  it('to_local is claimable once a transaction with its delay can stand in the next block', () => {
    expect(changes(row('to_local'), 400)).toEqual([[243, 'claimable']]);
  });

  it('to_remote rests for one block', () => {
    expect(changes(row('to_remote'), 400)).toEqual([[100, 'claimable']]);
  });

  it('an HTLC that we offered is claimable when the block after its expiry is next', () => {
    expect(changes(row('htlc', { htlc: htlc('offered') }), 400)).toEqual([[150, 'claimable']]);
  });

  it('an HTLC that we received is claimable with its preimage, known before or later, and never without', () => {
    const received = row('htlc', { htlc: htlc('received') });
    // Without one it is the peer's once it has expired, should the peer ever take it.
    expect(changes(received, 400)).toEqual([[156, 'expired'], [250, 'resolved']]);
    expect(live(received, blocks(100, 400)).told).toEqual([{ type: 'ended', to: 'peer' }]);
    expect(changes({ ...received, paymentPreimage }, 400)).toEqual([[100, 'claimable']]);
    expect(live(received, [...blocks(100, 120), { type: 'preimageKnown', paymentPreimage }]).row).toMatchObject({
      state: 'claimable',
      paymentPreimage,
    });
  });

  it('a revoked one is claimable at once', () => {
    for (const kind of ['revoked_to_local', 'revoked_htlc', 'revoked_second_stage'] as const) {
      expect(changes(row(kind, { csvDelay: 0 }), 400)).toEqual([[100, 'claimable']]);
    }
  });

  it('an anchor is nothing to claim, and counts as resolved with its commitment', () => {
    expect(changes(row('anchor', { csvDelay: 0 }), 400)).toEqual([[199, 'resolved']]);
  });

  it('an HTLC without an output is told as gone six blocks deep', () => {
    const absent = row('no_output', { outpoint: undefined, htlc: htlc('offered') });
    expect(changes(absent, 400)).toEqual([[105, 'buried'], [199, 'resolved']]);
    expect(live(absent, blocks(100, 400)).told).toEqual([{ type: 'ended', to: 'peer' }]);
  });
});

describe('the spend of an output', () => {
  it('of ours is told six deep, once, and irrevocable a hundred deep', () => {
    const claimable = live(row('htlc', { htlc: htlc('offered') }), blocks(100, 150)).row;
    const { row: claimed } = live(claimable, [spentAt(152, 'us')]);
    expect(changes({ ...claimed, blockHeight: 152 }, 400)).toEqual([[157, 'claimBuried'], [251, 'resolved']]);
    expect(live(claimed, blocks(152, 300)).told).toEqual([{ type: 'ended', to: 'us' }]);
  });

  it("of the peer's tells its preimage at once", () => {
    const waiting = row('htlc', { htlc: htlc('offered') });
    const { row: taken, told } = live(waiting, [spentAt(120, 'peer', { paymentPreimage })]);
    expect(taken).toMatchObject({ state: 'taken', paymentPreimage });
    expect(told).toEqual([{ type: 'fulfilled', paymentPreimage }]);
  });

  it('that a reorg takes out leaves the output as it was, and no later', () => {
    const claimable = live(row('htlc', { htlc: htlc('offered') }), blocks(100, 160)).row;
    const events: OutputEvent[] = [spentAt(161, 'us'), ...blocks(161, 166), { type: 'blockDisconnected', height: 161 }];
    const { row: back } = live(claimable, events);
    expect(back).toMatchObject({ state: 'waiting', spend: undefined });
    expect(live(back, blocks(161, 161)).row.state).toBe('claimable');
  });

  it('is gone with the commitment, and nothing happens before a block holds that again', () => {
    const { row: gone } = live(row('to_local'), [...blocks(100, 250), { type: 'blockDisconnected', height: 100 }]);
    expect(gone.state).toBe('unconfirmed');
    expect(live(gone, blocks(101, 400)).row.state).toBe('unconfirmed');
    const { row: again } = live(gone, [{ type: 'confirmed', height: 300 }]);
    expect(changes(again, 600)).toEqual([[443, 'claimable']]);
  });
});

describe('the charts of outputs', () => {
  const eventOf = fc.oneof(
    fc.integer({ min: 100, max: 400 }).map((height): OutputEvent => ({ type: 'blockConnected', height })),
    fc.integer({ min: 95, max: 400 }).map((height): OutputEvent => ({ type: 'blockDisconnected', height })),
    fc.integer({ min: 100, max: 400 }).map((height): OutputEvent => ({ type: 'confirmed', height })),
    fc.tuple(fc.integer({ min: 100, max: 400 }), fc.constantFrom<'us' | 'peer'>('us', 'peer')).map(([height, by]) => spentAt(height, by)),
    fc.constant<OutputEvent>({ type: 'preimageKnown', paymentPreimage }),
  );

  it.each(kinds)('%s: whatever comes, it is in a state of its own, and irrevocable for good', (kind) => {
    const states = Object.keys((outputCharts[kind] as AnyStateMachine).states);
    fc.assert(
      fc.property(fc.array(eventOf, { maxLength: 40 }), (events) => {
        let current = row(kind, { htlc: htlc('offered') });
        for (const event of events) {
          const { row: next } = resolve(current, event, depths);
          expect(states).toContain(next.state);
          if (current.state === 'resolved') expect(next).toBe(current);
          if (['claimed', 'claimBuried', 'taken', 'takeBuried'].includes(next.state)) expect(next.spend).toBeDefined();
          if (['waiting', 'unconfirmed', 'claimable'].includes(next.state)) expect(next.spend).toBeUndefined();
          current = next;
        }
      }),
    );
  });

  it.each(kinds)('%s: each state says what it is, and where BOLT 5 has it', (kind) => {
    for (const state of Object.values((outputCharts[kind] as AnyStateMachine).states)) {
      expect(state.description).toMatch(/^BOLT 5, /);
    }
  });
});
