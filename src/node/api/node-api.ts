import { peerIdFromNodeId } from '../../../protocols/ids.ts';
import { fromString } from 'uint8arrays';
import type { NodeApi } from '../../api/contract.ts';
import { ApiError } from '../../api/errors.ts';
import { hexOf } from '../../channels/channel-store.ts';
import type { Node } from '../node.ts';
import { dialable } from './dialable.ts';
import { auditApi } from './audit-api.ts';
import { backupApi } from './backup-api.ts';
import { channelsApi } from './channels-api.ts';
import { forwardsApi } from './forwards-api.ts';
import { graphApi } from './graph-api.ts';
import { momentsApi } from './moments-api.ts';
import { overviewApi } from './overview-api.ts';
import { paymentsApi } from './payments-api.ts';
import { alarmsOf, isClosing, pendingApi } from './pending-api.ts';
import { probesApi } from './probes-api.ts';
import { routesApi } from './routes-api.ts';
import { aliasOf } from './shown-channel.ts';
import { walletApi } from './wallet-api.ts';

type PeerMethods = Pick<NodeApi, 'connect' | 'disconnect' | 'peers'>;

/** The node as its API shows it: what stands in front of a `Node`, over HTTP or in process. */
export function nodeApi(node: Node): NodeApi {
  return {
    getinfo: () => getinfo(node),
    ...overviewApi(node),
    ...walletApi(node),
    ...peersApi(node),
    ...channelsApi(node),
    ...momentsApi(node),
    ...auditApi(node),
    ...pendingApi(node),
    ...backupApi(node),
    ...graphApi(node),
    ...paymentsApi(node),
    ...probesApi(node),
    ...routesApi(node),
    ...forwardsApi(node),
  };
}

async function getinfo(node: Node): ReturnType<NodeApi['getinfo']> {
  const { chain, network, chainName, profile } = node.options;
  const channels = [...node.channels.all()];
  const best = await chain.tip();
  const normal = channels.filter(({ lifecycle }) => lifecycle === 'normal');
  const active = normal.filter(({ isUsable }) => isUsable);
  return {
    nodeId: node.nodeId,
    peerId: peerIdFromNodeId(fromString(node.nodeId, 'base16')).toString(),
    alias: profile.alias,
    color: `#${hexOf(profile.rgbColor)}`,
    network: chainName,
    blockHeight: node.height,
    blockHash: node.feed.tip?.hash ?? best.hash,
    syncedToChain: node.feed.tip?.hash === best.hash,
    addresses: [...new Set([...profile.announce, ...network.listenAddresses().flatMap(dialable)])],
    numPeers: node.peers.list().filter(({ isConnected }) => isConnected).length,
    numActiveChannels: active.length,
    numInactiveChannels: normal.length - active.length,
    numPendingChannels: channels.length - normal.length,
    numClosingChannels: channels.filter(isClosing).length,
    numGraphNodes: node.graph.nodeCount,
    numGraphChannels: node.graph.channelCount,
    alarms: alarmsOf(node),
  };
}

function peersApi(node: Node): PeerMethods {
  const view = (nodeId: string): Awaited<ReturnType<PeerMethods['connect']>> => {
    const peer = node.peers.list().find((known) => known.nodeId === nodeId);
    const alias = aliasOf(node, nodeId);
    return {
      nodeId,
      ...(alias !== undefined && { alias }),
      ...(peer?.address !== undefined && { address: peer.address }),
      connected: peer?.isConnected ?? false,
      ...(peer && { inbound: peer.inbound, features: hexOf(peer.features) }),
      numChannels: node.channels.ofPeer(nodeId).length,
      ...(peer?.isApart === true && { heldApart: true }),
    };
  };
  return {
    connect: async ({ nodeId, address }) => {
      if (nodeId === node.nodeId) throw new ApiError('invalid', 'peer_is_self', 'this is the node itself');
      node.peers.admit(nodeId);
      await node.peers.connect(nodeId, address);
      return view(nodeId);
    },
    disconnect: async ({ nodeId, force, stay }) => {
      if (stay === true) {
        await node.peers.keepApart(nodeId);
        return {};
      }
      const channels = node.channels.ofPeer(nodeId).length;
      if (channels > 0 && force !== true) {
        throw new ApiError('conflict', 'peer_has_channels', channels === 1 ? `there is a channel with ${nodeId}` : `there are ${channels} channels with ${nodeId}`, { hint: 'disconnect it all the same with --force, or for longer than a moment with --stay' });
      }
      await node.peers.disconnect(nodeId, 'asked to by the user');
      return {};
    },
    peers: async () => {
      const known = new Set([...node.peers.list().map(({ nodeId }) => nodeId), ...[...node.channels.all()].map(({ data }) => hexOf(data.remoteNodeId))]);
      return { peers: [...known].map(view) };
    },
  };
}
