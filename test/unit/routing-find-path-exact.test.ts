import { describe, expect, it } from 'vitest';
import type { NodeId } from '../../src/network/network.ts';
import { directionOf, type EdgePolicy } from '../../src/routing/channel.ts';
import { findPath, type PathContext } from '../../src/routing/find-path.ts';
import { ChannelGraph } from '../../src/routing/graph.ts';
import { findPaths } from '../../src/routing/k-best.ts';
import { Liquidity, probabilityOf } from '../../src/routing/liquidity.ts';
import type { LocalChannel, RouteRequest } from '../../src/routing/request.ts';
import { Roads } from '../../src/routing/roads.ts';
import { htlcsOf, type Route } from '../../src/routing/route.ts';
import { VirtualClock } from '../../src/runtime/virtual-clock.ts';
import { nodeNamed, policy } from '../harness/graph.ts';

/** Mulberry32: small, and the same in every run. */
function generator(seed: number): { below(limit: number): number; chance(percent: number): boolean } {
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  };
  return { below: (limit) => next() % limit, chance: (percent) => next() % 100 < percent };
}

interface Edge {
  readonly shortChannelId: bigint;
  readonly from: NodeId;
  readonly to: NodeId;
  readonly capacityMsat: bigint;
  /** Undefined: one of our own channels. */
  readonly policy?: EdgePolicy;
  readonly local?: LocalChannel;
}

interface Case {
  readonly context: PathContext;
  readonly request: RouteRequest;
  readonly edges: readonly Edge[];
}

const COUNT = 5;
const NAMES = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];

/**
 * A small dense network with tight limits: fees, minima and deltas are of the size of the amount and of the limits on
 * them. In two cases of three the channels take any amount and nothing but fees has a price, so that it is cheap but
 * slow ways (seeds 2, 5, …), or cheap but long ones (1, 4, …), that stand against the limits on lock and hops.
 */
function randomCase(seed: number): Case {
  const random = generator(seed);
  const isHarsh = seed % 3 === 0;
  const isSlow = seed % 3 !== 1;
  const nodes = NAMES.slice(0, 4 + random.below(5)).map(nodeNamed);
  const self = nodes[0]!;
  const payee = nodes[1]!;
  const graph = new ChannelGraph();
  const clock = new VirtualClock(1e12);
  const liquidity = new Liquidity(clock);
  const edges: Edge[] = [];
  const localChannels: LocalChannel[] = [];
  /** A value in harsh cases, another in the rest. */
  const harsh = <T>(value: T, otherwise: T): T => (isHarsh ? value : otherwise);

  const channels = nodes.length + random.below(nodes.length + 3);
  for (let scid = 1n; scid <= BigInt(channels); scid++) {
    const from = nodes[random.below(nodes.length)]!;
    const to = nodes[random.below(nodes.length)]!;
    if (from === to) continue;
    const capacityMsat = harsh(BigInt(800 + random.below(2000)), 1_000_000n);
    const [nodeId1, nodeId2] = [from, to].sort() as [NodeId, NodeId];
    const isOurs = from === self || to === self;
    if (isOurs) {
      const peer = from === self ? to : from;
      const channel: LocalChannel = {
        shortChannelId: scid,
        peer,
        spendableMsat: harsh(BigInt(random.below(3000)), 1_000_000n),
        htlcMinimumMsat: BigInt(harsh(random.chance(30), false) ? random.below(1500) : 0),
        htlcMaximumMsat: harsh(BigInt(1000 + random.below(2000)), 1_000_000n),
        online: random.chance(90),
      };
      localChannels.push(channel);
      edges.push({ shortChannelId: scid, from: self, to: peer, capacityMsat, local: channel });
    }
    // Some of our own channels are announced as well, and then stand in the graph.
    if (isOurs && random.chance(50)) continue;
    graph.addChannel({ shortChannelId: scid, nodeId1, nodeId2, capacityMsat, usable: true });
    for (const [start, end] of [[nodeId1, nodeId2], [nodeId2, nodeId1]] as const) {
      const direction = directionOf(start, end);
      if (harsh(random.chance(10), false)) continue;
      const update = policy({
        disabled: harsh(random.chance(8), false),
        cltvExpiryDelta: isSlow ? random.below(5) * 10 : 0,
        htlcMinimumMsat: BigInt(harsh(random.chance(40), false) ? random.below(1600) : 0),
        htlcMaximumMsat: capacityMsat - BigInt(harsh(random.below(800), 0)),
        feeBaseMsat: random.chance(30) ? 0 : random.below(harsh(120, 500)),
        feeProportionalMillionths: random.chance(30) ? 0 : random.below(200_000),
      });
      graph.applyUpdate(scid, direction, update);
      if (start !== self) edges.push({ shortChannelId: scid, from: start, to: end, capacityMsat, policy: update });
      if (random.chance(15)) liquidity.lacked({ shortChannelId: scid, direction }, BigInt(random.below(1200)));
      if (random.chance(5)) liquidity.failed({ shortChannelId: scid, direction });
      if (random.chance(15)) liquidity.carried({ shortChannelId: scid, direction }, BigInt(random.below(1200)));
      clock.advance(random.below(600_000));
    }
  }
  const request: RouteRequest = {
    payee,
    amountMsat: BigInt(700 + random.below(500)),
    maxFeeMsat: BigInt(harsh(random.below(random.chance(50) ? 300 : 3000), 5000)),
    blockHeight: 100,
    finalCltvDelta: random.below(10),
    expiryMargin: random.below(4),
    maxTotalCltvDelta: random.chance(30) ? 2016 : 20 + random.below(120),
    maxHops: random.chance(30) ? 20 : 1 + random.below(5),
  };
  return {
    context: {
      roads: new Roads(graph, liquidity),
      self,
      localChannels,
      weights: {
        attemptCostMsat: harsh(10_000, 0), attemptCostPpm: harsh(500, 0), timeValuePpb: harsh(random.below(2_000_000), 0),
      },
    },
    request,
    edges,
  };
}

