import { describe, expect, it } from 'vitest';
import { decodeMessage } from '../../protocols/wire/messages.ts';
import {
  addHtlc,
  ChannelPair,
  confirm,
  crossSign,
  fundingDepth,
  preimageOf,
  reachConfirming,
  reachNormal,
  type Party,
} from '../harness/channel-pair.ts';

const close = { type: 'close', scriptpubkey: undefined, feeratePerKw: 1_000 } as const;
const turnEnded = { type: 'turnEnded' } as const;

function fund(): ChannelPair {
  const pair = new ChannelPair();
  reachConfirming(pair);
  return pair;
}

/** The types of the messages that `party` sent and that are still on their way. */
const onTheWay = (party: Party): string[] => party.outbox.map((bytes) => decodeMessage(bytes).type);

/** Both sides' channel_reestablish is exchanged and what follows is on its way. */
function reestablish(pair: ChannelPair): void {
  for (const party of [pair.alice, pair.bob]) party.send({ type: 'connected' });
  pair.deliverOne(pair.alice);
  pair.deliverOne(pair.bob);
}

function expectPeace(pair: ChannelPair): void {
  for (const party of [pair.alice, pair.bob]) {
    expect(party.told('disconnect')).toEqual([]);
    expect(party.told('channelFailed')).toEqual([]);
  }
}

describe('channel_ready on a reconnection (BOLT 2, Message Retransmission)', () => {
  it('is sent when the funding got deep while there was no connection', () => {
    const pair = fund();
    pair.disconnect();
    confirm(pair, 3);
    pair.reconnect();
    for (const party of [pair.alice, pair.bob]) expect(party.state('lifecycle')).toBe('normal');
    expectPeace(pair);
  });

  it('is sent again when it was lost', () => {
    const pair = fund();
    confirm(pair, 2);
    for (const party of [pair.alice, pair.bob]) party.send(fundingDepth(pair, 3));
    expect(onTheWay(pair.alice)).toEqual(['channel_ready']);
    pair.disconnect();
    pair.reconnect();
    for (const party of [pair.alice, pair.bob]) expect(party.state('lifecycle')).toBe('normal');
    expectPeace(pair);
  });

  it('goes before the first updates that need it', () => {
    const pair = fund();
    for (const party of [pair.alice, pair.bob]) party.send(fundingDepth(pair, 3));
    pair.deliverOne(pair.bob);
    expect(pair.alice.state('lifecycle')).toBe('normal');
    addHtlc(pair.alice, 1_000_000n);
    pair.alice.send(turnEnded);
    pair.disconnect();
    reestablish(pair);
    expect(onTheWay(pair.alice)).toEqual(['channel_ready', 'update_add_htlc', 'commitment_signed']);
    pair.settle();
    expect(pair.bob.told('htlcReceived')).toHaveLength(1);
    expectPeace(pair);
  });

  it('is ignored when it comes twice, also by one whose own depth is not reached', () => {
    const pair = fund();
    pair.alice.send(fundingDepth(pair, 3));
    pair.settle();
    expect(pair.bob.state('lifecycle')).toBe('confirming.depth.shallow|theirs.received');
    pair.disconnect();
    reestablish(pair);
    expect(onTheWay(pair.alice)).toEqual(['channel_ready']);
    expect(onTheWay(pair.bob)).toEqual([]);
    pair.settle();
    expectPeace(pair);
    expect(pair.bob.state('connection')).toBe('online');
  });

  it('is not sent again once a second commitment was received', () => {
    const pair = new ChannelPair();
    reachNormal(pair);
    addHtlc(pair.alice, 1_000_000n);
    crossSign(pair);
    pair.disconnect();
    reestablish(pair);
    expect(onTheWay(pair.alice)).toEqual([]);
    expect(onTheWay(pair.bob)).toEqual([]);
  });
});

describe('channel_ready that comes when this side has shut down already', () => {
  it('still counts: the other may have made updates before it heard of the shutdown', () => {
    const pair = fund();
    for (const party of [pair.bob, pair.alice]) party.send(fundingDepth(pair, 3));
    pair.deliverOne(pair.bob);
    expect(pair.alice.state('lifecycle')).toBe('normal');
    pair.bob.send(close);
    addHtlc(pair.alice, 100_000_000n);
    pair.settle();
    expect(pair.bob.told('htlcReceived')).toHaveLength(1);
    pair.bob.send({ type: 'removeHtlc', id: 0n, removal: { kind: 'fulfilled', paymentPreimage: preimageOf(1) } });
    pair.settle();
    for (const party of [pair.alice, pair.bob]) expect(party.state('lifecycle')).toBe('closing.mutual');
    expectPeace(pair);
  });
});

