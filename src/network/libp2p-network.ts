import './polyfill.ts';
import { setMaxListeners } from 'node:events';
import type { Connection, IdentifyResult, Libp2p, PeerId, PrivateKey, Stream } from '@libp2p/interface';
import { CODE_P2P } from '@multiformats/multiaddr';
import { toString as bytesToString } from 'uint8arrays/to-string';
import { CHANNEL_PROTOCOL, GOSSIP_SYNC_PROTOCOL, gossipTopic } from '../../protocols/ids.ts';
import { systemClock } from '../runtime/clock.ts';
import type { Clock } from '../runtime/clock.ts';
import { configuredAddress, createNode, nodeKey } from './create-node.ts';
import type { NodeServices } from './create-node.ts';
import { deadline } from './deadline.ts';
import { dialPeer } from './dial-peer.ts';
import { NetworkError } from './errors.ts';
import { GossipTopic } from './gossip-topic.ts';
import { abortConnection, closeConnections } from './hang-up.ts';
import { Liars } from './liars.ts';
import { defaultNetworkLimits } from './limits.ts';
import type { NetworkLimits } from './limits.ts';
import { LinkTable } from './link-table.ts';
import { listenError } from './listen-error.ts';
import type { Network, NetworkHandlers, NodeId } from './network.ts';
import { nodeIdOf, peerIdOf } from './node-ids.ts';
import { saidAddress } from './said-address.ts';
import { answerSync, requestSync } from './sync-stream.ts';

export interface Libp2pNetworkOptions {
  /** The node key: the 32 bytes of a secp256k1 key. */
  readonly privateKey: Uint8Array;
  /** Multiaddrs to listen on; port 0 takes any free one. */
  readonly listen: readonly string[];
  /** Multiaddrs to tell others instead of those listened on. */
  readonly announce?: readonly string[];
  /** Nodes through which this one finds the others. */
  readonly bootstrap?: readonly { readonly nodeId: NodeId; readonly address: string }[];
  /** The chain whose gossip is shared; as in BOLT 7. */
  readonly chainHash: Uint8Array;
  readonly limits?: Partial<NetworkLimits>;
  readonly clock?: Clock;
}

/** How often lost bootstrap nodes are dialled again and lost gossip streams are opened again. */
const UPKEEP_INTERVAL_MS = 10_000;
/** One in use, and one of a peer that has lost it and opens another. */
const MAX_CHANNEL_STREAMS = 2;
const MAX_SYNC_STREAMS_PER_PEER = 2;
/** How often a link is tried anew within one connect, when its connection ends before it is up. */
const MAX_LINK_ATTEMPTS = 3;
const GOSSIP_PROTOCOL_PREFIX = '/meshsub/';

/**
 * The mesh over libp2p: its peer ids are the node ids, its channel streams carry BOLT messages.
 * @throws NetworkError `invalid_config` for a key that is none
 */
export function createLibp2pNetwork(options: Libp2pNetworkOptions): Network {
  return new Libp2pNetwork(options);
}

/** What exists between start and stop. */
interface Running {
  readonly node: Libp2p<NodeServices>;
  readonly links: LinkTable;
  readonly gossip: GossipTopic;
  readonly handlers: NetworkHandlers;
}

class Libp2pNetwork implements Network {
  readonly nodeId: NodeId;
  readonly #options: Libp2pNetworkOptions;
  readonly #privateKey: PrivateKey;
  readonly #limits: NetworkLimits;
  readonly #clock: Clock;
  readonly #stopping = new AbortController();
  #running: Running | undefined;
  #started = false;
  #cancelUpkeep = (): void => {};
  #syncStreams = 0;
  /** Where the peers at the other ends say that they can be dialled. */
  readonly #said = new WeakMap<Connection, string>();
  readonly #liars: Liars;

