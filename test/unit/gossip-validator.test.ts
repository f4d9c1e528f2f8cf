import fc from 'fast-check';
import { concat } from 'uint8arrays';
import { describe, expect, it } from 'vitest';
import { decodeGossip, encodeGossip, signedHash } from '../../protocols/gossip/gossip-message.ts';
import { encodeFeatureBits } from '../../protocols/wire/features.ts';
import { encodeMessage } from '../../protocols/wire/messages.ts';
import { announcement, GossipNode, keysOf, nodeAnnouncement, scid, START, update } from '../harness/graph-gossip.ts';

const [alice, bob, carol, dave] = [1, 2, 3, 4].map(keysOf) as [Keys, Keys, Keys, Keys];
type Keys = ReturnType<typeof keysOf>;
const CHANNEL = scid(100);
const DAY = 24 * 60 * 60;

/** Eve's node, to which a channel of Alice and Bob is announced on chain but not yet in gossip. */
function setUp(limits = {}): GossipNode {
  const node = new GossipNode(9, { limits });
  node.chain.fund(CHANNEL, alice, bob);
  return node;
}

/** The same, with the channel announced. */
async function withChannel(limits = {}): Promise<GossipNode> {
  const node = setUp(limits);
  expect(await node.hear(announcement(CHANNEL, alice, bob))).toBe('accept new');
  return node;
}

function flipped(bytes: Uint8Array, index: number): Uint8Array {
  return bytes.map((byte, i) => (i === index ? byte ^ 1 : byte));
}