interface Best {
  readonly costMsat: bigint;
  readonly totalAmountMsat: bigint;
}

/** Tries every simple path, with arithmetic of its own: those that keep to all limits, the cheapest first. */
function bruteForce({ context, request, edges }: Case): readonly Best[] {
  const { maxFeeMsat, amountMsat, maxTotalCltvDelta = 2016, maxHops = 20, finalCltvDelta, expiryMargin = 3 } = request;
  const all: Best[] = [];
  const backwards = (node: NodeId, path: readonly Edge[]): void => {
    if (path.length > maxHops) return;
    if (node === context.self) {
      const found = judge(path);
      if (found !== undefined) all.push(found);
      return;
    }
    for (const edge of edges) {
      if (edge.to !== node || edge.from === request.payee || path.some((other) => other.to === edge.from)) continue;
      backwards(edge.from, [edge, ...path]);
    }
  };
  const judge = (path: readonly Edge[]): Best | undefined => {
    let needed = amountMsat;
    let risk = 0n;
    let delta = finalCltvDelta + expiryMargin;
    for (const [index, edge] of [...path.entries()].reverse()) {
      const minimum = edge.local?.htlcMinimumMsat ?? edge.policy!.htlcMinimumMsat;
      if (index === path.length - 1 && minimum > needed) return undefined;
      const sent = needed > minimum ? needed : minimum;
      if (edge.local !== undefined) {
        const { spendableMsat, htlcMaximumMsat, online } = edge.local;
        if (!online || sent > spendableMsat || sent > htlcMaximumMsat) return undefined;
        needed = sent;
        continue;
      }
      const {
        disabled, htlcMinimumMsat, htlcMaximumMsat, feeBaseMsat, feeProportionalMillionths, cltvExpiryDelta,
      } = edge.policy!;
      if (disabled || htlcMaximumMsat < htlcMinimumMsat || sent > htlcMaximumMsat || sent > edge.capacityMsat) {
        return undefined;
      }
      needed = sent + BigInt(feeBaseMsat) + (sent * BigInt(feeProportionalMillionths)) / 1_000_000n;
      delta += cltvExpiryDelta;
      const direction = directionOf(edge.from, edge.to);
      const { attemptCostMsat, attemptCostPpm, timeValuePpb } = context.weights!;
      const { liquidity } = context.roads;
      const bounds = liquidity.boundsOf({ shortChannelId: edge.shortChannelId, direction });
      const p = Math.max(probabilityOf(liquidity.estimate(bounds, Number(edge.capacityMsat)), Number(sent)), 0.01);
      risk += BigInt(Math.floor(Number(needed) * cltvExpiryDelta * (timeValuePpb / 1e9)));
      // Where a score lies next to an integer, two ways to calculate it may come to either side.
      risk += BigInt(Math.floor((attemptCostMsat + Number(sent) * (attemptCostPpm / 1e6)) * (1 / p - 1) + 1e-6));
    }
    if (needed > amountMsat + maxFeeMsat || delta > maxTotalCltvDelta) return undefined;
    return { costMsat: needed - amountMsat + risk, totalAmountMsat: needed };
  };
  backwards(request.payee, []);
  return all.sort((a, b) => Number(a.costMsat - b.costMsat));
}

