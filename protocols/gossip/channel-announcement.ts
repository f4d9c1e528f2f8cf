import { compare, equals } from 'uint8arrays';
import type { MessageOf } from '../wire/messages.ts';
import { GossipError } from './errors.ts';
import { encodeGossip, requireSignatures, signedHash, type GossipOf, type Sign, type SignatureClaim } from './gossip-message.ts';

type Announcement = MessageOf<'channel_announcement'>;

/** One end of a channel: its node id, and its funding key. */
export interface ChannelEnd {
  readonly nodeId: Uint8Array;
  readonly bitcoinKey: Uint8Array;
}

/** What one end signs of an announcement, and sends in `announcement_signatures`. */
export interface AnnouncementSignatures {
  readonly nodeSignature: Uint8Array;
  readonly bitcoinSignature: Uint8Array;
}

/** An announcement but for its signatures. */
export type UnsignedChannelAnnouncement = Omit<
  Announcement,
  'nodeSignature1' | 'nodeSignature2' | 'bitcoinSignature1' | 'bitcoinSignature2'
>;

const NO_SIGNATURE = new Uint8Array(64);

/** BOLT 7, "The `channel_announcement` Message": what both ends announce, the lesser node id first. */
export function unsignedChannelAnnouncement(
  channel: { readonly chainHash: Uint8Array; readonly shortChannelId: bigint; readonly features: Uint8Array },
  ends: readonly [ChannelEnd, ChannelEnd],
): UnsignedChannelAnnouncement {
  const [first, second] = compare(ends[0].nodeId, ends[1].nodeId) < 0 ? ends : [ends[1], ends[0]];
  return {
    type: 'channel_announcement',
    features: channel.features,
    chainHash: channel.chainHash,
    shortChannelId: channel.shortChannelId,
    nodeId1: first.nodeId,
    nodeId2: second.nodeId,
    bitcoinKey1: first.bitcoinKey,
    bitcoinKey2: second.bitcoinKey,
  };
}

/** The hash that all four signatures sign. */
export function channelAnnouncementHash(unsigned: UnsignedChannelAnnouncement): Uint8Array {
  return signedHash(encodeGossip<'channel_announcement'>(withSignatures(unsigned, [undefined, undefined])));
}

/** One end's two signatures. */
export function signChannelAnnouncement(
  unsigned: UnsignedChannelAnnouncement,
  signWithNodeKey: Sign,
  signWithBitcoinKey: Sign,
): AnnouncementSignatures {
  const hash = channelAnnouncementHash(unsigned);
  return { nodeSignature: signWithNodeKey(hash), bitcoinSignature: signWithBitcoinKey(hash) };
}

/**
 * BOLT 7, "The `announcement_signatures` Message": refuses the signatures of an end that are not right for the
 * announcement that we make ourselves. Throws `GossipError`.
 */
export function verifyAnnouncementSignatures(
  unsigned: UnsignedChannelAnnouncement,
  end: ChannelEnd,
  signatures: AnnouncementSignatures,
): void {
  const hash = channelAnnouncementHash(unsigned);
  requireSignatures([
    { field: 'nodeSignature', signature: signatures.nodeSignature, hash, key: end.nodeId },
    { field: 'bitcoinSignature', signature: signatures.bitcoinSignature, hash, key: end.bitcoinKey },
  ]);
}

/** The announcement, from what each end signed; the end with `nodeId` made `signatures`, the other one `others`. */
export function assembleChannelAnnouncement(
  unsigned: UnsignedChannelAnnouncement,
  nodeId: Uint8Array,
  signatures: AnnouncementSignatures,
  others: AnnouncementSignatures,
): GossipOf<'channel_announcement'> {
  const isFirst = equals(nodeId, unsigned.nodeId1);
  return encodeGossip<'channel_announcement'>(
    withSignatures(unsigned, isFirst ? [signatures, others] : [others, signatures]),
  );
}

/** BOLT 7, "The `channel_announcement` Message": the four signatures, each of all that follows them. */
export function channelAnnouncementClaims(gossip: GossipOf<'channel_announcement'>): SignatureClaim[] {
  const { message } = gossip;
  const hash = signedHash(gossip);
  return [
    { field: 'nodeSignature1', signature: message.nodeSignature1, hash, key: message.nodeId1 },
    { field: 'nodeSignature2', signature: message.nodeSignature2, hash, key: message.nodeId2 },
    { field: 'bitcoinSignature1', signature: message.bitcoinSignature1, hash, key: message.bitcoinKey1 },
    { field: 'bitcoinSignature2', signature: message.bitcoinSignature2, hash, key: message.bitcoinKey2 },
  ];
}

/** BOLT 7: `node_id_1` is the lesser of the two in the order of their bytes. */
export function areNodesInOrder({ nodeId1, nodeId2 }: Pick<Announcement, 'nodeId1' | 'nodeId2'>): boolean {
  return compare(nodeId1, nodeId2) < 0;
}

/**
 * All four signatures, and the order of the node ids. (That the funding output exists and pays to the bitcoin keys is
 * for the chain to say.) Throws `GossipError`.
 */
export function verifyChannelAnnouncement(gossip: GossipOf<'channel_announcement'>): void {
  if (!areNodesInOrder(gossip.message)) {
    throw new GossipError('gossip_bad_order', 'expected nodeId1 to be less than nodeId2, but it is not');
  }
  requireSignatures(channelAnnouncementClaims(gossip));
}

function withSignatures(
  unsigned: UnsignedChannelAnnouncement,
  [first, second]: readonly [AnnouncementSignatures | undefined, AnnouncementSignatures | undefined],
): Announcement {
  return {
    ...unsigned,
    nodeSignature1: first?.nodeSignature ?? NO_SIGNATURE,
    nodeSignature2: second?.nodeSignature ?? NO_SIGNATURE,
    bitcoinSignature1: first?.bitcoinSignature ?? NO_SIGNATURE,
    bitcoinSignature2: second?.bitcoinSignature ?? NO_SIGNATURE,
  };
}
