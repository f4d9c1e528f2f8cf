import fc from 'fast-check';
import { compare, concat, equals } from 'uint8arrays';
import { describe, expect, test } from 'vitest';
import { hash256 } from '../../protocols/crypto/hash.ts';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import * as announcement from '../../protocols/gossip/channel-announcement.ts';
import * as update from '../../protocols/gossip/channel-update.ts';
import { GossipError } from '../../protocols/gossip/errors.ts';
import { decodeGossip, encodeGossip, isGossip, signedHash } from '../../protocols/gossip/gossip-message.ts';
import type { Gossip } from '../../protocols/gossip/gossip-message.ts';
import * as node from '../../protocols/gossip/node-announcement.ts';
import { formatScid, parseScid, scidFromParts, scidToParts } from '../../protocols/gossip/short-channel-id.ts';
import { WireError } from '../../protocols/wire/errors.ts';
import { encodeMessage } from '../../protocols/wire/messages.ts';

const keys = (n: number) => {
  const secretKey = new Uint8Array(32).fill(n);
  return { publicKey: secp256k1.publicKey(secretKey), sign: (hash: Uint8Array) => secp256k1.sign(hash, secretKey) };
};
const [aliceNode, aliceFunding, bobNode, bobFunding] = [keys(1), keys(2), keys(3), keys(4)];
const alice = { nodeId: aliceNode.publicKey, bitcoinKey: aliceFunding.publicKey };
const bob = { nodeId: bobNode.publicKey, bitcoinKey: bobFunding.publicKey };

const channel = {
  chainHash: new Uint8Array(32).fill(6),
  shortChannelId: parseScid('539268x845x1'),
  features: new Uint8Array(),
};
const unsigned = announcement.unsignedChannelAnnouncement(channel, [alice, bob]);
const alices = announcement.signChannelAnnouncement(unsigned, aliceNode.sign, aliceFunding.sign);
const bobs = announcement.signChannelAnnouncement(unsigned, bobNode.sign, bobFunding.sign);
const announced = announcement.assembleChannelAnnouncement(unsigned, alice.nodeId, alices, bobs);

const policy: update.ChannelPolicy = {
  chainHash: channel.chainHash,
  shortChannelId: channel.shortChannelId,
  direction: 1,
  disabled: false,
  dontForward: false,
  timestamp: 1_700_000_000,
  cltvExpiryDelta: 40,
  htlcMinimumMsat: 1n,
  htlcMaximumMsat: 990_000_000n,
  feeBaseMsat: 1000,
  feeProportionalMillionths: 100,
};
const updated = update.signChannelUpdate(policy, bobNode.sign);

const described = node.signNodeAnnouncement(
  {
    nodeId: alice.nodeId,
    timestamp: 1_700_000_000,
    features: Uint8Array.of(2),
    alias: 'WISTFULTOLL ⚡',
    rgbColor: Uint8Array.of(255, 128, 0),
    addresses: [{ type: 'ipv4', host: '203.0.113.5', port: 9735 }],
  },
  aliceNode.sign,
);

/** All that a receiver verifies. */
function verify(gossip: Gossip): void {
  if (isGossip(gossip, 'channel_announcement')) announcement.verifyChannelAnnouncement(gossip);
  else if (isGossip(gossip, 'node_announcement')) node.verifyNodeAnnouncement(gossip);
  else if (isGossip(gossip, 'channel_update')) update.verifyChannelUpdate(gossip, bob.nodeId);
}

const all: [string, Gossip, number][] = [
  ['channel_announcement', announced, 256],
  ['node_announcement', described, 64],
  ['channel_update', updated, 64],
];

describe('gossip messages', () => {
  test.each(all)('%s is signed over all that follows its signatures', (_name, gossip, signaturesLength) => {
    expect(signedHash(gossip)).toEqual(hash256(gossip.raw.subarray(2 + signaturesLength)));
    expect(() => verify(gossip)).not.toThrow();
  });

  test.each(all)('%s comes back with its bytes', (_name, gossip) => {
    const decoded = decodeGossip(gossip.raw);
    expect(decoded).toEqual(gossip);
    expect(() => verify(decoded)).not.toThrow();
  });

  test.each(all)('%s with any bit changed is refused', (_name, gossip) => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: gossip.raw.length - 1 }), fc.nat(7), (at, bit) => {
        const bytes = gossip.raw.slice();
        bytes[at] = bytes[at]! ^ (1 << bit);
        try {
          verify(decodeGossip(bytes));
        } catch (error) {
          return error instanceof GossipError || error instanceof WireError;
        }
        return false;
      }),
      { numRuns: 150 },
    );
  });

  test.each(all)('%s is signed over its extension, too', (_name, gossip) => {
    const longer = concat([gossip.raw, Uint8Array.of(1, 1, 7)]);
    const decoded = decodeGossip(longer);
    expect(decoded.raw).toEqual(longer);
    expect(encodeMessage(decoded.message)).toEqual(longer);
    expect(() => verify(decoded)).toThrow(GossipError);
  });

  test('with an extension that its origin signed is valid', () => {
    const extension = Uint8Array.of(1, 1, 7);
    const draft = encodeGossip<'channel_update'>({ ...updated.message, extension });
    const signature = bobNode.sign(signedHash(draft));
    const gossip = encodeGossip<'channel_update'>({ ...draft.message, signature });
    expect(() => verify(decodeGossip(gossip.raw))).not.toThrow();
  });

  test('are no other messages', () => {
    const pong = encodeMessage({ type: 'pong', ignored: new Uint8Array() });
    expect(() => decodeGossip(pong)).toThrow(expect.objectContaining({ code: 'gossip_not_broadcast' }));
    expect(() => decodeGossip(announced.raw.subarray(0, 300))).toThrow(WireError);
  });
});

