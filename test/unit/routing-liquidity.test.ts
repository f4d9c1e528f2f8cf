import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Liquidity, probabilityOf, type ChannelDirection, type LiquidityBounds } from '../../src/routing/liquidity.ts';
import { MAX_AMOUNT_MSAT } from '../../src/routing/msat.ts';
import { Prices } from '../../src/routing/weights.ts';
import { VirtualClock } from '../../src/runtime/virtual-clock.ts';
import { nodeNamed } from '../harness/graph.ts';

const HOUR = 3_600_000;
const HALF_LIFE = 6 * HOUR;
const CAPACITY = 999_999;
const there: ChannelDirection = { shortChannelId: 5n, direction: 0 };
const back: ChannelDirection = { shortChannelId: 5n, direction: 1 };

function setUp() {
  const clock = new VirtualClock(1e12);
  const liquidity = new Liquidity(clock);
  const chance = (edge: ChannelDirection, amount: number) => probabilityOf(liquidity.estimate(liquidity.boundsOf(edge), CAPACITY), amount);
  return { clock, liquidity, chance };
}

describe('what is believed of a channel', () => {
  it('is, without knowledge, that its balance lies anywhere', () => {
    const { chance } = setUp();
    expect(chance(there, 0)).toBe(1);
    expect(chance(there, 250_000)).toBe(0.75);
    expect(chance(there, CAPACITY)).toBe(0.000_001);
    expect(chance(there, CAPACITY + 1)).toBe(0);
  });

  it('falls to nothing at the amount that failed, and drifts back by half in each half-life', () => {
    const { clock, liquidity, chance } = setUp();
    liquidity.lacked(there, 250_000n);
    expect(chance(there, 125_000)).toBe(0.5);
    expect(chance(there, 250_000)).toBe(0);
    expect(chance(back, 250_000)).toBe(0.75);
    clock.advance(HALF_LIFE);
    expect(chance(there, 250_000)).toBe(0.6);
    expect(chance(there, 625_000)).toBe(0);
    clock.advance(HALF_LIFE);
    expect(chance(there, 625_000)).toBeCloseTo(187_500 / 812_500);
  });

  it('is certain below what has just passed, and of half of it a half-life later', () => {
    const { clock, liquidity, chance } = setUp();
    liquidity.carried(there, 500_000n);
    expect(chance(there, 500_000)).toBe(1);
    expect(chance(there, 750_000)).toBe(0.5);
    clock.advance(HALF_LIFE);
    expect(chance(there, 250_000)).toBe(1);
    expect(chance(there, 625_000)).toBe(0.5);
  });

  it('follows the money: what was settled has gone to the other side', () => {
    const { liquidity, chance } = setUp();
    liquidity.carried(there, 500_000n);
    liquidity.settled(there, 300_000n);
    expect(chance(there, 200_000)).toBe(1);
    expect(chance(there, 600_000)).toBe(0.5);
    expect(chance(back, 300_000)).toBe(1);
    liquidity.lacked(there, 250_000n);
    liquidity.settled(there, 100_000n);
    expect(chance(there, 150_000)).toBe(0);
  });

  it('knows of a capacity that what was settled is gone from this side', () => {
    const { clock, liquidity, chance } = setUp();
    liquidity.settled(there, 400_000n, 1_000_000n);
    expect(chance(there, 600_001)).toBe(0);
    expect(chance(there, 300_000)).toBeCloseTo(0.5, 5);
    expect(chance(back, 400_000)).toBe(1);
    // What is half forgotten is counted from where it stands.
    clock.advance(HALF_LIFE);
    expect(chance(there, 800_001)).toBe(0);
    liquidity.settled(there, 300_000n, 1_000_000n);
    expect(chance(there, 500_001)).toBe(0);
    expect(chance(there, 250_000)).toBeCloseTo(0.5, 5);
    // More than there can be was there all the same: what is left is anybody's guess, but little.
    liquidity.settled(there, 900_000n, 1_000_000n);
    expect(chance(there, 100_001)).toBe(0);
  });

  it('is refuted by the opposite experience', () => {
    const { liquidity, chance } = setUp();
    liquidity.lacked(there, 100_000n);
    liquidity.carried(there, 200_000n);
    expect(chance(there, 200_000)).toBe(1);
    liquidity.lacked(there, 100_000n);
    expect(chance(there, 150_000)).toBe(0);
    liquidity.settled(back, 400_000n);
    expect(chance(there, 400_000)).toBe(1);
  });

  it('keeps the stronger of two failures, unless it is half forgotten', () => {
    const { clock, liquidity, chance } = setUp();
    liquidity.lacked(there, 100_000n);
    liquidity.lacked(there, 700_000n);
    expect(chance(there, 100_000)).toBe(0);
    clock.advance(HALF_LIFE);
    liquidity.lacked(there, 700_000n);
    expect(chance(there, 350_000)).toBe(0.5);
  });

  it('takes a doubtful failure as half forgotten, and a permanent one for days', () => {
    const { clock, liquidity, chance } = setUp();
    liquidity.failed(there, { certainty: 0.5 });
    liquidity.failed(back, { permanent: true });
    expect(chance(there, 0)).toBe(0.5);
    expect(chance(back, 0)).toBe(0);
    clock.advance(4 * HALF_LIFE);
    expect(chance(there, 0)).toBeCloseTo(1 - 1 / 32);
    expect(chance(back, 0)).toBe(0.5);
    liquidity.carried(back, 1n);
    expect(chance(back, 1)).toBe(1);
  });

  it('is of a channel of unknown capacity that it may hold what a channel may that is not large', () => {
    const { liquidity } = setUp();
    expect(liquidity.estimate(undefined, MAX_AMOUNT_MSAT)).toEqual({ lower: 0, upper: 16_777_216_001, works: 1 });
  });

  it('is of a node that failed that it does not forward, and half so after a half-life', () => {
    const { clock, liquidity } = setUp();
    liquidity.nodeFailed(nodeNamed('bob'));
    liquidity.nodeFailed(nodeNamed('carol'), { permanent: true });
    expect(liquidity.nodeProbability(nodeNamed('bob'))).toBe(0);
    clock.advance(HALF_LIFE);
    expect(liquidity.nodeProbability(nodeNamed('bob'))).toBe(0.5);
    expect(liquidity.nodeProbability(nodeNamed('carol'))).toBeCloseTo(1 - 2 ** -0.25);
    expect(liquidity.nodeProbability(nodeNamed('dave'))).toBe(1);
  });

  it('is forgotten for the oldest when there is too much, and whoever listens hears of it', () => {
    const clock = new VirtualClock(1e12);
    const liquidity = new Liquidity(clock, { maxEntries: 3 });
    const known = new Map<bigint, LiquidityBounds>();
    const nodes = new Set<string>();
    liquidity.listen({
      directionLearned: ({ shortChannelId }, bounds) =>
        bounds === undefined ? known.delete(shortChannelId) : known.set(shortChannelId, bounds),
      nodeLearned: (nodeId, failure) => (failure === undefined ? nodes.delete(nodeId) : nodes.add(nodeId)),
    });
    for (let i = 1n; i <= 5n; i++) {
      liquidity.failed({ shortChannelId: i, direction: 0 });
      liquidity.nodeFailed(nodeNamed(`n${i}`));
    }
    expect([...liquidity.known()].map(([edge]) => edge.shortChannelId)).toEqual([3n, 4n, 5n]);
    expect(['n1', 'n2', 'n3', 'n4', 'n5'].filter((name) => liquidity.hasNodeFailed(nodeNamed(name)))).toEqual(['n3', 'n4', 'n5']);
    expect([...known.keys()]).toEqual([3n, 4n, 5n]);
    expect([...nodes]).toEqual(['n3', 'n4', 'n5'].map(nodeNamed));
  });
});

