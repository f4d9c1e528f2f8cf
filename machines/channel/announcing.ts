import { compare } from 'uint8arrays';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import { channelAnnouncementHash, type UnsignedChannelAnnouncement } from '../../protocols/gossip/channel-announcement.ts';
import type { AnnouncementSignatures, NegotiatedChannel } from './data.ts';
import { ChannelViolation, type Verdict } from './violation.ts';

/** BOLT 7: the depth from which a channel may be announced. */
export const ANNOUNCEMENT_DEPTH = 6;

/** BOLT 7, "The channel_announcement Message": what both nodes sign, the lesser node id first. */
export function unsignedAnnouncement(channel: NegotiatedChannel, shortChannelId: bigint): UnsignedChannelAnnouncement {
  const local = { nodeId: channel.localNodeId, bitcoinKey: channel.local.fundingPubkey };
  const remote = { nodeId: channel.remoteNodeId, bitcoinKey: channel.remote.fundingPubkey };
  const [first, second] = isFirst(channel) ? [local, remote] : [remote, local];
  return {
    type: 'channel_announcement',
    features: new Uint8Array(),
    chainHash: channel.chainHash,
    shortChannelId,
    nodeId1: first.nodeId,
    nodeId2: second.nodeId,
    bitcoinKey1: first.bitcoinKey,
    bitcoinKey2: second.bitcoinKey,
  };
}

/** Whether this node is the announcement's node 1. */
export const isFirst = (channel: Pick<NegotiatedChannel, 'localNodeId' | 'remoteNodeId'>): boolean =>
  compare(channel.localNodeId, channel.remoteNodeId) < 0;

/** BOLT 7, "The announcement_signatures Message": the scid must be the funding's, both signatures the peer's. */
export function announcementViolation(channel: NegotiatedChannel, message: AnnouncementSignatures): Verdict {
  const { shortChannelId, remote } = channel;
  if (shortChannelId === undefined || message.shortChannelId !== shortChannelId) {
    return new ChannelViolation('announcement_scid', `expected short_channel_id ${shortChannelId}, got ${message.shortChannelId}`);
  }
  const hash = channelAnnouncementHash(unsignedAnnouncement(channel, shortChannelId));
  if (!secp256k1.verify(message.nodeSignature, hash, channel.remoteNodeId)) {
    return new ChannelViolation('announcement_node_signature', "expected node_signature to be the peer's, got another");
  }
  if (!secp256k1.verify(message.bitcoinSignature, hash, remote.fundingPubkey)) {
    return new ChannelViolation('announcement_bitcoin_signature', "expected bitcoin_signature to be of the peer's funding key, got another");
  }
  return undefined;
}
