/** Gossip of the real network's shape, signed by keys made up for it: only who signs, and where channels lie on the chain, is not as it is. */
import { createHash } from 'node:crypto';
import { compare } from 'uint8arrays';
import { fundingOutput } from '../../machines/commitment/funding.ts';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import {
  assembleChannelAnnouncement, signChannelAnnouncement, unsignedChannelAnnouncement,
} from '../../protocols/gossip/channel-announcement.ts';
import { signChannelUpdate } from '../../protocols/gossip/channel-update.ts';
import { signNodeAnnouncement } from '../../protocols/gossip/node-announcement.ts';
import type { NodeId } from '../../src/network/network.ts';
import type { Direction, EdgePolicy } from '../../src/routing/channel.ts';
import type { GraphRow } from './graph-csv.ts';

const NO_FEATURES = new Uint8Array();
const DAY = 24 * 60 * 60;

/** A node of the graph with keys of its own. */
export interface GossipKeys {
  readonly publicKey: Uint8Array;
  readonly bitcoinKey: Uint8Array;
  sign(hash: Uint8Array): Uint8Array;
  signWithBitcoinKey(hash: Uint8Array): Uint8Array;
}

/** A channel that is to be funded: at which place, how much, paying to which script. */
export interface ChannelPlan {
  readonly shortChannelId: bigint;
  readonly capacitySat: bigint;
  readonly script: Uint8Array;
  /** The lesser node id first. */
  readonly ends: readonly [GossipKeys, GossipKeys];
  /** By direction. */
  readonly policies: readonly [EdgePolicy | undefined, EdgePolicy | undefined];
}

/** Keys that follow from a name. */
export function gossipKeys(name: string): GossipKeys {
  const [nodeSecret, bitcoinSecret] = ['node', 'bitcoin'].map((use) => sha256(`${use} ${name}`)) as [Uint8Array, Uint8Array];
  return {
    publicKey: secp256k1.publicKey(nodeSecret),
    bitcoinKey: secp256k1.publicKey(bitcoinSecret),
    sign: (hash) => secp256k1.sign(hash, nodeSecret),
    signWithBitcoinKey: (hash) => secp256k1.sign(hash, bitcoinSecret),
  };
}

/** The channels of the rows between nodes with keys of their own; `scidOf` says where each is to lie. */
export function planChannels(rows: readonly GraphRow[], scidOf: (index: number) => bigint): ChannelPlan[] {
  const known = new Map<NodeId, GossipKeys>();
  const keysOf = (nodeId: NodeId): GossipKeys => {
    const keys = known.get(nodeId) ?? gossipKeys(nodeId);
    known.set(nodeId, keys);
    return keys;
  };
  return rows.map(({ channel, policies }, index) => {
    const ends = [keysOf(channel.nodeId1), keysOf(channel.nodeId2)] as const;
    const areSwapped = compare(ends[0].publicKey, ends[1].publicKey) > 0;
    return {
      shortChannelId: scidOf(index),
      capacitySat: channel.capacityMsat / 1000n,
      script: fundingOutput(ends[0].bitcoinKey, ends[1].bitcoinKey).scriptPubkey,
      ends: areSwapped ? [ends[1], ends[0]] : ends,
      policies: areSwapped ? [policies[1], policies[0]] : policies,
    };
  });
}

/** A channel's announcement, signed by all four keys. */
export function announcementOf({ shortChannelId, ends: [first, second] }: ChannelPlan, chainHash: Uint8Array): Uint8Array {
  const endOf = ({ publicKey, bitcoinKey }: GossipKeys) => ({ nodeId: publicKey, bitcoinKey });
  const unsigned = unsignedChannelAnnouncement({ chainHash, shortChannelId, features: NO_FEATURES }, [endOf(first), endOf(second)]);
  const sign = (keys: GossipKeys) => signChannelAnnouncement(unsigned, keys.sign, keys.signWithBitcoinKey);
  return assembleChannelAnnouncement(unsigned, first.publicKey, sign(first), sign(second)).raw;
}

/** What one end says of a channel at that time, by its policy and `changes`. */
export function updateOf(
  { shortChannelId, ends }: ChannelPlan, direction: Direction, policy: EdgePolicy, chainHash: Uint8Array, changes: Partial<EdgePolicy>,
): Uint8Array {
  return signChannelUpdate({ chainHash, shortChannelId, direction, dontForward: false, ...policy, ...changes }, ends[direction].sign).raw;
}

/** A node's announcement. */
export function nodeAnnouncementOf(keys: GossipKeys, timestamp: number): Uint8Array {
  return signNodeAnnouncement({
    nodeId: keys.publicKey,
    timestamp,
    features: NO_FEATURES,
    alias: `node ${keys.publicKey.slice(1, 5).join('.')}`,
    rgbColor: keys.publicKey.slice(1, 4),
    addresses: [{ type: 'ipv4', host: '203.0.113.7', port: 9735 }],
  }, keys.sign).raw;
}

/** A moment within the ten days before, the same for the same number. */
export function someTimeBefore(nowSeconds: number, seed: number): number {
  return nowSeconds - (Math.imul(seed + 1, 2654435761) >>> 0) % (10 * DAY);
}

function sha256(text: string): Uint8Array {
  return new Uint8Array(createHash('sha256').update(text).digest());
}
