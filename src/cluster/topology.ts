/** Which nodes of a cluster have a channel with each other. Nodes are numbers from 0. */
import type { SeededRandom } from './seeded-random.ts';

export const topologies = ['mesh', 'line', 'ring', 'star', 'small-world'] as const;
export type Topology = (typeof topologies)[number];

/** A channel to be opened. */
export interface Edge {
  readonly opener: number;
  readonly accepter: number;
  readonly capacitySat: bigint;
}

export const TRUNK_SAT = 10_000_000n;
/** A shortcut: payments above this must take the trunk. */
export const SHORTCUT_SAT = 1_000_000n;

/** Of 100 second neighbours in the small world, so many become far ones. */
const REWIRED_PERCENT = 30;

/**
 * The channels of a topology over `count` nodes (at least two), connected and without two channels between the same
 * two nodes; the same seed gives the same ones.
 *
 * `mesh` is a line of large channels with small ones as shortcuts across it, so that small payments find short ways,
 * and payments that are larger than a shortcut hop along the line.
 */
export function channelsOf(topology: Topology, count: number, random: SeededRandom): Edge[] {
  switch (topology) {
    case 'mesh':
      return mesh(count, random);
    case 'line':
      return line(count);
    case 'ring':
      return ring(count);
    case 'star':
      // Each node opens its own channel, so that no wallet has to fund them all.
      return range(1, count).map((node) => trunk(node, 0));
    case 'small-world':
      return smallWorld(count, random);
  }
}

function line(count: number): Edge[] {
  return range(1, count).map((node) => trunk(node - 1, node));
}

function ring(count: number): Edge[] {
  return count < 3 ? line(count) : [...line(count), trunk(count - 1, 0)];
}

function mesh(count: number, random: SeededRandom): Edge[] {
  const pairs = range(0, count).flatMap((a) =>
    range(a + 2, count).map((b) => ({ opener: a, accepter: b, capacitySat: SHORTCUT_SAT })),
  );
  return [...line(count), ...random.shuffle(pairs).slice(0, Math.ceil(count / 2))];
}

/** Newman's and Watts': a ring whose nodes also know their second neighbours, some of those exchanged for far ones. */
function smallWorld(count: number, random: SeededRandom): Edge[] {
  const edges = ring(count);
  const known = new Set(edges.map(pairKey));
  for (const node of range(0, count)) {
    const strangers = range(0, count).filter((other) => other !== node && !known.has(pairKey(trunk(node, other))));
    const second = (node + 2) % count;
    const isRewired = random.below(100) < REWIRED_PERCENT;
    const other = isRewired || !strangers.includes(second) ? random.pick(strangers) : second;
    if (other === undefined) continue;
    edges.push(trunk(node, other));
    known.add(pairKey(trunk(node, other)));
  }
  return edges;
}

/**
 * How many channels a payment from `from` to each node must take at least, over channels of at least `capacitySat`;
 * undefined: no way.
 */
export function distancesFrom(from: number, edges: readonly Edge[], capacitySat: bigint): Map<number, number> {
  const distances = new Map([[from, 0]]);
  const usable = edges.filter((edge) => edge.capacitySat >= capacitySat);
  // A Map visits what is added while it is walked: that is the queue of the breadth-first search.
  for (const [node, distance] of distances) {
    for (const { opener, accepter } of usable) {
      const next = opener === node ? accepter : accepter === node ? opener : undefined;
      if (next !== undefined && !distances.has(next)) distances.set(next, distance + 1);
    }
  }
  return distances;
}

/** The same for both directions. */
export function pairKey({ opener, accepter }: Pick<Edge, 'opener' | 'accepter'>): string {
  return `${Math.min(opener, accepter)}-${Math.max(opener, accepter)}`;
}

const trunk = (opener: number, accepter: number): Edge => ({ opener, accepter, capacitySat: TRUNK_SAT });

/** The whole numbers from `start` up to, but not including, `end`. */
export function range(start: number, end: number): number[] {
  return Array.from({ length: Math.max(0, end - start) }, (_, index) => start + index);
}
