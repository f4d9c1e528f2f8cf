/** Which payments a cluster makes to show what it can. */
import type { SeededRandom } from './seeded-random.ts';
import { SHORTCUT_SAT, distancesFrom, range, type Edge } from './topology.ts';

export const MAX_HOPS = 4;

export interface PlannedPayment {
  readonly from: number;
  readonly to: number;
  readonly amountMsat: bigint;
  readonly kind: 'invoice' | 'keysend';
  /** The fewest channels that it can take. */
  readonly hops: number;
}

/** A payer and a payee so many channels apart, for amounts that shortcuts carry, or for those that they do not. */
interface Way {
  readonly from: number;
  readonly to: number;
  readonly isLarge: boolean;
}

/**
 * `count` payments in turn over one to four hops, as far as the topology has such ways. Every second payment of a
 * length goes back the way of the one before, so that balances stay near the middle; every third is a keysend.
 */
export function planPayments(
  edges: readonly Edge[],
  nodes: number,
  count: number,
  random: SeededRandom,
): PlannedPayment[] {
  const ways = range(1, MAX_HOPS + 1)
    .map((hops) => ({ hops, ways: waysOf(hops, edges, nodes) }))
    .filter((entry) => entry.ways.length > 0);
  const last = new Map<number, Way>();
  return range(0, count).flatMap((index): PlannedPayment[] => {
    const choice = ways[index % ways.length];
    if (choice === undefined) return [];
    const before = last.get(choice.hops);
    const way = before === undefined ? random.pick(choice.ways) : { ...before, from: before.to, to: before.from };
    if (way === undefined) return [];
    if (before === undefined) last.set(choice.hops, way);
    else last.delete(choice.hops);
    const kind = index % 3 === 2 ? 'keysend' : 'invoice';
    return [{ from: way.from, to: way.to, amountMsat: amount(way.isLarge, random), kind, hops: choice.hops }];
  });
}

/** Ways for small amounts; where there are none of that length, for large ones. */
function waysOf(hops: number, edges: readonly Edge[], nodes: number): Way[] {
  const pairs = (capacitySat: bigint, isLarge: boolean): Way[] =>
    range(0, nodes).flatMap((from) =>
      [...distancesFrom(from, edges, capacitySat)]
        .filter(([, distance]) => distance === hops)
        .map(([to]) => ({ from, to, isLarge })),
    );
  const small = pairs(0n, false);
  return small.length > 0 ? small : pairs(SHORTCUT_SAT + 1n, true);
}

/** 1,000 to 50,000 sat, or more than any shortcut carries; with a part of a satoshi, so that nothing can round. */
function amount(isLarge: boolean, random: SeededRandom): bigint {
  if (isLarge) return SHORTCUT_SAT * 1_100n + BigInt(random.below(300_000_000));
  return 1_000_000n + BigInt(random.below(49_000_000));
}
