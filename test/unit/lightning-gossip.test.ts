import { beforeEach, describe, expect, it } from 'vitest';
import { decodeMessage, encodeMessage } from '../../protocols/wire/messages.ts';
import type { BytePipe } from '../../src/network/byte-pipe.ts';
import { FrameCodec } from '../../src/network/framing.ts';
import { Liars } from '../../src/network/liars.ts';
import { LightningGossip } from '../../src/network/lightning/lightning-gossip.ts';
import { defaultNetworkLimits } from '../../src/network/limits.ts';
import { PeerLink } from '../../src/network/peer-link.ts';
import { VirtualClock } from '../../src/runtime/virtual-clock.ts';
import { announcement, CHAIN_HASH, GossipNode, keysOf, nodeAnnouncement, scid, START, update, type Keys } from '../harness/graph-gossip.ts';

const [alice, bob, self, peer] = [keysOf(1), keysOf(2), keysOf(3), keysOf(4)];
const [channel, ourChannel] = [scid(100), scid(101)];

let clock: VirtualClock;
let gossip: LightningGossip;
let node: GossipNode;
let codec: FrameCodec;
let answer: Uint8Array[];
let start: (nodeId: string) => void;

beforeEach(() => {
  clock = new VirtualClock(START * 1_000);
  codec = new FrameCodec();
  node = new GossipNode(3);
  for (const other of [alice, self]) node.chain.fund(other === self ? ourChannel : channel, other, bob);
  answer = [];
  const pipe: BytePipe = {
    queuedBytes: 0, isFull: false, listen() {}, send: (data) => codec.push(data), pause() {}, resume() {}, close: () => Promise.resolve(), abort() {},
  };
  gossip = new LightningGossip({
    self: self.nodeId,
    chainHash: CHAIN_HASH,
    clock,
    limits: defaultNetworkLimits,
    liars: new Liars({ clock, onDistrusted: () => {} }),
    handlers: {
      async *onSyncRequest() {
        yield* answer;
      },
    },
  });
  start = (nodeId) => gossip.start(nodeId, new PeerLink(pipe, new FrameCodec(), { maxQueuedBytes: 1e9, onMessage() {}, onEnd() {} }), undefined);
  start(peer.nodeId);
});

/** Has a node judge it, which gives what it believes to its network. */
async function tell(message: Uint8Array, from: Keys): Promise<void> {
  const before = node.told.length;
  await node.hear(message, from.nodeId);
  for (const news of node.told.slice(before)) gossip.tell(news);
}

const ask = (): boolean =>
  gossip.take(peer.nodeId, encodeMessage({ type: 'gossip_timestamp_filter', chainHash: CHAIN_HASH, firstTimestamp: START, timestampRange: 100 }));

/** What the peer is told with the next flush. */
const told = (): Promise<string[]> => toldAfter(defaultNetworkLimits.gossipFlushMs);
/** What does not wait for it. */
const toldAtOnce = (): Promise<string[]> => toldAfter(1);

async function toldAfter(ms: number): Promise<string[]> {
  for (let i = 0; i < 4; i++) {
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(i === 1 ? ms : 1);
  }
  const types: string[] = [];
  for (let bytes = codec.next(); bytes !== undefined; bytes = codec.next()) types.push(decodeMessage(bytes).type);
  return types;
}