/** Walks the route forwards, as its nodes would, and refuses what they would refuse. */
function expectAccepted({ context, request, edges }: Case, route: Route): void {
  const htlcs = htlcsOf(route);
  let from = context.self;
  for (const [index, hop] of route.hops.entries()) {
    const htlc = htlcs[index]!;
    const edge = edges.find((e) => e.shortChannelId === hop.shortChannelId && e.from === from && e.to === hop.nodeId);
    expect(edge).toBeDefined();
    const minimum = edge!.local?.htlcMinimumMsat ?? edge!.policy!.htlcMinimumMsat;
    expect(htlc.amountMsat).toBeGreaterThanOrEqual(minimum);
    expect(htlc.amountMsat).toBeLessThanOrEqual(edge!.local?.spendableMsat ?? edge!.capacityMsat);
    if (edge!.policy !== undefined) {
      const before = htlcs[index - 1]!;
      const { feeBaseMsat, feeProportionalMillionths, cltvExpiryDelta } = edge!.policy;
      const fee = BigInt(feeBaseMsat) + (htlc.amountMsat * BigInt(feeProportionalMillionths)) / 1_000_000n;
      expect(before.amountMsat - htlc.amountMsat).toBeGreaterThanOrEqual(fee);
      expect(before.cltvExpiry - htlc.cltvExpiry).toBe(cltvExpiryDelta);
      expect(route.hops[index - 1]!.feeMsat).toBe(before.amountMsat - htlc.amountMsat);
    }
    from = hop.nodeId;
  }
  const last = htlcs.at(-1)!;
  expect(from).toBe(request.payee);
  expect(last).toEqual(
    { amountMsat: request.amountMsat, cltvExpiry: 100 + request.finalCltvDelta + request.expiryMargin! },
  );
  expect(route.hops.at(-1)!.feeMsat).toBe(0n);
  expect(route.totalFeeMsat).toBe(route.hops.reduce((sum, hop) => sum + hop.feeMsat, 0n));
  expect(route.totalFeeMsat).toBeLessThanOrEqual(request.maxFeeMsat);
  expect(route.totalCltvDelta).toBeLessThanOrEqual(request.maxTotalCltvDelta!);
  expect(route.hops.length).toBeLessThanOrEqual(request.maxHops!);
  expect(new Set(route.hops.map((hop) => hop.nodeId)).size).toBe(route.hops.length);
}

describe('the search against brute force', () => {
  it('finds a route exactly where one exists, and none is cheaper', () => {
    let found = 0;
    for (let seed = 1; seed <= 6000; seed++) {
      const networkCase = randomCase(seed);
      const [expected] = bruteForce(networkCase);
      const result = findPath(networkCase.context, networkCase.request);
      if (result.found !== (expected !== undefined)) {
        expect.fail(`seed ${seed}: the search says ${result.found}, every path tried says ${expected !== undefined}`);
      }
      if (!result.found || expected === undefined) continue;
      found++;
      expect(`${seed}: ${result.costMsat}`).toBe(`${seed}: ${expected.costMsat}`);
      expectAccepted(networkCase, result.route);
    }
    expect(found).toBeGreaterThan(2500);
    expect(found).toBeLessThan(5000);
  });

  it('finds the best of several paths in their order, and all where there are fewer', () => {
    let several = 0;
    for (let seed = 1; seed <= 2000; seed++) {
      const networkCase = randomCase(seed);
      const expected = bruteForce(networkCase).slice(0, COUNT);
      const paths = findPaths(networkCase.context, networkCase.request, COUNT);
      const costs = 'found' in paths ? [] : paths.map(({ costMsat }) => costMsat);
      expect(`${seed}: ${costs.join()}`).toBe(`${seed}: ${expected.map(({ costMsat }) => costMsat).join()}`);
      if (!('found' in paths)) for (const { route } of paths) expectAccepted(networkCase, route);
      if (expected.length > 2) several++;
    }
    expect(several).toBeGreaterThan(300);
  });
});
