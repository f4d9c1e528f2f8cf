import { setMaxListeners } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { fromString } from 'uint8arrays/from-string';
import { fromHostPort, toHostPort, type NodeAddress } from '../../../protocols/gossip/node-address.ts';
import { secp256k1 } from '../../../protocols/crypto/secp256k1.ts';
import type { StaticKey } from '../../../protocols/noise/handshake.ts';
import type { Clock } from '../../runtime/clock.ts';
import { deadline } from '../deadline.ts';
import { messageOf, NetworkError } from '../errors.ts';
import { InboundRate } from '../inbound-rate.ts';
import type { NetworkLimits } from '../limits.ts';
import { listenError } from '../listen-error.ts';
import type { NetworkHandlers, NodeId } from '../network.ts';
import { PeerLink, type LinkEndCode } from '../peer-link.ts';
import { accept, dial, type SecureSocket } from './secure-socket.ts';
import { Strangers } from './strangers.ts';

export interface LightningLinksOptions {
  readonly nodeId: NodeId;
  readonly key: StaticKey;
  readonly limits: NetworkLimits;
  readonly clock: Clock;
  /** Whether no connection of that peer's is taken. */
  readonly isRefused: (nodeId: NodeId) => boolean;
  readonly handlers: Pick<NetworkHandlers, 'onPeerConnected' | 'onPeerDisconnected' | 'onMessage'>;
}

interface Link {
  readonly link: PeerLink;
  readonly inbound: boolean;
  readonly sinceMs: number;
}

/**
 * Links by BOLT 8 over TCP, one a peer: listening, dialling, and which of two connections of a pair stays.
 *
 * A connection that a peer makes while it has one shows that it has lost that one, and takes its place, unless both dialled at the
 * same moment: then the one that the lower node id dialled stays, at both ends.
 */
export class LightningLinks {
  readonly #options: LightningLinksOptions;
  readonly #links = new Map<NodeId, Link>();
  /** Links that this side has ended and not reported yet, with the reason. */
  readonly #leaving = new Map<NodeId, string>();
  readonly #dials = new Map<NodeId, Promise<void>>();
  readonly #servers: Server[] = [];
  readonly #strangers: Strangers;
  readonly #stopping = new AbortController();

