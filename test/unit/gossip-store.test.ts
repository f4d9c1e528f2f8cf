import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Transaction } from 'bitcoinjs-lib';
import { fromString } from 'uint8arrays';
import { afterEach, describe, expect, it } from 'vitest';
import { decodeGossip, isGossip } from '../../protocols/gossip/gossip-message.ts';
import { encodeFeatureBits } from '../../protocols/wire/features.ts';
import type { Block } from '../../src/chain/chain.ts';
import type { ChannelGraph } from '../../src/routing/graph.ts';
import { openDatabase, StorageError, type Database } from '../../src/storage/database.ts';
import { announcement, GossipNode, keysOf, nodeAnnouncement, scid, START, update } from '../harness/graph-gossip.ts';

const [alice, bob, carol] = [1, 2, 3].map(keysOf) as [Keys, Keys, Keys];
type Keys = ReturnType<typeof keysOf>;
const CHANNEL = scid(100);
const OTHER = scid(101);
const DAY = 24 * 60 * 60;

/** All that a graph knows, as plain data. */
function contents(graph: ChannelGraph): unknown {
  const scids = [...graph.shortChannelIds()].sort((a, b) => (a < b ? -1 : 1));
  return {
    channels: scids.map((id) => [graph.channel(id), graph.policy(id, 0), graph.policy(id, 1)]),
    nodes: [...graph.nodeIds()].sort().map((id) => [id, graph.arrays().nodeUsable[graph.nodeIndex(id)!]]),
  };
}

/** A block whose only transaction spends these funding outputs. */
function block(height: number, spends: readonly bigint[] = [], transactions: readonly Transaction[] = []): Block {
  const transaction = new Transaction();
  for (const id of spends) transaction.addInput(fromString(id.toString(16).padStart(64, '0'), 'hex').reverse(), 0);
  return { height, hash: '', previousHash: '', transactions: [...transactions, transaction] };
}

async function network(options = {}): Promise<GossipNode> {
  const node = new GossipNode(9, options);
  await node.learn(CHANNEL, alice, bob);
  await node.learn(OTHER, bob, carol);
  for (const keys of [alice, bob, carol]) await node.hear(nodeAnnouncement(keys));
  return node;
}

describe('what was accepted', () => {
  const folders: string[] = [];
  afterEach(() => {
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
  });
  const database = (): (() => Database) => {
    const folder = mkdtempSync(join(tmpdir(), 'runnel-gossip-'));
    folders.push(folder);
    return () => openDatabase({ path: join(folder, 'node.db') });
  };

  it('is there again after a restart: messages, policies, features and spent channels', async () => {
    const open = database();
    const node = await network({ database: open() });
    await node.hear(nodeAnnouncement(carol, { timestamp: START + 1, features: encodeFeatureBits([100]) }));
    await node.hear(update(CHANNEL, alice, bob, { timestamp: START + 5, disabled: true }));
    await node.service.blockConnected(block(150, [OTHER]));
    node.service.stop();
    node.database.close();

    const again = new GossipNode(9, { database: open() });
    expect(contents(again.graph)).toEqual(contents(node.graph));
    expect(again.graph.channel(OTHER)?.usable).toBe(false);
    expect(again.service.store.announcement(CHANNEL)).toEqual(announcement(CHANNEL, alice, bob));
    expect(again.service.store.nodeAnnouncement(alice.nodeId)).toEqual(nodeAnnouncement(alice));
    expect(await again.hear(update(CHANNEL, alice, bob, { timestamp: START + 5 }))).toBe('ignore equivocation');
    again.database.close();
  });

  it('is written a moment later, and reads the same before and after', async () => {
    const node = await network();
    const rows = () => node.database.all('SELECT 1 FROM gossip_channels').length;
    expect(rows()).toBe(0);
    const before = node.service.store.update(CHANNEL, 0);
    node.clock.advance(1_000);
    expect(rows()).toBe(2);
    expect(node.service.store.update(CHANNEL, 0)).toEqual(before);
    expect(before).toBeDefined();
  });

  it('fills the disk no faster than the disk takes it, and nothing is lost while it refuses', async () => {
    const node = await network({ limits: { maxUnsaved: 15 } });
    node.database.run('PRAGMA query_only = ON');
    node.clock.advance(1_000);
    expect(node.problems).toHaveLength(1);
    node.chain.fund(scid(102), alice, carol);
    await node.hear(announcement(scid(102), alice, carol));
    expect(await node.hear(update(scid(102), alice, carol))).toBe('later storage_unavailable');
    node.database.run('PRAGMA query_only = OFF');
    node.clock.advance(1_000);
    expect(node.database.all('SELECT 1 FROM gossip_channels')).toHaveLength(3);
    expect(await node.hear(update(scid(102), alice, carol))).toBe('accept new');
  });

  it('is read though a row has been damaged', async () => {
    const open = database();
    const node = await network({ database: open() });
    node.service.stop();
    node.database.run('DELETE FROM gossip_image');
    node.database.run(
      'UPDATE gossip_channels SET message = ? WHERE short_channel_id_u64 = ?', Uint8Array.of(1, 2, 3), CHANNEL,
    );
    node.database.close();
    const again = new GossipNode(9, { database: open() });
    expect([...again.graph.shortChannelIds()]).toEqual([OTHER]);
    expect(await again.hear(announcement(CHANNEL, alice, bob))).toBe('ignore no_output');
    again.database.close();
  });
});

