import { describe, expect, it } from 'vitest';
import { signChannelAnnouncement, unsignedChannelAnnouncement } from '../../protocols/gossip/channel-announcement.ts';
import { decodeMessage, type Message, type MessageOf } from '../../protocols/wire/messages.ts';
import { Announcer, type AnnouncedChannel, type AnnouncerOptions } from '../../src/gossip/announcer.ts';
import type { NodeId } from '../../src/network/network.ts';
import { VirtualClock } from '../../src/runtime/virtual-clock.ts';
import { announcement, CHAIN_HASH, GossipNode, keysOf, scid, START } from '../harness/graph-gossip.ts';

const [alice, bob] = [1, 2].map(keysOf) as [Keys, Keys];
type Keys = ReturnType<typeof keysOf>;
const CHANNEL = scid(100);
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

function setUp(options: Partial<AnnouncerOptions> = {}) {
  const clock = new VirtualClock(START * 1000);
  const world: Message[] = [];
  const peer: [NodeId, Message][] = [];
  const announcer = new Announcer({
    self: alice.nodeId,
    chainHash: CHAIN_HASH,
    clock,
    sign: alice.sign,
    profile: () => ({ alias: 'alice', rgbColor: Uint8Array.of(1, 2, 3), features: new Uint8Array(), addresses: [] }),
    lastPolicy: () => undefined,
    lastNodeTimestamp: () => undefined,
    publish: (message) => world.push(decodeMessage(message)),
    sendToPeer: (nodeId, message) => peer.push([nodeId, decodeMessage(message)]),
    ...options,
  });
  const updates = () => world.filter(
    (message): message is MessageOf<'channel_update'> => message.type === 'channel_update',
  );
  const disabled = () => updates().map(({ channelFlags }) => (channelFlags & 2) !== 0);
  return { clock, announcer, world, peer, updates, disabled };
}

function channel(changes: Partial<AnnouncedChannel> = {}): AnnouncedChannel {
  return {
    shortChannelId: CHANNEL,
    peer: bob.nodeId,
    announced: true,
    online: true,
    capacityMsat: 1_000_000n,
    maxHtlcValueInFlightMsat: 900_000n,
    policy: { cltvExpiryDelta: 40, feeBaseMsat: 7, feeProportionalMillionths: 70, htlcMinimumMsat: 1n },
    ...changes,
  };
}

describe('a channel that is announced', () => {
  const ends = [alice, bob].map(({ publicKey, bitcoinKey }) => ({ nodeId: publicKey, bitcoinKey }));
  const unsigned = unsignedChannelAnnouncement(
    { chainHash: CHAIN_HASH, shortChannelId: CHANNEL, features: new Uint8Array() }, [ends[0]!, ends[1]!],
  );
  const sign = (keys: Keys) => signChannelAnnouncement(unsigned, keys.sign, keys.signWithBitcoinKey);

  it('is told to the peer alone at first, then to the world: the channel, our policy, our node', () => {
    const { announcer, world, peer } = setUp();
    announcer.setChannel(channel({ announced: false }));
    expect(world).toEqual([]);
    expect(peer).toMatchObject([[bob.nodeId, { type: 'channel_update', messageFlags: 3, shortChannelId: CHANNEL }]]);
    announcer.announceChannel(unsigned, sign(alice), sign(bob));
    expect(world.map(({ type }) => type)).toEqual(['channel_announcement', 'channel_update', 'node_announcement']);
    expect(world[0]).toEqual(decodeMessage(announcement(CHANNEL, alice, bob)));
    expect(world[1]).toMatchObject(
      { messageFlags: 1, feeBaseMsat: 7, htlcMaximumMsat: 900_000n, timestamp: START + 1 },
    );
    expect(peer).toHaveLength(1);
  });

  it('is the same announcement whichever side makes it, and accepted by who checks it', async () => {
    const messages: Uint8Array[] = [];
    for (const keys of [alice, bob]) {
      const { announcer } = setUp({ self: keys.nodeId, sign: keys.sign, publish: (message) => messages.push(message) });
      announcer.setChannel(channel({ announced: false, peer: keys === alice ? bob.nodeId : alice.nodeId }));
      announcer.announceChannel(unsigned, sign(keys), sign(keys === alice ? bob : alice));
    }
    expect(messages[3]).toEqual(messages[0]);
    const node = new GossipNode(9);
    node.chain.fund(CHANNEL, alice, bob);
    const heard = [];
    for (const message of messages) heard.push(await node.hear(message));
    expect(heard).toEqual(['accept new', 'accept new', 'accept new', 'ignore duplicate', 'accept new', 'accept new']);
    expect(node.graph.policy(CHANNEL, 0)?.feeBaseMsat).toBe(7);
    expect(node.graph.policy(CHANNEL, 1)?.feeBaseMsat).toBe(7);
  });
});

