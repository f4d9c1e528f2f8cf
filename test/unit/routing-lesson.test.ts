import { concat } from 'uint8arrays';
import { toString } from 'uint8arrays/to-string';
import { describe, expect, it } from 'vitest';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import { signChannelUpdate } from '../../protocols/gossip/channel-update.ts';
import { decodeFailure, encodeFailure, type FailureMessage } from '../../protocols/onion/failures.ts';
import type { NodeId } from '../../src/network/network.ts';
import { directionOf, type EdgePolicy } from '../../src/routing/channel.ts';
import { ChannelGraph } from '../../src/routing/graph.ts';
import { withLesson, type AttemptOutcome, type Lesson } from '../../src/routing/lesson.ts';
import { Liquidity, probabilityOf, type ChannelDirection } from '../../src/routing/liquidity.ts';
import type { PolicyOverride, RouteRequest } from '../../src/routing/request.ts';
import type { Route } from '../../src/routing/route.ts';
import { Router } from '../../src/routing/router.ts';
import { VirtualClock } from '../../src/runtime/virtual-clock.ts';
import { policy } from '../harness/graph.ts';

const CHAIN_HASH = new Uint8Array(32).fill(6);
const secretKey = (n: number) => new Uint8Array(32).fill(n);
const nodeIdOf = (n: number): NodeId => toString(secp256k1.publicKey(secretKey(n)), 'hex');
const [alice, bob, carol, dave] = [1, 2, 3, 4].map(nodeIdOf) as [NodeId, NodeId, NodeId, NodeId];
const BOB_CAROL: ChannelDirection = { shortChannelId: 2n, direction: directionOf(bob, carol) };
const CAROL_DAVE: ChannelDirection = { shortChannelId: 3n, direction: directionOf(carol, dave) };
const SPARE = 4n;

/** Alice to Dave over Bob and Carol, and a dearer spare channel between Bob and Carol. */
function setUp() {
  const graph = new ChannelGraph();
  const add = (shortChannelId: bigint, from: NodeId, to: NodeId, update: EdgePolicy) => {
    const [nodeId1, nodeId2] = [from, to].sort() as [NodeId, NodeId];
    graph.addChannel({ shortChannelId, nodeId1, nodeId2, capacityMsat: 1_000_000_000n, usable: true });
    graph.applyUpdate(shortChannelId, directionOf(from, to), update);
  };
  add(2n, bob, carol, policy({ timestamp: 100, feeBaseMsat: 10 }));
  add(3n, carol, dave, policy({ timestamp: 100, feeBaseMsat: 20 }));
  add(SPARE, bob, carol, policy({ timestamp: 100, feeBaseMsat: 500 }));
  const liquidity = new Liquidity(new VirtualClock(1e12));
  const localChannels = () => [
    {
      shortChannelId: 1n, peer: bob, spendableMsat: 1_000_000n, htlcMinimumMsat: 0n, htlcMaximumMsat: 1_000_000n,
      online: true,
    },
  ];
  const router = new Router({ self: alice, chainHash: CHAIN_HASH, graph, liquidity, localChannels });
  const request: RouteRequest = {
    payee: dave, amountMsat: 100_000n, maxFeeMsat: 10_000n, blockHeight: 700, finalCltvDelta: 18,
  };
  const found = router.findRoute(request);
  if (!found.found) expect.fail(found.message);
  const chance = (
    edge: ChannelDirection, amount = 100_000,
  ) => probabilityOf(liquidity.estimate(liquidity.boundsOf(edge), 1e9), amount);
  return { graph, liquidity, router, request, route: found.route, chance };
}

type Verdict = Omit<Lesson, 'learnt'>;

/** How the payment goes on, without what was taught. */
function verdictOf(lesson: Lesson): Verdict {
  const { learnt, ...verdict } = lesson;
  expect(Array.isArray(learnt)).toBe(true);
  return verdict;
}

function scidsAfter(router: Router, request: RouteRequest, lesson: Verdict): bigint[] | string {
  const result = router.findRoute(withLesson(request, lesson));
  return result.found ? result.route.hops.map((hop) => hop.shortChannelId) : result.reason;
}

function failed(
  route: Route, hopIndex: number, failure: FailureMessage, policyOverrides: readonly PolicyOverride[] = [],
): AttemptOutcome {
  return { type: 'failed', route, hopIndex, failure, policyOverrides };
}

