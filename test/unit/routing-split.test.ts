import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../src/cluster/seeded-random.ts';
import { directionOf, type EdgePolicy } from '../../src/routing/channel.ts';
import { findPath } from '../../src/routing/find-path.ts';
import { ChannelGraph } from '../../src/routing/graph.ts';
import { Liquidity } from '../../src/routing/liquidity.ts';
import type { LocalChannel, RouteRequest } from '../../src/routing/request.ts';
import { Roads } from '../../src/routing/roads.ts';
import { htlcsOf } from '../../src/routing/route.ts';
import { findSplit, type FoundSplit } from '../../src/routing/split.ts';
import { VirtualClock } from '../../src/runtime/virtual-clock.ts';
import { localChannelsOf, pairsOf } from '../../scripts/bench/graph-pairs.ts';
import { connect, localChannel, nodeNamed, policy } from '../harness/graph.ts';
import { mainnetGraph } from '../harness/mainnet-graph.ts';

const alice = nodeNamed('alice');

function plan(graph: ChannelGraph, localChannels: readonly LocalChannel[], request: Partial<RouteRequest>, maxParts = 16) {
  const roads = new Roads(graph, new Liquidity(new VirtualClock(1e12)));
  const whole: RouteRequest = {
    payee: nodeNamed('dave'), amountMsat: 800_000n, maxFeeMsat: 100_000n, blockHeight: 800_000, finalCltvDelta: 18, ...request,
  };
  return findSplit({ roads, self: alice, localChannels }, whole, maxParts);
}

function split(result: ReturnType<typeof plan>): FoundSplit {
  if (!result.found) expect.fail(result.message);
  return result;
}

const shape = (result: ReturnType<typeof plan>) =>
  split(result)
    .parts.map(({ route }) => `${route.hops.map(({ shortChannelId }) => shortChannelId).join(' ')}: ${route.amountMsat}`)
    .sort();

/** What all parts of a payment send over each channel, by the node that forwards over it. */
function loads({ parts }: FoundSplit, payer: string): Map<string, bigint> {
  const sums = new Map<string, bigint>();
  for (const { route } of parts) {
    const htlcs = htlcsOf(route);
    let from = payer;
    for (const [place, { nodeId, shortChannelId }] of route.hops.entries()) {
      const key = `${shortChannelId}/${directionOf(from, nodeId)}`;
      sums.set(key, (sums.get(key) ?? 0n) + htlcs[place]!.amountMsat);
      from = nodeId;
    }
  }
  return sums;
}

const SAT = 1_000n;

/** A channel that carries so many sat in all. */
function channel(graph: ChannelGraph, scid: bigint, from: string, to: string, capacitySat: bigint, changes: Partial<EdgePolicy> = {}): void {
  const both = policy({ htlcMaximumMsat: capacitySat * SAT, ...changes });
  connect(graph, scid, from, to, both, both, capacitySat * SAT);
}