describe('the image of all there is', () => {
  const open = (): (() => Database) => {
    const folder = mkdtempSync(join(tmpdir(), 'runnel-gossip-'));
    folders.push(folder);
    return () => openDatabase({ path: join(folder, 'node.db') });
  };
  const folders: string[] = [];
  afterEach(() => {
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
  });
  /** The same rows read one by one, and as the image has them. */
  const bothWays = (database: Database): { fromRows: unknown; fromImage: unknown } => {
    const fromImage = contents(new GossipNode(9, { database }).graph);
    database.run('DELETE FROM gossip_image');
    return { fromRows: contents(new GossipNode(9, { database }).graph), fromImage };
  };

  it('says what the messages say', async () => {
    const node = await network({ database: open()() });
    await node.hear(nodeAnnouncement(carol, { timestamp: START + 1, features: encodeFeatureBits([100]) }));
    await node.hear(update(CHANNEL, alice, bob, { timestamp: START + 5, disabled: true, htlcMaximumMsat: 2n ** 64n - 1n }));
    await node.service.blockConnected(block(150, [OTHER]));
    node.service.stop();
    const { fromRows, fromImage } = bothWays(node.database);
    expect(fromImage).toEqual(fromRows);
    expect(fromImage).toEqual(contents(node.graph));
    node.database.close();
  });

  it('is brought up to date with all that was written after it', async () => {
    const database = open();
    const before = await network({ database: database() });
    before.service.stop();
    before.database.close();

    const node = new GossipNode(9, { database: database(), chain: before.chain });
    await node.learn(scid(102), alice, carol);
    await node.hear(update(CHANNEL, alice, bob, { timestamp: START + 5, feeBaseMsat: 99 }));
    await node.hear(nodeAnnouncement(alice, { timestamp: START + 5, features: encodeFeatureBits([100]) }));
    node.service.store.setSpent(CHANNEL, 150);
    node.service.store.removeChannel(OTHER);
    node.service.store.flush();
    // As after a crash: nothing is stopped in order.
    const { fromRows, fromImage } = bothWays(node.database);
    expect(fromImage).toEqual(fromRows);
    expect(fromImage).toEqual(contents(node.graph));
    node.database.close();
  });

  it('knows what it said of a node whose only channel has changed since', async () => {
    const before = await network({ database: open()() });
    await before.hear(nodeAnnouncement(carol, { timestamp: START + 1, features: encodeFeatureBits([100]) }));
    before.service.stop();
    const node = new GossipNode(9, { database: before.database, chain: before.chain });
    await node.hear(update(OTHER, bob, carol, { timestamp: START + 5 }));
    node.service.store.flush();
    const again = new GossipNode(9, { database: before.database });
    expect(contents(again.graph)).toEqual(contents(node.graph));
    expect(again.graph.arrays().nodeUsable[again.graph.nodeIndex(carol.nodeId)!]).toBe(0);
    before.database.close();
  });

  it('has nothing of what was removed, and room for what comes', async () => {
    const node = await network({ database: open()() });
    node.service.store.removeChannel(CHANNEL);
    node.service.stop();
    const txid = (id: bigint): string => id.toString(16).padStart(64, '0');
    const again = new GossipNode(9, { database: node.database, chain: node.chain });
    expect(contents(again.graph)).toEqual(contents(node.graph));
    await again.learn(scid(102), alice, carol);
    const { store } = again.service;
    expect([CHANNEL, OTHER, scid(102)].map((id) => store.channelAt(txid(id), 0))).toEqual([undefined, OTHER, scid(102)]);
    expect([alice, bob].map(({ nodeId }) => store.nodeTimestamp(nodeId))).toEqual([undefined, START]);
    for (const direction of [0, 1] as const) expect(store.updateChecksum(OTHER, direction)).toBe(node.service.store.updateChecksum(OTHER, direction));
    again.service.stop();
    expect(contents(new GossipNode(9, { database: node.database }).graph)).toEqual(contents(again.graph));
    node.database.close();
  });

  it('is made anew after many changes, without a stop', async () => {
    const node = await network({ database: open()() });
    const images = () => node.database.all('SELECT 1 FROM gossip_image').length;
    const template = decodeGossip(announcement(CHANNEL, alice, bob));
    if (!isGossip(template, 'channel_announcement')) return expect.fail('an announcement is one');
    for (let i = 0; i < 2_500; i++) {
      const message = { ...template.message, shortChannelId: scid(200, i) };
      node.service.store.addChannel({ ...template, message }, { capacitySat: 1n, fundingTxid: '00'.repeat(32), addedAt: START, spentHeight: undefined });
      expect(images()).toBe(0);
    }
    node.clock.advance(1_000);
    expect(images()).toBe(1);
    expect(node.database.all('SELECT 1 FROM gossip_changed_channels')).toHaveLength(0);
    node.database.close();
  });

  it.each([
    ['is damaged', (image: Uint8Array) => image.fill(7, 200, 201)],
    ['is cut short', (image: Uint8Array) => image.subarray(0, -1)],
    ['is of another version', (image: Uint8Array) => image.fill(9, 0, 1)],
    ['is empty', () => new Uint8Array()],
  ])('is left aside where it %s', async (_, change) => {
    const node = await network({ database: open()() });
    node.service.stop();
    const { image } = node.database.get<{ image: Uint8Array }>('SELECT image FROM gossip_image')!;
    node.database.run('UPDATE gossip_image SET image = ?', change(image.slice()));
    expect(contents(new GossipNode(9, { database: node.database }).graph)).toEqual(contents(node.graph));
    // Another was made of the messages.
    expect(node.database.get('SELECT image FROM gossip_image')).toEqual({ image });
    node.database.close();
  });

  it('is not made of what the disk has refused', async () => {
    const node = await network({ database: open()() });
    node.service.stop();
    const again = new GossipNode(9, { database: node.database, chain: node.chain });
    await again.learn(scid(102), alice, carol);
    node.database.run('PRAGMA query_only = ON');
    again.service.store.flush();
    node.database.run('PRAGMA query_only = OFF');
    const before = node.database.get('SELECT image FROM gossip_image');
    // As if only the last attempt to write the rows had failed.
    again.database.transaction = (): never => { throw new StorageError('storage_full', 'no room'); };
    again.service.store.stop();
    expect(node.database.get('SELECT image FROM gossip_image')).toEqual(before);
  });

  it('is made of messages that were read without one', async () => {
    const node = await network({ database: open()() });
    node.service.stop();
    node.database.run('DELETE FROM gossip_image');
    expect(contents(new GossipNode(9, { database: node.database }).graph)).toEqual(contents(node.graph));
    expect(node.database.all('SELECT 1 FROM gossip_image')).toHaveLength(1);
    node.database.close();
  });

  it('is left aside by a node that knows other features', async () => {
    const node = await network({ database: open()() });
    await node.hear(nodeAnnouncement(carol, { timestamp: START + 1, features: encodeFeatureBits([100]) }));
    node.service.stop();
    const unusable = (graph: ChannelGraph) => [...graph.nodeIds()].filter((id) => graph.arrays().nodeUsable[graph.nodeIndex(id)!] === 0);
    expect(unusable(new GossipNode(9, { database: node.database }).graph)).toEqual([carol.nodeId]);
    const knowing = new GossipNode(9, { database: node.database, knownFeatures: encodeFeatureBits([100]) });
    expect(unusable(knowing.graph)).toEqual([]);
    node.database.close();
  });
});