function updateFor(edge: ChannelDirection, signer: number, changes: Partial<EdgePolicy>): Uint8Array {
  const { disabled = false, ...fields } = policy(changes);
  const update = { chainHash: CHAIN_HASH, ...edge, disabled, dontForward: false, ...fields };
  return signChannelUpdate(update, (hash) => secp256k1.sign(hash, secretKey(signer))).raw;
}

describe('a payment that succeeds', () => {
  it('teaches where the money went, and is over', () => {
    const { router, route, chance } = setUp();
    expect(verdictOf(router.reportOutcome({ type: 'settled', route }))).toEqual({ retry: false, exclude: {} });
    const opposite = { ...CAROL_DAVE, direction: CAROL_DAVE.direction === 0 ? (1 as const) : (0 as const) };
    expect(chance(opposite)).toBe(1);
    // Of what both hold it is gone from this side.
    expect(chance(CAROL_DAVE, 999_900_001)).toBe(0);
  });
});

describe('a failure on the way', () => {
  it('of a channel that holds too little: others are tried, smaller amounts are not held against it', () => {
    const { router, request, route, chance } = setUp();
    const lesson = router.reportOutcome(
      failed(route, 0, { type: 'temporary_channel_failure', channelUpdate: new Uint8Array() }),
    );
    expect(verdictOf(lesson)).toEqual({ retry: true, exclude: { directions: [{ ...BOB_CAROL, fromMsat: 75_016n }] } });
    expect(chance(BOB_CAROL, 100_020)).toBe(0);
    expect(chance(BOB_CAROL, 50_010)).toBe(0.5);
    expect(scidsAfter(router, request, lesson)).toEqual([1n, SPARE, 3n]);
    expect(scidsAfter(router, request, { retry: true, exclude: {} })).toEqual([1n, SPARE, 3n]);
  });

  it('shows that the channels before it carried the amount', () => {
    const { router, route, chance } = setUp();
    router.reportOutcome(failed(route, 1, { type: 'temporary_channel_failure', channelUpdate: new Uint8Array() }));
    expect(chance(BOB_CAROL, 100_020)).toBe(1);
    expect(chance(CAROL_DAVE)).toBe(0);
  });

  it.each([
    { type: 'unknown_next_peer' },
    { type: 'permanent_channel_failure' },
    { type: 'required_channel_feature_missing' },
    { type: 'unknown', code: 0x4000 | 99, data: new Uint8Array() },
  ] satisfies FailureMessage[])('that is permanent counts against any amount: $type', (failure) => {
    const { router, route, chance } = setUp();
    expect(router.reportOutcome(failed(route, 0, failure)).exclude).toEqual({ directions: [BOB_CAROL] });
    expect(chance(BOB_CAROL, 1)).toBe(0);
  });

  it.each([
    { type: 'temporary_node_failure' },
    { type: 'permanent_node_failure' },
    { type: 'required_node_feature_missing' },
    { type: 'invalid_onion_payload', tlvType: 2n, offset: 0 },
    { type: 'expiry_too_far' },
    { type: 'incorrect_or_unknown_payment_details', htlcMsat: 1n, height: 1 },
    { type: 'mpp_timeout' },
  ] satisfies FailureMessage[])('of the node itself removes the node: $type', (failure) => {
    const { router, request, route, liquidity } = setUp();
    const lesson = router.reportOutcome(failed(route, 0, failure));
    expect(verdictOf(lesson)).toEqual({ retry: true, exclude: { nodes: [bob] } });
    expect(liquidity.nodeProbability(bob)).toBe(0);
    expect(scidsAfter(router, request, lesson)).toBe('constrained');
  });

  it('of the onion is the fault of one of two: the channel between them is left out', () => {
    const { router, request, route, chance } = setUp();
    const lesson = router.reportOutcome(
      failed(route, 0, { type: 'invalid_onion_hmac', sha256OfOnion: new Uint8Array(32) }),
    );
    expect(scidsAfter(router, request, lesson)).toEqual([1n, SPARE, 3n]);
    expect(chance(BOB_CAROL, 1)).toBeCloseTo(0.5);
  });

  it('that no one can be blamed for with certainty makes all suspect, and the next attempt different', () => {
    const { router, request, route, chance } = setUp();
    const lesson = router.reportOutcome({ type: 'unreadable', route });
    expect(chance(BOB_CAROL, 100_020)).toBeLessThanOrEqual(0.5);
    expect(chance(CAROL_DAVE)).toBeLessThanOrEqual(0.5);
    expect(scidsAfter(router, request, lesson)).toEqual([1n, SPARE, 3n]);
  });

  it('before the first hop concerns our own channel alone', () => {
    const { router, request, route, liquidity } = setUp();
    const lesson = router.reportOutcome({ type: 'not_sent', route });
    expect(verdictOf(lesson)).toEqual({ retry: true, exclude: { channels: [1n] } });
    expect([...liquidity.known()]).toEqual([]);
    expect(scidsAfter(router, request, lesson)).toBe('constrained');
  });
});

