import { concat } from 'uint8arrays';
import { describe, expect, it, vi } from 'vitest';
import { decodeGossip, isGossip } from '../../protocols/gossip/gossip-message.ts';
import { updateChecksum } from '../../protocols/gossip/update-checksum.ts';
import { decodeMessage, encodeMessage, type Message } from '../../protocols/wire/messages.ts';
import type { GossipService } from '../../src/gossip/gossip-service.ts';
import {
  announcement, CHAIN_HASH, FakeChain, GossipNode, keysOf, nodeAnnouncement, scid, START, update,
} from '../harness/graph-gossip.ts';

const [alice, bob, carol] = [1, 2, 3].map(keysOf) as [Keys, Keys, Keys];
type Keys = ReturnType<typeof keysOf>;
const DAY = 24 * 60 * 60;

/**
 * One who knows a line of `channels` channels between changing nodes, and one who knows nothing; both see the same
 * chain.
 */
async function setUp(channels: number, limits = {}): Promise<{ veteran: GossipNode; novice: GossipNode }> {
  const chain = new FakeChain();
  const options = { chain, limits: { perForwarder: { burst: 1e6, perSecond: 0 }, ...limits } };
  const [veteran, novice] = [new GossipNode(8, options), new GossipNode(9, options)];
  const nodes = [10, 11, 12, 13, 14].map(keysOf);
  for (let i = 0; i < channels; i++) {
    const [a, b] = [nodes[i % 5]!, nodes[(i + 1) % 5]!];
    await veteran.learn(scid(100 + (i % 7), 1 + i), a, b);
  }
  for (const keys of nodes.slice(0, 4)) await veteran.hear(nodeAnnouncement(keys));
  novice.peers.set(veteran.keys.nodeId, veteran.service);
  return { veteran, novice };
}

const known = (node: GossipNode) => [...node.graph.shortChannelIds()]
  .sort((a, b) => (a < b ? -1 : 1))
  .map((id) => [id, node.graph.policy(id, 0), node.graph.policy(id, 1)]);

async function answers(service: Pick<GossipService, 'onSyncRequest'>, request: Message): Promise<Message[]> {
  const found: Message[] = [];
  for await (const bytes of service.onSyncRequest('a peer', encodeMessage(request))) found.push(decodeMessage(bytes));
  return found;
}

/** Answers each query with what the test says. */
function liar(...replies: readonly (readonly Uint8Array[])[]): Pick<GossipService, 'onSyncRequest'> {
  const left = [...replies];
  return {
    async *onSyncRequest() {
      yield* left.shift() ?? [];
    },
  };
}

const range = (shortChannelIds: readonly bigint[], changes = {}): Uint8Array => encodeMessage({
  type: 'reply_channel_range', chainHash: CHAIN_HASH, firstBlocknum: 0, numberOfBlocks: 0xffff_ffff, syncComplete: 1,
  shortChannelIds, ...changes,
});
const end = encodeMessage({ type: 'reply_short_channel_ids_end', chainHash: CHAIN_HASH, fullInformation: 1 });

