import { decodeAlias } from '../../../protocols/gossip/node-announcement.ts';
import { formatScid } from '../../../protocols/gossip/short-channel-id.ts';
import type { NodeApi, Output } from '../../api/contract.ts';
import { hexOf } from '../../channels/channel-store.ts';
import type { EdgePolicy } from '../../routing/channel.ts';
import { announcedAddresses } from '../../gossip/announced-addresses.ts';
import { knownNode } from '../../gossip/known-node.ts';
import type { Node } from '../node.ts';

type GraphNode = Output<'graph'>['nodes'][number];
type GraphChannel = Output<'graph'>['channels'][number];

/** The network as gossip tells it, through the API. */
export function graphApi(node: Node): Pick<NodeApi, 'graph'> {
  const { graph } = node;
  return {
    graph: async ({ nodeId }) => {
      const scids = nodeId === undefined ? [...graph.shortChannelIds()] : graph.channelsOf(nodeId);
      const channels = scids.flatMap((scid) => channelView(node, scid));
      const ids = nodeId === undefined ? graph.nodeIds() : new Set([nodeId, ...channels.flatMap(({ node1, node2 }) => [node1, node2])]);
      return { nodes: [...ids].map((id) => nodeView(node, id)), channels };
    },
  };
}

function channelView({ graph }: Node, scid: bigint): GraphChannel[] {
  const channel = graph.channel(scid);
  if (channel === undefined) return [];
  const [policy1, policy2] = [graph.policy(scid, 0), graph.policy(scid, 1)].map((policy) => policy && policyView(policy));
  return [
    {
      shortChannelId: formatScid(scid),
      node1: channel.nodeId1,
      node2: channel.nodeId2,
      capacitySat: channel.capacityMsat / 1000n,
      ...(policy1 && { policy1 }),
      ...(policy2 && { policy2 }),
    },
  ];
}

function policyView(policy: EdgePolicy): NonNullable<GraphChannel['policy1']> {
  return {
    feeBaseMsat: BigInt(policy.feeBaseMsat),
    feeProportionalMillionths: policy.feeProportionalMillionths,
    cltvExpiryDelta: policy.cltvExpiryDelta,
    htlcMinimumMsat: BigInt(policy.htlcMinimumMsat),
    htlcMaximumMsat: BigInt(policy.htlcMaximumMsat),
    disabled: policy.disabled,
    updatedAt: policy.timestamp,
  };
}

function nodeView(node: Node, nodeId: string): GraphNode {
  const gossip = knownNode(node.gossip.store, nodeId);
  if (gossip === undefined) return { nodeId, addresses: [] };
  const { alias, rgbColor, features, timestamp } = gossip.message;
  return {
    nodeId,
    ...(decodeAlias(alias) !== '' && { alias: decodeAlias(alias) }),
    color: `#${hexOf(rgbColor)}`,
    addresses: announcedAddresses(node.gossip.store, nodeId),
    features: hexOf(features),
    updatedAt: timestamp,
  };
}
