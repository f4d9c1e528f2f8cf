import { describe, expect, it } from 'vitest';
import { decodeGossip, isGossip } from '../../protocols/gossip/gossip-message.ts';
import { encodeMessage, type Message } from '../../protocols/wire/messages.ts';
import { announcement, CHAIN_HASH, keysOf, scid, START, update } from '../harness/graph-gossip.ts';
import { answers, end, setUp } from './gossip-sync-kit.ts';

const [alice, bob] = [1, 2].map(keysOf) as [Keys, Keys];
type Keys = ReturnType<typeof keysOf>;

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

  it('of a filter grows with the channels that are told', async () => {
    const { veteran } = await setUp(0, { perSyncPeer: { burst: 4, perSecond: 1 } });
    const [told, newest] = [decodeGossip(announcement(scid(1), alice, bob)), decodeGossip(update(scid(1), alice, bob))];
    if (!isGossip(told, 'channel_announcement') || !isGossip(newest, 'channel_update')) return expect.fail('they are what they are');
    const facts = { capacitySat: 1n, fundingTxid: '00', addedAt: START, spentHeight: undefined };
    const learn = (first: number, end: number): void => {
      for (let i = first; i < end; i++) {
        const shortChannelId = scid(100, 1 + i);
        veteran.service.store.addChannel({ ...told, message: { ...told.message, shortChannelId } }, facts);
        veteran.service.store.addUpdate({ ...newest, message: { ...newest.message, shortChannelId } });
      }
    };
    learn(0, 1_600);
    const filter = (firstTimestamp: number) => ({ type: 'gossip_timestamp_filter', chainHash: CHAIN_HASH, firstTimestamp, timestampRange: 1 } as const);
    for (let i = 0; i < 4; i++) expect(await answers(veteran.service, filter(START + 1))).toEqual([]);
    veteran.clock.advance(4_000);
    expect(await answers(veteran.service, filter(START))).toHaveLength(3_200);
    await expect(answers(veteran.service, filter(START + 1))).rejects.toMatchObject({ code: 'sync_rate' });
    // Nobody can have more than that, and is told all the same.
    veteran.clock.advance(4_000);
    learn(1_600, 2_600);
    expect(await answers(veteran.service, filter(START))).toHaveLength(5_200);
  });

  it('is never more than a peer can have', async () => {
    const { veteran } = await setUp(0, { perSyncPeer: { burst: 2, perSecond: 1 } });
    const shortChannelIds = Array.from({ length: 3_500 }, (_, i) => scid(50, 1 + i));
    const query: Message = { type: 'query_short_channel_ids', chainHash: CHAIN_HASH, shortChannelIds };
    expect(await answers(veteran.service, query)).toHaveLength(1);
  });
});