describe('a late joiner', () => {
  it('learns all that a peer knows', async () => {
    const { veteran, novice } = await setUp(40, { syncBatch: 7 });
    expect(await novice.service.syncWith(veteran.keys.nodeId)).toEqual(
      // Each channel, and three channels over which the five nodes are asked for, in that order.
      { offered: 40, requested: 40 + 3, accepted: 40 * 3 + 4 },
    );
    expect(known(novice)).toEqual(known(veteran));
    expect(novice.service.store.nodeAnnouncement(keysOf(10).nodeId)).toEqual(nodeAnnouncement(keysOf(10)));
  });

  it('asks a second time only for what is new', async () => {
    const { veteran, novice } = await setUp(20);
    await novice.service.syncWith(veteran.keys.nodeId);
    // Nodes may have new announcements, and the fifth has had none so far: they are asked for again, over three channels; nothing comes.
    expect(await novice.service.syncWith(veteran.keys.nodeId)).toEqual({ offered: 20, requested: 3, accepted: 0 });
    await veteran.hear(update(scid(100, 1), keysOf(10), keysOf(11), { timestamp: START + 1, feeBaseMsat: 1234 }));
    expect(await novice.service.syncWith(veteran.keys.nodeId)).toMatchObject({ accepted: 1 });
    expect(known(novice)).toEqual(known(veteran));
  });

  it('goes on after a broken sync where that one stopped', async () => {
    const { veteran, novice } = await setUp(30, { syncBatch: 5 });
    let left = 60;
    novice.peers.set(veteran.keys.nodeId, {
      async *onSyncRequest(from, request) {
        for await (const message of veteran.service.onSyncRequest(from, request)) {
          if (left-- === 0) throw new Error('the connection was lost');
          yield message;
        }
      },
    });
    await expect(novice.service.syncWith(veteran.keys.nodeId)).rejects.toThrow('the connection was lost');
    const before = novice.graph.channelCount;
    expect(before).toBeGreaterThan(10);
    novice.peers.set(veteran.keys.nodeId, veteran.service);
    const report = await novice.service.syncWith(veteran.keys.nodeId);
    expect(report.accepted).toBeLessThan(30 * 3);
    expect(known(novice)).toEqual(known(veteran));
  });

  it('learns of a channel that has no updates yet, and not of one that is spent or long silent', async () => {
    const { veteran, novice } = await setUp(2);
    veteran.chain.fund(scid(150), alice, bob);
    await veteran.hear(announcement(scid(150), alice, bob));
    veteran.service.store.setSpent(scid(100, 1), 160);
    await novice.service.syncWith(veteran.keys.nodeId);
    expect(known(novice).map(([id]) => id)).toEqual([scid(101, 2), scid(150)]);

    const later = new GossipNode(7, { chain: veteran.chain });
    later.clock.advance(20 * DAY * 1000);
    later.peers.set(veteran.keys.nodeId, veteran.service);
    expect(await later.service.syncWith(veteran.keys.nodeId)).toEqual({ offered: 2, requested: 1 + 1, accepted: 1 });
  });
});