describe('a channel_announcement', () => {
  it('is accepted once, when four signatures and the chain agree', async () => {
    const node = setUp();
    const raw = announcement(CHANNEL, alice, bob);
    expect(await node.hear(raw)).toBe('accept new');
    expect(node.graph.channel(CHANNEL)).toMatchObject({ capacityMsat: 1_000_000_000n, usable: true });
    expect(node.service.store.announcement(CHANNEL)).toEqual(raw);
    expect(await node.hear(raw)).toBe('ignore duplicate');
    expect(node.chain.lookups).toBe(1);
  });

  it('is rejected when any signature, or anything signed, is touched', async () => {
    const raw = announcement(CHANNEL, alice, bob);
    const node = setUp({ perForwarder: { burst: 10_000, perSecond: 0 } });
    const verdicts = new Set<string>();
    for (let i = 2; i < raw.length; i++) verdicts.add(await node.hear(flipped(raw, i)));
    // Flipped bits of the chain hash and of the length of the features make it another kind of wrong.
    expect([...verdicts].sort()).toEqual(['ignore other_chain', 'reject bad_signature', 'reject malformed']);
    expect(node.graph.channelCount).toBe(0);
    expect(node.chain.lookups).toBe(0);
  });

  const views: [string, string, (node: GossipNode) => void][] = [
    ['is spent, or was never there', 'ignore no_output', (node) => node.chain.spend(CHANNEL)],
    ['pays to other keys', 'ignore wrong_output', (node) => node.chain.fund(CHANNEL, alice, carol)],
    ['is five blocks deep', 'ignore unconfirmed', (node) => (node.chain.height = 104)],
    ['stands in a block to come', 'ignore unconfirmed', (node) => (node.chain.height = 90)],
    ['cannot be looked up', 'later chain_unavailable', (node) => (node.chain.fails = true)],
  ];
  it.each(views)('is ignored, its bearer unpunished, when its output %s', async (_, expected, change) => {
    const node = setUp();
    change(node);
    expect(await node.hear(announcement(CHANNEL, alice, bob))).toBe(expected);
    expect(node.graph.channelCount).toBe(0);
  });

  it('that comes too early is taken up and passed on when its output is deep enough', async () => {
    const node = setUp();
    node.chain.height = 103;
    const messages = [announcement(CHANNEL, alice, bob), update(CHANNEL, alice, bob), nodeAnnouncement(alice)];
    for (const message of messages) expect(await node.hear(message)).toMatch(/^ignore/);
    node.chain.height = 104;
    await node.service.blockConnected({ height: 104, hash: '', previousHash: '', transactions: [] });
    expect(node.published).toEqual([]);
    node.chain.height = 105;
    await node.service.blockConnected({ height: 105, hash: '', previousHash: '', transactions: [] });
    expect(node.published).toEqual(messages);
    expect(node.graph.policy(CHANNEL, 0) ?? node.graph.policy(CHANNEL, 1)).toBeDefined();
  });

  it('cannot be kept out by forgeries that wait in its place', async () => {
    const node = setUp();
    node.chain.height = 103;
    for (const forger of [carol, dave]) await node.hear(announcement(CHANNEL, forger, keysOf(7)));
    await node.hear(announcement(CHANNEL, alice, bob));
    node.chain.height = 105;
    await node.service.blockConnected({ height: 105, hash: '', previousHash: '', transactions: [] });
    expect(node.graph.channel(CHANNEL)?.nodeId1).toBe([alice.nodeId, bob.nodeId].sort()[0]);
  });

  it('with features that we do not know is passed on, but not routed over', async () => {
    const node = setUp();
    expect(await node.hear(announcement(CHANNEL, alice, bob, encodeFeatureBits([100])))).toBe('accept new');
    expect(node.graph.channel(CHANNEL)?.usable).toBe(false);
    const optional = scid(101);
    node.chain.fund(optional, alice, bob);
    await node.hear(announcement(optional, alice, bob, encodeFeatureBits([101])));
    expect(node.graph.channel(optional)?.usable).toBe(true);
  });

  it('of one output by different nodes makes all of them suspect, though not who passed it on', async () => {
    const node = await withChannel();
    node.chain.fund(scid(101), bob, carol);
    await node.hear(announcement(scid(101), bob, carol));
    // Carol and Dave come by Alice's and Bob's funding keys.
    const thieves = [{ ...carol, bitcoinKey: alice.bitcoinKey, signWithBitcoinKey: alice.signWithBitcoinKey },
      { ...dave, bitcoinKey: bob.bitcoinKey, signWithBitcoinKey: bob.signWithBitcoinKey }] as const;
    expect(await node.hear(announcement(CHANNEL, ...thieves))).toBe('ignore equivocation');
    expect(node.graph.channelCount).toBe(0);
    expect(await node.hear(announcement(scid(101), bob, carol))).toBe('ignore blacklisted');
  });

  it('of one output by different nodes does nothing when it is forged', async () => {
    const node = await withChannel();
    expect(await node.hear(announcement(CHANNEL, carol, dave))).toBe('ignore wrong_output');
    expect(node.graph.channelCount).toBe(1);
  });
});