  constructor(options: LightningLinksOptions) {
    const { clock, limits } = options;
    this.#options = options;
    this.#strangers = new Strangers(new InboundRate(clock, limits));
    setMaxListeners(0, this.#stopping.signal);
  }

  /** @throws NetworkError `listen_failed` */
  async listen(addresses: readonly NodeAddress[]): Promise<void> {
    for (const address of addresses) {
      const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => void this.#onSocket(socket));
      this.#servers.push(server);
      try {
        await listening(server, address);
      } catch (error) {
        await this.stop();
        throw listenError([toHostPort(address)], error);
      }
    }
  }

  /** Where it listens, with the port that it was given for port 0. */
  listenAddresses(): readonly string[] {
    return this.#servers.flatMap((server) => {
      const address = server.address();
      if (address === null || typeof address === 'string') return [];
      return [toHostPort({ type: address.family === 'IPv6' ? 'ipv6' : 'ipv4', host: address.address, port: address.port })];
    });
  }

  isLinked(nodeId: NodeId): boolean {
    return this.#links.has(nodeId);
  }

  /** The link to a peer that has one. */
  link(nodeId: NodeId): PeerLink | undefined {
    return this.#links.get(nodeId)?.link;
  }

  /**
   * Resolves once the pair has a link, whoever dialled.
   * @throws NetworkError `invalid_address`, `peer_unreachable`, `peer_identity_mismatch`, `network_stopped`
   */
  connect(nodeId: NodeId, address: string): Promise<void> {
    if (this.#links.has(nodeId)) return Promise.resolve();
    const running = this.#dials.get(nodeId) ?? this.#dial(nodeId, address).finally(() => this.#dials.delete(nodeId));
    this.#dials.set(nodeId, running);
    return running;
  }

  send(nodeId: NodeId, messages: readonly Uint8Array[]): void {
    this.#links.get(nodeId)?.link.send(messages);
  }

  /** Hangs up after what was sent has left, and reports the end with the given reason. */
  async close(nodeId: NodeId, reason: string): Promise<void> {
    const standing = this.#links.get(nodeId);
    if (standing === undefined) return;
    this.#links.delete(nodeId);
    this.#leaving.set(nodeId, reason);
    const closed = standing.link.close();
    // Handlers never run inside a call to the network.
    await Promise.resolve();
    this.#reportLeft(nodeId);
    await closed;
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new NetworkError('network_stopped', 'the network is stopped'));
    this.#strangers.end();
    await Promise.all([...this.#links.keys()].map((nodeId) => this.close(nodeId, 'stopped')));
    for (const server of this.#servers.splice(0)) server.close();
  }

  async #dial(nodeId: NodeId, text: string): Promise<void> {
    const address = fromHostPort(text);
    if (address === undefined || address.type === 'tor_v3' || address.port === 0) {
      throw new NetworkError('invalid_address', `expected host:port such as 203.0.113.5:9735, got "${text}"`, { address: text });
    }
    const publicKey = publicKeyOf(nodeId);
    const { key, limits } = this.#options;
    const socket = await this.#inTime(limits.connectTimeoutMs, (signal) =>
      dial(nodeId, publicKey, address, { key, signal }));
    this.#take(socket, false, toHostPort(address));
    if (!this.#links.has(nodeId)) throw new NetworkError('stream_failed', `no link to ${nodeId}: it ended at once`, { nodeId });
  }

  async #onSocket(socket: Socket): Promise<void> {
    socket.on('error', () => {});
    const { remoteAddress: host = '', remotePort: port = 0 } = socket;
    const { key, limits } = this.#options;
    if (this.#stopping.signal.aborted || !this.#strangers.comes(socket, host)) {
      socket.destroy();
      return;
    }
    // BOLT 8: whoever fails the handshake is told nothing; nor is there anybody here who could do something about it.
    const secure = await this.#inTime(limits.handshakeTimeoutMs, (signal) => accept(socket, { key, signal })).catch(() => undefined);
    this.#strangers.leaves(socket);
    if (secure !== undefined) this.#take(secure, true, toHostPort({ type: host.includes(':') ? 'ipv6' : 'ipv4', host, port }));
  }

  #take({ nodeId, pipe, codec }: SecureSocket, inbound: boolean, address: string): void {
    const { handlers, limits, clock, nodeId: self, isRefused } = this.#options;
    const standing = this.#links.get(nodeId);
    const isUnwanted = this.#stopping.signal.aborted || nodeId === self || isRefused(nodeId);
    const isRoom = standing === undefined ? !inbound || this.#links.size < limits.maxConnections : this.#replaces(nodeId, inbound, standing);
    if (isUnwanted || !isRoom) {
      pipe.abort();
      return;
    }
    if (standing !== undefined) {
      this.#links.delete(nodeId);
      standing.link.abort('the peer made another connection');
      handlers.onPeerDisconnected(nodeId, 'connection_lost: the peer made another connection');
    }
    this.#reportLeft(nodeId);
    const link = new PeerLink(pipe, codec, {
      maxQueuedBytes: limits.maxQueuedBytes,
      onMessage: (message) => handlers.onMessage(nodeId, message),
      onEnd: (code, detail) => this.#onLinkEnd(nodeId, link, code, detail),
    });
    this.#links.set(nodeId, { link, inbound, sinceMs: clock.now() });
    handlers.onPeerConnected(nodeId, { inbound, address });
  }

  #replaces(nodeId: NodeId, inbound: boolean, standing: Link): boolean {
    const { clock, limits, nodeId: self } = this.#options;
    const crossed = standing.inbound !== inbound && clock.now() - standing.sinceMs < limits.connectTimeoutMs;
    return crossed ? inbound === nodeId < self : inbound;
  }

  #reportLeft(nodeId: NodeId): void {
    const reason = this.#leaving.get(nodeId);
    if (reason === undefined) return;
    this.#leaving.delete(nodeId);
    this.#options.handlers.onPeerDisconnected(nodeId, reason);
  }

  #onLinkEnd(nodeId: NodeId, link: PeerLink, code: LinkEndCode, detail: string): void {
    if (this.#links.get(nodeId)?.link !== link) return;
    this.#links.delete(nodeId);
    this.#options.handlers.onPeerDisconnected(nodeId, `${code}: ${detail}`);
  }

  async #inTime<T>(delayMs: number, action: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const limit = deadline(this.#options.clock, delayMs, this.#stopping.signal);
    try {
      return await action(limit.signal);
    } catch (error) {
      throw error instanceof Error ? error : new Error(messageOf(error));
    } finally {
      limit.clear();
    }
  }
}

/** @throws NetworkError `invalid_address` for what is not a public key in lower-case hex */
function publicKeyOf(nodeId: NodeId): Uint8Array {
  const publicKey = /^[0-9a-f]{66}$/.test(nodeId) ? fromString(nodeId, 'hex') : new Uint8Array();
  if (secp256k1.isPublicKey(publicKey)) return publicKey;
  throw new NetworkError('invalid_address', `expected a node id (the 66 lower-case hex digits of a point of the curve), got "${nodeId}": a digit may be wrong`, { nodeId });
}

function listening(server: Server, { host, port }: NodeAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      // Without a listener an error would end the process.
      server.on('error', () => {});
      resolve();
    });
  });
}
