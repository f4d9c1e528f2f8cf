import { beforeEach, describe, expect, it } from 'vitest';
import { decodeGossip, type GossipOf } from '../../protocols/gossip/gossip-message.ts';
import { decodeMessage, encodeMessage, type Message } from '../../protocols/wire/messages.ts';
import type { BytePipe } from '../../src/network/byte-pipe.ts';
import { FrameCodec } from '../../src/network/framing.ts';
import { GossipPartner } from '../../src/network/lightning/gossip-partner.ts';
import { defaultNetworkLimits } from '../../src/network/limits.ts';
import type { GossipNews } from '../../src/network/network.ts';
import { PeerLink } from '../../src/network/peer-link.ts';
import { VirtualClock } from '../../src/runtime/virtual-clock.ts';
import { code } from '../e2e/network-node.ts';
import { CHAIN_HASH, keysOf, scid, update } from '../harness/graph-gossip.ts';

/** What has left is written down; how much of it the peer has not taken is for the test to say. */
class Pipe implements BytePipe {
  readonly codec = new FrameCodec();
  readonly isFull = false;
  isRead = true;
  sentBytes = 0;

  get queuedBytes(): number {
    return this.isRead ? 0 : this.sentBytes;
  }

  listen(): void {}

  send(data: Uint8Array): void {
    this.sentBytes += data.length;
    this.codec.push(data);
  }

  pause(): void {}
  resume(): void {}
  close = (): Promise<void> => Promise.resolve();
  abort(): void {}
}

const [alice, bob] = [keysOf(1), keysOf(2)];
const HIGH_WATER_BYTES = 256 * 1024;
const filter = (changes = {}): Uint8Array =>
  encodeMessage({ type: 'gossip_timestamp_filter', chainHash: CHAIN_HASH, firstTimestamp: 0, timestampRange: 0xffff_ffff, ...changes });
const rangeQuery = encodeMessage({ type: 'query_channel_range', chainHash: CHAIN_HASH, firstBlocknum: 0, numberOfBlocks: 1 });
const rangeReply = (scid: bigint, syncComplete: 0 | 1): Uint8Array => encodeMessage({
  type: 'reply_channel_range', chainHash: CHAIN_HASH, firstBlocknum: 0, numberOfBlocks: 1, syncComplete, shortChannelIds: [scid],
});
const channelQuery = encodeMessage({ type: 'query_short_channel_ids', chainHash: CHAIN_HASH, shortChannelIds: [scid(100)] });
type Update = GossipOf<'channel_update'>;
const updateAt = (block: number): Update => decodeGossip(update(scid(block), alice, bob)) as Update;
const news = (gossip: Update): GossipNews => ({ gossip, from: 'somebody', isFirst: false, introduction: () => undefined });
/** Updates of as many channels, of which only one is signed. */
const updates = (count: number): Update[] => {
  const one = updateAt(1);
  return Array.from({ length: count }, (_, i) => ({ ...one, message: { ...one.message, shortChannelId: scid(1 + i) } }) as Update);
};

let clock: VirtualClock;
let pipe: Pipe;
let partner: GossipPartner;
let answers: (request: Uint8Array) => Iterable<Uint8Array>;

beforeEach(() => {
  clock = new VirtualClock(1e12);
  pipe = new Pipe();
  answers = () => [];
  const link = new PeerLink(pipe, new FrameCodec(), { maxQueuedBytes: 1e9, onMessage: () => {}, onEnd: () => {} });
  partner = new GossipPartner({
    link,
    clock,
    limits: defaultNetworkLimits,
    chainHash: CHAIN_HASH,
    isHeard: () => true,
    turn: () => Promise.resolve(),
    answer: async function* (request) {
      yield* answers(request);
    },
  });
});

/** Lets all that can happen happen, timers of the next `ms` included. */
async function pass(ms = 0): Promise<void> {
  for (let step = 0; step < 100; step++) {
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(ms / 100);
  }
  await new Promise((resolve) => setImmediate(resolve));
}

/** All that has left since the last call. */
function sent(): Message[] {
  const found: Message[] = [];
  for (let bytes = pipe.codec.next(); bytes !== undefined; bytes = pipe.codec.next()) found.push(decodeMessage(bytes));
  return found;
}