describe('an update', () => {
  it('is sent when the policy changes, at once, with a later timestamp though no time has passed', () => {
    const { announcer, updates } = setUp();
    announcer.setChannel(channel());
    announcer.setChannel(channel({ policy: { ...channel().policy, feeBaseMsat: 8 } }));
    announcer.setChannel(channel({ policy: { ...channel().policy, feeBaseMsat: 8, htlcMaximumMsat: 5_000n } }));
    expect(
      updates().map(({ timestamp, feeBaseMsat, htlcMaximumMsat }) => [timestamp - START, feeBaseMsat, htlcMaximumMsat]),
    ).toEqual([
      [0, 7, 900_000n], [1, 8, 900_000n], [2, 8, 5_000n],
    ]);
  });

  it('is not sent when nothing has changed', () => {
    const { announcer, updates, clock } = setUp();
    for (let i = 0; i < 5; i++) {
      announcer.setChannel(channel());
      clock.advance(MINUTE);
    }
    expect(updates()).toHaveLength(1);
  });

  it('keeps the maximum within what the channel and the peer allow, and disables what then can take nothing', () => {
    const { announcer, updates } = setUp();
    announcer.setChannel(channel({ policy: { ...channel().policy, htlcMaximumMsat: 5_000_000n } }));
    announcer.setChannel(channel({ policy: { ...channel().policy, htlcMinimumMsat: 950_000n } }));
    expect(
      updates().map(
        ({ htlcMinimumMsat, htlcMaximumMsat, channelFlags }) => [htlcMinimumMsat, htlcMaximumMsat, channelFlags & 2],
      ),
    ).toEqual([
      [1n, 900_000n, 0], [900_000n, 900_000n, 2],
    ]);
  });

  it('is repeated before others take the channel for abandoned', () => {
    const { announcer, updates, clock } = setUp();
    announcer.setChannel(channel());
    clock.advance(30 * DAY);
    expect(updates().map(({ timestamp }) => (timestamp - START) / 86_400)).toEqual([0, 7, 14, 21, 28]);
  });

  it('has the direction that the order of the nodes gives', () => {
    const [lesser, greater] = [alice, bob].sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1)) as [Keys, Keys];
    for (const [keys, other, direction] of [[lesser, greater, 0], [greater, lesser, 1]] as const) {
      const { announcer, updates } = setUp({ self: keys.nodeId, sign: keys.sign });
      announcer.setChannel(channel({ peer: other.nodeId }));
      expect(updates()[0]!.channelFlags & 1).toBe(direction);
    }
  });
});

describe('a peer that goes', () => {
  it('and comes back soon was never gone, however often we are told', () => {
    const { announcer, disabled, clock } = setUp();
    announcer.setChannel(channel());
    announcer.setChannel(channel({ online: false }));
    clock.advance(4 * MINUTE);
    announcer.setChannel(channel());
    clock.advance(60 * MINUTE);
    expect(disabled()).toEqual([false]);
  });

  it('and stays away is known to the world after a while', () => {
    const { announcer, disabled, clock } = setUp();
    announcer.setChannel(channel());
    for (let i = 0; i < 5; i++) {
      announcer.setChannel(channel({ online: false }));
      clock.advance(MINUTE);
    }
    expect(disabled()).toEqual([false, true]);
  });

  it('and comes back late is known to be back once it has stayed', () => {
    const { announcer, disabled, clock } = setUp();
    announcer.setChannel(channel());
    announcer.setChannel(channel({ online: false }));
    clock.advance(10 * MINUTE);
    announcer.setChannel(channel());
    clock.advance(1000);
    announcer.setChannel(channel({ online: false }));
    clock.advance(10 * MINUTE);
    expect(disabled()).toEqual([false, true]);
    announcer.setChannel(channel());
    clock.advance(5_000);
    expect(disabled()).toEqual([false, true, false]);
  });

  it('is told again what it was told before, when only it was told', () => {
    const { announcer, peer } = setUp();
    announcer.setChannel(channel({ announced: false }));
    announcer.setChannel(channel({ announced: false, online: false }));
    expect(peer).toHaveLength(1);
    announcer.setChannel(channel({ announced: false }));
    expect(peer.map(([, message]) => (message as MessageOf<'channel_update'>).timestamp)).toEqual([START, START + 1]);
  });

  it('with the channel closing is gone at once', () => {
    const { announcer, disabled, clock } = setUp();
    announcer.setChannel(channel());
    announcer.removeChannel(CHANNEL);
    clock.advance(30 * DAY);
    expect(disabled()).toEqual([false, true]);
  });
});

describe('a restart', () => {
  const last = {
    timestamp: START - 86_400, disabled: false, cltvExpiryDelta: 40, feeBaseMsat: 7, feeProportionalMillionths: 70,
    htlcMinimumMsat: 1n, htlcMaximumMsat: 900_000n,
  };

  it('says nothing that was said before, until that grows old', () => {
    const { announcer, updates, clock } = setUp({ lastPolicy: () => last });
    announcer.setChannel(channel({ online: false }));
    announcer.setChannel(channel());
    clock.advance(6 * DAY - 1000);
    expect(updates()).toEqual([]);
    clock.advance(1000);
    expect(updates()).toHaveLength(1);
  });

  it('goes on with later timestamps, even if the clock was set back', () => {
    const { announcer, world } = setUp({
      lastPolicy: () => ({ ...last, timestamp: START + 500, feeBaseMsat: 1 }), lastNodeTimestamp: () => START + 900,
    });
    announcer.setChannel(channel());
    announcer.announceNode();
    expect(world).toMatchObject(
      [{ type: 'channel_update', timestamp: START + 501 }, { type: 'node_announcement', timestamp: START + 901 }],
    );
  });
});

describe('our node', () => {
  it('is announced when a channel is, and not before', () => {
    const { announcer, world, clock } = setUp();
    announcer.announceNode();
    announcer.setChannel(channel({ announced: false }));
    announcer.announceNode();
    expect(world).toEqual([]);
    announcer.setChannel(channel());
    announcer.announceNode();
    announcer.announceNode();
    const nodes = () => world.filter(({ type }) => type === 'node_announcement').map(
      (m) => (m as MessageOf<'node_announcement'>).timestamp - START,
    );
    expect(nodes()).toEqual([0, 1]);
    clock.advance(7 * DAY);
    expect(nodes()).toHaveLength(3);
    announcer.stop();
    clock.advance(30 * DAY);
    expect(nodes()).toHaveLength(3);
  });
});
