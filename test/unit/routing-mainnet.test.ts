import { describe, expect, it } from 'vitest';
import { localChannelsOf, pairsOf, type Pair } from '../../scripts/bench/graph-pairs.ts';
import { directionOf } from '../../src/routing/channel.ts';
import { findPath } from '../../src/routing/find-path.ts';
import { findPaths } from '../../src/routing/k-best.ts';
import { Liquidity } from '../../src/routing/liquidity.ts';
import type { RouteRequest } from '../../src/routing/request.ts';
import { Roads } from '../../src/routing/roads.ts';
import { htlcsOf, type Route } from '../../src/routing/route.ts';
import { VirtualClock } from '../../src/runtime/virtual-clock.ts';
import { mainnetGraph } from '../harness/mainnet-graph.ts';

const graph = mainnetGraph();
const roads = new Roads(graph, new Liquidity(new VirtualClock(1e12)));
const HEIGHT = 900_000;

const requestOf = ({ payee }: Pair, amountMsat: bigint): RouteRequest => ({
  payee, amountMsat, maxFeeMsat: amountMsat / 100n + 50_000n, blockHeight: HEIGHT, finalCltvDelta: 18,
});

function* somePairs(seed: string, count: number): IterableIterator<Pair> {
  let left = count;
  for (const pair of pairsOf(graph, seed)) {
    if (left-- === 0) return;
    yield pair;
  }
}

/** Walks the route forwards, as its nodes would, and finds what they would refuse. */
function expectAccepted(route: Route, { payer, payee }: Pair, { amountMsat, maxFeeMsat, finalCltvDelta }: RouteRequest): void {
  const htlcs = htlcsOf(route);
  let from = payer;
  for (const [index, { nodeId, shortChannelId, feeMsat }] of route.hops.entries()) {
    const htlc = htlcs[index]!;
    const channel = graph.channel(shortChannelId)!;
    expect([channel.nodeId1, channel.nodeId2].sort()).toEqual([from, nodeId].sort());
    const policy = graph.policy(shortChannelId, directionOf(from, nodeId))!;
    expect(policy.disabled).toBe(false);
    expect(htlc.amountMsat).toBeGreaterThanOrEqual(policy.htlcMinimumMsat);
    expect(htlc.amountMsat).toBeLessThanOrEqual(policy.htlcMaximumMsat);
    expect(htlc.amountMsat).toBeLessThanOrEqual(channel.capacityMsat);
    const incoming = htlcs[index - 1];
    if (incoming !== undefined) {
      const fee = BigInt(policy.feeBaseMsat) + (htlc.amountMsat * BigInt(policy.feeProportionalMillionths)) / 1_000_000n;
      expect(incoming.amountMsat - htlc.amountMsat).toBeGreaterThanOrEqual(fee);
      expect(incoming.cltvExpiry - htlc.cltvExpiry).toBeGreaterThanOrEqual(policy.cltvExpiryDelta);
      expect(route.hops[index - 1]!.feeMsat).toBe(incoming.amountMsat - htlc.amountMsat);
    }
    if (index === route.hops.length - 1) expect(feeMsat).toBe(0n);
    from = nodeId;
  }
  expect(from).toBe(payee);
  expect(htlcs.at(-1)!.amountMsat).toBe(amountMsat);
  expect(htlcs.at(-1)!.cltvExpiry).toBeGreaterThanOrEqual(HEIGHT + finalCltvDelta);
  expect(route.totalFeeMsat).toBeLessThanOrEqual(maxFeeMsat);
  expect(route.totalCltvDelta).toBeLessThanOrEqual(2016);
  expect(route.hops.length).toBeLessThanOrEqual(20);
  expect(new Set(route.hops.map(({ nodeId }) => nodeId)).size).toBe(route.hops.length);
}

describe('on the graph of mainnet', () => {
  it.each([1_000n, 100_000n, 5_000_000n])('every node of a route takes what it is asked to forward, of %d sat', (amountSat) => {
    let found = 0;
    for (const pair of somePairs(`mainnet ${amountSat}`, 400)) {
      const request = requestOf(pair, amountSat * 1_000n);
      const result = findPath({ roads, self: pair.payer, localChannels: localChannelsOf(graph, pair.payer) }, request);
      if (!result.found) continue;
      expectAccepted(result.route, pair, request);
      found++;
    }
    expect(found).toBeGreaterThan(10);
  });

  it('the best of several paths come in their order, each another one, and each is accepted', () => {
    for (const pair of somePairs('several', 15)) {
      const request = requestOf(pair, 10_000_000n);
      const paths = findPaths({ roads, self: pair.payer, localChannels: localChannelsOf(graph, pair.payer) }, request, 5);
      if ('found' in paths) continue;
      for (const { route } of paths) expectAccepted(route, pair, request);
      expect(new Set(paths.map(({ route }) => route.hops.map(({ shortChannelId }) => shortChannelId).join())).size).toBe(paths.length);
      for (const [index, { costMsat }] of paths.entries()) expect(costMsat).toBeGreaterThanOrEqual(paths[index - 1]?.costMsat ?? 0n);
    }
  });
});