describe('shutdown on a reconnection (BOLT 2, Message Retransmission)', () => {
  it('is sent once when it was asked for while there was no connection', () => {
    const pair = new ChannelPair();
    reachNormal(pair);
    pair.disconnect();
    pair.alice.send(close);
    reestablish(pair);
    expect(onTheWay(pair.alice)).toEqual(['channel_ready', 'shutdown']);
    pair.settle();
    expect(pair.bob.state('lifecycle')).toBe('closing.mutual');
    expectPeace(pair);
  });

  it('is sent again once where it was sent before', () => {
    const pair = new ChannelPair();
    reachNormal(pair);
    addHtlc(pair.alice, 100_000_000n);
    crossSign(pair);
    pair.alice.send(close);
    pair.disconnect();
    reestablish(pair);
    expect(onTheWay(pair.alice)).toEqual(['shutdown']);
    pair.settle();
    for (const party of [pair.alice, pair.bob]) expect(party.state('lifecycle')).toBe('shuttingDown.draining');
    pair.disconnect();
    reestablish(pair);
    expect(onTheWay(pair.alice)).toEqual(['shutdown']);
    expect(onTheWay(pair.bob)).toEqual(['shutdown']);
    expectPeace(pair);
  });

  it('follows the updates that it waits for', () => {
    const pair = new ChannelPair();
    reachNormal(pair);
    addHtlc(pair.alice, 100_000_000n);
    pair.alice.send(turnEnded);
    pair.alice.send(close);
    pair.disconnect();
    reestablish(pair);
    expect(onTheWay(pair.alice)).toEqual(['channel_ready', 'update_add_htlc', 'commitment_signed', 'shutdown']);
    pair.settle();
    expectPeace(pair);
  });

  it('goes before the closing_signed that starts over', () => {
    const pair = new ChannelPair();
    reachNormal(pair);
    pair.alice.send(close);
    pair.deliverOne(pair.alice);
    pair.deliverOne(pair.bob);
    expect(pair.alice.state('lifecycle')).toBe('negotiatingClose');
    pair.disconnect();
    reestablish(pair);
    expect(onTheWay(pair.alice)).toEqual(['channel_ready', 'shutdown', 'closing_signed']);
    pair.settle();
    for (const party of [pair.alice, pair.bob]) expect(party.state('lifecycle')).toBe('closing.mutual');
    expectPeace(pair);
  });

  it('goes before the closing_signed that the last removal made possible', () => {
    const pair = new ChannelPair();
    reachNormal(pair);
    addHtlc(pair.alice, 100_000_000n);
    crossSign(pair);
    pair.bob.send(close);
    pair.settle();
    pair.bob.send({ type: 'removeHtlc', id: 0n, removal: { kind: 'fulfilled', paymentPreimage: preimageOf(1) } });
    // Everything up to Bob's revoke_and_ack, which makes Alice, the opener, begin.
    for (const party of [pair.bob, pair.alice, pair.bob, pair.alice]) {
      party.send(turnEnded);
      while (pair.deliverOne(party));
    }
    pair.disconnect();
    reestablish(pair);
    expect(onTheWay(pair.alice)).toEqual(['shutdown', 'closing_signed']);
    pair.settle();
    for (const party of [pair.alice, pair.bob]) expect(party.state('lifecycle')).toBe('closing.mutual');
    expectPeace(pair);
  });
});

describe('after a restart', () => {
  it('the funding transaction goes out again until it is in a block, whatever else happens to the channel', () => {
    const pair = fund();
    pair.alice.send(close);
    pair.settle();
    expect(pair.alice.state('lifecycle')).toBe('closing.mutual');
    pair.alice.restart();
    expect(pair.alice.effects.slice(pair.alice.life).map(({ type }) => type)).toEqual([
      'broadcastFunding',
      'broadcastClosing',
    ]);
    const confirmed = new ChannelPair();
    reachNormal(confirmed);
    confirmed.alice.restart();
    expect(confirmed.alice.told('broadcastFunding')).toHaveLength(1);
  });
});
