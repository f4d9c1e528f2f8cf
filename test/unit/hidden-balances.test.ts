import { describe, expect, it } from 'vitest';
import { HiddenBalances, type HopLoad } from '../../scripts/bench/hidden-balances.ts';
import { couldArrive } from '../../scripts/bench/true-flow.ts';
import { ChannelGraph } from '../../src/routing/graph.ts';
import { connect, nodeNamed, policy } from '../harness/graph.ts';

const CAPACITY = 1_000_000n;
const both = policy({ htlcMaximumMsat: CAPACITY });

const hop = (from: string, to: string, shortChannelId: bigint, amountMsat: bigint): HopLoad => ({ from: nodeNamed(from), to: nodeNamed(to), shortChannelId, amountMsat });

/** Two ways from Alice to Dave, over Bob and over Carol, and a channel between those. */
function square() {
  const graph = new ChannelGraph();
  connect(graph, 1n, 'alice', 'bob', both, both, CAPACITY);
  connect(graph, 2n, 'alice', 'carol', both, both, CAPACITY);
  connect(graph, 3n, 'bob', 'dave', both, both, CAPACITY);
  connect(graph, 4n, 'carol', 'dave', both, both, CAPACITY);
  connect(graph, 5n, 'bob', 'carol', both, both, CAPACITY);
  const balances = HiddenBalances.draw(graph, 'uniform');
  // All that each of them has lies on its own side, so that it flows one way.
  balances.fill(nodeNamed('dave'));
  balances.fill(nodeNamed('alice'));
  return { graph, balances };
}

describe('hidden balances', () => {
  it('are the same whenever they are drawn, and come to the capacity on both sides together', () => {
    const { graph } = square();
    for (const distribution of ['uniform', 'probed'] as const) {
      const { balances } = HiddenBalances.draw(graph, distribution);
      expect(HiddenBalances.draw(graph, distribution).balances).toEqual(balances);
      for (let edge = 0; edge < balances.length; edge += 2) expect(balances[edge]! + balances[edge + 1]!).toBe(Number(CAPACITY));
    }
  });

  it('move when what is held is settled, and not before', () => {
    const { balances } = square();
    const way = [hop('alice', 'bob', 1n, 600_000n)];
    const spendable = () => balances.localChannels(nodeNamed('alice')).reduce((sum, { spendableMsat }) => sum + spendableMsat, 0n);
    expect(balances.hold(way)).toBeUndefined();
    expect(balances.hold(way)).toBe(0);
    expect(spendable()).toBe(1_400_000n);
    balances.release();
    expect(spendable()).toBe(2_000_000n);
    balances.hold(way);
    balances.settle();
    expect(balances.hold([hop('bob', 'alice', 1n, 600_000n)])).toBeUndefined();
    expect(balances.hold([hop('bob', 'alice', 1n, 1n)])).toBe(0);
  });

  it('tell what could arrive: over all ways together, and no more', () => {
    const { balances } = square();
    const could = (amountMsat: bigint, maxParts = 10) => couldArrive(balances, nodeNamed('alice'), nodeNamed('dave'), amountMsat, maxParts);
    expect(could(1n)).toBe(false);
    balances.fill(nodeNamed('bob'));
    balances.fill(nodeNamed('alice'));
    expect(could(CAPACITY)).toBe(true);
    expect(could(CAPACITY + 1n)).toBe(false);
    balances.fill(nodeNamed('carol'));
    balances.fill(nodeNamed('alice'));
    expect(could(2n * CAPACITY)).toBe(true);
    expect(could(2n * CAPACITY + 1n)).toBe(false);
    expect(could(2n * CAPACITY, 1)).toBe(true);
  });
});
