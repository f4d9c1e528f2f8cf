import { concat } from 'uint8arrays';
import { describe, expect, it, vi } from 'vitest';
import { announcement, GossipNode, keysOf, nodeAnnouncement, scid, update } from '../harness/graph-gossip.ts';
import { end, liar, range } from './gossip-sync-kit.ts';

const [alice, bob, carol] = [1, 2, 3].map(keysOf) as [Keys, Keys, Keys];
type Keys = ReturnType<typeof keysOf>;

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
    novice.service.peerConnected('p', true);
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