describe('the answers to queries', () => {
  it('cover the blocks asked for without a gap, over several replies', async () => {
    const { veteran } = await setUp(0);
    const many = Array.from({ length: 4_500 }, (_, i) => scid(100 + Math.floor(i / 1_500), 1 + (i % 1_500)));
    const template = decodeGossip(announcement(scid(1), alice, bob));
    if (!isGossip(template, 'channel_announcement')) return expect.fail('an announcement is one');
    for (const shortChannelId of many) {
      const facts = { capacitySat: 1n, fundingTxid: '00', addedAt: START, spentHeight: undefined };
      veteran.service.store.addChannel({ ...template, message: { ...template.message, shortChannelId } }, facts);
    }
    const query = {
      type: 'query_channel_range', chainHash: CHAIN_HASH, firstBlocknum: 50, numberOfBlocks: 100, queryOption: 1n,
    } as const;
    const replies = await answers(veteran.service, query);
    let next = 50;
    const scids: bigint[] = [];
    for (const [index, reply] of replies.entries()) {
      if (reply.type !== 'reply_channel_range') return expect.fail(reply.type);
      expect([next - 1, next]).toContain(reply.firstBlocknum);
      next = reply.firstBlocknum + reply.numberOfBlocks;
      expect(reply.syncComplete).toBe(index === replies.length - 1 ? 1 : 0);
      expect(reply.timestamps).toHaveLength(reply.shortChannelIds.length);
      for (const id of reply.shortChannelIds) {
        expect(id >> 40n).toBeGreaterThanOrEqual(reply.firstBlocknum);
        expect(id >> 40n).toBeLessThan(next);
      }
      scids.push(...reply.shortChannelIds);
    }
    expect(next).toBe(150);
    expect(scids).toEqual(many);
  });

  it('keep to the blocks, the timestamps and the flags that were asked for', async () => {
    const { veteran } = await setUp(7);
    const ask = { type: 'query_channel_range', chainHash: CHAIN_HASH, firstBlocknum: 102, numberOfBlocks: 2 } as const;
    expect(await answers(veteran.service, ask)).toEqual([
      { type: 'reply_channel_range', chainHash: CHAIN_HASH, firstBlocknum: 102, numberOfBlocks: 2, syncComplete: 1,
        shortChannelIds: [scid(102, 3), scid(103, 4)] },
    ]);
    const shortChannelIds = [scid(100, 1), scid(101, 2), scid(102, 3), scid(199, 1)];
    const found = await answers(veteran.service, {
      type: 'query_short_channel_ids', chainHash: CHAIN_HASH, shortChannelIds, queryFlags: [1n, 2n, 24n, 31n],
    });
    expect(found.map(({ type }) => type)).toEqual([
      'channel_announcement', 'channel_update', 'node_announcement', 'node_announcement', 'reply_short_channel_ids_end',
    ]);
    const all = await answers(
      veteran.service, { type: 'query_short_channel_ids', chainHash: CHAIN_HASH, shortChannelIds },
    );
    // Three channels with two updates each, four nodes, each once, and the end.
    expect(all).toHaveLength(3 * 3 + 4 + 1);
  });

  it('are empty for another chain', async () => {
    const { veteran } = await setUp(3);
    const chainHash = new Uint8Array(32);
    expect(
      await answers(veteran.service, { type: 'query_channel_range', chainHash, firstBlocknum: 0, numberOfBlocks: 5 }),
    ).toEqual([
      {
        type: 'reply_channel_range', chainHash, firstBlocknum: 0, numberOfBlocks: 5, syncComplete: 1,
        shortChannelIds: [],
      },
    ]);
    expect(
      await answers(veteran.service, { type: 'query_short_channel_ids', chainHash, shortChannelIds: [scid(100, 1)] }),
    ).toEqual([
      { type: 'reply_short_channel_ids_end', chainHash, fullInformation: 0 },
    ]);
  });

  it('are refused to what is no query, and to whom asks too often', async () => {
    const { veteran } = await setUp(1, { perSyncPeer: { burst: 5, perSecond: 0 } });
    const ask = (request: Uint8Array) =>
      veteran.service.onSyncRequest('a peer', request)[Symbol.asyncIterator]().next();
    const shortChannelIds = [scid(1)];
    const nonsense = [
      new Uint8Array(),
      end,
      Uint8Array.of(1, 7, 1, 2, 3),
      encodeMessage({ type: 'query_short_channel_ids', chainHash: CHAIN_HASH, shortChannelIds, queryFlags: [1n, 1n] }),
    ];
    for (const request of nonsense) await expect(ask(request)).rejects.toMatchObject({ code: 'sync_bad_request' });
    const query = encodeMessage(
      { type: 'query_channel_range', chainHash: CHAIN_HASH, firstBlocknum: 0, numberOfBlocks: 5 },
    );
    await expect(ask(query)).resolves.toMatchObject({ done: false });
    await expect(ask(query)).rejects.toMatchObject({ code: 'sync_rate' });
  });
});

describe('the price of an answer', () => {
  const range0 = (numberOfBlocks: number) => ({
    type: 'query_channel_range', chainHash: CHAIN_HASH, firstBlocknum: 0, numberOfBlocks,
  } as const);

  it('grows with the channels that are looked through, or asked about', async () => {
    const { veteran } = await setUp(0, { perSyncPeer: { burst: 8, perSecond: 1 } });
    const template = decodeGossip(announcement(scid(1), alice, bob));
    if (!isGossip(template, 'channel_announcement')) return expect.fail('an announcement is one');
    for (let i = 0; i < 4_500; i++) {
      const facts = { capacitySat: 1n, fundingTxid: '00', addedAt: START, spentHeight: undefined };
      veteran.service.store.addChannel({ ...template, message: { ...template.message, shortChannelId: scid(100, 1 + i) } }, facts);
    }
    expect(await answers(veteran.service, range0(500))).toHaveLength(3);
    expect(await answers(veteran.service, range0(1))).toHaveLength(1);
    await expect(answers(veteran.service, range0(500))).rejects.toMatchObject({ code: 'sync_rate' });
    veteran.clock.advance(8_000);
    const about = (count: number): Message => ({
      type: 'query_short_channel_ids', chainHash: CHAIN_HASH, shortChannelIds: Array.from({ length: count }, (_, i) => scid(50, 1 + i)),
    });
    await answers(veteran.service, about(3_500));
    await answers(veteran.service, about(1));
    await expect(answers(veteran.service, about(1))).rejects.toMatchObject({ code: 'sync_rate' });
  });

  it('is never more than a peer can have', async () => {
    const { veteran } = await setUp(0, { perSyncPeer: { burst: 2, perSecond: 1 } });
    const shortChannelIds = Array.from({ length: 3_500 }, (_, i) => scid(50, 1 + i));
    const query: Message = { type: 'query_short_channel_ids', chainHash: CHAIN_HASH, shortChannelIds };
    expect(await answers(veteran.service, query)).toHaveLength(1);
  });
});

