import { beforeEach, describe, expect, it } from 'vitest';
import { decodeGossip, isGossip, type Gossip } from '../../protocols/gossip/gossip-message.ts';
import { decodeMessage } from '../../protocols/wire/messages.ts';
import { GossipOutbox } from '../../src/network/lightning/gossip-outbox.ts';
import type { GossipNews } from '../../src/network/network.ts';
import { announcement, CHAIN_HASH, keysOf, scid, START, update } from '../harness/graph-gossip.ts';

const [alice, bob] = [keysOf(1), keysOf(2)];
const ROOM = 10_000;

let outbox: GossipOutbox;

beforeEach(() => {
  outbox = new GossipOutbox();
  filter(START);
});

const filter = (firstTimestamp: number): void =>
  outbox.setFilter({ type: 'gossip_timestamp_filter', chainHash: CHAIN_HASH, firstTimestamp, timestampRange: 1_000 });

function of<N extends Gossip['message']['type']>(raw: Uint8Array, name: N) {
  const gossip = decodeGossip(raw);
  if (!isGossip(gossip, name)) throw new TypeError(name);
  return gossip;
}

/** An update of the channel in that block; its announcement has those features. */
function news(block: number, { isFirst = false, of: from = alice, timestamp = START, features = [] as number[] } = {}): GossipNews {
  const to = from === alice ? bob : alice;
  return {
    gossip: of(update(scid(block), from, to, { timestamp }), 'channel_update'),
    from: 'somebody',
    isFirst,
    introduction: () => ({ announcement: of(announcement(scid(block), alice, bob, Uint8Array.from(features)), 'channel_announcement'), nodes: [] }),
  };
}

/** Made up quickly: so many updates of other channels, which are told of already. */
function fill(count: number): void {
  const { gossip, ...rest } = news(1);
  for (let i = 0; i < count; i++) {
    outbox.add({ ...rest, gossip: { ...gossip, message: { ...gossip.message, shortChannelId: BigInt(i) } } as GossipNews['gossip'] });
  }
}

const taken = (): string[] => outbox.take().map((raw) => decodeMessage(raw).type.replace('channel_', ''));
const last = (count: number): string[] => taken().slice(-count);

describe('an update of a channel of which the peer was not told', () => {
  it('since there was no room brings the announcement the next time', () => {
    fill(ROOM - 1);
    outbox.add(news(100, { isFirst: true }));
    outbox.add(news(100, { of: bob }));
    expect(taken()).toHaveLength(ROOM - 1);
    outbox.add(news(100, { timestamp: START + 1 }));
    outbox.add(news(100, { of: bob, timestamp: START + 1 }));
    expect(taken()).toEqual(['announcement', 'update', 'update']);
  });

  it('since it was too old brings the announcement the next time', () => {
    outbox.add(news(100, { isFirst: true, timestamp: START - 1 }));
    outbox.add(news(100, { of: bob, timestamp: START - 1 }));
    expect(taken()).toEqual([]);
    outbox.add(news(100));
    outbox.add(news(100, { of: bob }));
    expect(taken()).toEqual(['announcement', 'update', 'update']);
  });

  it('brings the announcement always where there are too many such channels to remember', () => {
    for (let block = 1; block <= ROOM; block++) outbox.add({ ...news(7, { isFirst: true, timestamp: 1 }), gossip: told(block) });
    outbox.add(news(20_000));
    expect(taken()).toEqual(['announcement', 'update']);
  });
});

const old = of(update(scid(1), alice, bob, { timestamp: 1 }), 'channel_update');
const told = (block: number): GossipNews['gossip'] => ({ ...old, message: { ...old.message, shortChannelId: BigInt(block) } });

it('a newer update takes the place of the one that waits though there is no more room', () => {
  outbox.add(news(100));
  fill(ROOM - 1);
  const newer = news(100, { timestamp: START + 1 });
  outbox.add(newer);
  expect(outbox.take().at(-1)).toEqual(newer.gossip.raw);
});

it('what the node says itself has room always', () => {
  fill(ROOM);
  outbox.addOwn(news(100, { isFirst: true }));
  expect(last(2)).toEqual(['announcement', 'update']);
});

it('another channel in the place of one has nothing before it that was said of that one', () => {
  outbox.add(news(100, { isFirst: true }));
  outbox.add(news(100, { of: bob }));
  outbox.add(news(100, { isFirst: true, timestamp: START + 1, features: [1] }));
  expect(taken()).toEqual(['announcement', 'update']);
});
