import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../src/cluster/seeded-random.ts';
import {
  SHORTCUT_SAT,
  TRUNK_SAT,
  channelsOf,
  distancesFrom,
  pairKey,
  range,
  topologies,
  type Edge,
} from '../../src/cluster/topology.ts';

const random = (seed = 'test'): SeededRandom => new SeededRandom(seed);
const pairs = (edges: readonly Edge[]): string[] => edges.map(pairKey);

describe('the topologies', () => {
  it('connect all nodes, with at most one channel for a pair, whatever the size and the seed', () => {
    const sizes = fc.integer({ min: 2, max: 40 });
    fc.assert(
      fc.property(fc.constantFrom(...topologies), sizes, fc.string(), (topology, count, seed) => {
        const edges = channelsOf(topology, count, random(seed));
        expect(distancesFrom(0, edges, 0n).size).toBe(count);
        expect(new Set(pairs(edges)).size).toBe(edges.length);
        expect(edges.every(({ opener, accepter }) => opener !== accepter)).toBe(true);
        expect(channelsOf(topology, count, random(seed))).toEqual(edges);
      }),
    );
  });

  it('have the shapes of their names', () => {
    expect(pairs(channelsOf('line', 4, random()))).toEqual(['0-1', '1-2', '2-3']);
    expect(pairs(channelsOf('ring', 4, random()))).toEqual(['0-1', '1-2', '2-3', '0-3']);
    expect(pairs(channelsOf('ring', 2, random()))).toEqual(['0-1']);
    expect(pairs(channelsOf('star', 4, random()))).toEqual(['0-1', '0-2', '0-3']);
  });

  it('small-world: a ring with about one more channel a node, and short ways across', () => {
    const edges = channelsOf('small-world', 30, random());
    expect(pairs(edges)).toEqual(expect.arrayContaining(pairs(channelsOf('ring', 30, random()))));
    expect(edges).toHaveLength(60);
    const farthest = Math.max(...distancesFrom(0, edges, 0n).values());
    // A ring of 30 alone has 15; with second neighbours alone it has 8.
    expect(farthest).toBeLessThan(8);
  });

  it('mesh: small payments of five nodes find shortcuts, larger ones go along the line', () => {
    const edges = channelsOf('mesh', 5, random());
    expect(edges).toHaveLength(7);
    expect(edges.filter(({ capacitySat }) => capacitySat === TRUNK_SAT)).toHaveLength(4);
    expect(Math.max(...distancesFrom(0, edges, 0n).values())).toBeLessThan(4);
    expect(distancesFrom(0, edges, SHORTCUT_SAT + 1n)).toEqual(new Map(range(0, 5).map((node) => [node, node])));
  });

  it('another seed is another mesh', () => {
    const meshes = new Set(range(0, 20).map((seed) => pairs(channelsOf('mesh', 8, random(`${seed}`))).join(' ')));
    expect(meshes.size).toBeGreaterThan(15);
  });
});

it('a distance that there is no way for is absent', () => {
  const edges: Edge[] = [{ opener: 0, accepter: 1, capacitySat: 5n }];
  expect(distancesFrom(0, edges, 6n)).toEqual(new Map([[0, 0]]));
  expect(distancesFrom(1, edges, 5n)).toEqual(
    new Map([
      [1, 0],
      [0, 1],
    ]),
  );
});

describe('seeded random numbers', () => {
  it('follow from the seed and cover their range', () => {
    const first = range(0, 200).map(
      (
        (numbers) => () =>
          numbers.below(10)
      )(random()),
    );
    const second = range(0, 200).map(
      (
        (numbers) => () =>
          numbers.below(10)
      )(random()),
    );
    expect(first).toEqual(second);
    expect(new Set(first)).toEqual(new Set(range(0, 10)));
  });

  it('a shuffle keeps every item', () => {
    const shuffled = random().shuffle(range(0, 50));
    expect(shuffled).not.toEqual(range(0, 50));
    expect(shuffled.toSorted((a, b) => a - b)).toEqual(range(0, 50));
    expect(random().pick([])).toBeUndefined();
  });
});