describe('several peers at once', () => {
  it('share the work: nothing is asked of two', async () => {
    const { veteran, novice } = await setUp(40, { syncBatch: 4 });
    const queried: string[] = [];
    const asked = new Map<string, bigint[]>([['p', []], ['q', []], ['r', []]]);
    for (const [name, scids] of asked) {
      novice.peers.set(name, {
        async *onSyncRequest(from, request) {
          const query = decodeMessage(request);
          queried.push(name);
          const isForChannels = query.type === 'query_short_channel_ids' && query.queryFlags?.every((flags) => flags < 8n);
          if (isForChannels) scids.push(...query.shortChannelIds);
          for await (const message of veteran.service.onSyncRequest(from, request)) {
            await Promise.resolve();
            yield message;
          }
        },
      });
    }
    const reports = await Promise.all([...asked.keys()].map((name) => novice.service.syncWith(name)));
    expect(known(novice)).toEqual(known(veteran));
    expect(reports.reduce((sum, { accepted }) => sum + accepted, 0)).toBe(40 * 3 + 4);
    for (const scids of asked.values()) expect(scids.length).toBeGreaterThanOrEqual(8);
    const all = [...asked.values()].flat();
    expect(new Set(all).size).toBe(40);
    expect(all).toHaveLength(40);
    // The ranges at first, then turn by turn.
    expect(new Set(queried.slice(0, 3)).size).toBe(3);
  });

  it('do what one of them has left undone', async () => {
    const { veteran, novice } = await setUp(40, { syncBatch: 4 });
    novice.peers.set('q', {
      async *onSyncRequest(from, request) {
        if (decodeMessage(request).type === 'query_short_channel_ids') throw new Error('the connection was lost');
        yield* veteran.service.onSyncRequest(from, request);
      },
    });
    const broken = novice.service.syncWith('q');
    const whole = novice.service.syncWith(veteran.keys.nodeId);
    await expect(broken).rejects.toThrow('the connection was lost');
    await whole;
    expect(known(novice)).toEqual(known(veteran));
  });
});

describe('an update that says the same again', () => {
  const again = (timestamp: number) => update(scid(100, 1), keysOf(10), keysOf(11), { timestamp });

  it('is not asked for while ours is young, and is once ours has come half the way to being stale', async () => {
    const { veteran, novice } = await setUp(3);
    await novice.service.syncWith(veteran.keys.nodeId);
    await veteran.hear(again(START + 60));
    expect(await novice.service.syncWith(veteran.keys.nodeId)).toMatchObject({ accepted: 0 });
    novice.clock.advance(8 * DAY * 1000);
    expect(await novice.service.syncWith(veteran.keys.nodeId)).toMatchObject({ accepted: 1 });
  });

  it('is told by its checksum, CRC32C as RFC 3720 has it', () => {
    // RFC 3720, B.4: of 32 bytes of zeros, of ones, and counting up.
    const framed = (bytes: Uint8Array) => concat([new Uint8Array(2 + 64), bytes, new Uint8Array(0)]);
    const zeros = new Uint8Array(66 + 40 + 4);
    expect(updateChecksum(zeros)).toBe(updateChecksum(concat([zeros.subarray(0, 106), Uint8Array.of(1, 2, 3, 4)])));
    expect(updateChecksum(framed(new Uint8Array(32)))).toBe(0x8a9136aa);
    expect(updateChecksum(framed(new Uint8Array(32).fill(0xff)))).toBe(0x62a8ab43);
    expect(updateChecksum(framed(Uint8Array.from({ length: 32 }, (_, i) => i)))).toBe(0x46dd794e);
  });
});