describe('a payment in parts', () => {
  it('takes two ways where neither carries all', () => {
    const graph = new ChannelGraph();
    channel(graph, 3n, 'bob', 'dave', 450n);
    channel(graph, 4n, 'carol', 'dave', 450n);
    const locals = [localChannel(1n, 'bob'), localChannel(2n, 'carol')];
    const parts = split(plan(graph, locals, {})).parts;
    expect(parts.map(({ route }) => route.hops.map(({ shortChannelId }) => shortChannelId))).toEqual(expect.arrayContaining([[1n, 3n], [2n, 4n]]));
    expect(plan(graph, locals, {}, 1)).toMatchObject({ found: false, sendable: { onePartMsat: 450_000n, inPartsMsat: 900_000n } });
    expect(plan(graph, locals, { amountMsat: 900_001n })).toMatchObject({ found: false });
  });

  it('stays whole where that is the cheapest', () => {
    const graph = new ChannelGraph();
    connect(graph, 3n, 'bob', 'dave', policy({ feeBaseMsat: 10 }));
    connect(graph, 4n, 'carol', 'dave', policy({ feeBaseMsat: 5_000 }));
    const locals = [localChannel(1n, 'bob'), localChannel(2n, 'carol')];
    expect(shape(plan(graph, locals, { amountMsat: 100_000n }))).toEqual(['1 3: 100000']);
  });

  it('sends several HTLCs over a channel that takes none so large', () => {
    const graph = new ChannelGraph();
    connect(graph, 3n, 'bob', 'dave', policy({ htlcMaximumMsat: 300_000n }));
    expect(shape(plan(graph, [localChannel(1n, 'bob')], {}))).toEqual(['1 3: 266666', '1 3: 266667', '1 3: 266667']);
  });

  it('lets a part give way to another that has no other way', () => {
    // Bob's cheap way to Dave leads over Erin, which is Carol's only way.
    const graph = new ChannelGraph();
    channel(graph, 3n, 'bob', 'erin', 1_000n);
    channel(graph, 4n, 'carol', 'erin', 1_000n);
    channel(graph, 5n, 'erin', 'dave', 450n);
    channel(graph, 6n, 'bob', 'dave', 450n, { feeBaseMsat: 60_000 });
    const locals = [localChannel(1n, 'bob', { spendableMsat: 520_000n }), localChannel(2n, 'carol', { spendableMsat: 450_000n })];
    const result = split(plan(graph, locals, { maxFeeMsat: 600_000n }));
    const sums = loads(result, alice);
    expect(result.parts.reduce((sum, { route }) => sum + route.amountMsat, 0n)).toBe(800_000n);
    expect(sums.get('5/1')! + sums.get('6/0')!).toBe(800_000n);
    for (const sum of [sums.get('5/1')!, sums.get('6/0')!]) expect(sum).toBeLessThanOrEqual(450_000n);
  });

  it('counts what parts that are out hold already', () => {
    const graph = new ChannelGraph();
    channel(graph, 3n, 'bob', 'dave', 1_000n);
    channel(graph, 4n, 'carol', 'dave', 450n);
    const locals = [localChannel(1n, 'bob'), localChannel(2n, 'carol')];
    const reserved = [{ shortChannelId: 3n, direction: 0, amountMsat: 600_000n } as const];
    expect(loads(split(plan(graph, locals, { reserved })), alice).get('3/0')).toBeLessThanOrEqual(400_000n);
    expect(plan(graph, locals, { reserved, amountMsat: 900_000n })).toMatchObject({ found: false, sendable: { inPartsMsat: 850_000n } });
  });

  it('keeps to the limit on fees in all parts together', () => {
    const graph = new ChannelGraph();
    channel(graph, 3n, 'bob', 'dave', 450n, { feeBaseMsat: 600 });
    channel(graph, 4n, 'carol', 'dave', 450n, { feeBaseMsat: 600 });
    const locals = [localChannel(1n, 'bob'), localChannel(2n, 'carol')];
    expect(split(plan(graph, locals, { maxFeeMsat: 1_200n })).totalFeeMsat).toBe(1_200n);
    expect(plan(graph, locals, { maxFeeMsat: 1_199n })).toMatchObject({ found: false });
  });

  it('has no more parts than are allowed', () => {
    const graph = new ChannelGraph();
    const locals = ['b1', 'b2', 'b3', 'b4'].map((name, index) => {
      channel(graph, BigInt(10 + index), name, 'dave', 300n);
      return localChannel(BigInt(1 + index), name);
    });
    expect(split(plan(graph, locals, {}, 3)).parts).toHaveLength(3);
    expect(plan(graph, locals, {}, 2)).toMatchObject({ found: false });
  });
});

/**
 * A random network of six nodes, all channels of the same fee rate and size class, and a payment of four units: every way
 * to lay the units is tried.
 */
