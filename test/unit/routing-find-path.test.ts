import { describe, expect, it } from 'vitest';
import { findPath, type RouteResult } from '../../src/routing/find-path.ts';
import { ChannelGraph } from '../../src/routing/graph.ts';
import { findPaths } from '../../src/routing/k-best.ts';
import { Liquidity } from '../../src/routing/liquidity.ts';
import type { NoRoute } from '../../src/routing/no-route.ts';
import type { LocalChannel, RouteRequest } from '../../src/routing/request.ts';
import { Roads } from '../../src/routing/roads.ts';
import { htlcsOf, type Route } from '../../src/routing/route.ts';
import { findSplit } from '../../src/routing/split.ts';
import { VirtualClock } from '../../src/runtime/virtual-clock.ts';
import { connect, localChannel, nodeNamed, policy } from '../harness/graph.ts';

const HEIGHT = 800_000;

const FEES_ALONE = { attemptCostMsat: 0, attemptCostPpm: 0, timeValuePpb: 15 };

/** Asks Alice's router; the price of risk is nil unless an estimate is given, so that fees alone decide. */
function ask(
  graph: ChannelGraph, localChannels: readonly LocalChannel[], payee: string, changes: Partial<RouteRequest> = {},
  liquidity?: Liquidity,
): RouteResult {
  const request: RouteRequest = {
    payee: nodeNamed(payee),
    amountMsat: 100_000n,
    maxFeeMsat: 50_000n,
    blockHeight: HEIGHT,
    finalCltvDelta: 18,
    expiryMargin: 0,
    ...changes,
  };
  const roads = new Roads(graph, liquidity ?? new Liquidity(new VirtualClock(1e12)));
  return findPath({ roads, self: nodeNamed('alice'), localChannels, ...(liquidity === undefined && { weights: FEES_ALONE }) }, request);
}

function route(result: RouteResult): Route {
  if (!result.found) expect.fail(result.message);
  return result.route;
}

function refusal(result: RouteResult): NoRoute {
  if (result.found) expect.fail(`found a route over ${result.route.hops.map((hop) => hop.shortChannelId).join(', ')}`);
  return result;
}

const scids = (result: RouteResult) => route(result).hops.map((hop) => hop.shortChannelId);

describe('the example of BOLT 7, "Routing Example"', () => {
  const fees = (node: number) => policy({
    cltvExpiryDelta: 10 * node, feeBaseMsat: 100 * node, feeProportionalMillionths: 1000 * node,
  });
  const [A, B, C, D] = [fees(1), fees(2), fees(3), fees(4)];
  const graph = new ChannelGraph();
  connect(graph, 1n, 'alice', 'bob', A, B);
  connect(graph, 2n, 'alice', 'dave', A, D);
  connect(graph, 3n, 'bob', 'carol', B, C);
  connect(graph, 4n, 'dave', 'carol', D, C);
  const request = { amountMsat: 4_999_999n, expiryMargin: 42 };

  it('pays C over B', () => {
    const result = route(ask(graph, [localChannel(1n, 'bob')], 'carol', request));
    expect(result).toEqual({
      amountMsat: 4_999_999n,
      totalAmountMsat: 5_010_198n,
      totalFeeMsat: 10_199n,
      totalCltvDelta: 20 + 18 + 42,
      cltvExpiry: HEIGHT + 20 + 18 + 42,
      hops: [
        {
          nodeId: nodeNamed('bob'), shortChannelId: 1n, amountToForwardMsat: 4_999_999n,
          outgoingCltvExpiry: HEIGHT + 60, feeMsat: 10_199n,
        },
        {
          nodeId: nodeNamed('carol'), shortChannelId: 3n, amountToForwardMsat: 4_999_999n,
          outgoingCltvExpiry: HEIGHT + 60, feeMsat: 0n,
        },
      ],
    });
    expect(htlcsOf(result)).toEqual([
      { amountMsat: 5_010_198n, cltvExpiry: HEIGHT + 80 },
      { amountMsat: 4_999_999n, cltvExpiry: HEIGHT + 60 },
    ]);
  });

  it('pays C over D where that is the only way', () => {
    const result = route(ask(graph, [localChannel(2n, 'dave')], 'carol', request));
    expect(result).toMatchObject({ totalAmountMsat: 5_020_398n, cltvExpiry: HEIGHT + 40 + 18 + 42 });
  });

  it('pays a neighbour without a fee, and asks for no delta of our own', () => {
    const result = route(ask(graph, [localChannel(1n, 'bob')], 'bob', request));
    expect(result).toMatchObject({ totalFeeMsat: 0n, totalCltvDelta: 60 });
    expect(result.hops).toHaveLength(1);
  });

  it('chooses the cheaper of the two', () => {
    expect(scids(ask(graph, [localChannel(2n, 'dave'), localChannel(1n, 'bob')], 'carol', request))).toEqual([1n, 3n]);
  });
});

