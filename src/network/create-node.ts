import './polyfill.ts';
import './key-signatures.ts';
import { noise } from '@chainsafe/libp2p-noise';
import { yamux } from '@libp2p/yamux';
import { privateKeyFromRaw } from '@libp2p/crypto/keys';
import type { GossipSub } from '@libp2p/gossipsub';
import { identify } from '@libp2p/identify';
import type { Identify } from '@libp2p/identify';
import type { Libp2p, PeerId, PrivateKey } from '@libp2p/interface';
import type { KadDHT } from '@libp2p/kad-dht';
import { ping } from '@libp2p/ping';
import type { Ping } from '@libp2p/ping';
import { tcp } from '@libp2p/tcp';
import { CODE_UNIX, multiaddr } from '@multiformats/multiaddr';
import type { Multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import { systemClock, type Clock } from '../runtime/clock.ts';
import { dhtService } from './dht.ts';
import { NetworkError } from './errors.ts';
import { gossipService } from './gossip-topic.ts';
import { InboundRate } from './inbound-rate.ts';
import type { Liars } from './liars.ts';
import type { NetworkLimits } from './limits.ts';
import { nodeIdOf } from './node-ids.ts';
import { noiseCrypto } from './noise-crypto.ts';

export type NodeServices = {
  identify: Identify;
  ping: Ping;
  dht: KadDHT;
  pubsub: GossipSub;
};

export interface NodeOptions {
  readonly privateKey: PrivateKey;
  readonly listen: readonly string[];
  readonly announce: readonly string[];
  readonly topic: string;
  readonly limits: NetworkLimits;
  readonly liars: Pick<Liars, 'isDistrusted' | 'isRefused'>;
  readonly clock?: Clock;
}

/** What a slow reader can have waiting in memory for one stream; below it the stream is never reset for being full. */
const STREAM_WINDOW_BYTES = 1024 * 1024;
const STREAM_BUFFER_BYTES = 4 * STREAM_WINDOW_BYTES;
const MAX_STREAMS_PER_CONNECTION = 256;
/** The connection monitor's pings share this bound; several at once happen when a peer is slow to answer. */
const MAX_PING_STREAMS = 8;
const MAX_PENDING_INBOUND = 64;

/**
 * A libp2p node, not started, whose peer id is the node id: TCP, noise, yamux, gossipsub and kad-dht.
 * @throws NetworkError `invalid_config`
 */
export async function createNode(options: NodeOptions): Promise<Libp2p<NodeServices>> {
  const { limits, privateKey, liars } = options;
  const isRefused = (peer: PeerId): boolean => {
    const nodeId = nodeIdOf(peer.toString());
    return nodeId === undefined || liars.isRefused(nodeId);
  };
  const rate = new InboundRate(options.clock ?? systemClock, limits);
  const listen = options.listen.map(configuredAddress);
  const announce = options.announce.map(configuredAddress);
  const node: Libp2p<NodeServices> = await createLibp2p({
    start: false,
    privateKey,
    nodeInfo: { name: 'runnel', userAgent: 'runnel' },
    addresses: { listen: listen.map(String), announce: announce.map(String) },
    transports: [tcp()],
    connectionEncrypters: [noise({ crypto: noiseCrypto })],
    streamMuxers: [
      yamux({
        maxInboundStreams: MAX_STREAMS_PER_CONNECTION,
        maxOutboundStreams: MAX_STREAMS_PER_CONNECTION,
        streamOptions: { maxStreamWindowSize: STREAM_WINDOW_BYTES, maxReadBufferLength: STREAM_BUFFER_BYTES },
      }),
    ],
    connectionManager: {
      maxConnections: limits.maxConnections,
      maxIncomingPendingConnections: MAX_PENDING_INBOUND,
      inboundConnectionThreshold: limits.maxInboundPerSecond,
      // Or silent connections would keep their places, of which there are so few, twice as long.
      inboundUpgradeTimeout: limits.handshakeTimeoutMs,
      dialTimeout: limits.connectTimeoutMs,
      addressDialTimeout: limits.connectTimeoutMs,
      // Coming back to a peer is the peer machine's business, and it gives up less soon.
      reconnectRetries: 0,
    },
    connectionMonitor: {
      pingInterval: limits.pingIntervalMs,
      pingTimeout: { minTimeout: limits.pingTimeoutMs, maxTimeout: limits.pingTimeoutMs },
    },
    connectionGater: {
      denyDialPeer: isRefused,
      // The transport would open sockets of this machine, and whoever says where a peer is may say such a thing.
      denyDialMultiaddr: (address) => address.getComponents().some(({ code }) => code === CODE_UNIX),
      denyInboundConnection: ({ remoteAddr }) => !rate.admits(remoteAddr.getComponents()[0]?.value ?? ''),
      // Nodes are known by secp256k1 keys; one of them does not get to use up all connections.
      denyInboundEncryptedConnection: (peerId) => isRefused(peerId) || node.getConnections(peerId).length >= limits.maxConnectionsPerPeer,
    },
    services: {
      identify: identify(),
      ping: ping({ maxInboundStreams: MAX_PING_STREAMS, maxOutboundStreams: MAX_PING_STREAMS }),
      dht: dhtService,
      pubsub: gossipService(options.topic, liars),
    },
  });
  return node;
}

/**
 * The node key as libp2p wants it, from its 32 bytes.
 * @throws NetworkError `invalid_config`
 */
export function nodeKey(bytes: Uint8Array): PrivateKey {
  try {
    const key = privateKeyFromRaw(bytes);
    if (key.type === 'secp256k1') return key;
  } catch {
    // Said below, without the bytes.
  }
  throw new NetworkError('invalid_config', `expected a secp256k1 private key of 32 bytes, got ${bytes.length} bytes`);
}

/** @throws NetworkError `invalid_config` */
export function configuredAddress(address: string): Multiaddr {
  try {
    return multiaddr(address);
  } catch (error) {
    const example = '/ip4/127.0.0.1/tcp/9735';
    throw new NetworkError('invalid_config', `expected a multiaddr such as ${example}, got "${address}"`, { address }, {
      cause: error,
    });
  }
}
