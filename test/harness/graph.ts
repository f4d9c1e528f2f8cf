import type { NodeId } from '../../src/network/network.ts';
import { directionOf, type EdgePolicy } from '../../src/routing/channel.ts';
import { ChannelGraph } from '../../src/routing/graph.ts';
import type { LocalChannel } from '../../src/routing/request.ts';

/** A node id that sorts and reads like its name. */
export function nodeNamed(name: string): NodeId {
  const hex = [...name].map((letter) => letter.charCodeAt(0).toString(16)).join('');
  return `02${hex.padEnd(64, '0')}`;
}

/** A channel that asks for nothing and takes anything, unless `changes` says so. */
export function policy(changes: Partial<EdgePolicy> = {}): EdgePolicy {
  return {
    timestamp: 1,
    disabled: false,
    cltvExpiryDelta: 40,
    htlcMinimumMsat: 0n,
    htlcMaximumMsat: 1_000_000_000n,
    feeBaseMsat: 0,
    feeProportionalMillionths: 0,
    ...changes,
  };
}

/**
 * Adds a channel between two named nodes, with the policies of `from` (towards `to`) and of `to` (towards `from`);
 * undefined: no update known. Its capacity is 1,000,000 sat, unless said.
 */
export function connect(
  graph: ChannelGraph, shortChannelId: bigint, from: string, to: string, there?: EdgePolicy, back?: EdgePolicy,
  capacityMsat = 1_000_000_000n,
): void {
  const [nodeId1, nodeId2] = [nodeNamed(from), nodeNamed(to)].sort() as [NodeId, NodeId];
  graph.addChannel({ shortChannelId, nodeId1, nodeId2, capacityMsat, usable: true });
  const direction = directionOf(nodeNamed(from), nodeNamed(to));
  if (there !== undefined) graph.applyUpdate(shortChannelId, direction, there);
  if (back !== undefined) graph.applyUpdate(shortChannelId, direction === 0 ? 1 : 0, back);
}

/** One of our own channels, online and full. */
export function localChannel(shortChannelId: bigint, peer: string, changes: Partial<LocalChannel> = {}): LocalChannel {
  return {
    shortChannelId,
    peer: nodeNamed(peer),
    spendableMsat: 1_000_000_000n,
    htlcMinimumMsat: 0n,
    htlcMaximumMsat: 1_000_000_000n,
    online: true,
    ...changes,
  };
}
