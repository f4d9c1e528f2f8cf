import type { MessageOf } from '../wire/messages.ts';
import { encodeGossip, requireSignatures, signedHash, type GossipOf, type Sign, type SignatureClaim } from './gossip-message.ts';

type ChannelUpdate = MessageOf<'channel_update'>;

/** BOLT 7, "The `channel_update` Message": bits of `message_flags`. */
const MUST_BE_ONE = 1;
const DONT_FORWARD = 2;
/** Bits of `channel_flags`. */
const DIRECTION = 1;
const DISABLE = 2;

/** What a node says about its direction of a channel. */
export interface ChannelPolicy {
  readonly chainHash: Uint8Array;
  readonly shortChannelId: bigint;
  /** 0 if the origin is `node_id_1` of the channel's announcement, 1 if it is `node_id_2`. */
  readonly direction: 0 | 1;
  readonly disabled: boolean;
  /** For an update that only the channel's peer may see. */
  readonly dontForward: boolean;
  /** Seconds since 1970, greater than in every update that the node sent before for the channel. */
  readonly timestamp: number;
  readonly cltvExpiryDelta: number;
  readonly htlcMinimumMsat: bigint;
  readonly htlcMaximumMsat: bigint;
  readonly feeBaseMsat: number;
  readonly feeProportionalMillionths: number;
}

/** Makes and signs an update. */
export function signChannelUpdate(policy: ChannelPolicy, signWithNodeKey: Sign): GossipOf<'channel_update'> {
  const { direction, disabled, dontForward, ...fields } = policy;
  const unsigned: ChannelUpdate = {
    type: 'channel_update',
    signature: new Uint8Array(64),
    messageFlags: MUST_BE_ONE | (dontForward ? DONT_FORWARD : 0),
    channelFlags: (direction === 1 ? DIRECTION : 0) | (disabled ? DISABLE : 0),
    ...fields,
  };
  const signature = signWithNodeKey(signedHash(encodeGossip<'channel_update'>(unsigned)));
  return encodeGossip<'channel_update'>({ ...unsigned, signature });
}

/**
 * BOLT 7: the signature of an update is that of `node_id_1` or `node_id_2` of the channel's announcement, as
 * `updateDirection` says.
 */
export function channelUpdateClaims(gossip: GossipOf<'channel_update'>, nodeId: Uint8Array): SignatureClaim[] {
  return [{ field: 'signature', signature: gossip.message.signature, hash: signedHash(gossip), key: nodeId }];
}

/** Refuses an update that the node has not signed. Throws `GossipError`. */
export function verifyChannelUpdate(gossip: GossipOf<'channel_update'>, nodeId: Uint8Array): void {
  requireSignatures(channelUpdateClaims(gossip, nodeId));
}

/** 0 if the update is of `node_id_1`, 1 if it is of `node_id_2`. */
export function updateDirection(update: ChannelUpdate): 0 | 1 {
  return (update.channelFlags & DIRECTION) === 0 ? 0 : 1;
}

export function isDisabled(update: ChannelUpdate): boolean {
  return (update.channelFlags & DISABLE) !== 0;
}

/** Whether only the channel's peer was to see it. */
export function isDontForward(update: ChannelUpdate): boolean {
  return (update.messageFlags & DONT_FORWARD) !== 0;
}
