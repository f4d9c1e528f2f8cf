import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { firstStep, followBalance, ppmOf, STEPS, type BalanceStep } from '../../machines/forwarding/balance-fee.ts';

const DAY = 24 * 60 * 60_000;
const rate = { intervalMs: DAY, burst: 2 };
const CAPACITY = 1_000_000_000n;
/** So many thousandths of the channel are ours. */
const ours = (thousandths: number) => ({ localMsat: (CAPACITY * BigInt(thousandths)) / 1_000n, capacityMsat: CAPACITY });
const at = (step: number, rateFreeAtMs = 0): BalanceStep => ({ step, rateFreeAtMs });
const stepFrom = (last: number, thousandths: number): number => {
  const decision = followBalance(at(last), ours(thousandths), rate, DAY);
  return decision.type === 'change' ? decision.to.step : last;
};

describe('the fee of a step', () => {
  it('goes evenly from the lowest to the highest', () => {
    expect([0, 1, 2, 3, 4].map((step) => ppmOf({ minPpm: 10, maxPpm: 500 }, step))).toEqual([10, 132, 255, 377, 500]);
    expect([0, 4].map((step) => ppmOf({ minPpm: 7, maxPpm: 7 }, step))).toEqual([7, 7]);
    expect(ppmOf({ minPpm: 0, maxPpm: 1_000_000 }, STEPS - 1)).toBe(1_000_000);
  });
});

describe('a balance', () => {
  it('begins at its own step: the less is ours, the dearer', () => {
    const steps = [1_000, 801, 799, 500, 201, 199, 0].map((thousandths) => firstStep(ours(thousandths), rate, 0).step);
    expect(steps).toEqual([0, 0, 1, 2, 3, 4, 4]);
  });

  it('keeps its step until it has left it by a twentieth of the channel, either way', () => {
    // Of step 1 are 600 to 800 thousandths.
    expect([850, 800, 700, 600, 551].map((thousandths) => stepFrom(1, thousandths))).toEqual([1, 1, 1, 1, 1]);
    expect(stepFrom(1, 851)).toBe(0);
    expect(stepFrom(1, 550)).toBe(2);
    expect(stepFrom(1, 0)).toBe(4);
  });

  it('that sways around the edge between two steps changes the fee once', () => {
    let last = firstStep(ours(610), rate, 0);
    let changes = 0;
    for (let round = 0; round < 50; round++) {
      const decision = followBalance(last, ours(round % 2 === 0 ? 590 : 640), rate, DAY * (round + 10));
      if (decision.type !== 'change') continue;
      changes++;
      last = decision.to;
    }
    expect(changes).toBeLessThanOrEqual(1);
  });

  it('has to go back by both margins before the fee does', () => {
    const there = followBalance(at(1), ours(549), rate, DAY);
    expect(there).toMatchObject({ type: 'change', to: { step: 2 } });
    expect(stepFrom(2, 649)).toBe(2);
    expect(stepFrom(2, 651)).toBe(1);
  });
});

describe('how often a fee changes', () => {
  it('is at once for what the burst has left, and then once an interval', () => {
    const start = firstStep(ours(1_000), rate, 1_000);
    const first = followBalance(start, ours(500), rate, 2_000);
    expect(first).toMatchObject({ type: 'change', to: { step: 2 } });
    const second = followBalance((first as { to: BalanceStep }).to, ours(0), rate, 3_000);
    expect(second).toEqual({ type: 'wait', untilMs: 1_000 + DAY, step: 4 });
    expect(followBalance((first as { to: BalanceStep }).to, ours(0), rate, 1_000 + DAY)).toMatchObject({ type: 'change', to: { step: 4 } });
    expect(followBalance((first as { to: BalanceStep }).to, ours(500), rate, 3_000)).toEqual({ type: 'stay' });
  });

  it('is not held up by a clock that was wrong', () => {
    expect(followBalance(at(0, 1_000 * DAY), ours(0), rate, DAY)).toMatchObject({ type: 'change', to: { rateFreeAtMs: 2 * DAY } });
  });

  it('is never more than the rate allows, and in the end where the balance belongs', () => {
    const moves = fc.array(fc.record({ thousandths: fc.nat({ max: 1_000 }), afterMs: fc.nat({ max: 2 * DAY }) }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(moves, fc.integer({ min: 1, max: 5 }), (sequence, burst) => {
        const allowed = { intervalMs: DAY, burst };
        let nowMs = 1_000;
        let last = firstStep(ours(1_000), allowed, nowMs);
        const changedAt: number[] = [nowMs];
        for (const { thousandths, afterMs } of sequence) {
          nowMs += afterMs;
          const decision = followBalance(last, ours(thousandths), allowed, nowMs);
          if (decision.type === 'wait') expect(decision.untilMs).toBeGreaterThan(nowMs);
          if (decision.type !== 'change') continue;
          last = decision.to;
          changedAt.push(nowMs);
        }
        // No more than the burst, and one for each interval that has passed, in any stretch of time.
        changedAt.forEach((from, first) =>
          changedAt.slice(first).forEach((to, index) => expect(index + 1).toBeLessThanOrEqual(burst + Math.floor((to - from) / DAY))),
        );
        const { thousandths } = sequence.at(-1)!;
        const settled = followBalance(last, ours(thousandths), allowed, nowMs + burst * DAY);
        const { step } = settled.type === 'change' ? settled.to : last;
        expect(Math.abs(step - firstStep(ours(thousandths), allowed, 0).step)).toBeLessThanOrEqual(1);
      }),
    );
  });
});