describe('fees and deltas along a longer way', () => {
  it('compound: each node charges for what it forwards, the fees after it included', () => {
    const graph = new ChannelGraph();
    connect(
      graph, 2n, 'bob', 'carol', policy({ feeBaseMsat: 1000, feeProportionalMillionths: 10_000, cltvExpiryDelta: 7 }),
    );
    connect(
      graph, 3n, 'carol', 'dave', policy({ feeBaseMsat: 999, feeProportionalMillionths: 33_333, cltvExpiryDelta: 11 }),
    );
    const result = route(ask(graph, [localChannel(1n, 'bob')], 'dave'));
    const carolsFee = 999n + (100_000n * 33_333n) / 1_000_000n;
    const bobsFee = 1000n + ((100_000n + carolsFee) * 10_000n) / 1_000_000n;
    expect(result.hops.map((hop) => hop.feeMsat)).toEqual([bobsFee, carolsFee, 0n]);
    expect(result.hops.map((hop) => hop.outgoingCltvExpiry - HEIGHT)).toEqual([18 + 11, 18, 18]);
    expect(result.totalCltvDelta).toBe(18 + 11 + 7);
  });

  it('keep three blocks in hand unless told otherwise', () => {
    const result = route(ask(new ChannelGraph(), [localChannel(1n, 'bob')], 'bob', { expiryMargin: undefined }));
    expect(result.totalCltvDelta).toBe(18 + 3);
  });
});

