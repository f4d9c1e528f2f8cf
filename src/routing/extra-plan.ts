import type { NodeId } from '../network/network.ts';
import { directionOf, type EdgePolicy } from './channel.ts';
import type { Excluded } from './excluded.ts';
import type { ChannelGraph } from './graph.ts';
import { directionKeyOf, type ChannelDirection } from './liquidity.ts';
import { clampMsat, MAX_AMOUNT_MSAT } from './msat.ts';
import { policyOfHint, type RouteRequest } from './request.ts';

/** An edge that a request brings. */
export interface ExtraPlan extends ChannelDirection {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly policy: EdgePolicy;
  readonly capacity: number;
  /** The edge of the graph whose place it takes. */
  readonly replaces?: number;
}

/**
 * The edges of a request's hints, and those to which the payment has its own policy or its own limit, which hide the graph's.
 */
export function* plansOf(graph: ChannelGraph, self: NodeId, request: RouteRequest, excluded: Excluded): IterableIterator<ExtraPlan> {
  const overrides = new Map((request.policyOverrides ?? []).map((override) => [directionKeyOf(override), override]));
  for (const hint of request.routeHints ?? []) {
    for (const [index, hop] of hint.entries()) {
      const { nodeId: from, shortChannelId } = hop;
      const to = hint[index + 1]?.nodeId ?? request.payee;
      if (from === self || from === to) continue;
      const edge = { shortChannelId, direction: directionOf(from, to) };
      // Some hint at announced channels too: gossip knows more of these, above all what they can hold.
      if (isRoutable(graph, edge, from)) continue;
      const policy = overrides.get(directionKeyOf(edge))?.policy ?? policyOfHint(hop);
      yield { ...edge, from, to, policy, capacity: MAX_AMOUNT_MSAT };
    }
  }
  for (const edge of excluded.capped()) {
    const policy = graph.policy(edge.shortChannelId, edge.direction);
    const key = directionKeyOf(edge);
    if (policy !== undefined && !overrides.has(key)) overrides.set(key, { ...edge, policy });
  }
  for (const { shortChannelId, direction, policy } of overrides.values()) {
    const channel = graph.channel(shortChannelId);
    const c = graph.channelIndex(shortChannelId);
    const edge = { shortChannelId, direction };
    if (channel === undefined || c === undefined || !channel.usable || excluded.has(edge)) continue;
    const [from, to] = direction === 0 ? [channel.nodeId1, channel.nodeId2] : [channel.nodeId2, channel.nodeId1];
    yield { ...edge, from, to, policy, capacity: clampMsat(channel.capacityMsat), replaces: 2 * c + direction };
  }
}

/** Whether the graph itself has that direction of a channel, out of that node. */
function isRoutable(graph: ChannelGraph, { shortChannelId, direction }: ChannelDirection, from: NodeId): boolean {
  const channel = graph.channel(shortChannelId);
  if (channel?.usable !== true || (direction === 0 ? channel.nodeId1 : channel.nodeId2) !== from) return false;
  return graph.policy(shortChannelId, direction)?.disabled === false;
}

/** Nodes that a request may bring beside the graph's, with so many peers of ours: those of its hints and its exclusions, its payee and ourselves. */
export function mostExtraNodes(peers: number, { routeHints = [], exclude }: RouteRequest): number {
  const hintHops = routeHints.reduce((sum, hint) => sum + hint.length, 0);
  return peers + hintHops + (exclude?.nodes?.length ?? 0) + 2;
}
