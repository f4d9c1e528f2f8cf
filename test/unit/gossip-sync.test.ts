import { concat } from 'uint8arrays';
import { describe, expect, it } from 'vitest';
import { updateChecksum } from '../../protocols/gossip/update-checksum.ts';
import { decodeMessage, encodeMessage } from '../../protocols/wire/messages.ts';
import { defaultGossipLimits } from '../../src/gossip/limits.ts';
import { NodeRounds } from '../../src/gossip/node-rounds.ts';
import { NetworkError } from '../../src/network/errors.ts';
import { announcement, GossipNode, keysOf, nodeAnnouncement, scid, START, update } from '../harness/graph-gossip.ts';
import { end, known, liar, range, setUp } from './gossip-sync-kit.ts';

const [alice, bob] = [1, 2].map(keysOf) as [Keys, Keys];
type Keys = ReturnType<typeof keysOf>;
const DAY = 24 * 60 * 60;
const ROUND_MS = defaultGossipLimits.nodeRoundMs;

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

  it('asks a peer that does not tell how new its updates are for what is missing or old alone', async () => {
    const { veteran, novice } = await setUp(20);
    const asked: bigint[] = [];
    novice.peers.set('p', {
      async *onSyncRequest(from, request) {
        const query = decodeMessage(request);
        if (query.type === 'query_short_channel_ids' && query.queryFlags?.every((flags) => flags < 8n) === true) asked.push(...query.shortChannelIds);
        for await (const message of veteran.service.onSyncRequest(from, request)) {
          const reply = decodeMessage(message);
          if (reply.type !== 'reply_channel_range') yield message;
          else yield encodeMessage({ ...reply, timestamps: undefined, checksums: undefined });
        }
      },
    });
    await novice.service.syncWith('p');
    expect(known(novice)).toEqual(known(veteran));
    expect(asked.splice(0)).toHaveLength(20);
    await novice.service.syncWith('p');
    expect(asked).toEqual([]);
    novice.clock.advance(8 * DAY * 1000);
    await novice.service.syncWith('p');
    expect(asked).toHaveLength(20);
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

describe('a newer announcement of a node', () => {
  const renewed = (number: number) => nodeAnnouncement(keysOf(number), { timestamp: START + 60, alias: 'elsewhere' });

  it('is learned by who was away when it was made', async () => {
    const { veteran, novice } = await setUp(10);
    await novice.service.syncWith(veteran.keys.nodeId);
    await veteran.hear(renewed(11));
    expect(await novice.service.syncWith(veteran.keys.nodeId)).toMatchObject({ accepted: 1 });
    expect(novice.service.store.nodeAnnouncement(keysOf(11).nodeId)).toEqual(renewed(11));
  });

  it('is learned though another peer was asked first that knows nothing, or fails', async () => {
    const { veteran, novice } = await setUp(10);
    await novice.service.syncWith(veteran.keys.nodeId);
    await veteran.hear(renewed(11));
    novice.clock.advance(ROUND_MS);
    novice.peers.set('p', {
      async *onSyncRequest() {
        yield range([]);
      },
    });
    novice.peers.set('q', {
      async *onSyncRequest(from, request) {
        if (decodeMessage(request).type === 'query_short_channel_ids') throw new NetworkError('stream_failed', 'gone');
        yield* veteran.service.onSyncRequest(from, request);
      },
    });
    expect(await novice.service.syncWith('p')).toMatchObject({ offered: 0, accepted: 0 });
    await expect(novice.service.syncWith('q')).rejects.toThrow('gone');
    expect(await novice.service.syncWith(veteran.keys.nodeId)).toMatchObject({ accepted: 1 });
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

  it('is not looked for by each sync, but in rounds', async () => {
    const { veteran, novice } = await setUp(10);
    await veteran.hear(nodeAnnouncement(keysOf(14)));
    const requested = async () => (await novice.service.syncWith(veteran.keys.nodeId)).requested;
    // One turn for each of three peers.
    expect([await requested(), await requested(), await requested(), await requested()]).toEqual([10 + 3, 3, 3, 0]);
    novice.clock.advance(ROUND_MS - 1);
    expect(await requested()).toBe(0);
    novice.clock.advance(1);
    expect([await requested(), await requested(), await requested(), await requested()]).toEqual([3, 3, 3, 0]);
  });

  it('is looked for after a clock was set back', () => {
    let nowMs = START * 1000;
    const rounds = new NodeRounds({ now: () => nowMs }, { ...defaultGossipLimits, maxSyncPeers: 1 });
    const { nodeId } = keysOf(1);
    expect([rounds.next(5)(nodeId), rounds.next(5)(nodeId)]).toEqual([true, false]);
    nowMs -= 365 * DAY * 1000;
    expect([rounds.next(5)(nodeId), rounds.next(5)(nodeId)]).toEqual([true, false]);
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
      novice.service.peerConnected(name, true);
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
      novice.service.peerConnected(name, true);
    }
    await novice.clock.run({ untilMs: START * 1000 + 40_500 });
    novice.service.stop();
    const times = names.map((name) => asked.filter((other) => other === name).length);
    expect(asked).toHaveLength(3 * 41);
    expect(Math.min(...times)).toBeGreaterThanOrEqual(6);
    expect(Math.max(...times)).toBeLessThanOrEqual(7);
  });

  it('do not let others wait long for a turn that brought nothing', async () => {
    const novice = new GossipNode(9, { limits: { maxSyncPeers: 1, minSyncIntervalMs: 1_000, maxSyncIntervalMs: 1_000_000 } });
    const asked: [string, number][] = [];
    const note = (name: string): void => void asked.push([name, novice.clock.now() / 1000 - START]);
    novice.peers.set('good', { async *onSyncRequest() { note('good'); yield range([]); } });
    novice.peers.set('silent', { async *onSyncRequest() { note('silent'); yield* []; throw new NetworkError('stream_failed', 'nothing came'); } });
    for (const name of ['good', 'silent']) novice.service.peerConnected(name, true);
    await novice.clock.run({ untilMs: START * 1000 + 16_500 });
    novice.service.stop();
    expect(asked).toEqual([['good', 0], ['good', 1], ['silent', 3], ['good', 4], ['silent', 8], ['good', 9]]);
    expect(novice.problems[0]?.message).toContain('silent');
  });

  it('go on after a peer has failed, and the failure is reported', async () => {
    const novice = new GossipNode(9, { limits: { minSyncIntervalMs: 1_000 } });
    novice.peers.set('p', liar([end], [range([])]));
    novice.service.peerConnected('p', true);
    await novice.clock.run({ untilMs: START * 1000 + 1_000 });
    expect(novice.problems.map(({ code }) => code)).toEqual(['sync_bad_reply']);
    novice.service.stop();
  });
});
