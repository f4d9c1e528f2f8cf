import { describe, expect, it } from 'vitest';
import { decodeMessage, encodeMessage, type MessageOf } from '../../protocols/wire/messages.ts';
import { ChannelPair, confirm, fundingDepth, reachNormal, type Party } from '../harness/channel-pair.ts';

function normal(depth: number): ChannelPair {
  const pair = new ChannelPair({ announce: true });
  reachNormal(pair, { depth });
  return pair;
}

/** The announcement_signatures that `party` would send. */
function signaturesOf(pair: ChannelPair, name: 'alice' | 'bob'): MessageOf<'announcement_signatures'> {
  const { [name]: party } = pair.clone();
  party.outbox = [];
  party.send(fundingDepth(pair, 6));
  const message = decodeMessage(party.outbox[0]!);
  if (message.type !== 'announcement_signatures') throw new Error(
    `expected announcement_signatures, got ${message.type}`,
  );
  return message;
}

const sent = (party: Party): number => party.told('sendAnnouncementSignatures').length;
const deliver = (party: Party, message: MessageOf<'announcement_signatures'>) =>
  party.send({ type: 'message', message: decodeMessage(encodeMessage(message)) });

describe('announcement_signatures (BOLT 7)', () => {
  it('are exchanged once at six confirmations, whoever sees them first', () => {
    const pair = normal(5);
    pair.alice.send(fundingDepth(pair, 6));
    pair.settle();
    expect(pair.bob.state('announcement')).toBe('shallow');
    pair.bob.send(fundingDepth(pair, 6));
    pair.settle();
    for (const party of [pair.alice, pair.bob]) {
      expect(party.told('announceChannel')).toHaveLength(1);
      expect(sent(party)).toBe(1);
    }
  });

  it('are sent again to a peer that lost them, and neither side goes on answering the other', () => {
    const pair = normal(5);
    for (const party of [pair.alice, pair.bob]) party.send(fundingDepth(pair, 6));
    // Alice's arrive, Bob's are lost.
    pair.deliverOne(pair.alice);
    pair.disconnect();
    expect([pair.alice.state('announcement'), pair.bob.state('announcement')]).toEqual(['exchanging', 'announced']);
    pair.reconnect();
    expect(pair.alice.state('announcement')).toBe('announced');
    expect([sent(pair.alice), sent(pair.bob)]).toEqual([2, 2]);
  });

  it('are answered once a connection, however often a peer that has them asks', () => {
    const pair = normal(6);
    const theirs = signaturesOf(normal(5), 'bob');
    const before = sent(pair.alice);
    for (let i = 0; i < 5; i++) deliver(pair.alice, theirs);
    expect(sent(pair.alice)).toBe(before);
    pair.disconnect();
    pair.reconnect();
    for (let i = 0; i < 5; i++) deliver(pair.alice, theirs);
    expect(sent(pair.alice)).toBe(before + 1);
    expect(pair.alice.state('connection')).toBe('online');
  });

  it('may come before channel_reestablish, and are answered', () => {
    const pair = normal(5);
    const theirs = signaturesOf(pair, 'bob');
    pair.alice.send(fundingDepth(pair, 6));
    pair.disconnect();
    pair.alice.send({ type: 'connected' });
    pair.alice.outbox = [];
    deliver(pair.alice, theirs);
    expect(pair.alice.state('announcement')).toBe('announced');
    expect(pair.alice.outbox.map((bytes) => decodeMessage(bytes).type)).toEqual(['announcement_signatures']);
  });

  it('that came early and turn out wrong are forgotten, and the right ones are taken later', () => {
    const pair = normal(5);
    const theirs = signaturesOf(pair, 'bob');
    deliver(pair.alice, { ...theirs, bitcoinSignature: theirs.nodeSignature });
    pair.alice.send(fundingDepth(pair, 6));
    expect(pair.alice.state('announcement')).toBe('exchanging');
    expect(pair.alice.data.remoteAnnouncement).toBeUndefined();
    pair.alice.outbox = [];
    deliver(pair.alice, theirs);
    expect(pair.alice.told('announceChannel')).toHaveLength(1);
  });

  it.each([
    ['another short channel id', { shortChannelId: 1n }],
    ['a node signature that is not the peer’s', { nodeSignature: new Uint8Array(64).fill(1) }],
    ['a bitcoin signature that is not the peer’s', { bitcoinSignature: new Uint8Array(64).fill(1) }],
  ])('with %s are answered with a warning', (_name, change) => {
    const pair = normal(5);
    const theirs = signaturesOf(pair, 'bob');
    pair.alice.send(fundingDepth(pair, 6));
    deliver(pair.alice, { ...theirs, ...change });
    expect(pair.alice.told('disconnect')).toHaveLength(1);
    expect(pair.alice.data.remoteAnnouncement).toBeUndefined();
    pair.disconnect();
    confirm(pair, 6);
    pair.reconnect();
    expect(pair.alice.state('announcement')).toBe('announced');
  });

  it('are not sent once shutdown was', () => {
    const pair = normal(5);
    pair.alice.send({ type: 'close', scriptpubkey: undefined, feeratePerKw: 1_000 });
    pair.alice.send(fundingDepth(pair, 6));
    expect(sent(pair.alice)).toBe(0);
  });
});
