import { equals } from 'uint8arrays';
import { announcementViolation, unsignedAnnouncement } from '../../machines/channel/announcing.ts';
import type { NegotiatedChannel } from '../../machines/channel/data.ts';
import { verifyChannelAnnouncement } from '../../protocols/gossip/channel-announcement.ts';
import { updateDirection, verifyChannelUpdate } from '../../protocols/gossip/channel-update.ts';
import { decodeGossip, isGossip } from '../../protocols/gossip/gossip-message.ts';
import { encodeJson } from '../../protocols/json.ts';
import { AuditError } from './errors.ts';
import type { AuditGossip } from './header.ts';

/**
 * What the network was told is of this channel and signed by those whom it concerns: an announcement by both nodes and both funding keys, updates each by
 * its origin. Answers how many signatures that are. Throws `AuditError`.
 */
export function checkGossip({ announcement, updates }: AuditGossip, channel: NegotiatedChannel): number {
  try {
    const announced = announcement === undefined ? 0 : checkAnnouncement(announcement, channel);
    for (const update of updates) checkUpdate(update, channel);
    return announced + updates.length;
  } catch (error) {
    if (error instanceof AuditError) throw error;
    throw new AuditError('audit_gossip', error instanceof Error ? error.message : String(error));
  }
}

/** The peer has signed, with its node key, that it is the peer, and which funding keys, network and short channel id are the channel's. */
export function isPeerProven({ announcement }: AuditGossip, channel: NegotiatedChannel): boolean {
  const { remoteAnnouncement } = channel;
  return announcement !== undefined || (remoteAnnouncement !== undefined && announcementViolation(channel, remoteAnnouncement) === undefined);
}

function checkAnnouncement(raw: Uint8Array, channel: NegotiatedChannel): number {
  const gossip = decodeGossip(raw);
  if (!isGossip(gossip, 'channel_announcement')) throw wrong('channel_announcement', gossip.message.type);
  const { nodeSignature1, nodeSignature2, bitcoinSignature1, bitcoinSignature2, ...rest } = gossip.message;
  const { shortChannelId } = channel;
  const expected = shortChannelId === undefined ? undefined : { ...unsignedAnnouncement(channel, shortChannelId), features: rest.features };
  if (expected === undefined || encodeJson(expected) !== encodeJson(rest)) {
    throw new AuditError('audit_gossip', 'the channel_announcement is that of another channel, of other nodes or of other funding keys');
  }
  verifyChannelAnnouncement(gossip);
  return [nodeSignature1, nodeSignature2, bitcoinSignature1, bitcoinSignature2].length;
}

function checkUpdate(raw: Uint8Array, { shortChannelId, chainHash, localNodeId, remoteNodeId }: NegotiatedChannel): void {
  const gossip = decodeGossip(raw);
  if (!isGossip(gossip, 'channel_update')) throw wrong('channel_update', gossip.message.type);
  const { message } = gossip;
  if (message.shortChannelId !== shortChannelId || !equals(message.chainHash, chainHash)) {
    throw new AuditError('audit_gossip', 'a channel_update is that of another channel');
  }
  const ids = [localNodeId, remoteNodeId].sort(Buffer.compare);
  verifyChannelUpdate(gossip, ids[updateDirection(message)] ?? localNodeId);
}

const wrong = (expected: string, got: string): AuditError => new AuditError('audit_gossip', `expected a ${expected}, got ${got}`);