describe('a peer that lies', () => {
  const forged = update(scid(100), { ...alice, sign: carol.sign }, bob);
  const honest = announcement(scid(100), alice, bob);
  const lies: [string, ReturnType<typeof liar>][] = [
    ['no answer', liar([])],
    ['bytes that are no message', liar([Uint8Array.of(1, 8, 0)])],
    ['another message', liar([end])],
    ['channels of another chain', liar([range([], { chainHash: new Uint8Array(32) })])],
    ['channels out of order', liar([range([scid(5)], { syncComplete: 0 }), range([scid(4)])])],
    ['more after the end', liar([range([scid(5)]), range([scid(6)])])],
    ['too few checksums', liar([range([scid(5), scid(6)], { checksums: [{ checksumNodeId1: 1, checksumNodeId2: 1 }] })])],
    [
      'too few timestamps',
      liar([range([scid(5), scid(6)], { timestamps: [{ timestampNodeId1: 1, timestampNodeId2: 1 }] })]),
    ],
    ['more channels than there can be', liar([range([scid(1), scid(2), scid(3), scid(4), scid(5), scid(6)])])],
    ['no end', liar([range([scid(100)])], [honest])],
    [
      'more messages than were asked for',
      liar([range([scid(100)])], [honest, honest, honest, honest, honest, honest, honest]),
    ],
    ['messages after the end', liar([range([scid(100)])], [end, honest])],
    ['a forgery', liar([range([scid(100)])], [honest, forged, end])],
    ['an announcement that was not asked for', liar([range([scid(100)])], [honest, announcement(scid(101), alice, bob), end], [end])],
    ['an update that was not asked for', liar([range([scid(100)])], [honest, update(scid(101), alice, bob), end], [end])],
    ['the same twice', liar([range([scid(100)])], [honest, honest, end], [end])],
    [
      'nodes that were not asked for',
      liar([range(Array.from({ length: 5 }, (_, i) => scid(100, 1 + i)))], [
        honest, ...Array.from({ length: 17 }, (_, i) => nodeAnnouncement(keysOf(30 + i))), end,
      ], [end]),
    ],
    ['nonsense for gossip', liar([range([scid(100)])], [Uint8Array.of(1, 0, 5), end])],
  ];
  it.each(lies)('is found out: %s', async (_, peer) => {
    const novice = new GossipNode(9, { limits: { maxSyncChannels: 5 } });
    novice.chain.fund(scid(100), alice, bob);
    novice.peers.set(carol.nodeId, peer);
    await expect(novice.service.syncWith(carol.nodeId)).rejects.toMatchObject(
      { name: 'GossipSyncError', code: 'sync_bad_reply' },
    );
  });

  it('about channels that do not exist gets nothing into the graph', async () => {
    const novice = new GossipNode(9);
    const invented = announcement(scid(150), alice, bob);
    novice.peers.set(carol.nodeId, liar([range([scid(150)])], [invented, end]));
    expect(await novice.service.syncWith(carol.nodeId)).toEqual({ offered: 1, requested: 1, accepted: 0 });
    expect(novice.graph.channelCount).toBe(0);
  });
});