describe('limits', () => {
  /** Two ways to Dave: cheap and slow over Bob, dear and fast over Carol. */
  function diamond(cheap = {}, dear = {}): ChannelGraph {
    const graph = new ChannelGraph();
    connect(graph, 3n, 'bob', 'dave', policy({ feeBaseMsat: 10, cltvExpiryDelta: 200, ...cheap }));
    connect(graph, 4n, 'carol', 'dave', policy({ feeBaseMsat: 5000, cltvExpiryDelta: 20, ...dear }));
    return graph;
  }
  const locals = [localChannel(1n, 'bob'), localChannel(2n, 'carol')];

  it('are not needed to prefer the cheap way', () => {
    expect(scids(ask(diamond(), locals, 'dave'))).toEqual([1n, 3n]);
  });

  const avoided: [string, object, Partial<RouteRequest>][] = [
    ['is disabled', { disabled: true }, {}],
    ['takes less', { htlcMaximumMsat: 99_999n }, {}],
    ['takes only more', { htlcMinimumMsat: 100_001n }, {}],
    ['contradicts itself', { htlcMinimumMsat: 2n, htlcMaximumMsat: 1n }, {}],
    ['claims more than its capacity', { htlcMaximumMsat: 1_000_000_001n }, {}],
    ['locks the money for too long', {}, { maxTotalCltvDelta: 217 }],
    ['is excluded', {}, { exclude: { channels: [3n] } }],
    ['is excluded in this direction', {}, { exclude: { directions: [{ shortChannelId: 3n, direction: 0 }] } }],
    ['belongs to an excluded node', {}, { exclude: { nodes: [nodeNamed('bob')] } }],
  ];
  it.each(avoided)('avoid a channel that %s', (_, cheap, request) => {
    expect(scids(ask(diamond(cheap), locals, 'dave', request))).toEqual([2n, 4n]);
  });

  it('are met exactly: what just fits is used', () => {
    const exact = diamond({ htlcMaximumMsat: 100_000n, htlcMinimumMsat: 100_000n });
    expect(
      scids(ask(exact, locals, 'dave', { maxTotalCltvDelta: 218, maxFeeMsat: 10n, maxHops: 2 })),
    ).toEqual([1n, 3n]);
  });

  it('avoid channels and nodes that ask for unknown features', () => {
    const graph = diamond();
    graph.setChannelUsable(3n, false);
    expect(scids(ask(graph, locals, 'dave'))).toEqual([2n, 4n]);
    graph.setChannelUsable(3n, true);
    graph.setNodeUsable(nodeNamed('bob'), false);
    expect(scids(ask(graph, locals, 'dave'))).toEqual([2n, 4n]);
  });

  it('avoid our own channels that are offline or empty, whatever gossip says of them', () => {
    const graph = diamond();
    connect(graph, 1n, 'alice', 'bob', policy());
    const broken = [
      { online: false }, { spendableMsat: 100_009n }, { htlcMaximumMsat: 100_009n }, { htlcMinimumMsat: 200_000n },
    ];
    for (const state of broken) {
      expect(scids(ask(graph, [localChannel(1n, 'bob', state), locals[1]!], 'dave'))).toEqual([2n, 4n]);
    }
    expect(
      scids(ask(graph, [localChannel(1n, 'bob', { spendableMsat: 100_010n }), locals[1]!], 'dave')),
    ).toEqual([1n, 3n]);
  });

  it('take the shorter way when the cheap one has too many hops, though both meet on the way', () => {
    const graph = new ChannelGraph();
    connect(graph, 2n, 'bob', 'carol', policy());
    connect(graph, 3n, 'bob', 'x', policy());
    connect(graph, 4n, 'x', 'y', policy());
    connect(graph, 5n, 'y', 'z', policy());
    connect(graph, 6n, 'z', 'dave', policy());
    connect(graph, 7n, 'bob', 'dave', policy({ feeBaseMsat: 30_000 }));
    const local = [localChannel(1n, 'bob')];
    expect(scids(ask(graph, local, 'dave'))).toEqual([1n, 3n, 4n, 5n, 6n]);
    expect(scids(ask(graph, local, 'dave', { maxHops: 4 }))).toEqual([1n, 7n]);
    expect(refusal(ask(graph, local, 'dave', { maxHops: 4, maxFeeMsat: 29_999n }))).toMatchObject({
      reason: 'limited', ruledOut: { hop_limit: 1, fee_limit: 1 }, least: { feeMsat: 0n, blocks: 58, hops: 2 },
    });
  });

  it('are none on how many peers we have that the graph does not know', () => {
    const graph = new ChannelGraph();
    connect(graph, 2n, 'bob', 'dave', policy());
    const locals = Array.from({ length: 3_000 }, (_, index) => localChannel(BigInt(index + 10), `p${index}`));
    expect(scids(ask(graph, [...locals, localChannel(5_000n, 'zed')], 'zed'))).toEqual([5_000n]);
    expect(scids(ask(graph, locals, 'p2999'))).toEqual([3_009n]);
    expect(scids(ask(graph, [...locals, localChannel(1n, 'bob')], 'dave'))).toEqual([1n, 2n]);
  });

  it('end at 20 hops', () => {
    const graph = new ChannelGraph();
    for (let i = 1; i < 21; i++) connect(graph, BigInt(i + 1), `n${i}`, `n${i + 1}`, policy({ cltvExpiryDelta: 1 }));
    const locals = [localChannel(1n, 'n1')];
    expect(route(ask(graph, locals, 'n20')).hops).toHaveLength(20);
    expect(refusal(ask(graph, locals, 'n21')).ruledOut.hop_limit).toBe(1);
  });

  it('count the bytes of the onion', () => {
    const graph = new ChannelGraph();
    for (let i = 1; i < 10; i++) connect(graph, BigInt(i + 1), `n${i}`, `n${i + 1}`, policy({ cltvExpiryDelta: 1 }));
    const locals = [localChannel(1n, 'n1')];
    expect(route(ask(graph, locals, 'n10', { finalPayloadExtraBytes: 750 })).hops).toHaveLength(10);
    expect(refusal(ask(graph, locals, 'n10', { finalPayloadExtraBytes: 850 })).ruledOut.hop_limit).toBe(1);
    expect(refusal(ask(graph, locals, 'n1', { finalPayloadExtraBytes: 1300 })).reason).toBe('onion_size');
  });
});

describe('a minimum on the way', () => {
  it('is met with a larger fee for the node after it, within the limit, but the payee gets what it asked for', () => {
    const graph = new ChannelGraph();
    connect(graph, 2n, 'bob', 'carol', policy({ htlcMinimumMsat: 120_000n, feeBaseMsat: 5 }));
    connect(graph, 3n, 'carol', 'dave', policy({ feeBaseMsat: 7 }));
    const local = [localChannel(1n, 'bob')];
    const result = route(ask(graph, local, 'dave'));
    expect(htlcsOf(result).map((htlc) => htlc.amountMsat)).toEqual([120_005n, 120_000n, 100_000n]);
    expect(result.hops.map((hop) => hop.feeMsat)).toEqual([5n, 20_000n, 0n]);
    expect(refusal(ask(graph, local, 'dave', { maxFeeMsat: 20_004n })).ruledOut.htlc_minimum).toBe(1);
    expect(refusal(ask(graph, local, 'carol')).ruledOut.htlc_minimum).toBe(1);
  });
});