describe('a channel whose output is spent', () => {
  it('is not routed over from then on, and forgotten 72 blocks later with the nodes that have no other', async () => {
    const node = await network();
    await node.service.blockConnected(block(150, [CHANNEL]));
    expect(node.graph.channel(CHANNEL)?.usable).toBe(false);
    await node.service.blockConnected(block(221));
    expect(node.graph.channelCount).toBe(2);
    await node.service.blockConnected(block(222));
    expect([...node.graph.shortChannelIds()]).toEqual([OTHER]);
    expect(node.service.store.nodeAnnouncement(alice.nodeId)).toBeUndefined();
    expect(node.service.store.nodeAnnouncement(bob.nodeId)).toBeDefined();
    node.service.store.flush();
    expect(node.database.all('SELECT 1 FROM gossip_updates')).toHaveLength(2);
    expect(node.database.all('SELECT 1 FROM gossip_nodes')).toHaveLength(2);
  });

  it('stands again when the block that spent it is reorganised away', async () => {
    const node = await network();
    await node.service.blockConnected(block(150, [CHANNEL]));
    node.service.blockDisconnected({ height: 151, hash: '' });
    expect(node.graph.channel(CHANNEL)?.usable).toBe(false);
    node.service.blockDisconnected({ height: 150, hash: '' });
    expect(node.graph.channel(CHANNEL)?.usable).toBe(true);
  });

  it('keeps its unknown features through a reorg', async () => {
    const node = new GossipNode(9);
    node.chain.fund(CHANNEL, alice, bob);
    await node.hear(announcement(CHANNEL, alice, bob, encodeFeatureBits([100])));
    await node.service.blockConnected(block(150, [CHANNEL]));
    node.service.blockDisconnected({ height: 150, hash: '' });
    expect(node.graph.channel(CHANNEL)?.usable).toBe(false);
  });
});