describe('channels that do not exist', () => {
  const invented = (count: number, height = 150) => Array.from({ length: count }, (_, i) => scid(height, 1 + i));
  const lies = (scids: readonly bigint[]) => liar([range(scids)], [...scids.map((id) => announcement(id, alice, bob)), end]);

  it('end a sync when they are too many, and count against the peer', async () => {
    const novice = new GossipNode(9, { limits: { maxFalseChannels: 10 } });
    novice.peers.set('p', lies(invented(200)));
    novice.service.peerConnected('p');
    await vi.waitFor(() => expect(novice.distrusted).toEqual(['p']));
    expect(novice.problems.map(({ code }) => code)).toEqual(['sync_bad_reply']);
    novice.service.stop();
    // Those that were being judged when the limit came.
    expect(novice.chain.lookups).toBeLessThanOrEqual(10 + 128);
  });

  it('end it over several queries too', async () => {
    const novice = new GossipNode(9, { limits: { maxFalseChannels: 10, syncBatch: 4 } });
    const scids = invented(12);
    const queries = [0, 4, 8].map((from) => [...scids.slice(from, from + 4).map((id) => announcement(id, alice, bob)), end]);
    novice.peers.set('p', liar([range(scids)], ...queries));
    await expect(novice.service.syncWith('p')).rejects.toMatchObject({ code: 'sync_bad_reply' });
  });

  it('are forgiven where they are few, and nobody is asked about them again for a while', async () => {
    const novice = new GossipNode(9, { limits: { maxFalseChannels: 10, falsePlaceMs: 1_000 } });
    const scids = invented(10);
    novice.peers.set('p', lies(scids));
    novice.peers.set('q', lies(scids));
    expect(await novice.service.syncWith('p')).toEqual({ offered: 10, requested: 10, accepted: 0 });
    expect(novice.chain.lookups).toBe(10);
    for (const id of scids) expect(await novice.hear(announcement(id, alice, bob))).toBe('ignore no_output');
    expect(await novice.service.syncWith('q')).toEqual({ offered: 10, requested: 0, accepted: 0 });
    expect(novice.chain.lookups).toBe(10);
    novice.clock.advance(1_000);
    novice.chain.fund(scids[0]!, alice, bob);
    expect(await novice.hear(announcement(scids[0]!, alice, bob))).toBe('accept new');
  });

  it('do not keep out those that do, in the same place', async () => {
    const novice = new GossipNode(9);
    novice.chain.fund(scid(100), alice, bob);
    for (let i = 0; i < 3; i++) expect(await novice.hear(announcement(scid(100), alice, carol))).toBe('ignore wrong_output');
    expect(novice.chain.lookups).toBe(1);
    expect(await novice.hear(announcement(scid(100), alice, bob))).toBe('accept new');
  });

  it('may be there after a reorg', async () => {
    const novice = new GossipNode(9);
    expect(await novice.hear(announcement(scid(150), alice, bob))).toBe('ignore no_output');
    novice.service.blockDisconnected({ height: 150, hash: '' });
    novice.chain.fund(scid(150), alice, bob);
    expect(await novice.hear(announcement(scid(150), alice, bob))).toBe('accept new');
  });

  it('of blocks that are not deep enough, or still to come, do not have the chain looked through', async () => {
    const novice = new GossipNode(9);
    for (const height of [196, 250]) expect(await novice.hear(announcement(scid(height), alice, bob))).toBe('ignore unconfirmed');
    expect(novice.chain.lookups).toBe(0);
  });
});

describe('a newer announcement of a node', () => {
  const renewed = (number: number) => nodeAnnouncement(keysOf(number), { timestamp: START + 60, alias: 'elsewhere' });

  it('is learned by who was away when it was made', async () => {
    const { veteran, novice } = await setUp(10);
    await novice.service.syncWith(veteran.keys.nodeId);
    await veteran.hear(renewed(11));
    expect(await novice.service.syncWith(veteran.keys.nodeId)).toMatchObject({ accepted: 1 });
    expect(novice.service.store.nodeAnnouncement(keysOf(11).nodeId)).toEqual(renewed(11));
  });

  it('is found in one of the next syncs, where each asks for some', async () => {
    const { veteran, novice } = await setUp(10, { nodesRenewed: 1 });
    await veteran.hear(nodeAnnouncement(keysOf(14)));
    await novice.service.syncWith(veteran.keys.nodeId);
    for (const number of [10, 11, 12, 13, 14]) await veteran.hear(renewed(number));
    const accepted: number[] = [];
    for (let i = 0; i < 5; i++) accepted.push((await novice.service.syncWith(veteran.keys.nodeId)).accepted);
    expect(accepted.reduce((sum, count) => sum + count)).toBe(5);
    // By where the ids stand on their circle.
    expect(Math.max(...accepted)).toBeLessThan(5);
  });
});

