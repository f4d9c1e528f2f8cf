import { describe, expect, it } from 'vitest';
import { live, type FlowEnd, type Mishap } from '../harness/crash-flow.ts';
import { crashFlows } from '../harness/crash-flows.ts';
import { isThorough } from '../harness/effort.ts';
import { Seeded } from '../harness/seeded.ts';

/**
 * Each ending, with a node whose process ends at one effect boundary or another of it, or whose commit fails: after the restart it comes to the same end,
 * to the satoshi, and makes no transaction twice.
 *
 * - `RUNNEL_CRASHES=all npx vitest run test/endings/crashes.test.ts` tries every boundary and every commit;
 * - `RUNNEL_CRASHES=40` as many of each flow as that, chosen from `RUNNEL_CRASHES_SEED`.
 */
const CRASHES = process.env['RUNNEL_CRASHES'] ?? (isThorough ? '6' : '2');
const SEED = process.env['RUNNEL_CRASHES_SEED'] ?? '1';
/** What a transaction more costs, or two. */
const REGROUPED_SAT = 500n;
const TIMEOUT_MS = 20 * 60_000;

/** Of `count` things, some of each part of them. */
function sample(count: number, most: number, random: Seeded): number[] {
  const all = Array.from({ length: count }, (_, index) => index + 1);
  if (CRASHES === 'all' || count <= most) return all;
  return Array.from({ length: most }, (_, part) => random.between(Math.floor((part * count) / most) + 1, Math.floor(((part + 1) * count) / most)));
}

const share = (percent: number): number => Math.max(1, Math.round((Number(CRASHES) * percent) / 100));

describe.each(crashFlows.map((flow) => [flow.name, flow] as const))('%s', (name, flow) => {
  const random = new Seeded(`${name} ${SEED}`);
  let told: Promise<FlowEnd> | undefined;
  const asItShouldBe = (): Promise<FlowEnd> => (told ??= live(flow, { kind: 'none' }));

  async function expectSameEnd(mishap: Mishap): Promise<void> {
    const expected = await asItShouldBe();
    const actual = await live(flow, mishap);
    const what = JSON.stringify(mishap);
    expect(actual.mishaps - expected.mishaps, `${what}: nothing happened`).toBeGreaterThan(0);
    expect(actual.faults, what).toEqual([]);
    const mayDiffer = mishap.kind === 'failedCommit' || flow.mayRegroup === true;
    expect(actual.outcome, what).toEqual(mayDiffer ? withFees(expected, actual, flow.mayRegroup === true ? REGROUPED_SAT : 0n) : expected.outcome);
  }

  it('ends well without a mishap', async () => {
    const { faults, boundaries, commits } = await asItShouldBe();
    expect(faults).toEqual([]);
    expect(Math.min(boundaries, commits)).toBeGreaterThan(10);
  }, TIMEOUT_MS);

  it('comes to the same end whichever effect its process ends at', async () => {
    const { boundaries } = await asItShouldBe();
    for (const at of sample(boundaries, share(60), random)) await expectSameEnd({ kind: 'crash', at });
  }, TIMEOUT_MS);

  it('comes to the same end if its process ends again and again', async () => {
    const runs = CRASHES === 'all' ? 20 : share(20);
    for (let run = 1; run <= runs; run++) await expectSameEnd({ kind: 'crashes', random: random.fork(`run ${run}`) });
  }, TIMEOUT_MS);

  it.each(['storage_full', 'storage_constraint'] as const)('comes to the same end whichever commit fails (%s)', async (failure) => {
    const { commits } = await asItShouldBe();
    for (const at of sample(commits, share(10), random)) await expectSameEnd({ kind: 'failedCommit', at, failure });
  }, TIMEOUT_MS);
});

/**
 * A transaction that could not be written is made with the next block, together with what can be claimed by then: that costs less, and more only where
 * claims may be grouped anew; what it costs less the wallet has.
 */
function withFees(expected: FlowEnd, actual: FlowEnd, mostSat: bigint): FlowEnd['outcome'] {
  const { outcome } = expected;
  const savedSat = expected.feesSat - actual.feesSat;
  if (savedSat < -mostSat) return outcome;
  const victimsWallet = `${expected.victim}'s wallet (sat)`;
  return { ...outcome, 'fees (sat)': actual.feesSat, [victimsWallet]: BigInt(String(outcome[victimsWallet])) + savedSat };
}