describe('channels that gossip does not know', () => {
  const hint = (node: string, scid: bigint, feeBaseMsat = 0) => ({
    nodeId: nodeNamed(node), shortChannelId: scid, feeBaseMsat, feeProportionalMillionths: 1000, cltvExpiryDelta: 9,
  });

  it('are found in a route hint, over several hops and through unknown nodes', () => {
    const graph = new ChannelGraph();
    connect(graph, 2n, 'bob', 'carol', policy());
    const result = route(ask(graph, [localChannel(1n, 'bob')], 'erin', {
      routeHints: [[hint('carol', 77n, 20), hint('unknown', 78n, 30)]],
    }));
    expect(result.hops.map((hop) => hop.shortChannelId)).toEqual([1n, 2n, 77n, 78n]);
    expect(result.hops.map((hop) => hop.feeMsat)).toEqual([0n, 20n + 100n, 30n + 100n, 0n]);
    expect(result.hops.at(-1)?.nodeId).toBe(nodeNamed('erin'));
    expect(result.totalCltvDelta).toBe(18 + 9 + 9 + 40);
  });

  it('are our own, to a peer that the graph has never heard of', () => {
    expect(scids(ask(new ChannelGraph(), [localChannel(2n ** 63n, 'bob')], 'bob'))).toEqual([2n ** 63n]);
  });

  it('can be excluded too', () => {
    const graph = new ChannelGraph();
    const request = { routeHints: [[hint('bob', 77n)], [hint('bob', 78n, 5)]], exclude: { channels: [77n] } };
    expect(scids(ask(graph, [localChannel(1n, 'bob')], 'erin', request))).toEqual([1n, 78n]);
  });

  it('are another thing than channels of the graph that are hinted at: those hold no more than gossip says', () => {
    const graph = new ChannelGraph();
    connect(graph, 77n, 'bob', 'erin', policy({ htlcMaximumMsat: 99_000n }), policy({ disabled: true }));
    const local = [localChannel(1n, 'bob')];
    expect(refusal(ask(graph, local, 'erin', { routeHints: [[hint('bob', 77n)]] })).found).toBe(false);
    expect(scids(ask(graph, local, 'erin', { routeHints: [[hint('bob', 77n)], [hint('bob', 78n, 900)]] }))).toEqual([1n, 78n]);
    // What gossip does not know as usable, the payee may know better.
    const other = new ChannelGraph();
    connect(other, 77n, 'bob', 'erin', policy({ disabled: true }), policy());
    expect(scids(ask(other, local, 'erin', { routeHints: [[hint('bob', 77n)]] }))).toEqual([1n, 77n]);
  });

  it('may lead in circles or to ourselves without doing harm', () => {
    const routeHints = [
      [hint('alice', 70n)],
      [hint('bob', 71n), hint('bob', 72n), hint('carol', 73n), hint('bob', 74n, 50)],
      [hint('erin', 75n)],
    ];
    expect(scids(ask(new ChannelGraph(), [localChannel(1n, 'bob')], 'erin', { routeHints }))).toEqual([1n, 74n]);
  });
});

describe('a policy that a failure brought', () => {
  it('takes the place of the one from gossip, for this request alone', () => {
    const graph = new ChannelGraph();
    connect(graph, 2n, 'bob', 'carol', policy({ feeBaseMsat: 1 }));
    const local = [localChannel(1n, 'bob')];
    const override = { shortChannelId: 2n, direction: 0 as const, policy: policy({ timestamp: 2, feeBaseMsat: 700 }) };
    expect(route(ask(graph, local, 'carol', { policyOverrides: [override] })).totalFeeMsat).toBe(700n);
    expect(route(ask(graph, local, 'carol')).totalFeeMsat).toBe(1n);
    const disabled = { ...override, policy: policy({ timestamp: 3, disabled: true }) };
    expect(refusal(ask(graph, local, 'carol', { policyOverrides: [override, disabled] })).ruledOut.disabled).toBe(1);
    const excluded = { policyOverrides: [override], exclude: { channels: [2n] } };
    expect(refusal(ask(graph, local, 'carol', excluded)).ruledOut).toMatchObject({ excluded: 1 });
  });
});

