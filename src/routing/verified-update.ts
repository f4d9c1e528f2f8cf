import { concat, equals, fromString } from 'uint8arrays';
import { RunnelError } from '../../protocols/errors.ts';
import { updateDirection, verifyChannelUpdate } from '../../protocols/gossip/channel-update.ts';
import { decodeGossip, isGossip } from '../../protocols/gossip/gossip-message.ts';
import { MESSAGE_TYPE_NUMBERS } from '../../protocols/wire/messages.ts';
import type { NodeId } from '../network/network.ts';
import { policyOf, type EdgePolicy } from './channel.ts';
import type { ChannelDirection } from './liquidity.ts';

/**
 * The policy in a `channel_update` that did not come as gossip, but in a failure message or from the channel's own
 * peer, if the update is whole, for that edge, and signed by the node where the edge starts; undefined for anything
 * else, which may be as hostile as its sender likes. BOLT 7: such an update is told to no one else.
 */
export function readVerifiedUpdate(
  bytes: Uint8Array, chainHash: Uint8Array, nodeId: NodeId, edge: ChannelDirection,
): EdgePolicy | undefined {
  if (bytes.length === 0) return undefined;
  try {
    const gossip = decodeGossip(withType(bytes));
    if (!isGossip(gossip, 'channel_update')) return undefined;
    const { message } = gossip;
    const isAboutEdge = message.shortChannelId === edge.shortChannelId && updateDirection(message) === edge.direction;
    if (!isAboutEdge || !equals(message.chainHash, chainHash)) return undefined;
    verifyChannelUpdate(gossip, fromString(nodeId, 'hex'));
    return policyOf(message);
  } catch (error) {
    if (error instanceof RunnelError) return undefined;
    throw error;
  }
}

/** BOLT 4 leaves open whether the two bytes of the message's type stand first, and nodes do either. */
function withType(bytes: Uint8Array): Uint8Array {
  const type = MESSAGE_TYPE_NUMBERS.channel_update;
  const prefix = Uint8Array.of(type >> 8, type & 0xff);
  return equals(bytes.subarray(0, 2), prefix) ? bytes : concat([prefix, bytes]);
}