describe('a policy that was not kept', () => {
  const feeInsufficient = (channelUpdate: Uint8Array): FailureMessage =>
    ({ type: 'fee_insufficient', htlcMsat: 1n, channelUpdate });

  it('is mended with the update that comes along, in this payment alone', () => {
    const { graph, router, request, route, chance } = setUp();
    const update = updateFor(BOB_CAROL, 2, { timestamp: 101, feeBaseMsat: 300 });
    const lesson = router.reportOutcome(failed(route, 0, feeInsufficient(update)));
    expect(verdictOf(lesson)).toEqual({
      retry: true, exclude: {}, policyOverride: { ...BOB_CAROL, policy: policy({ timestamp: 101, feeBaseMsat: 300 }) },
    });
    const retry = router.findRoute(withLesson(request, lesson));
    expect(retry).toMatchObject({ found: true, route: { totalFeeMsat: 320n } });
    expect(graph.policy(2n, BOB_CAROL.direction)?.feeBaseMsat).toBe(10);
    expect(chance(BOB_CAROL)).toBeGreaterThan(0.99);
  });

  it('is mended too where the update stands without its type, and after the failure went over the wire', () => {
    const { router, route } = setUp();
    const bare = updateFor(BOB_CAROL, 2, { timestamp: 101, cltvExpiryDelta: 144 }).subarray(2);
    const failure = decodeFailure(encodeFailure({ type: 'incorrect_cltv_expiry', cltvExpiry: 5, channelUpdate: bare }));
    expect(router.reportOutcome(failed(route, 0, failure)).policyOverride?.policy.cltvExpiryDelta).toBe(144);
  });

  it('is not tried again with a policy that was tried already', () => {
    const { router, route } = setUp();
    const channelUpdate = updateFor(BOB_CAROL, 2, { timestamp: 101, feeBaseMsat: 300 });
    const first = router.reportOutcome(failed(route, 0, feeInsufficient(channelUpdate)));
    const second = failed(route, 0, feeInsufficient(channelUpdate), [first.policyOverride!]);
    expect(verdictOf(router.reportOutcome(second))).toEqual({ retry: true, exclude: { directions: [BOB_CAROL] } });
  });

  const useless: [string, Uint8Array][] = [
    ['nothing', new Uint8Array()],
    ['no update', Uint8Array.of(1, 2, 3)],
    ['an older one', updateFor(BOB_CAROL, 2, { timestamp: 99, feeBaseMsat: 300 })],
    ['a newer one that says the same', updateFor(BOB_CAROL, 2, { timestamp: 101, feeBaseMsat: 10 })],
    ['one of another channel', updateFor(CAROL_DAVE, 2, { timestamp: 101 })],
    [
      'one of the other direction',
      updateFor({ ...BOB_CAROL, direction: BOB_CAROL.direction === 0 ? 1 : 0 }, 2, { timestamp: 101 }),
    ],
    ['one that another node signed', updateFor(BOB_CAROL, 3, { timestamp: 101, feeBaseMsat: 300 })],
    ['one that was cut off', updateFor(BOB_CAROL, 2, { timestamp: 101, feeBaseMsat: 300 }).subarray(0, 130)],
    [
      'one with an unknown even record behind',
      concat([updateFor(BOB_CAROL, 2, { timestamp: 101, feeBaseMsat: 300 }), Uint8Array.of(2, 0)]),
    ],
  ];
  it.each(useless)('excludes the channel when what comes along is %s', (_, channelUpdate) => {
    const { router, route, chance } = setUp();
    expect(verdictOf(router.reportOutcome(failed(route, 0, feeInsufficient(channelUpdate))))).toEqual({
      retry: true, exclude: { directions: [BOB_CAROL] },
    });
    expect(chance(BOB_CAROL, 1)).toBe(0);
  });
});