describe('a channel_update', () => {
  it('sets the policy of its direction, and is accepted once', async () => {
    const node = await withChannel();
    const raw = update(CHANNEL, alice, bob, { feeBaseMsat: 5 });
    expect(await node.hear(raw)).toBe('accept new');
    expect(await node.hear(raw)).toBe('ignore duplicate');
    const direction = node.graph.channel(CHANNEL)?.nodeId1 === alice.nodeId ? 0 : 1;
    expect(node.graph.policy(CHANNEL, direction)).toMatchObject({ feeBaseMsat: 5, timestamp: START });
    expect(node.service.store.update(CHANNEL, direction)).toEqual(raw);
  });

  const ignored: [string, string, Uint8Array][] = [
    ['is older', 'ignore stale', update(CHANNEL, alice, bob, { timestamp: START - 1 })],
    ['differs at the same time', 'ignore equivocation', update(CHANNEL, alice, bob, { feeBaseMsat: 99 })],
    ['is two weeks old', 'ignore stale', update(CHANNEL, bob, alice, { timestamp: START - 14 * DAY - 1 })],
    ['comes from the day after tomorrow', 'ignore future', update(CHANNEL, alice, bob, { timestamp: START + 2 * DAY })],
    [
      'is of another chain', 'ignore other_chain',
      update(CHANNEL, alice, bob, { timestamp: START + 1, chainHash: new Uint8Array(32) }),
    ],
    [
      'is for the peer alone', 'ignore dont_forward',
      update(CHANNEL, alice, bob, { timestamp: START + 1, dontForward: true }),
    ],
    ['speaks of an unknown channel', 'ignore unknown_channel', update(scid(101), alice, bob)],
  ];
  it.each(ignored)('is ignored, its bearer unpunished, when it %s', async (_, expected, raw) => {
    const node = await withChannel();
    expect(await node.hear(update(CHANNEL, alice, bob))).toBe('accept new');
    expect(await node.hear(raw)).toBe(expected);
  });

  it('goes no further when its node has not signed it (whom it counts against: see the disputes)', async () => {
    const node = await withChannel();
    const raw = update(CHANNEL, alice, bob);
    const forged = [flipped(raw, 2 + 40), flipped(raw, raw.length - 1), update(CHANNEL, { ...alice, sign: carol.sign }, bob)];
    for (const message of forged) expect(await node.hear(message)).toBe('ignore bad_signature');
    expect(node.graph.policy(CHANNEL, 0) ?? node.graph.policy(CHANNEL, 1)).toBeUndefined();
  });

  it('waits for the announcement that is being checked when it arrives', async () => {
    const node = setUp();
    let open = (): void => {};
    node.chain.gate = new Promise((resolve) => (open = resolve));
    const heard = [
      announcement(CHANNEL, alice, bob), update(CHANNEL, alice, bob), nodeAnnouncement(bob),
      announcement(CHANNEL, alice, bob),
    ]
      .map((raw) => node.service.onGossip(raw, 'a peer'));
    open();
    expect(await Promise.all(heard)).toEqual(['accept', 'accept', 'accept', 'ignore']);
  });

  it('that came before its announcement is passed on after it', async () => {
    const node = setUp();
    const early = [update(CHANNEL, bob, alice), nodeAnnouncement(alice)];
    for (const raw of early) await node.hear(raw);
    expect(await node.hear(announcement(CHANNEL, alice, bob))).toBe('accept new');
    expect(node.published).toEqual([]);
    await node.clock.run({ untilMs: START * 1000 + 20 });
    expect(node.published).toEqual(early);
  });

  it('of our own that came before its announcement is not pushed out by what anyone makes up', async () => {
    const node = new GossipNode(9, {});
    const self = keysOf(9);
    node.chain.fund(CHANNEL, alice, self);
    const own = update(CHANNEL, self, alice);
    node.service.publish(own);
    await node.service.published();
    for (let fee = 0; fee < 10; fee++) await node.hear(update(CHANNEL, { ...self, sign: carol.sign }, alice, { feeBaseMsat: fee }));
    await node.hear(announcement(CHANNEL, alice, self));
    await node.clock.run({ untilMs: START * 1000 + 20 });
    expect(node.published).toEqual([own]);
  });

  it('is of no interest once the channel is spent, unless it disables it', async () => {
    const node = await withChannel();
    node.service.store.setSpent(CHANNEL, 150);
    expect(await node.hear(update(CHANNEL, alice, bob))).toBe('ignore spent');
    expect(await node.hear(update(CHANNEL, alice, bob, { disabled: true }))).toBe('accept new');
  });

  it('with a contradictory policy is passed on, but not routed over', async () => {
    const node = await withChannel();
    expect(
      await node.hear(update(CHANNEL, alice, bob, { htlcMinimumMsat: 2n, htlcMaximumMsat: 1n })),
    ).toBe('accept new');
  });
});

