import { fromString, toString } from 'uint8arrays';
import { expect, test } from 'vitest';
import { decodeAddresses } from '../../protocols/gossip/addresses.ts';
import { verifyChannelAnnouncement } from '../../protocols/gossip/channel-announcement.ts';
import { updateDirection, isDisabled, verifyChannelUpdate } from '../../protocols/gossip/channel-update.ts';
import { decodeGossip, signedHash, type GossipName, type GossipOf } from '../../protocols/gossip/gossip-message.ts';
import { decodeAlias, verifyNodeAnnouncement } from '../../protocols/gossip/node-announcement.ts';
import { formatScid } from '../../protocols/gossip/short-channel-id.ts';
import { encodeMessage } from '../../protocols/wire/messages.ts';
import vectors from './data/gossip-mainnet.json' with { type: 'json' };

function load<N extends GossipName>(name: N, hex: string): GossipOf<N> {
  const bytes = fromString(hex, 'hex');
  const gossip = decodeGossip(bytes);
  expect(gossip.message.type).toBe(name);
  expect(encodeMessage(gossip.message)).toEqual(bytes);
  return gossip as unknown as GossipOf<N>;
}

const announcement = load('channel_announcement', vectors.channel_announcement);

test('a channel_announcement of mainnet is valid', () => {
  expect(formatScid(announcement.message.shortChannelId)).toBe('567305x81x0');
  expect(() => verifyChannelAnnouncement(announcement)).not.toThrow();
});

test('a channel_update of mainnet is that of the node which its direction names', () => {
  const update = load('channel_update', vectors.channel_update);
  expect(update.message.shortChannelId).toBe(announcement.message.shortChannelId);
  expect([updateDirection(update.message), isDisabled(update.message)]).toEqual([0, true]);
  expect(() => verifyChannelUpdate(update, announcement.message.nodeId1)).not.toThrow();
  expect(() => verifyChannelUpdate(update, announcement.message.nodeId2)).toThrow(/signature/);
});

test('a node_announcement of mainnet is valid', () => {
  const node = load('node_announcement', vectors.node_announcement);
  expect(() => verifyNodeAnnouncement(node)).not.toThrow();
  expect(decodeAlias(node.message.alias)).toBe('The_Leavings');
  const address = { type: 'ipv4', host: '142.59.100.253', port: 9735 };
  expect(decodeAddresses(node.message.addresses).addresses).toEqual([address]);
});

test('a channel_announcement of mainnet with a wrong signature is refused', () => {
  const wrong = load('channel_announcement', vectors.channel_announcement_with_a_wrong_node_signature_1);
  expect(toString(signedHash(wrong), 'hex')).toBe(vectors.hash_of_that);
  expect(() => verifyChannelAnnouncement(wrong)).toThrow(/nodeSignature1/);
});