describe('what was learned', () => {
  it('makes a dearer way preferable, until it is forgotten', () => {
    const clock = new VirtualClock(1e12);
    const liquidity = new Liquidity(clock);
    const graph = new ChannelGraph();
    connect(graph, 3n, 'bob', 'dave', policy({ feeBaseMsat: 10 }));
    connect(graph, 4n, 'carol', 'dave', policy({ feeBaseMsat: 5000 }));
    const locals = [localChannel(1n, 'bob'), localChannel(2n, 'carol')];
    const ways = () => scids(ask(graph, locals, 'dave', {}, liquidity));
    expect(ways()).toEqual([1n, 3n]);
    liquidity.lacked({ shortChannelId: 3n, direction: 0 }, 100_000n);
    expect(ways()).toEqual([2n, 4n]);
    clock.advance(3_600_000);
    expect(ways()).toEqual([1n, 3n]);
    liquidity.nodeFailed(nodeNamed('bob'));
    expect(ways()).toEqual([2n, 4n]);
  });

  it('never makes the only way impassable', () => {
    const liquidity = new Liquidity(new VirtualClock(1e12));
    const graph = new ChannelGraph();
    connect(graph, 3n, 'bob', 'dave', policy());
    liquidity.failed({ shortChannelId: 3n, direction: 0 }, { permanent: true });
    liquidity.nodeFailed(nodeNamed('bob'), { permanent: true });
    expect(scids(ask(graph, [localChannel(1n, 'bob')], 'dave', {}, liquidity))).toEqual([1n, 3n]);
  });
});