describe('a node_announcement', () => {
  it('is accepted from a node with a channel, when it is newer than the last', async () => {
    const node = await withChannel();
    expect(await node.hear(nodeAnnouncement(alice))).toBe('accept new');
    expect(await node.hear(nodeAnnouncement(alice))).toBe('ignore duplicate');
    expect(await node.hear(nodeAnnouncement(alice, { timestamp: START - 1 }))).toBe('ignore stale');
    expect(await node.hear(nodeAnnouncement(alice, { timestamp: START + 1 }))).toBe('accept new');
    expect(await node.hear(nodeAnnouncement(alice, { timestamp: START + 2 * DAY }))).toBe('ignore future');
    expect(await node.hear(nodeAnnouncement(carol))).toBe('ignore unknown_node');
    expect(node.service.store.nodeTimestamp(alice.nodeId)).toBe(START + 1);
  });

  it('is rejected when the node has not signed it', async () => {
    const node = await withChannel();
    expect(await node.hear(nodeAnnouncement({ ...alice, sign: bob.sign }))).toBe('reject bad_signature');
  });

  const port = [0x26, 0x07];
  it.each([
    ['two hostnames', [5, 1, 0x61, ...port, 5, 1, 0x62, ...port]],
    ['an address that is cut off', [1, 127, 0, 0]],
  ])('with %s is not passed on, its bearer unpunished', async (_, addresses) => {
    const node = await withChannel();
    const template = decodeGossip(nodeAnnouncement(alice)).message;
    if (template.type !== 'node_announcement') return expect.fail(template.type);
    const message = { ...template, addresses: Uint8Array.from(addresses) };
    const signature = alice.sign(signedHash(encodeGossip<'node_announcement'>(message)));
    expect(
      await node.hear(encodeGossip<'node_announcement'>({ ...message, signature }).raw),
    ).toBe('ignore bad_addresses');
  });

  it('with features that we do not know keeps payments away from the node', async () => {
    const node = await withChannel();
    expect(await node.hear(nodeAnnouncement(alice, { features: encodeFeatureBits([100]) }))).toBe('accept new');
    expect(node.graph.arrays().nodeUsable[node.graph.nodeIndex(alice.nodeId)!]).toBe(0);
    await node.hear(nodeAnnouncement(alice, { timestamp: START + 1 }));
    expect(node.graph.arrays().nodeUsable[node.graph.nodeIndex(alice.nodeId)!]).toBe(1);
  });
});