describe('what a peer is told of others (BOLT 7)', () => {
  it('is nothing until it sends a filter, and nothing of what it told itself, or does not want', async () => {
    await tell(announcement(channel, alice, bob), alice);
    await tell(update(channel, alice, bob, { timestamp: START - 2 }), alice);
    expect(await told()).toEqual([]);
    ask();
    await tell(update(channel, alice, bob), peer);
    await tell(update(channel, bob, alice, { timestamp: START - 1 }), alice);
    await tell(update(channel, bob, alice, { timestamp: START + 100 }), alice);
    expect(await told()).toEqual([]);
    await tell(update(channel, alice, bob, { timestamp: START + 99 }), alice);
    expect(await told()).toEqual(['channel_announcement', 'channel_update']);
    await tell(update(channel, alice, bob, { timestamp: START + 100 }), alice);
    expect(await told()).toEqual([]);
  });

  it('is an announcement with its first update only, and before its nodes', async () => {
    ask();
    await tell(announcement(channel, alice, bob), alice);
    await tell(nodeAnnouncement(alice), alice);
    expect(await told()).toEqual([]);
    await tell(update(channel, alice, bob), alice);
    expect(await told()).toEqual(['channel_announcement', 'channel_update', 'node_announcement']);
    await tell(nodeAnnouncement(alice, { timestamp: START + 1 }), alice);
    await tell(update(channel, bob, alice), alice);
    await tell(update(channel, alice, bob, { timestamp: START + 1 }), alice);
    expect(await told()).toEqual(['node_announcement', 'channel_update', 'channel_update']);
  });

  it('is an update with the announcement again while the other node has said nothing: it may have been told before a restart', async () => {
    ask();
    await tell(announcement(channel, alice, bob), alice);
    for (const timestamp of [START, START + 1]) {
      await tell(update(channel, alice, bob, { timestamp }), alice);
      expect(await told()).toEqual(['channel_announcement', 'channel_update']);
    }
  });

  it('is the newest announcement of a node, after the first update of any of its channels, whatever became of the others', async () => {
    ask();
    const silent = scid(102);
    node.chain.fund(silent, alice, bob);
    await tell(announcement(channel, alice, bob), alice);
    for (const timestamp of [START, START + 1]) await tell(nodeAnnouncement(alice, { timestamp }), alice);
    await tell(update(channel, alice, bob), alice);
    expect(await told()).toEqual(['channel_announcement', 'channel_update', 'node_announcement']);
    await tell(announcement(silent, alice, bob), alice);
    await tell(nodeAnnouncement(alice, { timestamp: START + 2 }), alice);
    expect(await told()).toEqual(['node_announcement']);
  });

  it('is what the node says itself at once, filter or not', async () => {
    await tell(announcement(ourChannel, self, bob), self);
    await tell(nodeAnnouncement(self), self);
    await tell(update(ourChannel, self, bob), self);
    expect(await toldAtOnce()).toEqual(['channel_announcement', 'channel_update', 'node_announcement']);
    await tell(nodeAnnouncement(self, { timestamp: START + 1 }), self);
    expect(await toldAtOnce()).toEqual(['node_announcement']);
  });

  it('is what the node says of its channel only after the announcement, though the other node told of it first', async () => {
    ask();
    await tell(announcement(ourChannel, self, bob), bob);
    await tell(update(ourChannel, bob, self), bob);
    await tell(update(ourChannel, self, bob), self);
    expect(await toldAtOnce()).toEqual(['channel_announcement', 'channel_update', 'channel_update']);
    await tell(update(ourChannel, self, bob, { timestamp: START + 1 }), self);
    expect(await toldAtOnce()).toEqual(['channel_update']);
  });

  it('is the announcement of our channel, which another told us first, with our update where there is no filter', async () => {
    await tell(announcement(ourChannel, self, bob), bob);
    await tell(update(ourChannel, bob, self), bob);
    expect(await told()).toEqual([]);
    await tell(update(ourChannel, self, bob), self);
    expect(await toldAtOnce()).toEqual(['channel_announcement', 'channel_update']);
  });
});

it('answers many peers in turns, between which there is time for all else', async () => {
  answer = Array<Uint8Array>(1_000).fill(nodeAnnouncement(alice));
  const query = encodeMessage({ type: 'query_short_channel_ids', chainHash: CHAIN_HASH, shortChannelIds: [channel] });
  const peers = Array.from({ length: 20 }, (_, i) => keysOf(20 + i).nodeId);
  for (const nodeId of peers) {
    start(nodeId);
    gossip.take(nodeId, query);
  }
  const perTurn: number[] = [];
  let left = peers.length * 1_000 * nodeAnnouncement(alice).length;
  while (left > 0 && perTurn.length < 10_000) {
    await new Promise((resolve) => setImmediate(resolve));
    let told = 0;
    for (let bytes = codec.next(); bytes !== undefined; bytes = codec.next()) told += bytes.length;
    perTurn.push(told);
    left -= told;
    clock.advance(1);
  }
  expect(left).toBe(0);
  expect(Math.max(...perTurn)).toBeLessThan(33 * 1024);
});
