import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Liquidity, type ChannelDirection } from '../../src/routing/liquidity.ts';
import { MAX_AMOUNT_MSAT } from '../../src/routing/msat.ts';
import { VirtualClock } from '../../src/runtime/virtual-clock.ts';
import { nodeNamed } from '../harness/graph.ts';

const HOUR = 3_600_000;
const CAPACITY = 1_000_000;
const there: ChannelDirection = { shortChannelId: 5n, direction: 0 };
const back: ChannelDirection = { shortChannelId: 5n, direction: 1 };

function setUp() {
  const clock = new VirtualClock(1e12);
  const liquidity = new Liquidity(clock);
  const chance = (edge: ChannelDirection, amount: number) => liquidity.probability(
    liquidity.boundsOf(edge), amount, CAPACITY,
  );
  return { clock, liquidity, chance };
}

describe('what is believed of a channel', () => {
  it('is, without knowledge, that its balance lies anywhere', () => {
    const { chance } = setUp();
    expect(chance(there, 0)).toBe(1);
    expect(chance(there, 250_000)).toBe(0.75);
    expect(chance(there, CAPACITY)).toBe(0.05);
  });

  it('falls to nothing at the amount that failed, and comes back within the hour', () => {
    const { clock, liquidity, chance } = setUp();
    liquidity.failed(there, 250_000n);
    expect(chance(there, 249_999)).toBeCloseTo(0.75);
    expect(chance(there, 250_000)).toBe(0);
    expect(chance(there, 500_000)).toBe(0);
    expect(chance(back, 250_000)).toBe(0.75);
    clock.advance(HOUR / 2);
    expect(chance(there, 250_000)).toBe(0.375);
    clock.advance(HOUR / 2);
    expect(chance(there, 250_000)).toBe(0.75);
  });

  it('is certain below what has just passed', () => {
    const { clock, liquidity, chance } = setUp();
    liquidity.carried(there, 500_000n);
    expect(chance(there, 500_000)).toBe(1);
    expect(chance(there, 500_001)).toBeCloseTo(0.5);
    clock.advance(HOUR / 2);
    expect(chance(there, 500_000)).toBe(0.75);
  });

  it('follows the money: what was settled has gone to the other side', () => {
    const { liquidity, chance } = setUp();
    liquidity.carried(there, 500_000n);
    liquidity.settled(there, 300_000n);
    expect(chance(there, 200_000)).toBe(1);
    expect(chance(there, 200_001)).toBeLessThan(0.81);
    expect(chance(back, 300_000)).toBe(1);
    liquidity.failed(there, 250_000n);
    liquidity.settled(there, 100_000n);
    expect(chance(there, 150_000)).toBe(0);
  });

  it('is refuted by the opposite experience', () => {
    const { liquidity, chance } = setUp();
    liquidity.failed(there, 100_000n);
    liquidity.carried(there, 200_000n);
    expect(chance(there, 200_000)).toBe(1);
    liquidity.failed(there, 100_000n);
    expect(chance(there, 150_000)).toBe(0);
    liquidity.settled(back, 400_000n);
    expect(chance(there, 400_000)).toBe(1);
  });

  it('keeps the stronger of two failures', () => {
    const { liquidity, chance } = setUp();
    liquidity.failed(there, 100_000n);
    liquidity.failed(there, 700_000n);
    expect(chance(there, 100_000)).toBe(0);
  });

  it('takes a doubtful failure as half forgotten, and a permanent one for a day', () => {
    const { clock, liquidity, chance } = setUp();
    liquidity.failed(there, 1n, { certainty: 0.5 });
    liquidity.failed(back, 1n, { permanent: true });
    expect(chance(there, 500_000)).toBe(0.25);
    clock.advance(12 * HOUR);
    expect(chance(there, 500_000)).toBe(0.5);
    expect(chance(back, 500_000)).toBe(0.25);
    liquidity.failed(back, 400_000n);
    expect(chance(back, 300_000)).toBeCloseTo(0.35);
  });

  it('is forgotten for the oldest when there is too much', () => {
    const clock = new VirtualClock(1e12);
    const liquidity = new Liquidity(clock, { maxEntries: 3 });
    for (let i = 1n; i <= 5n; i++) {
      liquidity.failed({ shortChannelId: i, direction: 0 }, 1n);
      liquidity.nodeFailed(nodeNamed(`n${i}`));
    }
    expect([...liquidity.known()].map(([edge]) => edge.shortChannelId)).toEqual([3n, 4n, 5n]);
    expect([...liquidity.nodeProbabilities()].map(([nodeId]) => nodeId)).toEqual(['n3', 'n4', 'n5'].map(nodeNamed));
  });
});

describe('the price of risk', () => {
  it('is the failures to expect, times the price of one', () => {
    const clock = new VirtualClock(1e12);
    const liquidity = new Liquidity(clock, { attemptCostMsat: 900, attemptCostPpm: 1000 });
    // A chance of one half: one failure before each success. 900 msat, and a thousandth of the amount.
    expect(liquidity.penaltyMsat(undefined, 500_000, CAPACITY, 1)).toBe(1400);
    expect(liquidity.penaltyMsat(undefined, 500_000, CAPACITY, 0.5)).toBe(4200);
    expect(liquidity.penaltyMsat(undefined, 100, MAX_AMOUNT_MSAT, 1)).toBe(0);
  });

  it('is a finite integer that never falls as the amount rises, whatever was learned', () => {
    const amount = fc.nat(CAPACITY);
    const step = fc.record({
      kind: fc.constantFrom(
        'carried', 'settled', 'failed', 'wait',
      ) as fc.Arbitrary<'carried' | 'settled' | 'failed' | 'wait'>,
      edge: fc.constantFrom(there, back),
      amount,
      permanent: fc.boolean(),
      certainty: fc.constantFrom(1, 0.5),
    });
    fc.assert(fc.property(fc.array(step, { maxLength: 30 }), amount, amount, (steps, a, b) => {
      const { clock, liquidity } = setUp();
      for (const { kind, edge, amount: moved, permanent, certainty } of steps) {
        if (kind === 'wait') clock.advance(moved * 4);
        else if (kind === 'failed') liquidity.failed(edge, BigInt(moved), { permanent, certainty });
        else liquidity[kind](edge, BigInt(moved));
      }
      const [low, high] = [Math.min(a, b), Math.max(a, b)].map(
        (x) => liquidity.penaltyMsat(liquidity.boundsOf(there), x, CAPACITY, 1),
      );
      expect(Number.isSafeInteger(low)).toBe(true);
      expect(low).toBeGreaterThanOrEqual(0);
      expect(high).toBeGreaterThanOrEqual(low!);
    }), { numRuns: 2000 });
  });
});
