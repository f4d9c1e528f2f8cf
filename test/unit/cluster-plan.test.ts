import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planPayments } from '../../src/cluster/payment-plan.ts';
import { SeededRandom } from '../../src/cluster/seeded-random.ts';
import { SHORTCUT_SAT, channelsOf, distancesFrom, topologies, type Topology } from '../../src/cluster/topology.ts';

function planOf(topology: Topology, nodes: number, count: number, seed = 'test') {
  const edges = channelsOf(topology, nodes, new SeededRandom(seed));
  return { edges, plan: planPayments(edges, nodes, count, new SeededRandom(seed)) };
}

describe('the plan of payments', () => {
  it('goes over one to four hops in a mesh of five nodes, and has invoices and keysends', () => {
    const { plan } = planOf('mesh', 5, 16);
    expect(plan.map(({ hops }) => hops)).toEqual([1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4]);
    expect(new Set(plan.map(({ kind }) => kind))).toEqual(new Set(['invoice', 'keysend']));
  });

  it('makes what is too large for a shortcut go along the line', () => {
    const { plan, edges } = planOf('mesh', 5, 16);
    for (const { from, to, hops, amountMsat } of plan) {
      const shortest = distancesFrom(from, edges, amountMsat / 1_000n + 1n).get(to);
      expect(shortest).toBe(hops);
    }
    expect(plan.filter(({ hops }) => hops === 4).every(({ amountMsat }) => amountMsat > SHORTCUT_SAT * 1_000n)).toBe(
      true,
    );
  });

  it('has only the lengths that there are', () => {
    expect(new Set(planOf('star', 5, 8).plan.map(({ hops }) => hops))).toEqual(new Set([1, 2]));
    expect(new Set(planOf('line', 2, 8).plan.map(({ hops }) => hops))).toEqual(new Set([1]));
    expect(planOf('mesh', 5, 0).plan).toEqual([]);
  });

  it('pays back the way that it paid, so that no channel runs dry', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...topologies),
        fc.integer({ min: 2, max: 12 }),
        fc.string(),
        (topology, nodes, seed) => {
          const { plan } = planOf(topology, nodes, 40, seed);
          expect(plan).toHaveLength(40);
          const lengths = new Set(plan.map(({ hops }) => hops));
          for (const length of lengths) {
            const ofLength = plan.filter(({ hops }) => hops === length);
            for (let index = 1; index < ofLength.length; index += 2) {
              const [there, back] = [ofLength[index - 1]!, ofLength[index]!];
              expect([back.from, back.to]).toEqual([there.to, there.from]);
            }
          }
        },
      ),
    );
  });

  it('is the same for the same seed', () => {
    expect(planOf('small-world', 9, 30).plan).toEqual(planOf('small-world', 9, 30).plan);
    expect(planOf('small-world', 9, 30).plan).not.toEqual(planOf('small-world', 9, 30, 'other').plan);
  });
});
