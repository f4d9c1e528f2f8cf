import { isDisabled } from '../../protocols/gossip/channel-update.ts';
import type { MessageOf } from '../../protocols/wire/messages.ts';
import type { NodeId } from '../network/network.ts';
import { RoutingError } from './errors.ts';

/** 0: from `nodeId1` to `nodeId2`; 1: the other way. BOLT 7's `direction` bit of `channel_flags`. */
export type Direction = 0 | 1;

/**
 * What one side of a channel asks of those who route through it towards the other side: the content of a
 * `channel_update`.
 */
export interface EdgePolicy {
  readonly timestamp: number;
  readonly disabled: boolean;
  readonly cltvExpiryDelta: number;
  readonly htlcMinimumMsat: bigint;
  readonly htlcMaximumMsat: bigint;
  readonly feeBaseMsat: number;
  readonly feeProportionalMillionths: number;
}

/** A channel as it is announced. `nodeId1` is the lexicographically lesser id (BOLT 7). */
export interface GraphChannel {
  readonly shortChannelId: bigint;
  readonly nodeId1: NodeId;
  readonly nodeId2: NodeId;
  readonly capacityMsat: bigint;
  /** False: kept, but not for routing (an unknown even feature bit, or a funding output that has been spent). */
  readonly usable: boolean;
}

const NODE_ID = /^0[23][0-9a-f]{64}$/;
const MAX_U64 = 2n ** 64n - 1n;
const MAX_U32 = 2 ** 32 - 1;

/** Throws `RoutingError` unless it is a 33-byte compressed public key in lower-case hex. */
export function checkNodeId(nodeId: string): void {
  if (!NODE_ID.test(nodeId)) {
    throw new RoutingError(
      'invalid_node_id', `expected a node id of 66 lower-case hex digits, got ${JSON.stringify(nodeId).slice(0, 80)}`,
    );
  }
}

/** BOLT 7: the direction of an edge is 0 if it starts at the lexicographically lesser node id. */
export function directionOf(from: NodeId, to: NodeId): Direction {
  return from < to ? 0 : 1;
}

/** The policy that an update announces, as the graph has it. */
export function policyOf(update: MessageOf<'channel_update'>): EdgePolicy {
  return {
    timestamp: update.timestamp,
    disabled: isDisabled(update),
    cltvExpiryDelta: update.cltvExpiryDelta,
    htlcMinimumMsat: update.htlcMinimumMsat,
    htlcMaximumMsat: update.htlcMaximumMsat,
    feeBaseMsat: update.feeBaseMsat,
    feeProportionalMillionths: update.feeProportionalMillionths,
  };
}

/** Throws `RoutingError` on values that no `channel_announcement` can carry; `isKnown` are the node ids that have been checked. */
export function checkChannel(
  { shortChannelId, nodeId1, nodeId2, capacityMsat }: GraphChannel, isKnown: (nodeId: NodeId) => boolean,
): void {
  if (shortChannelId < 0n || shortChannelId > MAX_U64) {
    throw new RoutingError('invalid_short_channel_id', `expected a short channel id of 64 bits, got ${shortChannelId}`);
  }
  for (const nodeId of [nodeId1, nodeId2]) if (!isKnown(nodeId)) checkNodeId(nodeId);
  if (nodeId1 >= nodeId2) {
    throw new RoutingError('invalid_channel', `node_id_1 must be less than node_id_2, got ${nodeId1} and ${nodeId2}`);
  }
  if (capacityMsat < 0n) {
    throw new RoutingError('invalid_channel', `expected a capacity of at least 0 msat, got ${capacityMsat}`);
  }
}

/** Throws `RoutingError` on values that no `channel_update` can carry. */
export function checkPolicy(policy: EdgePolicy): void {
  const u32: (keyof EdgePolicy)[] = ['timestamp', 'feeBaseMsat', 'feeProportionalMillionths'];
  for (const field of u32) checkInteger(field, policy[field], MAX_U32);
  checkInteger('cltvExpiryDelta', policy.cltvExpiryDelta, 0xffff);
  for (const field of ['htlcMinimumMsat', 'htlcMaximumMsat'] as const) {
    if (policy[field] < 0n || policy[field] > MAX_U64) {
      throw new RoutingError('invalid_policy', `expected ${field} in 64 bits, got ${policy[field]}`);
    }
  }
}

function checkInteger(field: string, value: unknown, max: number): void {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > max) {
    throw new RoutingError(
      'invalid_policy', `expected ${field} to be an integer from 0 to ${max}, got ${String(value)}`,
    );
  }
}