describe('a channel whose funding is reorganised away', () => {
  const funding = new Transaction();
  funding.addInput(new Uint8Array(32).fill(3), 0);
  const coinbase = new Transaction();

  it('is treated like a spent one, unless the transaction comes back to its place', async () => {
    const node = await network();
    node.service.store.removeChannel(CHANNEL);
    const facts = { capacitySat: 1n, fundingTxid: funding.getId(), addedAt: START, spentHeight: undefined };
    const gossip = decodeGossip(announcement(CHANNEL, alice, bob));
    if (!isGossip(gossip, 'channel_announcement')) return expect.fail('an announcement is one');
    node.service.store.addChannel(gossip, facts);

    node.service.blockDisconnected({ height: 101, hash: '' });
    node.service.blockDisconnected({ height: 100, hash: '' });
    expect(node.graph.channel(CHANNEL)?.usable).toBe(false);
    await node.service.blockConnected(block(100, [], [coinbase, funding]));
    expect(node.graph.channel(CHANNEL)?.usable).toBe(true);
    expect(node.graph.channel(OTHER)?.usable).toBe(false);
    await node.service.blockConnected(block(180));
    expect([...node.graph.shortChannelIds()]).toEqual([CHANNEL]);
  });
});

describe('a channel of which nothing is heard', () => {
  it('is pruned when one side has been silent for two weeks, whatever the other says', async () => {
    const node = await network();
    node.clock.advance(10 * DAY * 1000);
    await node.hear(update(CHANNEL, alice, bob, { timestamp: START + 10 * DAY }));
    await node.hear(update(OTHER, bob, carol, { timestamp: START + 10 * DAY }));
    await node.hear(update(OTHER, carol, bob, { timestamp: START + 10 * DAY }));
    await node.service.blockConnected(block(300));
    expect(node.graph.channelCount).toBe(2);
    node.clock.advance(4 * DAY * 1000 + 1000);
    await node.service.blockConnected(block(301));
    expect([...node.graph.shortChannelIds()]).toEqual([OTHER]);
  });

  it('has two weeks from its announcement to say something', async () => {
    const node = new GossipNode(9);
    node.chain.fund(CHANNEL, alice, bob);
    await node.hear(announcement(CHANNEL, alice, bob));
    node.clock.advance(14 * DAY * 1000);
    await node.service.blockConnected(block(300));
    expect(node.graph.channelCount).toBe(1);
    node.clock.advance(1000);
    await node.service.blockConnected(block(301));
    expect(node.graph.channelCount).toBe(0);
  });

  it('is kept when it is our own', async () => {
    const node = new GossipNode(1);
    await node.learn(CHANNEL, alice, bob);
    node.clock.advance(30 * DAY * 1000);
    await node.service.blockConnected(block(300));
    expect(node.graph.channelCount).toBe(1);
  });
});

describe('messages of our own', () => {
  it('leave in order, and not before they are true', async () => {
    const node = new GossipNode(1);
    node.chain.fund(CHANNEL, alice, bob);
    const ours = [announcement(CHANNEL, alice, bob), update(CHANNEL, alice, bob), nodeAnnouncement(alice)];
    for (const message of ours) node.service.publish(message);
    await node.service.published();
    expect(node.published).toEqual(ours);
    node.service.publish(ours[0]!);
    await node.service.published();
    expect(node.published).toHaveLength(3);
  });

  it('wait while the chain does not answer', async () => {
    const node = new GossipNode(1);
    node.chain.fund(CHANNEL, alice, bob);
    node.chain.fails = true;
    const ours = [announcement(CHANNEL, alice, bob), update(CHANNEL, alice, bob)];
    for (const message of ours) node.service.publish(message);
    await node.service.published();
    expect(node.published).toEqual([]);
    node.chain.fails = false;
    await node.clock.run({ untilMs: START * 1000 + 5_000 });
    await node.service.published();
    expect(node.published).toEqual(ours);
  });
});
