import { describe, expect, it } from 'vitest';
import { ForwardingPolicies, OLDER_FEES_MS } from '../../src/node/forwarding-policies.ts';
import { policyChanges } from '../../src/node/policy-choice.ts';
import { VirtualClock } from '../../src/runtime/virtual-clock.ts';
import { openDatabase } from '../../src/storage/database.ts';

const STANDARD = { feeBaseMsat: 1_000, feeProportionalMillionths: 100, cltvExpiryDelta: 40 };
const RANGE = { minPpm: 10, maxPpm: 410 };
const CHANNEL = 7;

function world(standard = {}) {
  const clock = new VirtualClock(1_800_000_000_000);
  const database = openDatabase({ path: ':memory:' });
  const open = (other = {}) => new ForwardingPolicies(database, { ...STANDARD, ...standard, ...other }, clock);
  return { clock, database, open, policies: open() };
}
const fees = (feeBaseMsat: number, feeProportionalMillionths: number) => ({ feeBaseMsat, feeProportionalMillionths });
/** Without what only the store needs to know. */
const older = (policies: ForwardingPolicies) =>
  policies.olderFees(CHANNEL).map(({ feeBaseMsat, feeProportionalMillionths }) => fees(feeBaseMsat, feeProportionalMillionths));

describe('the policy of a channel', () => {
  it('is the standard one until another is set, and survives a restart', () => {
    const { policies, open } = world();
    expect(policies.of(CHANNEL)).toEqual(STANDARD);
    policies.set(CHANNEL, { feeBaseMsat: 5 });
    expect(open().of(CHANNEL)).toEqual({ ...STANDARD, feeBaseMsat: 5 });
    expect(open().of(8)).toEqual(STANDARD);
  });

  it('that follows the balance has the fee of its step, over restarts too', () => {
    const { policies, open } = world();
    policies.set(CHANNEL, { follow: RANGE }, { step: 1, rateFreeAtMs: 5 });
    expect(policies.of(CHANNEL)).toEqual({ ...STANDARD, feeProportionalMillionths: 110, follow: RANGE });
    policies.setStep(CHANNEL, { step: 3, rateFreeAtMs: 9 });
    const again = open();
    expect(again.of(CHANNEL)).toEqual({ ...STANDARD, feeProportionalMillionths: 310, follow: RANGE });
    expect(again.stepOf(CHANNEL)).toEqual({ step: 3, rateFreeAtMs: 9 });
    again.set(CHANNEL, { feeBaseMsat: 0 });
    expect(again.of(CHANNEL)).toMatchObject({ feeBaseMsat: 0, feeProportionalMillionths: 310, follow: RANGE });
  });

  it('ends to follow it once a fee is fixed by hand, over restarts too', () => {
    const { policies, open } = world({ follow: RANGE });
    policies.setStep(CHANNEL, { step: 4, rateFreeAtMs: 9 });
    expect(policies.of(CHANNEL).feeProportionalMillionths).toBe(410);
    policies.set(CHANNEL, { feeProportionalMillionths: 77 });
    for (const each of [policies, open()]) {
      expect(each.of(CHANNEL)).toEqual({ ...STANDARD, feeProportionalMillionths: 77 });
      expect(each.stepOf(CHANNEL)).toBeUndefined();
    }
  });

  it('keeps to the range before its balance is known', () => {
    expect(world({ follow: { minPpm: 200, maxPpm: 300 } }).policies.of(CHANNEL).feeProportionalMillionths).toBe(200);
    expect(world({ follow: { minPpm: 20, maxPpm: 30 } }).policies.of(CHANNEL).feeProportionalMillionths).toBe(30);
  });
});

describe('fees that were replaced', () => {
  it('hold for ten minutes, over a restart too', () => {
    const { policies, open, clock } = world();
    policies.set(CHANNEL, { feeProportionalMillionths: 500 });
    clock.advance(OLDER_FEES_MS / 2);
    policies.set(CHANNEL, { feeBaseMsat: 2 });
    expect(older(policies)).toEqual([fees(1_000, 100), fees(1_000, 500)]);
    expect(older(open())).toEqual(older(policies));
    clock.advance(OLDER_FEES_MS / 2);
    for (const each of [policies, open()]) expect(older(each)).toEqual([fees(1_000, 500)]);
    clock.advance(OLDER_FEES_MS / 2);
    for (const each of [policies, open()]) expect(older(each)).toEqual([]);
  });

  it('are those of each step of the balance, but never one that nobody was told', () => {
    const { policies } = world({ follow: RANGE });
    policies.setStep(CHANNEL, { step: 0, rateFreeAtMs: 0 });
    expect(older(policies)).toEqual([]);
    policies.setStep(CHANNEL, { step: 1, rateFreeAtMs: 0 });
    policies.setStep(CHANNEL, { step: 2, rateFreeAtMs: 0 });
    expect(older(policies)).toEqual([fees(1_000, 10), fees(1_000, 110)]);
  });

  it('are not those that hold now, are noted once, and are few', () => {
    const { policies, database } = world();
    policies.set(CHANNEL, { cltvExpiryDelta: 50 });
    policies.noteOlder(CHANNEL, STANDARD);
    expect(older(policies)).toEqual([]);
    for (let round = 0; round < 3; round++) policies.noteOlder(CHANNEL, fees(1, 1));
    expect(older(policies)).toEqual([fees(1, 1)]);
    for (let base = 0; base < 40; base++) policies.set(CHANNEL, { feeBaseMsat: base });
    expect(older(policies)).toHaveLength(16);
    expect(older(policies).at(-1)).toEqual(fees(38, 100));
    expect(database.get<{ count: number }>('SELECT COUNT(*) AS count FROM older_fees')?.count).toBe(16);
  });
});

describe('what the operator chooses', () => {
  const following = { ...STANDARD, follow: RANGE };

  it('changes what is given, and no more', () => {
    expect(policyChanges(STANDARD, { feeBaseMsat: 1 })).toEqual({ feeBaseMsat: 1 });
    expect(policyChanges(STANDARD, { followBalance: true, minPpm: 1, maxPpm: 1 })).toEqual({ follow: { minPpm: 1, maxPpm: 1 } });
    expect(policyChanges(following, { followBalance: true, maxPpm: 500, feeBaseMsat: 0 })).toEqual({ feeBaseMsat: 0, follow: { minPpm: 10, maxPpm: 500 } });
    expect(policyChanges(following, { followBalance: false })).toEqual({ feeProportionalMillionths: 100 });
  });

  it('is refused where it means nothing', () => {
    expect(() => policyChanges(STANDARD, { followBalance: true, minPpm: 1 })).toThrow('expected the lowest and the highest fee');
    expect(() => policyChanges(following, { followBalance: true, minPpm: 411 })).toThrow('expected a highest fee of at least the lowest, 411 ppm, got 410');
  });
});