describe('the price of risk', () => {
  const prices = new Prices({ attemptCostMsat: 900, attemptCostPpm: 1000, timeValuePpb: 0 });

  it('is the failures to expect, times the price of one', () => {
    const { liquidity } = setUp();
    const price = (amount: number, capacity: number, nodeProbability = 1): number => {
      const { lower, upper } = liquidity.estimate(undefined, capacity);
      return prices.ofRisk(lower, upper, amount, nodeProbability);
    };
    // A chance of one half: one failure before each success. 900 msat, and a thousandth of the amount.
    expect(price(500_000, CAPACITY)).toBe(1400);
    expect(price(500_000, CAPACITY, 0.5)).toBe(4200);
    expect(price(100, MAX_AMOUNT_MSAT)).toBe(0);
    // Never certain: a last resort has its price.
    expect(price(2_000_000, CAPACITY)).toBe(2900 * 99);
  });

  it('is a finite integer that never falls as the amount rises, whatever was learned', () => {
    const amount = fc.nat(CAPACITY);
    const step = fc.record({
      kind: fc.constantFrom(
        'carried', 'settled', 'lacked', 'failed', 'wait',
      ) as fc.Arbitrary<'carried' | 'settled' | 'lacked' | 'failed' | 'wait'>,
      edge: fc.constantFrom(there, back),
      amount,
      permanent: fc.boolean(),
      certainty: fc.constantFrom(1, 0.5),
    });
    fc.assert(fc.property(fc.array(step, { maxLength: 30 }), amount, amount, (steps, a, b) => {
      const { clock, liquidity } = setUp();
      for (const { kind, edge, amount: moved, permanent, certainty } of steps) {
        if (kind === 'wait') clock.advance(moved * 24);
        else if (kind === 'failed') liquidity.failed(edge, { permanent, certainty });
        else liquidity[kind](edge, BigInt(moved));
      }
      const { lower, upper, works } = liquidity.estimate(liquidity.boundsOf(there), CAPACITY);
      expect(upper).toBeGreaterThan(lower);
      const [low, high] = [Math.min(a, b), Math.max(a, b)].map((x) => prices.ofRisk(lower, upper, x, works));
      expect(Number.isSafeInteger(low)).toBe(true);
      expect(low).toBeGreaterThanOrEqual(0);
      expect(high).toBeGreaterThanOrEqual(low!);
    }), { numRuns: 2000 });
  });
});