describe('channel_announcement', () => {
  test('has the lesser node id first, whoever makes it', () => {
    expect(announcement.unsignedChannelAnnouncement(channel, [bob, alice])).toEqual(unsigned);
    expect(compare(unsigned.nodeId1, unsigned.nodeId2)).toBe(-1);
    const aliceFirst = equals(unsigned.nodeId1, alice.nodeId);
    expect(unsigned.bitcoinKey1).toEqual(aliceFirst ? alice.bitcoinKey : bob.bitcoinKey);
    expect(announcement.assembleChannelAnnouncement(unsigned, bob.nodeId, bobs, alices)).toEqual(announced);
  });

  test.each(['nodeSignature1', 'nodeSignature2', 'bitcoinSignature1', 'bitcoinSignature2'] as const)(
    'names %s if that is the wrong one',
    (field) => {
      const message = { ...announced.message, [field]: aliceNode.sign(new Uint8Array(32)) };
      expect(() => verify(encodeGossip<'channel_announcement'>(message))).toThrow(
        expect.objectContaining({ code: 'gossip_bad_signature', details: { field } }),
      );
    },
  );

  test('is refused with its ends the wrong way round', () => {
    const { nodeId1: nodeId2, nodeId2: nodeId1 } = announced.message;
    const message = { ...announced.message, nodeId1, nodeId2 };
    expect(() => verify(encodeGossip<'channel_announcement'>(message))).toThrow(
      expect.objectContaining({ code: 'gossip_bad_order' }),
    );
  });

  test('is checked before it is assembled', () => {
    expect(() => announcement.verifyAnnouncementSignatures(unsigned, bob, bobs)).not.toThrow();
    expect(() => announcement.verifyAnnouncementSignatures(unsigned, bob, alices)).toThrow(/nodeSignature/);
    const mixed = { ...bobs, bitcoinSignature: alices.bitcoinSignature };
    expect(() => announcement.verifyAnnouncementSignatures(unsigned, bob, mixed)).toThrow(/bitcoinSignature/);
  });
});

describe('channel_update', () => {
  test.each([
    [{ direction: 0, disabled: false, dontForward: false }, 0, 1],
    [{ direction: 1, disabled: false, dontForward: false }, 1, 1],
    [{ direction: 0, disabled: true, dontForward: false }, 2, 1],
    [{ direction: 1, disabled: true, dontForward: true }, 3, 3],
  ] as const)('carries %o in its flags', (flags, channelFlags, messageFlags) => {
    const { message } = update.signChannelUpdate({ ...policy, ...flags }, bobNode.sign);
    expect(message).toMatchObject({ channelFlags, messageFlags });
    expect({
      direction: update.updateDirection(message),
      disabled: update.isDisabled(message),
      dontForward: update.isDontForward(message),
    }).toEqual(flags);
  });

  test('is refused for another node', () => {
    expect(() => update.verifyChannelUpdate(updated, alice.nodeId)).toThrow(GossipError);
  });
});

describe('aliases', () => {
  test.each(['', 'IRATEMONK', 'é'.repeat(16), 'WISTFULTOLL ⚡'])('%s is carried as it is', (alias) => {
    expect(node.decodeAlias(node.encodeAlias(alias))).toBe(alias);
    expect(node.encodeAlias(alias)).toHaveLength(32);
  });

  test('longer than 32 bytes are refused', () => {
    expect(() => node.encodeAlias('é'.repeat(17))).toThrow(WireError);
  });

  test('never print control characters or broken UTF-8', () => {
    const broken = Uint8Array.of(0x41, 0x1b, 0x5b, 0x0a, 0x00, 0x42, 0xff, 0x00);
    expect(node.decodeAlias(broken)).toBe('A\ufffd[\ufffd\ufffdB\ufffd');
    expect(node.decodeAlias(new TextEncoder().encode('a\u202eb\u2028'))).toBe('a\ufffdb\ufffd');
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
        expect(node.decodeAlias(bytes)).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
      }),
    );
  });
});

describe('short channel ids', () => {
  test('stand for the place of the funding output', () => {
    const parts = { blockHeight: 539268, transactionIndex: 845, outputIndex: 1 };
    expect(scidFromParts(parts)).toBe(0x083a8400034d0001n);
    expect(scidToParts(0x083a8400034d0001n)).toEqual(parts);
    expect(formatScid(0x083a8400034d0001n)).toBe('539268x845x1');
  });

  test('come back from their text and their parts', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (scid) => {
        expect(parseScid(formatScid(scid))).toBe(scid);
        expect(scidFromParts(scidToParts(scid))).toBe(scid);
      }),
    );
  });

  test.each(['', '1x2', '1x2x3x4', '01x2x3', '1X2X3', '-1x2x3', ' 1x2x3', '16777216x0x0', '0x16777216x0', '0x0x65536'])(
    '%s is refused',
    (text) => expect(() => parseScid(text)).toThrow(WireError),
  );

  test('with parts that do not fit are refused', () => {
    const parts = { blockHeight: 1, transactionIndex: 1, outputIndex: 1 };
    expect(() => scidFromParts({ ...parts, blockHeight: 2 ** 24 })).toThrow(WireError);
    expect(() => scidFromParts({ ...parts, transactionIndex: -1 })).toThrow(WireError);
    expect(() => scidFromParts({ ...parts, outputIndex: 0.5 })).toThrow(WireError);
  });
});
