import { describe, expect, it } from 'vitest';
import { announcement, GossipNode, keysOf, scid, START, update } from '../harness/graph-gossip.ts';

const [alice, bob, carol] = [1, 2, 3].map(keysOf) as [Keys, Keys, Keys];
type Keys = ReturnType<typeof keysOf>;
const CHANNEL = scid(100);
const fresh = (n: number) => update(CHANNEL, alice, bob, { timestamp: START + n });
const settled = () => new Promise((resolve) => setTimeout(resolve, 5));

async function setUp(limits = {}): Promise<GossipNode> {
  const node = new GossipNode(9, { limits });
  await node.learn(CHANNEL, alice, bob);
  return node;
}

describe('what a peer sends to us alone', () => {
  it('is judged like what it broadcasts', async () => {
    const node = await setUp();
    expect(node.service.onDirectGossip(fresh(1), alice.nodeId)).toBe(true);
    await settled();
    expect(node.outcomes.at(-1)?.verdict).toBe('accept');
  });

  it('has the rate that its broadcasts have, with them', async () => {
    const node = await setUp({ perForwarder: { burst: 3, perSecond: 1 } });
    const before = node.outcomes.length;
    const heard = [1, 2, 3].map((n) => node.service.onDirectGossip(fresh(n), 'p'));
    expect(heard).toEqual([true, true, true]);
    expect(node.service.onDirectGossip(fresh(4), 'p')).toBe(false);
    expect(await node.service.onGossip(fresh(5), 'p')).toBe('later');
    expect(node.service.onDirectGossip(fresh(6), 'q')).toBe(true);
    await settled();
    // Of those beyond it nothing was looked at but the broadcast.
    expect(node.outcomes.length - before).toBe(3 + 1 + 1);
    node.clock.advance(1_000);
    expect(node.service.onDirectGossip(fresh(7), 'p')).toBe(true);
    await settled();
  });

  it('is dropped where too much of the same peer waits to be judged, or it is too long', async () => {
    const node = await setUp({ maxDirectPerPeer: 2 });
    let open = (): void => {};
    node.chain.gate = new Promise((resolve) => (open = resolve));
    const before = node.chain.lookups;
    const tell = (i: number, peer: string) => node.service.onDirectGossip(announcement(scid(110 + i), bob, carol), peer);
    expect(node.service.onDirectGossip(new Uint8Array(2_049), 'p')).toBe(false);
    expect([tell(1, 'p'), tell(2, 'p'), tell(3, 'p'), tell(4, 'q')]).toEqual([true, true, false, true]);
    await settled();
    // One of each peer at a time.
    expect(node.chain.lookups - before).toBe(2);
    open();
    await settled();
    expect(tell(5, 'p')).toBe(true);
  });

  it('counts against the peer where it is false', async () => {
    const node = await setUp();
    const forged = announcement(scid(120), alice, { ...carol, sign: bob.sign });
    expect(node.service.onDirectGossip(forged, 'p')).toBe(true);
    await settled();
    expect(node.distrusted).toEqual(['p']);
  });

  it('is not heard any more once the peer has turned out to lie, and is when it is let in again', async () => {
    const node = await setUp();
    const before = node.outcomes.length;
    for (const n of [1, 2, 3]) expect(node.service.onDirectGossip(fresh(n), 'p')).toBe(true);
    node.service.onDirectGossip(fresh(4), 'q');
    node.service.peerDistrusted('p');
    await settled();
    expect(node.outcomes.slice(before).map(({ verdict }) => verdict)).toEqual(['accept']);
    expect(node.service.onDirectGossip(fresh(5), 'p')).toBe(true);
    await settled();
    expect(node.outcomes).toHaveLength(before + 2);
  });
});