describe('a peer that takes nothing', () => {
  it('has one flush wait for it at a time', async () => {
    partner.take(filter());
    await pass();
    pipe.isRead = false;
    for (let flush = 0; flush < 10; flush++) {
      for (const one of updates(4_000)) partner.tellLater(news(one));
      partner.flush();
      await pass(10_000);
    }
    pipe.isRead = true;
    await pass(60_000);
    await pass(60_000);
    // The one that was under way when it took no more; the rest waits in the outbox.
    expect(sent()).toHaveLength(4_000);
    partner.flush();
    await pass(60_000);
    expect(sent()).toHaveLength(4_000);
  });

  it('gets no answer while too much lies in front of it, however short', async () => {
    answers = () => Array.from({ length: 70 }, () => update(scid(1), alice, bob));
    pipe.isRead = false;
    for (let query = 0; query < 200; query++) {
      partner.take(channelQuery);
      await pass();
    }
    expect(pipe.sentBytes).toBeLessThan(HIGH_WATER_BYTES + 32 * 1024);
    pipe.isRead = true;
    await pass(1_000);
    partner.take(channelQuery);
    sent();
    await pass();
    expect(sent()).toHaveLength(70);
  });
});

it('a query that cannot be answered gets a warning, however much there is to say, and the next one its answer', async () => {
  answers = () => {
    throw new Error('é'.repeat(70_000));
  };
  partner.take(channelQuery);
  await pass();
  answers = () => [update(scid(1), alice, bob)];
  partner.take(channelQuery);
  await pass();
  expect(sent()).toMatchObject([{ type: 'warning', data: new Uint8Array(1_000).fill(63) }, { type: 'channel_update' }]);
});

describe('a filter', () => {
  const types = (): string[] => sent().map(({ type }) => type);

  it('of another chain asks for nothing of ours', async () => {
    partner.take(filter({ chainHash: new Uint8Array(32).fill(9) }));
    partner.tellLater(news(updateAt(100)));
    partner.flush();
    await pass();
    expect(types()).toEqual([]);
  });

  it('counts though more is asked than is answered at once', async () => {
    for (let query = 0; query < 20; query++) partner.take(channelQuery);
    partner.take(filter());
    partner.tellLater(news(updateAt(100)));
    partner.flush();
    await pass();
    expect(types()).toEqual(['channel_update']);
  });
});

describe('a question', () => {
  /** The answers, as a reader takes them who is slow: none until it is told to. */
  function asked(query: Uint8Array): { readonly first: Promise<unknown>; readonly rest: () => Promise<number>; readonly leave: () => Promise<unknown> } {
    const answers = partner.ask(query);
    return {
      first: answers.next(),
      rest: async () => {
        let bytes = 0;
        for await (const answer of answers) bytes += answer.length;
        return bytes;
      },
      leave: () => answers.return(),
    };
  }

  it('does not hold up what else comes over the link while its answers are worked through', async () => {
    const { first, leave } = asked(channelQuery);
    await pass();
    const answer = update(scid(100), alice, bob);
    for (let count = 0; count < 5_000; count++) expect(partner.take(answer)).toBe(true);
    await first;
    await leave();
  });

  it('is not followed by another before its last answer has come, none of which is taken for an answer to another', async () => {
    const slow = asked(rangeQuery);
    await pass();
    partner.take(rangeReply(scid(5), 0));
    await slow.first;
    const given = expect(slow.rest()).rejects.toMatchObject(code('stream_failed'));
    await pass(60_000);
    await given;
    // BOLT 7: MUST NOT.
    await expect(asked(rangeQuery).first).rejects.toMatchObject(code('stream_failed'));
    expect(sent().map(({ type }) => type)).toEqual(['query_channel_range']);
    expect(partner.take(rangeReply(scid(6), 1))).toBe(true);
    const next = asked(rangeQuery);
    await pass();
    partner.take(rangeReply(scid(7), 1));
    expect(await next.first).toMatchObject({ value: rangeReply(scid(7), 1) });
    expect(await next.rest()).toBe(0);
  });

  it('fails when much more is answered than is worked through', async () => {
    const { first, rest } = asked(channelQuery);
    await pass();
    const answer = new Uint8Array(60_000);
    answer.set(update(scid(100), alice, bob));
    for (let count = 0; count < 1_000; count++) partner.take(answer);
    await first;
    await expect(rest()).rejects.toMatchObject(code('stream_failed'));
  });
});
