/** Who pays whom on a graph. */
import type { NodeId } from '../../src/network/network.ts';
import { SeededRandom } from '../../src/cluster/seeded-random.ts';
import { directionOf } from '../../src/routing/channel.ts';
import type { ChannelGraph } from '../../src/routing/graph.ts';
import type { LocalChannel } from '../../src/routing/request.ts';

export interface Pair {
  readonly payer: NodeId;
  readonly payee: NodeId;
}

/** Random pairs of nodes in the largest part of the graph that is connected by channels with a policy. Without an end. */
export function* pairsOf(graph: ChannelGraph, seed: string): IterableIterator<Pair> {
  const nodes = largestComponent(graph);
  const random = new SeededRandom(seed);
  const pick = (): NodeId => nodes[random.below(nodes.length)] as NodeId;
  for (;;) {
    const [payer, payee] = [pick(), pick()];
    if (payer !== payee) yield { payer, payee };
  }
}

/** A node's channels as its own router would know them, if all of each were its own and every peer online. */
export function localChannelsOf(graph: ChannelGraph, nodeId: NodeId): LocalChannel[] {
  return graph.channelsOf(nodeId).flatMap((shortChannelId) => {
    const channel = graph.channel(shortChannelId);
    if (channel === undefined) return [];
    const peer = channel.nodeId1 === nodeId ? channel.nodeId2 : channel.nodeId1;
    const policy = graph.policy(shortChannelId, directionOf(nodeId, peer));
    if (policy === undefined || policy.disabled) return [];
    const { htlcMinimumMsat, htlcMaximumMsat } = policy;
    return [{ shortChannelId, peer, spendableMsat: channel.capacityMsat, htlcMinimumMsat, htlcMaximumMsat, online: true }];
  });
}

function largestComponent(graph: ChannelGraph): NodeId[] {
  const seen = new Set<NodeId>();
  let largest: NodeId[] = [];
  for (const start of graph.nodeIds()) {
    if (seen.has(start)) continue;
    const component: NodeId[] = [];
    const queue = [start];
    seen.add(start);
    for (let nodeId = queue.pop(); nodeId !== undefined; nodeId = queue.pop()) {
      component.push(nodeId);
      for (const peer of peersOf(graph, nodeId)) {
        if (seen.has(peer)) continue;
        seen.add(peer);
        queue.push(peer);
      }
    }
    if (component.length > largest.length) largest = component;
  }
  return largest.sort();
}

function* peersOf(graph: ChannelGraph, nodeId: NodeId): IterableIterator<NodeId> {
  for (const shortChannelId of graph.channelsOf(nodeId)) {
    const isUsable = ([0, 1] as const).some((direction) => graph.policy(shortChannelId, direction)?.disabled === false);
    const channel = graph.channel(shortChannelId);
    if (isUsable && channel !== undefined) yield channel.nodeId1 === nodeId ? channel.nodeId2 : channel.nodeId1;
  }
}