describe('against every way to lay four units', () => {
  const NAMES = ['alice', 'bob', 'carol', 'erin', 'frank', 'dave'];
  const UNIT = 100_000n;

  function randomNetwork(seed: number) {
    const random = new SeededRandom(`split ${seed}`);
    const graph = new ChannelGraph();
    const locals: LocalChannel[] = [];
    const capacity = new Map<string, number>();
    for (let scid = 1n; scid <= 9n; scid++) {
      const from = random.pick(NAMES)!;
      const to = random.pick(NAMES.filter((name) => name !== from))!;
      const units = 1 + random.below(4);
      if (from === 'alice' || to === 'alice') {
        const peer = from === 'alice' ? to : from;
        locals.push(localChannel(scid, peer, { spendableMsat: UNIT * BigInt(units) }));
        capacity.set(`alice ${peer} ${scid}`, units);
        continue;
      }
      channel(graph, scid, from, to, (UNIT / SAT) * BigInt(units));
      for (const [a, b] of [[from, to], [to, from]]) capacity.set(`${a} ${b} ${scid}`, units);
    }
    return { graph, locals, capacity };
  }

  /** The maximum flow, by trying every augmenting path: Ford and Fulkerson, without fees. */
  function mostUnits(capacity: ReadonlyMap<string, number>): number {
    const residual = new Map<string, number>();
    for (const [key, units] of capacity) {
      const [from, to] = key.split(' ');
      residual.set(`${from} ${to}`, (residual.get(`${from} ${to}`) ?? 0) + units);
    }
    const augment = (node: string, seen: Set<string>): boolean => {
      if (node === 'dave') return true;
      seen.add(node);
      for (const next of NAMES) {
        if (seen.has(next) || (residual.get(`${node} ${next}`) ?? 0) === 0) continue;
        if (!augment(next, seen)) continue;
        residual.set(`${node} ${next}`, residual.get(`${node} ${next}`)! - 1);
        residual.set(`${next} ${node}`, (residual.get(`${next} ${node}`) ?? 0) + 1);
        return true;
      }
      return false;
    };
    let units = 0;
    while (augment('alice', new Set())) units++;
    return units;
  }

  it('finds a way for all parts exactly where there is one', () => {
    let [some, none] = [0, 0];
    for (let seed = 1; seed <= 1_500; seed++) {
      const { graph, locals, capacity } = randomNetwork(seed);
      if (locals.length === 0) continue;
      const isPossible = mostUnits(capacity) >= 4;
      const result = plan(graph, locals, { amountMsat: 4n * UNIT, maxFeeMsat: 0n });
      expect(`${seed}: ${result.found}`).toBe(`${seed}: ${isPossible}`);
      if (!result.found) {
        none++;
        continue;
      }
      some++;
      expect(result.parts.reduce((sum, { route }) => sum + route.amountMsat, 0n)).toBe(4n * UNIT);
      for (const [key, sum] of loads(result, alice)) {
        const [scid = ''] = key.split('/');
        const [, units] = [...capacity].find(([name]) => name.endsWith(` ${scid}`))!;
        expect(sum).toBeLessThanOrEqual(UNIT * BigInt(units));
      }
    }
    expect(some).toBeGreaterThan(100);
    expect(none).toBeGreaterThan(100);
  });
});

describe('on the graph of mainnet', () => {
  it('no channel is asked for more than it takes, and no split is dearer than one part', () => {
    const graph = mainnetGraph();
    const roads = new Roads(graph, new Liquidity(new VirtualClock(1e12)));
    let several = 0;
    let left = 60;
    for (const { payer, payee } of pairsOf(graph, 'split')) {
      if (left-- === 0) break;
      const context = { roads, self: payer, localChannels: localChannelsOf(graph, payer) };
      const request = { payee, amountMsat: 500_000_000n, maxFeeMsat: 5_000_000n, blockHeight: 900_000, finalCltvDelta: 18 };
      const result = findSplit(context, request, 16);
      const single = findPath(context, request);
      if (!result.found) {
        expect(single.found).toBe(false);
        continue;
      }
      if (single.found) expect(result.costMsat).toBeLessThanOrEqual(single.costMsat);
      if (result.parts.length > 1) several++;
      expect(result.parts.reduce((sum, { route }) => sum + route.amountMsat, 0n)).toBe(request.amountMsat);
      expect(result.totalFeeMsat).toBeLessThanOrEqual(request.maxFeeMsat);
      for (const [key, sum] of loads(result, payer)) {
        const [scid = '', direction] = key.split('/');
        expect(sum).toBeLessThanOrEqual(graph.channel(BigInt(scid))!.capacityMsat);
        expect(graph.policy(BigInt(scid), Number(direction) as 0 | 1)!.disabled).toBe(false);
      }
    }
    expect(several).toBeGreaterThan(10);
  });
});