describe('what is no gossip', () => {
  const nonsense: [string, string, Uint8Array][] = [
    ['nothing', 'reject malformed', new Uint8Array()],
    ['one byte', 'reject malformed', Uint8Array.of(1)],
    ['a truncated update', 'reject malformed', update(CHANNEL, alice, bob).subarray(0, 100)],
    ['a message that is not broadcast', 'reject malformed', encodeMessage({ type: 'pong', ignored: new Uint8Array() })],
    ['an even type that no one knows', 'reject malformed', Uint8Array.of(0x7f, 0xfe)],
    ['an odd type that no one knows', 'ignore unknown_type', Uint8Array.of(0x7f, 0xff)],
    [
      'an update with an even record of the future', 'ignore unknown_type',
      concat([update(CHANNEL, alice, bob), Uint8Array.of(4, 0)]),
    ],
    [
      'an announcement of 60,000 bytes', 'ignore oversized',
      announcement(CHANNEL, alice, bob, new Uint8Array(60_000).fill(255)),
    ],
  ];
  it.each(nonsense)('%s', async (_, expected, raw) => {
    expect(await setUp().hear(raw)).toBe(expected);
  });

  it('never throws and never gets in, whatever its bytes', async () => {
    const node = await withChannel({ perForwarder: { burst: 1e6, perSecond: 0 } });
    const honest = [
      announcement(CHANNEL, alice, bob), update(CHANNEL, alice, bob), nodeAnnouncement(alice),
      announcement(scid(102), carol, dave),
    ];
    const mutated = fc.tuple(
      fc.constantFrom(...honest), fc.array(fc.tuple(fc.nat(500), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      fc.nat(600),
    )
      .map(([raw, changes, length]) => {
        const bytes = raw.slice(0, Math.max(length, 60));
        for (const [index, value] of changes) bytes[index % bytes.length] = value;
        return bytes;
      })
      .filter(
        (bytes) => !honest.some((raw) => raw.length === bytes.length && raw.every((byte, i) => byte === bytes[i])),
      );
    await fc.assert(fc.asyncProperty(fc.oneof(mutated, fc.uint8Array({ maxLength: 600 })), async (raw) => {
      expect(await node.hear(raw)).toMatch(/^(ignore|reject) /);
    }), { numRuns: 400 });
    expect(node.graph.channelCount).toBe(1);
    expect(node.problems).toEqual([]);
  });
});

describe('floods', () => {
  it('from one peer are ignored beyond its rate, and do not silence another', async () => {
    const node = await withChannel({ perForwarder: { burst: 3, perSecond: 1 } });
    const fresh = (n: number) => update(CHANNEL, alice, bob, { timestamp: START + n });
    const heard = [];
    for (let n = 1; n <= 4; n++) heard.push(await node.hear(fresh(n), 'mallory'));
    expect(heard).toEqual(['accept new', 'accept new', 'accept new', 'later rate_limited']);
    expect(await node.hear(fresh(4), 'an honest peer')).toBe('accept new');
    node.clock.advance(1000);
    expect(await node.hear(fresh(5), 'mallory')).toBe('accept new');
  });

  it('of announcements that no output stands behind are lies beyond a number, and nobody else is blamed', async () => {
    const node = setUp({ unfounded: { burst: 2, perSecond: 1 } });
    const heard = [];
    for (let n = 1; n <= 4; n++) heard.push(await node.service.onGossip(announcement(scid(50 + n), alice, bob), 'mallory'));
    expect(heard).toEqual(['ignore', 'ignore', 'reject', 'reject']);
    expect(await node.service.onGossip(announcement(scid(60), alice, bob), 'an honest peer')).toBe('ignore');
    expect(await node.service.onGossip(announcement(CHANNEL, alice, bob), 'mallory')).toBe('accept');
    // What it told before long may have been true of another chain.
    node.clock.advance(1_000);
    expect(await node.service.onGossip(announcement(scid(61), alice, bob), 'mallory')).toBe('ignore');
  });

  it('from one origin are ignored beyond its rate, and forgers cannot use it up', async () => {
    const node = await withChannel({ perOrigin: { burst: 2, perSecond: 0.001 } });
    for (let n = 1; n <= 5; n++) {
      await node.hear(update(CHANNEL, { ...alice, sign: carol.sign }, bob, { timestamp: START + n }));
    }
    const heard = [];
    for (let n = 1; n <= 3; n++) heard.push(await node.hear(update(CHANNEL, alice, bob, { timestamp: START + n })));
    expect(heard).toEqual(['accept new', 'accept new', 'ignore origin_limited']);
    expect(await node.hear(update(CHANNEL, bob, alice))).toBe('accept new');
  });

  it('of what comes too early are bounded', async () => {
    const node = setUp({ maxPending: 3 });
    for (let n = 0; n < 20; n++) await node.hear(update(CHANNEL, alice, bob, { timestamp: START + n }));
    for (let n = 0; n < 3; n++) await node.hear(update(scid(120 + n), alice, bob));
    await node.hear(announcement(CHANNEL, alice, bob));
    await node.clock.run({ untilMs: START * 1000 + 20 });
    expect(node.published).toEqual([]);
  });

  it('of announcements wait for no more than so many answers of the chain', async () => {
    const node = setUp({ maxChainLookups: 2 });
    let open = (): void => {};
    node.chain.gate = new Promise((resolve) => (open = resolve));
    const heard = [101, 102, 103].map(
      (height) => node.service.onGossip(announcement(scid(height), alice, bob), 'mallory'),
    );
    open();
    expect(await Promise.all(heard)).toEqual(['ignore', 'ignore', 'later']);
    expect(node.outcomes.map(({ reason }) => reason).sort()).toEqual(['busy', 'no_output', 'no_output']);
    expect(node.chain.lookups).toBe(2);
  });
});
