import { fromString } from 'uint8arrays';
import { describe, expect, it } from 'vitest';
import { decodeMessage, encodeMessage } from '../../protocols/wire/messages.ts';
import { announcement, CHAIN_HASH, FakeChain, GossipNode, keysOf, scid, START, update } from '../harness/graph-gossip.ts';

const [alice, bob, carol, dave] = [1, 2, 3, 4].map(keysOf) as [Keys, Keys, Keys, Keys];
type Keys = ReturnType<typeof keysOf>;
const CHANNEL = scid(100);

/** The funding keys of alice's and bob's channel in the hands of carol and dave, who announce it as theirs. */
const thieves: readonly [Keys, Keys] = [
  { ...carol, bitcoinKey: alice.bitcoinKey, signWithBitcoinKey: alice.signWithBitcoinKey },
  { ...dave, bitcoinKey: bob.bitcoinKey, signWithBitcoinKey: bob.signWithBitcoinKey },
];

/** A node that knows the channel as alice's and bob's, and one that knows it as the thieves'. */
async function twoViews(): Promise<{ ours: GossipNode; theirs: GossipNode }> {
  const chain = new FakeChain();
  const [ours, theirs] = [new GossipNode(8, { chain }), new GossipNode(9, { chain })];
  await ours.learn(CHANNEL, alice, bob);
  await theirs.hear(announcement(CHANNEL, ...thieves));
  await theirs.hear(update(CHANNEL, ...thieves, { timestamp: START + 9, feeBaseMsat: 9 }));
  ours.peers.set(theirs.keys.nodeId, theirs.service);
  return { ours, theirs };
}

const forgery = (i: number) => update(CHANNEL, { ...alice, sign: carol.sign }, bob, { timestamp: START + i });
const end = encodeMessage({ type: 'reply_short_channel_ids_end', chainHash: CHAIN_HASH, fullInformation: 1 });

const settled = () => new Promise((resolve) => setTimeout(resolve, 5));

describe('an update that is not signed by the node that we know', () => {
  it('counts against who made it up', async () => {
    const { ours } = await twoViews();
    const liar = new GossipNode(7, { chain: ours.chain });
    await liar.learn(CHANNEL, alice, bob);
    ours.peers.set(liar.keys.nodeId, liar.service);
    const forged = update(CHANNEL, { ...alice, sign: carol.sign }, bob, { timestamp: START + 5 });
    expect(await ours.hear(forged, liar.keys.nodeId)).toBe('ignore bad_signature');
    await settled();
    expect(ours.distrusted).toEqual([liar.keys.nodeId]);
    expect(ours.graph.policy(CHANNEL, 0)?.timestamp).toBe(START);
  });

  it.each([
    ['nonsense', async function* () { yield fromString('0107', 'hex'); }],
    ['another forgery instead of an announcement', async function* () { yield forgery(7); }],
    ['more than was asked for', async function* () { yield announcement(CHANNEL, ...thieves); yield announcement(CHANNEL, ...thieves); }],
  ])('counts against who, asked for the announcement, answers %s', async (_, onSyncRequest) => {
    const { ours } = await twoViews();
    ours.peers.set('p', { onSyncRequest });
    await ours.hear(forgery(5), 'p');
    await settled();
    expect(ours.distrusted).toEqual(['p']);
  });

  it.each([
    ['knows the channel no more', async function* () { yield end; }],
    ['breaks off', async function* () { yield* []; throw new Error('gone'); }],
  ])('is excused three times of who, asked for the announcement, %s: it may have forgotten the channel just now', async (_, onSyncRequest) => {
    const { ours } = await twoViews();
    ours.peers.set('p', { onSyncRequest });
    for (let i = 1; i <= 4; i++) {
      expect(ours.distrusted).toEqual([]);
      await ours.hear(forgery(i), 'p');
      await settled();
    }
    expect(ours.distrusted).toEqual(['p']);
  });

  it('is not counted against who has another announcement that cannot be judged now', async () => {
    const { ours, theirs } = await twoViews();
    ours.chain.fails = true;
    await ours.hear(theirs.service.store.update(CHANNEL, 0) ?? theirs.service.store.update(CHANNEL, 1)!, theirs.keys.nodeId);
    await settled();
    expect(ours.distrusted).toEqual([]);
  });

  it('counts against nobody where the channel was announced twice; none of its nodes is believed then', async () => {
    const { ours, theirs } = await twoViews();
    const honest = theirs.service.store.update(CHANNEL, 0) ?? theirs.service.store.update(CHANNEL, 1)!;
    expect(await ours.hear(honest, theirs.keys.nodeId)).toBe('ignore bad_signature');
    await settled();
    expect(ours.distrusted).toEqual([]);
    expect(ours.graph.channelCount).toBe(0);
    expect(await ours.hear(announcement(CHANNEL, alice, bob))).toBe('ignore blacklisted');
  });

  it('is asked about once at a time and not for long, and too many meanwhile are rejected', async () => {
    const { ours } = await twoViews();
    const queries: string[] = [];
    ours.peers.set('p', {
      async *onSyncRequest(_, request) {
        queries.push(decodeMessage(request).type);
        await new Promise(() => {});
        yield* [];
      },
    });
    const heard: string[] = [];
    for (let i = 1; i <= 12; i++) heard.push(await ours.hear(forgery(i), 'p'));
    expect(queries).toEqual(['query_short_channel_ids']);
    expect(heard.filter((outcome) => outcome === 'ignore bad_signature')).toHaveLength(9);
    expect(heard.filter((outcome) => outcome === 'reject bad_signature')).toHaveLength(3);
    ours.clock.advance(15_000);
    await settled();
    await ours.hear(forgery(20), 'p');
    expect(queries).toHaveLength(2);
  });

  it('raises no further question in a sync, whatever is answered', async () => {
    const { ours } = await twoViews();
    let queries = 0;
    ours.peers.set('p', {
      async *onSyncRequest(_, request) {
        queries++;
        if (decodeMessage(request).type === 'query_channel_range') {
          const timestamps = [{ timestampNodeId1: START + 99, timestampNodeId2: START + 99 }];
          yield encodeMessage({ type: 'reply_channel_range', chainHash: CHAIN_HASH, firstBlocknum: 0, numberOfBlocks: 9999, syncComplete: 1, shortChannelIds: [CHANNEL], timestamps });
        } else {
          yield forgery(queries);
          yield end;
        }
      },
    });
    await expect(ours.service.syncWith('p')).rejects.toMatchObject({ code: 'sync_bad_reply' });
    expect(queries).toBe(3);
  });

  it('does not end a sync with an honest peer that was told another announcement', async () => {
    const { ours, theirs } = await twoViews();
    const other = scid(101);
    await theirs.learn(other, bob, carol);
    await ours.service.syncWith(theirs.keys.nodeId);
    expect(ours.distrusted).toEqual([]);
    expect(ours.service.store.channel(CHANNEL)).toBeUndefined();
  });

  it('counts against who forges in a sync that was due', async () => {
    const { ours } = await twoViews();
    ours.peers.set('p', { async *onSyncRequest() { yield fromString('0100', 'hex'); } });
    ours.service.peerConnected('p', true);
    await settled();
    expect(ours.distrusted).toEqual(['p']);
    ours.service.stop();
  });
});
