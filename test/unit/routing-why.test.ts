import { describe, expect, it } from 'vitest';
import { findPath } from '../../src/routing/find-path.ts';
import { ChannelGraph } from '../../src/routing/graph.ts';
import { Liquidity } from '../../src/routing/liquidity.ts';
import { Roads } from '../../src/routing/roads.ts';
import { DEFAULT_WEIGHTS } from '../../src/routing/weights.ts';
import { explainRoute } from '../../src/routing/why.ts';
import { VirtualClock } from '../../src/runtime/virtual-clock.ts';
import { connect, localChannel, nodeNamed, policy } from '../harness/graph.ts';

describe('why a route was chosen', () => {
  it('adds up to its score, channel by channel, and says what is believed of each', () => {
    const graph = new ChannelGraph();
    connect(graph, 2n, 'bob', 'carol', policy({ feeBaseMsat: 1_000, feeProportionalMillionths: 100 }));
    connect(graph, 3n, 'carol', 'dave', policy({ feeBaseMsat: 2_000, cltvExpiryDelta: 144 }));
    const liquidity = new Liquidity(new VirtualClock(1e12));
    liquidity.carried({ shortChannelId: 2n, direction: 0 }, 300_000_000n);
    liquidity.lacked({ shortChannelId: 3n, direction: 0 }, 400_000_000n);
    liquidity.nodeFailed(nodeNamed('carol'), { certainty: 0.5 });
    const roads = new Roads(graph, liquidity);
    const self = nodeNamed('alice');
    const result = findPath(
      { roads, self, localChannels: [localChannel(1n, 'bob')] },
      { payee: nodeNamed('dave'), amountMsat: 200_000_000n, maxFeeMsat: 10_000_000n, blockHeight: 1, finalCltvDelta: 18 },
    );
    if (!result.found) expect.fail(result.message);
    const { hops, costMsat, chancePpm } = explainRoute(roads, DEFAULT_WEIGHTS, self, result.route);
    expect(costMsat).toBe(result.costMsat);
    expect(hops.map((hop) => hop.feeMsat)).toEqual([21_000n, 2_000n]);
    expect(hops.map((hop) => [hop.atLeastMsat, hop.lessThanMsat, hop.isLearned])).toEqual([[300_000_000n, 1_000_000_001n, true], [0n, 400_000_000n, true]]);
    // The first is known to carry it; the second does in one of two cases, at a node that works in one of two.
    expect(hops.map((hop) => hop.chancePpm)).toEqual([1_000_000, 250_000]);
    expect(chancePpm).toBe(250_000);
  });
});
