import { unsignedChannelAnnouncement, verifyAnnouncementSignatures, type UnsignedChannelAnnouncement } from '../../protocols/gossip/channel-announcement.ts';
import { GossipError } from '../../protocols/gossip/errors.ts';
import type { AnnouncementSignatures, NegotiatedChannel } from './data.ts';
import { ChannelViolation, type Verdict } from './violation.ts';

/** BOLT 7: the depth from which a channel may be announced. */
export const ANNOUNCEMENT_DEPTH = 6;

/** BOLT 7, "The channel_announcement Message": what both nodes sign. */
export function unsignedAnnouncement(channel: NegotiatedChannel, shortChannelId: bigint): UnsignedChannelAnnouncement {
  const { chainHash, localNodeId, remoteNodeId, local, remote } = channel;
  return unsignedChannelAnnouncement({ chainHash, shortChannelId, features: new Uint8Array() }, [
    { nodeId: localNodeId, bitcoinKey: local.fundingPubkey },
    { nodeId: remoteNodeId, bitcoinKey: remote.fundingPubkey },
  ]);
}

/** BOLT 7, "The announcement_signatures Message": the scid must be the funding's, both signatures the peer's. */
export function announcementViolation(channel: NegotiatedChannel, message: AnnouncementSignatures): Verdict {
  const { shortChannelId, remoteNodeId, remote } = channel;
  if (shortChannelId === undefined || message.shortChannelId !== shortChannelId) {
    return new ChannelViolation('announcement_scid', `expected short_channel_id ${shortChannelId}, got ${message.shortChannelId}`);
  }
  try {
    verifyAnnouncementSignatures(unsignedAnnouncement(channel, shortChannelId), { nodeId: remoteNodeId, bitcoinKey: remote.fundingPubkey }, message);
    return undefined;
  } catch (error) {
    if (!(error instanceof GossipError)) throw error;
    return new ChannelViolation(error.code, error.message);
  }
}