describe('no route', () => {
  const graph = new ChannelGraph();
  connect(graph, 2n, 'bob', 'carol', policy({ disabled: true }));
  connect(graph, 3n, 'dave', 'carol');
  connect(graph, 4n, 'bob', 'erin', policy({ feeBaseMsat: 60_000 }));
  connect(graph, 5n, 'frank', 'grace', policy(), policy());
  const local = [localChannel(1n, 'bob')];

  it('says what ruled each channel out, and says it to a person', () => {
    const result = refusal(ask(graph, local, 'carol'));
    expect(result).toMatchObject(
      { reason: 'constrained', examined: 2, ruledOut: { disabled: 1, no_update: 1, fee_limit: 0 } },
    );
    expect(result.message).toBe(
      'No route for 100.000 sat: every way is ruled out somewhere. '
        + 'Our channels can send 1000000.000 sat in all, and nothing of it to this payee. '
        + 'Of 2 channel directions looked at: 1 without a policy, 1 disabled.',
    );
    const limited = refusal(ask(graph, local, 'erin'));
    expect(limited.message).toContain('fees from 60.000 sat (the limit is 50.000)');
    expect(limited.message).toContain('1 beyond the fee limit');
  });

  it('does not blame a channel for what has failed in this payment before', () => {
    const line = new ChannelGraph();
    connect(line, 2n, 'bob', 'carol', policy());
    connect(line, 3n, 'erin', 'carol', policy());
    const exclude = { directions: [{ shortChannelId: 2n, direction: 0 as const, fromMsat: 75_001n }] };
    const result = refusal(ask(line, local, 'carol', { exclude }));
    expect(result.ruledOut).toMatchObject({ excluded: 1, capacity: 0 });
    expect(result.message).toContain('; nothing is wrong with the other ');
    expect(result.message).toContain('as far as channels announce it and it has not failed, 75.000 sat at once');
  });

  it('says how much could be sent', () => {
    const lines = new ChannelGraph();
    connect(lines, 2n, 'bob', 'carol', policy({ htlcMaximumMsat: 70_000n }));
    connect(lines, 3n, 'dave', 'carol', policy({ htlcMaximumMsat: 50_000n, htlcMinimumMsat: 40_000n }));
    const locals = [localChannel(1n, 'bob', { spendableMsat: 60_000n }), localChannel(4n, 'dave', { spendableMsat: 90_000n })];
    const result = refusal(ask(lines, locals, 'carol'));
    expect(result.sendable).toEqual({ localMsat: 150_000n, onePartMsat: 60_000n, inPartsMsat: 150_000n });
    expect(result.ruledOut).toMatchObject({ htlc_maximum: 2 });
  });

  const reasons: [NoRoute['reason'], RouteResult][] = [
    ['payee_is_self', ask(graph, local, 'alice')],
    ['payee_unknown', ask(graph, local, 'zoe')],
    ['no_local_channels', ask(graph, [], 'carol')],
    ['expiry_limit', ask(graph, local, 'bob', { finalCltvDelta: 2017 })],
    ['disconnected', ask(graph, local, 'grace')],
    ['constrained', ask(graph, [localChannel(1n, 'bob', { online: false })], 'bob')],
    ['constrained', ask(graph, local, 'bob', { amountMsat: 2n ** 63n })],
  ];
  it.each(reasons)('gives the reason %s', (reason, result) => {
    expect(refusal(result).reason).toBe(reason);
  });

  it('is not for want of time: at its bound the search takes the best way that it came by', () => {
    const detour = new ChannelGraph();
    connect(detour, 2n, 'bob', 'x', policy());
    connect(detour, 3n, 'x', 'dave', policy());
    connect(detour, 4n, 'bob', 'dave', policy({ feeBaseMsat: 100 }));
    const context = {
      roads: new Roads(detour, new Liquidity(new VirtualClock())), self: nodeNamed('alice'), localChannels: local,
    };
    const request = { payee: nodeNamed('dave'), amountMsat: 1n, maxFeeMsat: 1000n, blockHeight: 1, finalCltvDelta: 1, maxHops: 2 };
    expect(scids(findPath({ ...context, maxLabels: 0 }, request))).toEqual([1n, 4n]);
    expect(scids(findPath(context, request))).toEqual([1n, 4n]);
  });

  it('is not claimed where the search met its bound first', () => {
    const graph = new ChannelGraph();
    connect(graph, 2n, 'bob', 'dave', policy({ feeBaseMsat: 10 }));
    const request = { payee: nodeNamed('dave'), amountMsat: 100_000n, maxFeeMsat: 50_000n, blockHeight: HEIGHT, finalCltvDelta: 18 };
    // Our channel carries the amount, and not the fee as well: which way does is for the search among all limits to tell.
    const localChannels = [localChannel(1n, 'bob', { spendableMsat: 100_009n })];
    const context = { roads: new Roads(graph, new Liquidity(new VirtualClock(1e12))), self: nodeNamed('alice'), localChannels };
    expect(findPath({ ...context, maxLabels: 1 }, request)).toMatchObject({ found: false, reason: 'search_exhausted', examined: 0 });
    expect(findPaths({ ...context, maxLabels: 1 }, request, 2)).toMatchObject({ found: false, reason: 'search_exhausted' });
    expect(findSplit({ ...context, maxLabels: 1 }, request, 2)).toMatchObject({ found: false, reason: 'search_exhausted' });
    expect(findPath(context, request)).toMatchObject({ found: false, reason: 'limited' });
  });

  it('does not send to a node that demands what we do not know, unless its invoice says what it demands', () => {
    const other = new ChannelGraph();
    connect(other, 2n, 'bob', 'carol', policy());
    other.setNodeUsable(nodeNamed('carol'), false);
    expect(refusal(ask(other, local, 'carol')).reason).toBe('payee_features');
    expect(scids(ask(other, local, 'carol', { invoiced: true }))).toEqual([1n, 2n]);
  });
});

describe('a request that means nothing', () => {
  const hint = {
    nodeId: nodeNamed('bob'), shortChannelId: 1n, feeBaseMsat: 0, feeProportionalMillionths: 0, cltvExpiryDelta: 0,
  };
  const nonsense: [string, Partial<RouteRequest>][] = [
    ['a payee that is no node id', { payee: 'carol' }],
    ['no amount', { amountMsat: 0n }],
    ['a negative fee limit', { maxFeeMsat: -1n }],
    ['half a block', { blockHeight: 0.5 }],
    ['21 hops', { maxHops: 21 }],
    ['a negative delta', { finalCltvDelta: -1 }],
    ['a hint with a fee of 33 bits', { routeHints: [[{ ...hint, feeBaseMsat: 2 ** 32 }]] }],
    ['thousands of hints', { routeHints: Array.from({ length: 401 }, () => [hint]) }],
  ];
  it.each(nonsense)('is refused: %s', (_, request) => {
    expect(() => ask(new ChannelGraph(), [localChannel(1n, 'bob')], 'bob', request)).toThrow(
      expect.objectContaining({ name: 'RoutingError' }),
    );
  });
});
