import { afterAll, describe, expect, it } from 'vitest';
import { effort } from '../harness/effort.ts';
import type { Mesh } from '../harness/mesh.ts';
import { faultsOf, journalFaults, journalHashes, paymentsOf } from '../harness/mesh-invariants.ts';
import { play } from './scenario.ts';

/**
 * Lives of whole meshes on virtual time, each made up from a seed: payments of both kinds and all sizes, probes, delayed messages, cut links,
 * processes that end at any effect boundary, commits that fail, blocks, closes, new feerates and policies. At the end everything is mended,
 * and every invariant must hold.
 *
 * - `RUNNEL_SEEDS=5000 npx vitest run test/simulation/mesh.test.ts` plays that many seeds.
 * - `RUNNEL_SEED=123 npx vitest run test/simulation/mesh.test.ts` plays that one, and prints all that happens in it.
 */
const SEEDS = effort('RUNNEL_SEEDS', { quick: 25, thorough: 300 });
const SEEDS_PER_TEST = 25;
/** To audit the journals of a life costs more than to live it: not each seed's are, and few seeds are played twice. */
const REPLAY_EVERY = 10;
const REPEAT_EVERY = 25;
/** Lines of the story that a failure shows. */
const SHOWN_LINES = 120;
const TIMEOUT_MS = 10 * 60_000;

const only = process.env['RUNNEL_SEED'];
const seeds = Array.from({ length: SEEDS }, (_, index) => index + 1);
const tally = { succeeded: 0, failed: 0, arrivedProbes: 0, crashes: 0, failedCommits: 0 };

if (only !== undefined) {
  it(`plays seed ${only}`, async () => {
    const mesh = await play(Number(only));
    // oxlint-disable-next-line no-console -- whoever asks for one seed wants to read it
    console.log(mesh.story());
    expectSound(Number(only), mesh, true);
  }, TIMEOUT_MS);
} else {
  describe.each(chunks(seeds))('seeds $from to $to', ({ from, to }) => {
    it('come to rest with every invariant kept', async () => {
      for (let seed = from; seed <= to; seed++) {
        const mesh = await play(seed);
        expectSound(seed, mesh, seed % REPLAY_EVERY === 0);
        count(mesh);
        if (seed % REPEAT_EVERY === 0) expect(journalHashes(await play(seed)), `seed ${seed}, again`).toEqual(journalHashes(mesh));
      }
    }, TIMEOUT_MS);
  });

  afterAll(() => {
    // A simulation in which little happens would keep every invariant.
    if (tally.succeeded + tally.failed === 0) return;
    expect(tally.succeeded).toBeGreaterThan(seeds.length * 3);
    expect(tally.arrivedProbes).toBeGreaterThan(seeds.length / 4);
    expect(tally.crashes).toBeGreaterThan(seeds.length * 2);
    expect(tally.failedCommits).toBeGreaterThan(seeds.length / 4);
  });
}

function expectSound(seed: number, mesh: Mesh, withJournals: boolean): void {
  const faults = faultsOf(mesh);
  if (faults.length === 0 && withJournals) faults.push(...journalFaults(mesh));
  if (faults.length === 0) return;
  const story = mesh.story().split('\n').slice(-SHOWN_LINES).join('\n');
  throw new Error(`seed ${seed}:\n${faults.join('\n')}\n\nplay it with RUNNEL_SEED=${seed}; it ended so:\n${story}`);
}

function count(mesh: Mesh): void {
  for (const { payment } of paymentsOf(mesh)) tally[payment.status === 'succeeded' ? 'succeeded' : 'failed'] += 1;
  for (const { mishaps, node } of mesh.nodes) {
    tally.arrivedProbes += node.payments.listProbes({ status: 'arrived' }).total;
    tally.crashes += mishaps.crashes;
    tally.failedCommits += mishaps.failedCommits;
  }
}

function chunks(all: readonly number[]): { from: number; to: number }[] {
  const starts = all.filter((_, index) => index % SEEDS_PER_TEST === 0);
  return starts.map((from) => ({ from, to: Math.min(from + SEEDS_PER_TEST - 1, all.length) }));
}
