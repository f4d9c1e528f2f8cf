import { equals, toString } from 'uint8arrays';
import { RunnelError } from '../../protocols/errors.ts';
import { decodeAddresses } from '../../protocols/gossip/addresses.ts';
import { isDisabled, isDontForward, updateDirection } from '../../protocols/gossip/channel-update.ts';
import { decodeGossip, signedHash, type GossipOf } from '../../protocols/gossip/gossip-message.ts';
import type { GossipLimits } from './limits.ts';
import type { GossipReason } from './outcome.ts';
import type { GossipStore } from './store.ts';

/** What messages are held against. */
export interface Known {
  readonly store: GossipStore;
  readonly chainHash: Uint8Array;
  readonly limits: GossipLimits;
  readonly nowSeconds: number;
}

type Update = GossipOf<'channel_update'>;
type Announcement = GossipOf<'channel_announcement'>;
type Node = GossipOf<'node_announcement'>;

/** BOLT 7, "The `channel_update` Message": what the update itself tells against it, whatever is known of its channel. */
export function updateFault({ message }: Update, { chainHash, limits, nowSeconds }: Known): GossipReason | undefined {
  if (!equals(message.chainHash, chainHash)) return 'other_chain';
  if (isDontForward(message)) return 'dont_forward';
  const age = nowSeconds - message.timestamp;
  if (age > limits.staleAfterSeconds) return 'stale';
  return age < -limits.maxFutureSeconds ? 'future' : undefined;
}

/** The same section: what stands against an update beside what is known of its channel. */
export function knownUpdateFault(gossip: Update, { store }: Known): GossipReason | undefined {
  const { message } = gossip;
  const scid = message.shortChannelId;
  if (store.channel(scid) === undefined) return 'unknown_channel';
  const timestamp = store.graph.policy(scid, updateDirection(message))?.timestamp ?? -1;
  if (message.timestamp < timestamp) return 'stale';
  if (message.timestamp === timestamp) return isSameUpdate(gossip, store) ? 'duplicate' : 'equivocation';
  return store.channel(scid)?.spentHeight !== undefined && !isDisabled(message) ? 'spent' : undefined;
}

/** BOLT 7, "The `node_announcement` Message": what stands against an announcement beside what is known of its node. */
export function nodeFault({ message }: Node, { store }: Known): GossipReason | undefined {
  const nodeId = toString(message.nodeId, 'hex');
  if (!store.graph.hasNode(nodeId)) return 'unknown_node';
  const timestamp = store.nodeTimestamp(nodeId) ?? -1;
  if (message.timestamp > timestamp) return undefined;
  return message.timestamp === timestamp ? 'duplicate' : 'stale';
}

/** BOLT 7 forbids to pass on more than one hostname; what cannot be read is of no use to anyone. */
export function areAddressesSound({ message }: Node): boolean {
  try {
    return decodeAddresses(message.addresses).mayForward;
  } catch (error) {
    if (error instanceof RunnelError) return false;
    throw error;
  }
}

/** The channel is known, with these nodes; if with others, the message may be an equivocation and is looked at. */
export function isAnnounced({ message }: Announcement, { graph }: GossipStore): boolean {
  const known = graph.channel(message.shortChannelId);
  return known?.nodeId1 === toString(message.nodeId1, 'hex') && known.nodeId2 === toString(message.nodeId2, 'hex');
}

/** BOLT 7: equal is what has the same fields; the signature may differ, anyone can change its sign. */
function isSameUpdate(gossip: Update, store: GossipStore): boolean {
  const known = store.update(gossip.message.shortChannelId, updateDirection(gossip.message));
  return known !== undefined && equals(signedHash(decodeGossip(known)), signedHash(gossip));
}