  constructor(options: Libp2pNetworkOptions) {
    this.#options = options;
    this.#privateKey = nodeKey(options.privateKey);
    this.nodeId = bytesToString(this.#privateKey.publicKey.raw, 'hex');
    this.#limits = { ...defaultNetworkLimits, ...options.limits };
    this.#clock = options.clock ?? systemClock;
    // Later, as handlers never run inside a call to the network.
    this.#liars = new Liars({ clock: this.#clock, onDistrusted: (nodeId) => queueMicrotask(() => this.#onDistrusted(nodeId)) });
    setMaxListeners(0, this.#stopping.signal);
  }

  async start(handlers: NetworkHandlers): Promise<void> {
    if (this.#started) throw new NetworkError('network_stopped', 'a network starts once');
    this.#started = true;
    for (const { nodeId, address } of this.#options.bootstrap ?? []) {
      peerIdOf(nodeId, 'invalid_config');
      configuredAddress(address);
    }
    const { listen, announce = [], chainHash } = this.#options;
    const limits = this.#limits;
    const topic = gossipTopic(chainHash);
    const node = await createNode({ privateKey: this.#privateKey, listen, announce, topic, limits, liars: this.#liars, clock: this.#clock });
    const links = new LinkTable({
      nodeId: this.nodeId,
      handlers: {
        ...handlers,
        onPeerConnected: (nodeId, info) => {
          handlers.onPeerConnected(nodeId, info);
          this.#tellAddress(running, nodeId);
        },
      },
      limits,
      clock: this.#clock,
      hangUp: (nodeId, gently) => hangUp(node, nodeId, gently),
    });
    const gossip = new GossipTopic({
      pubsub: node.services.pubsub,
      topic,
      limits,
      liars: this.#liars,
      onGossip: (message, from) => handlers.onGossip(message, from),
    });
    const running: Running = { node, links, gossip, handlers };
    // It may come before the link or after it.
    node.addEventListener('peer:identify', ({ detail }: CustomEvent<IdentifyResult>) => {
      const [nodeId, address] = [nodeIdOf(detail.peerId.toString()), saidAddress(detail)];
      if (nodeId === undefined || address === undefined) return;
      this.#said.set(detail.connection, address);
      this.#tellAddress(running, nodeId);
    });
    await node.handle(CHANNEL_PROTOCOL, (stream, connection) => this.#acceptLink(running, stream, connection), {
      maxInboundStreams: MAX_CHANNEL_STREAMS,
      maxOutboundStreams: MAX_CHANNEL_STREAMS,
    });
    await node.handle(GOSSIP_SYNC_PROTOCOL, (stream, connection) => this.#acceptSync(running, stream, connection), {
      maxInboundStreams: MAX_SYNC_STREAMS_PER_PEER,
      maxOutboundStreams: MAX_SYNC_STREAMS_PER_PEER,
    });
    // Peers may come before the start is complete, and are answered.
    this.#running = running;
    try {
      await node.start();
    } catch (error) {
      this.#running = undefined;
      throw listenError(listen, error);
    }
    if (this.#stopping.signal.aborted) {
      await node.stop();
      throw new NetworkError('network_stopped', 'the network was stopped while it started');
    }
    gossip.start();
    this.#upkeep(running);
  }

  async stop(): Promise<void> {
    const running = this.#running;
    this.#stopping.abort();
    if (running === undefined) return;
    this.#running = undefined;
    this.#cancelUpkeep();
    await running.links.stop();
    await running.node.stop();
  }

  listenAddresses(): readonly string[] {
    const addresses = this.#running?.node.getMultiaddrs() ?? [];
    return addresses.map((address) => address.decapsulateCode(CODE_P2P).toString());
  }

  async connect(nodeId: NodeId, address?: string): Promise<void> {
    const { node, links } = this.#require();
    if (nodeId === this.nodeId) throw new NetworkError('peer_is_self', `${nodeId} is this node itself`);
    const peerId = peerIdOf(nodeId);
    if (links.connection(nodeId) !== undefined) return;
    // Whoever is dialled on purpose is wanted for more than its gossip.
    this.#liars.refuse(nodeId, false);
    await this.#inTime(async (signal) => {
      for (let attempt = 1; ; attempt++) {
        // A copy: libp2p's own list grows with what is dialled.
        const standing = [...node.getConnections(peerId)];
        const connection = await this.#dial(node, peerId, address, signal);
        try {
          return await links.open(nodeId, connection, signal);
        } catch (error) {
          // The connection that stood was about to end, as happens when a peer has just hung up: dial a new one. One that was made for this was refused.
          const lost = error instanceof NetworkError && error.details['lost'] === true && standing.includes(connection);
          if (!lost || signal.aborted || attempt === MAX_LINK_ATTEMPTS) throw error;
        }
      }
    });
  }

  async disconnect(nodeId: NodeId, reason: string): Promise<void> {
    await this.#running?.links.close(nodeId, reason);
  }

  send(nodeId: NodeId, messages: readonly Uint8Array[]): void {
    this.#running?.links.send(nodeId, messages);
  }

  /** gossipsub has begun by itself. */
  startGossip(): void {}

  async publishGossip(message: Uint8Array): Promise<void> {
    await this.#require().gossip.publish(message);
  }

  /** Peers are told by broadcast. */
  tellGossip(): void {}

  distrustGossip(nodeId: NodeId): void {
    this.#liars.lied(nodeId);
  }

  async *requestSync(nodeId: NodeId, request: Uint8Array): AsyncIterable<Uint8Array> {
    const connection = this.#require().links.connection(nodeId);
    if (connection === undefined) throw new NetworkError('not_connected', `no link to ${nodeId}`, { nodeId });
    yield* requestSync(connection, request, this.#clock, this.#limits);
  }

  #require(): Running {
    if (this.#running === undefined) throw new NetworkError('network_stopped', 'the network is not running');
    return this.#running;
  }

  #acceptLink({ links }: Running, stream: Stream, connection: Connection): void {
    const nodeId = nodeIdOf(connection.remotePeer.toString());
    if (nodeId === undefined) stream.abort(new Error('not a node'));
    else links.accept(nodeId, stream, connection);
  }

  #acceptSync({ links, handlers }: Running, stream: Stream, connection: Connection): void {
    const nodeId = nodeIdOf(connection.remotePeer.toString());
    if (nodeId === undefined || links.connection(nodeId) === undefined) {
      stream.abort(new Error('only peers with a link may sync'));
    } else if (this.#syncStreams >= this.#limits.maxSyncStreams) {
      stream.abort(new Error('too many are syncing'));
    } else {
      this.#syncStreams += 1;
      const answer = (request: Uint8Array): AsyncIterable<Uint8Array> => handlers.onSyncRequest(nodeId, request);
      void answerSync(stream, answer, this.#clock, this.#limits).then(() => {
        this.#syncStreams -= 1;
      });
    }
  }

  #upkeep(running: Running): void {
    const { node, links } = running;
    for (const { nodeId, address } of this.#options.bootstrap ?? []) {
      if (nodeId === this.nodeId) continue;
      void this.#inTime((signal) => this.#dial(node, peerIdOf(nodeId), address, signal)).catch(() => {
        // It is tried again before long.
      });
    }
    for (const nodeId of links.linked()) void restoreGossip(node, nodeId);
    this.#cancelUpkeep = this.#clock.setTimer(UPKEEP_INTERVAL_MS, () => this.#upkeep(running));
  }

  /** Tells where a peer that has dialled us can be dialled, once it has said so and has a link. */
  #tellAddress({ links, handlers }: Running, nodeId: NodeId): void {
    const connection = links.connection(nodeId);
    const address = connection?.direction === 'inbound' ? this.#said.get(connection) : undefined;
    if (address !== undefined) handlers.onPeerAddress(nodeId, address);
  }

  #onDistrusted(nodeId: NodeId): void {
    if (this.#running === undefined) return;
    const { node, links, handlers } = this.#running;
    if (handlers.onGossipDistrusted(nodeId)) return;
    this.#liars.refuse(nodeId, true);
    if (links.connection(nodeId) === undefined) void hangUp(node, nodeId, false);
    else void links.close(nodeId, 'its gossip is false');
  }

  #dial(node: Libp2p<NodeServices>, peerId: PeerId, address: string | undefined, signal: AbortSignal) {
    const { lookupTimeoutMs } = this.#limits;
    return dialPeer(node, peerId, { address, signal, lookupTimeoutMs, clock: this.#clock });
  }

  /** Does what takes a connection, within the time that a connect may take and the network's own. */
  async #inTime<T>(action: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const limit = deadline(this.#clock, this.#limits.connectTimeoutMs, this.#stopping.signal);
    try {
      return await action(limit.signal);
    } finally {
      limit.clear();
    }
  }
}

/**
 * gossipsub keeps one stream to a peer and opens no other when that one is lost while the peer stays connected; it
 * does so when the peer is identified anew.
 */
async function restoreGossip(node: Libp2p<NodeServices>, nodeId: NodeId): Promise<void> {
  const connections = node.getConnections(peerIdOf(nodeId)).filter(({ status }) => status === 'open');
  const gossips = connections.some(({ streams }) =>
    streams.some(({ direction, protocol }) => direction === 'outbound' && protocol.startsWith(GOSSIP_PROTOCOL_PREFIX)),
  );
  const [connection] = connections;
  if (gossips || connection === undefined) return;
  try {
    await node.services.identify.identify(connection);
  } catch {
    // A connection that is about to end; otherwise it is tried again before long.
  }
}

async function hangUp(node: Libp2p<NodeServices>, nodeId: NodeId, gently: boolean): Promise<void> {
  const connections = node.getConnections(peerIdOf(nodeId));
  if (gently) await closeConnections(connections);
  else for (const connection of connections) abortConnection(connection, 'hung up');
}
