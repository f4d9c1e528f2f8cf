import { fromString } from 'uint8arrays';
import { describe, expect, it } from 'vitest';
import { decodeMessage } from '../../protocols/wire/messages.ts';
import { announcement, FakeChain, GossipNode, keysOf, scid, START, update } from '../harness/graph-gossip.ts';

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
    ['answers nothing', async function* () {}],
    ['breaks off', async function* () { yield* []; throw new Error('gone'); }],
    ['answers nonsense', async function* () { yield fromString('0107', 'hex'); }],
  ])('counts against who, asked for the announcement, %s', async (_, onSyncRequest) => {
    const { ours } = await twoViews();
    ours.peers.set('p', { onSyncRequest });
    await ours.hear(update(CHANNEL, { ...alice, sign: carol.sign }, bob, { timestamp: START + 5 }), 'p');
    await settled();
    expect(ours.distrusted).toEqual(['p']);
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

  it('is asked about once at a time, however many come', async () => {
    const { ours } = await twoViews();
    const queries: string[] = [];
    let answer = (): void => {};
    const asked = new Promise<void>((resolve) => (answer = resolve));
    ours.peers.set('p', {
      async *onSyncRequest(_, request) {
        queries.push(decodeMessage(request).type);
        await asked;
        yield* [];
      },
    });
    for (let i = 1; i <= 20; i++) {
      await ours.hear(update(CHANNEL, { ...alice, sign: carol.sign }, bob, { timestamp: START + i }), 'p');
    }
    answer();
    await settled();
    expect(queries).toEqual(['query_short_channel_ids']);
    expect(ours.distrusted).toEqual(['p']);
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
    ours.service.peerConnected('p');
    await settled();
    expect(ours.distrusted).toEqual(['p']);
    ours.service.stop();
  });
});