describe('an honest peer', () => {
  it('may know what we do not: messages of odd types, and fields that are not for us', async () => {
    const novice = new GossipNode(9);
    novice.chain.fund(scid(100), alice, bob);
    const odd = Uint8Array.of(0x7f, 0xff, 1);
    const evenField = concat([update(scid(100), alice, bob), Uint8Array.of(2, 0)]);
    novice.peers.set('p', liar([range([scid(100)])], [announcement(scid(100), alice, bob), odd, evenField, end], [end]));
    expect(await novice.service.syncWith('p')).toMatchObject({ accepted: 1 });
    expect(novice.outcomes.map(({ reason }) => reason).sort()).toEqual(['new', 'unknown_type', 'unknown_type']);
  });

  it('that knows other nodes as the ends of a few channels is not taken for a liar; what they say is not judged', async () => {
    const novice = new GossipNode(9);
    novice.chain.fund(scid(100), alice, bob);
    const strangers = Array.from({ length: 4 }, (_, i) => nodeAnnouncement(keysOf(30 + i)));
    const answer = [announcement(scid(100), alice, bob), nodeAnnouncement(alice), ...strangers];
    novice.peers.set('p', liar([range([scid(100), scid(101)])], [...answer, end], [nodeAnnouncement(bob), end]));
    expect(await novice.service.syncWith('p')).toMatchObject({ accepted: 3 });
    expect(novice.outcomes).toHaveLength(3);
  });
});

describe('the times of catching up', () => {
  it('are on connecting, then at growing intervals, with a few peers', async () => {
    const novice = new GossipNode(
      9, { limits: { maxSyncPeers: 2, minSyncIntervalMs: 1_000, maxSyncIntervalMs: 4_000 } },
    );
    const asked: string[] = [];
    const names = ['p', 'q', 'r'];
    for (const name of names) {
      novice.peers.set(name, {
        async *onSyncRequest() {
          asked.push(`${name} ${(novice.clock.now() - START * 1000) / 1000}`);
          yield range([]);
        },
      });
      novice.service.peerConnected(name);
    }
    await novice.clock.run({ untilMs: START * 1000 + 12_000 });
    // Whoever has waited longest comes next, so that all three are asked in turn.
    expect(asked).toEqual(['p 0', 'q 0', 'p 1', 'q 1', 'r 3', 'p 3', 'q 7', 'r 7', 'p 11', 'q 11']);
    novice.service.peerDisconnected('p');
    await novice.clock.run({ untilMs: START * 1000 + 13_000 });
    expect(asked.slice(10)).toEqual(['r 12', 'r 13']);
    novice.service.stop();
    await novice.clock.run({ untilMs: START * 1000 + 99_000 });
    expect(asked).toHaveLength(12);
  });

  it('come to every peer, also of many', async () => {
    const novice = new GossipNode(9, { limits: { maxSyncPeers: 3, minSyncIntervalMs: 1_000, maxSyncIntervalMs: 1_000 } });
    const asked: string[] = [];
    const names = Array.from({ length: 20 }, (_, i) => `peer ${i}`);
    for (const name of names) {
      novice.peers.set(name, {
        async *onSyncRequest() {
          asked.push(name);
          yield range([]);
        },
      });
      novice.service.peerConnected(name);
    }
    await novice.clock.run({ untilMs: START * 1000 + 40_500 });
    novice.service.stop();
    const times = names.map((name) => asked.filter((other) => other === name).length);
    expect(asked).toHaveLength(3 * 41);
    expect(Math.min(...times)).toBeGreaterThanOrEqual(6);
    expect(Math.max(...times)).toBeLessThanOrEqual(7);
  });

  it('go on after a peer has failed, and the failure is reported', async () => {
    const novice = new GossipNode(9, { limits: { minSyncIntervalMs: 1_000 } });
    novice.peers.set('p', liar([end], [range([])]));
    novice.service.peerConnected('p');
    await novice.clock.run({ untilMs: START * 1000 + 1_000 });
    expect(novice.problems.map(({ code }) => code)).toEqual(['sync_bad_reply']);
    novice.service.stop();
  });
});
