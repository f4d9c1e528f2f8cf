/** What other nodes and a node's parts have to do with each other: peers, gossip, and what the network tells. */
import { hasFeature } from '../../protocols/wire/features.ts';
import { hexOf } from '../channels/channel-store.ts';
import { GossipService } from '../gossip/gossip-service.ts';
import type { NetworkHandlers, NodeId } from '../network/network.ts';
import { PeerManager } from '../peers/peer-manager.ts';
import { PeerStore } from '../peers/peer-store.ts';
import { initFeatures, nodeFeatures } from './features.ts';
import type { Node } from './node.ts';
import { PeerRouter } from './peer-router.ts';

/** The gossip of a node that is being made. */
export function createGossip(node: Node): GossipService {
  const { chain, gossipChain, chainHash, database, network, clock, signatures, logger } = node.options;
  return new GossipService({
    self: node.nodeId,
    chainHash,
    chain: gossipChain ?? chain,
    database,
    network,
    graph: node.graph,
    apply: (change) => node.router.applyGossip(change),
    clock,
    knownFeatures: nodeFeatures,
    signatures,
    // A stack says something only where a mistake is ours.
    onProblem: (error) => logger.warn(error.code === 'gossip_internal' ? { err: error } : { code: error.code }, `gossip: ${error.message}`),
  });
}

/** The peers of a node that is being made. */
export function createPeers(node: Node): PeerManager {
  const { network, clock, logger, database, chainHash, peerTiming } = node.options;
  return new PeerManager({
    network,
    clock,
    logger,
    store: new PeerStore(database),
    features: initFeatures,
    chainHash,
    ...(peerTiming && { timing: peerTiming }),
    handlers: new PeerRouter({
      channels: node.channels,
      dispatcher: node.dispatcher,
      opener: node.opener,
      clock,
      logger,
      send: (nodeId, messages) => node.peers.send(nodeId, messages),
      onGossip: (nodeId, bytes) => gossipFromPeer(node, nodeId, bytes),
      onPeer: (nodeId, isUp) => peerChanged(node, nodeId, isUp),
    }),
  });
}

/** Whom each thing that the network tells concerns. */
export function networkHandlers(node: Node): NetworkHandlers {
  const { peers, gossip } = node;
  return {
    onPeerConnected: (nodeId, info) => peers.linkUp(nodeId, info),
    onPeerAddress: (nodeId, address) => peers.addressSaid(nodeId, address),
    onPeerDisconnected: (nodeId, reason) => peers.linkDown(nodeId, reason),
    onMessage: (nodeId, bytes) => peers.message(nodeId, bytes),
    onGossip: (message, from) => gossip.onGossip(message, from),
    onGossipDistrusted: (nodeId) => keepsLiar(node, nodeId),
    onSyncRequest: (from, request) => gossip.onSyncRequest(from, request),
  };
}

function peerChanged({ options: { clock, events }, backups, gossip, peers }: Node, nodeId: NodeId, isUp: boolean): void {
  events.publish({ type: 'peer', timeMs: clock.now(), nodeId, connected: isUp });
  if (isUp) backups.peerConnected(nodeId);
  if (isUp) gossip.peerConnected(nodeId, hasFeature(peers.features(nodeId), 'gossip_queries'));
  else gossip.peerDisconnected(nodeId);
}

/** BOLT 7 lets a node close the connection to a peer that tells forgeries; one with a channel is kept for what is in it. */
function keepsLiar({ gossip, channels, options: { logger } }: Node, nodeId: NodeId): boolean {
  gossip.peerDistrusted(nodeId);
  const isKept = [...channels.all()].some(({ data }) => hexOf(data.remoteNodeId) === nodeId);
  if (!isKept) logger.warn({ nodeId }, 'hanging up on a peer whose gossip is false');
  return isKept;
}

/** BOLT 7: over its link a Lightning peer tells all that it hears, and any peer its update of a channel that is not announced. */
function gossipFromPeer({ gossip, updates }: Node, nodeId: NodeId, bytes: Uint8Array): void {
  if (gossip.onDirectGossip(bytes, nodeId)) updates.noteTheirs(nodeId, bytes);
}