describe('what the payee answers', () => {
  it('ends the payment when it is permanent, and shows that the way was good', () => {
    const { router, route, chance } = setUp();
    const failure: FailureMessage = { type: 'incorrect_or_unknown_payment_details', htlcMsat: 100_000n, height: 700 };
    expect(verdictOf(router.reportOutcome(failed(route, 2, failure)))).toEqual({ retry: false, exclude: {} });
    expect([chance(BOB_CAROL), chance(CAROL_DAVE)]).toEqual([1, 1]);
  });

  it('accuses the node before it of changing the HTLC', () => {
    const { router, route } = setUp();
    const lesson = router.reportOutcome(
      failed(route, 2, { type: 'final_incorrect_htlc_amount', incomingHtlcAmtMsat: 5n }),
    );
    expect(verdictOf(lesson)).toEqual({ retry: true, exclude: { nodes: [carol] } });
  });

  it('may pass: another way is tried', () => {
    const { router, route } = setUp();
    expect(
      verdictOf(router.reportOutcome(failed(route, 2, { type: 'mpp_timeout' }))),
    ).toEqual({ retry: true, exclude: { directions: [CAROL_DAVE] } });
  });

  it('is final where it is our own peer', () => {
    const { router, request } = setUp();
    const direct = router.findRoute({ ...request, payee: bob });
    if (!direct.found) expect.fail(direct.message);
    expect(router.reportOutcome(failed(direct.route, 0, { type: 'mpp_timeout' })).retry).toBe(false);
    expect(router.reportOutcome({ type: 'unreadable', route: direct.route }).retry).toBe(false);
  });
});

describe('what is told of a lesson', () => {
  it('is what was taught, in the order of the way, and what the payment keeps off', () => {
    const { router, route } = setUp();
    const failure: FailureMessage = { type: 'temporary_channel_failure', channelUpdate: new Uint8Array() };
    const edge = { shortChannelId: 3n, fromNodeId: carol, toNodeId: dave };
    expect(router.reportOutcome(failed(route, 1, failure)).learnt).toEqual([
      { kind: 'carried', shortChannelId: 2n, fromNodeId: bob, toNodeId: carol, amountMsat: 100_020n },
      { kind: 'failed', ...edge, amountMsat: 100_000n },
      { kind: 'excluded', ...edge },
    ]);
  });

  it('is a node that failed, and a policy that is newer', () => {
    const { router, route } = setUp();
    expect(router.reportOutcome(failed(route, 0, { type: 'permanent_node_failure' })).learnt).toEqual([
      { kind: 'nodeFailed', nodeId: bob, isPermanent: true },
      { kind: 'excluded', nodeId: bob },
    ]);
    const channelUpdate = updateFor(BOB_CAROL, 2, { timestamp: 101, feeBaseMsat: 300 });
    expect(router.reportOutcome(failed(route, 0, { type: 'fee_insufficient', htlcMsat: 1n, channelUpdate })).learnt).toEqual([
      { kind: 'policy', shortChannelId: 2n, fromNodeId: bob, toNodeId: carol },
    ]);
  });

  it('is a suspicion of all where a failure cannot be read, and nothing but our own channel where nothing was sent', () => {
    const { router, route } = setUp();
    expect(router.reportOutcome({ type: 'unreadable', route }).learnt).toMatchObject([
      { kind: 'failed', shortChannelId: 2n, isSuspicion: true },
      { kind: 'failed', shortChannelId: 3n, isSuspicion: true },
      { kind: 'excluded', shortChannelId: 2n },
    ]);
    expect(router.reportOutcome({ type: 'not_sent', route }).learnt).toEqual([{ kind: 'excluded', shortChannelId: 1n }]);
  });

  it('is all of the way where the payment arrived', () => {
    const { router, route } = setUp();
    expect(router.reportOutcome({ type: 'settled', route }).learnt.map(({ kind, shortChannelId }) => [kind, shortChannelId])).toEqual([
      ['settled', 2n],
      ['settled', 3n],
    ]);
  });
});

describe('a payment that retries', () => {
  it('comes to an end, whatever the nodes answer', () => {
    const { router, request } = setUp();
    let current = request;
    for (let attempt = 0; attempt < 20; attempt++) {
      const result = router.findRoute(current);
      if (!result.found) return expect(result.reason).toBe('constrained');
      current = withLesson(current, router.reportOutcome({ type: 'unreadable', route: result.route }));
    }
    expect.fail('twenty attempts on a graph of three channels');
  });
});
