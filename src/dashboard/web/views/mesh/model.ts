/** The mesh as it is drawn: nodes, the channels between them, and who has what of each, made of what the APIs tell. */
import { msatOf, satToMsat } from '../../lib/amounts.ts';
import { nameOr } from '../../lib/text.ts';
import type { ClusterMesh, Output } from '../../api/types.ts';

export type NodeState = 'up' | 'starting' | 'down' | 'unknown';
export type ChannelLook = 'open' | 'opening' | 'offline' | 'closing' | 'cut';

export interface MeshNode {
  readonly id: string;
  readonly name: string;
  readonly state: NodeState;
  /** The node that serves the page. */
  readonly isOwn: boolean;
}

export interface MeshChannel {
  /** Short channel id, or the channel id as long as it has none. */
  readonly key: string;
  /** Known of the own channels only. */
  readonly channelId?: string;
  readonly a: string;
  readonly b: string;
  readonly capacityMsat: bigint;
  /** Known of the own channels only: what each side has, HTLCs in flight excluded. */
  readonly balance?: { readonly aMsat: bigint; readonly bMsat: bigint };
  readonly look: ChannelLook;
  readonly state: string;
}

export interface Mesh {
  readonly nodes: ReadonlyMap<string, MeshNode>;
  readonly channels: ReadonlyMap<string, MeshChannel>;
}

export const emptyMesh: Mesh = { nodes: new Map(), channels: new Map() };

type Summary = Output<'channels'>['channels'][number];

/** What a plain node knows: the network as gossip tells it, with its own channels and peers. */
export function meshOfNode(known: {
  readonly info: Output<'getinfo'>;
  readonly graph: Output<'graph'>;
  readonly channels: readonly Summary[];
  readonly peers: Output<'peers'>['peers'];
}): Mesh {
  const { info, graph, channels, peers } = known;
  const nodes = new Map<string, MeshNode>();
  const add = (id: string, alias: string | undefined, state: NodeState = 'unknown', isOwn = false): void => {
    const earlier = nodes.get(id);
    nodes.set(id, { id, name: nameOr(alias, id), isOwn, state: earlier === undefined || state !== 'unknown' ? state : earlier.state });
  };
  for (const { nodeId, alias } of graph.nodes) add(nodeId, alias);
  for (const { nodeId, alias, connected } of peers) add(nodeId, alias ?? nodes.get(nodeId)?.name, connected ? 'up' : 'down');
  for (const { nodeId, alias } of channels) if (!nodes.has(nodeId)) add(nodeId, alias, 'down');
  add(info.nodeId, info.alias, 'up', true);

  const drawn = new Map<string, MeshChannel>();
  for (const { shortChannelId, node1, node2, capacitySat } of graph.channels) {
    for (const id of [node1, node2]) if (!nodes.has(id)) add(id, undefined);
    drawn.set(shortChannelId, {
      key: shortChannelId,
      a: node1,
      b: node2,
      capacityMsat: satToMsat(capacitySat),
      look: 'open',
      state: 'announced',
    });
  }
  for (const channel of channels) {
    const own = channelOf(channel, info.nodeId);
    drawn.set(own.key, own);
  }
  return { nodes, channels: drawn };
}

/** A whole cluster, each channel as one of its two nodes tells it. */
export function meshOfCluster(cluster: ClusterMesh, channels: ReadonlyMap<string, readonly Summary[]>): Mesh {
  const nodes = new Map(cluster.nodes.map(({ name, nodeId, state }) => [nodeId, { id: nodeId, name, state, isOwn: false }]));
  const idOf = new Map(cluster.nodes.map(({ name, nodeId }) => [name, nodeId]));
  const cut = new Set(cluster.links.filter(({ isCut }) => isCut).map(({ a, b }) => pairKey(idOf.get(a) ?? a, idOf.get(b) ?? b)));
  const drawn = new Map<string, MeshChannel>();
  for (const [name, summaries] of channels) {
    const id = idOf.get(name);
    if (id === undefined) continue;
    for (const summary of summaries) {
      const channel = channelOf(summary, id);
      const isKnown = nodes.has(channel.a) && nodes.has(channel.b);
      if (!isKnown || (drawn.has(channel.key) && nodes.get(id)?.state !== 'up')) continue;
      const isDown = [channel.a, channel.b].some((end) => nodes.get(end)?.state !== 'up');
      const isCut = cut.has(pairKey(channel.a, channel.b));
      const look = isCut ? 'cut' : channel.look === 'open' && isDown ? 'offline' : channel.look;
      drawn.set(channel.key, { ...channel, look });
    }
  }
  return { nodes, channels: drawn };
}

/** What a node of a cluster tells of one of its channels. */
export interface ToldChannel extends Pick<Summary, 'channelId' | 'state' | 'connection' | 'localMsat' | 'remoteMsat'> {
  readonly node: string;
}

/** The nodes' channels with what events tell; `unknown` are the nodes that have others now, and must be asked for them. */
export function withTold(
  channels: ReadonlyMap<string, readonly Summary[]>,
  told: readonly ToldChannel[],
): { readonly channels: ReadonlyMap<string, readonly Summary[]>; readonly unknown: ReadonlySet<string> } {
  const next = new Map(channels);
  const unknown = new Set<string>();
  const byNode = new Map(told.map(({ node }) => [node, new Map<string, ToldChannel>()]));
  for (const one of told) byNode.get(one.node)?.set(one.channelId, one);
  for (const [node, last] of byNode) {
    const summaries = (channels.get(node) ?? []).map((summary) => {
      const one = last.get(summary.channelId);
      if (one === undefined || one.state !== summary.state) return summary;
      last.delete(summary.channelId);
      const { connection, localMsat, remoteMsat } = one;
      return { ...summary, connection, localMsat, remoteMsat };
    });
    next.set(node, summaries);
    if (last.size > 0) unknown.add(node);
  }
  return { channels: next, unknown };
}

function channelOf(channel: Summary, ownId: string): MeshChannel {
  const { channelId, shortChannelId, nodeId, state, connection, capacitySat, localMsat, remoteMsat } = channel;
  // Both ends tell of the same channel: it must look the same whoever is heard last.
  const isA = ownId < nodeId;
  const [aMsat, bMsat] = isA ? [localMsat, remoteMsat] : [remoteMsat, localMsat];
  return {
    key: shortChannelId ?? channelId,
    channelId,
    a: isA ? ownId : nodeId,
    b: isA ? nodeId : ownId,
    capacityMsat: satToMsat(capacitySat),
    balance: { aMsat: msatOf(aMsat), bMsat: msatOf(bMsat) },
    look: lookOf(state, connection),
    state,
  };
}

function lookOf(state: string, connection: string): ChannelLook {
  if (state === 'opening' || state === 'confirming') return 'opening';
  if (state !== 'normal') return 'closing';
  return connection === 'online' ? 'open' : 'offline';
}

const pairKey = (a: string, b: string): string => (a < b ? `${a} ${b}` : `${b} ${a}`);
