import type { Connection, Stream } from '@libp2p/interface';
import { CODE_P2P } from '@multiformats/multiaddr';
import { CHANNEL_PROTOCOL } from '../../protocols/ids.ts';
import type { Clock } from '../runtime/clock.ts';
import { NetworkError, messageOf } from './errors.ts';
import { FrameCodec } from './framing.ts';
import { abortConnection } from './hang-up.ts';
import type { NetworkLimits } from './limits.ts';
import { decodeAnswer, decodeHello, encodeAnswer, encodeHello } from './link-handshake.ts';
import type { NetworkHandlers, NodeId } from './network.ts';
import { PeerLink } from './peer-link.ts';
import { StreamPipe } from './stream-pipe.ts';

export interface LinkTableOptions {
  readonly nodeId: NodeId;
  readonly handlers: NetworkHandlers;
  readonly limits: NetworkLimits;
  readonly clock: Clock;
  /** This node is done with the peer: all its connections are to end, `gently` after what was sent has left. */
  hangUp(nodeId: NodeId, gently: boolean): Promise<void>;
}

/** The link that a pair uses. */
interface Established {
  readonly link: PeerLink;
  readonly connection: Connection;
  /** The highest sequence seen of the peer: a hello below it was sent before the peer took this link. */
  readonly peerSequence: bigint;
}

interface Peer {
  up?: Established;
  /** Our own stream to the peer, from opening it until its answer. */
  own?: { link?: PeerLink };
  /** A link that we hung up and whose end has not been reported yet. */
  leaving?: { readonly reason: string };
  readonly waiting: Set<PromiseWithResolvers<void>>;
}

/**
 * Sees to it that each pair of nodes has one link, the same one at both ends.
 *
 * Either node may open a channel stream, and says hello on it; the other takes it or refuses. Two hellos that cross
 * are settled alike at both ends: the one of the lower node id wins. A hello to a node that believes it has a link
 * means that the peer has lost that link, unless it was sent before the peer took it, as sequences tell: then it is
 * one that crossed and was overtaken. A link is reported up once it is taken, and down before the next one is up.
 */
export class LinkTable {
  readonly #options: LinkTableOptions;
  readonly #peers = new Map<NodeId, Peer>();
  #lastSequence = 0n;
  #stopped = false;

  constructor(options: LinkTableOptions) {
    this.#options = options;
  }

  /** The connection under the link to a peer, or undefined when there is no link. */
  connection(nodeId: NodeId): Connection | undefined {
    return this.#peers.get(nodeId)?.up?.connection;
  }

  /** The peers with a link. */
  linked(): readonly NodeId[] {
    return [...this.#peers].filter(([, peer]) => peer.up !== undefined).map(([nodeId]) => nodeId);
  }

  send(nodeId: NodeId, messages: readonly Uint8Array[]): void {
    this.#peers.get(nodeId)?.up?.link.send(messages);
  }

  /** A peer has opened a channel stream. */
  accept(nodeId: NodeId, stream: Stream, connection: Connection): void {
    const { clock, limits } = this.#options;
    const link = this.#newLink(stream);
    const cancel = clock.setTimer(limits.handshakeTimeoutMs, () => link.abort('no hello in time'));
    link.onEnd = cancel;
    link.onMessage = (hello) => {
      cancel();
      link.onEnd = () => {};
      this.#onHello(nodeId, link, connection, hello);
    };
  }

  /**
   * Brings up the link to a peer over a connection to it; resolves when the pair has one, whoever opened it.
   * @throws NetworkError `stream_failed`; with `lost` in its details when the connection did not last
   */
  async open(nodeId: NodeId, connection: Connection, signal: AbortSignal): Promise<void> {
    if (this.#stopped) throw new NetworkError('network_stopped', 'the network is stopped');
    const peer = this.#peer(nodeId);
    if (peer.up !== undefined) return;
    const waiting = Promise.withResolvers<void>();
    const onAbort = (): void => waiting.reject(noLink(nodeId, 'no answer in time', false));
    signal.addEventListener('abort', onAbort);
    peer.waiting.add(waiting);
    if (peer.own === undefined) void this.#sayHello(nodeId, peer, connection, signal);
    try {
      await waiting.promise;
    } finally {
      signal.removeEventListener('abort', onAbort);
      peer.waiting.delete(waiting);
      this.#forget(nodeId, peer);
    }
  }

  /** Hangs up after what was sent has left, and reports the end with the given reason. */
  async close(nodeId: NodeId, reason: string): Promise<void> {
    const peer = this.#peers.get(nodeId);
    const up = peer?.up;
    if (peer === undefined || up === undefined) return;
    delete peer.up;
    peer.leaving = { reason };
    const closed = up.link.close();
    // Handlers never run inside a call to the network.
    await Promise.resolve();
    this.#reportLeft(nodeId, peer);
    await closed;
    this.#forget(nodeId, peer);
    if (peer.up === undefined) await this.#options.hangUp(nodeId, true);
  }

  /** Hangs up on everybody and takes no more links. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const [nodeId, peer] of this.#peers) this.#failWaiting(nodeId, peer, 'the network is stopped');
    await Promise.all(this.linked().map((nodeId) => this.close(nodeId, 'stopped')));
  }

  #newLink(stream: Stream): PeerLink {
    const { maxQueuedBytes } = this.#options.limits;
    return new PeerLink(new StreamPipe(stream), new FrameCodec(), { maxQueuedBytes, onMessage: () => {}, onEnd: () => {} });
  }

  async #sayHello(nodeId: NodeId, peer: Peer, connection: Connection, signal: AbortSignal): Promise<void> {
    const own: Peer['own'] = {};
    peer.own = own;
    try {
      const stream = await connection.newStream(CHANNEL_PROTOCOL, { signal });
      if (peer.own !== own) {
        stream.abort(new Error('the pair has a link'));
        return;
      }
      const link = this.#newLink(stream);
      own.link = link;
      link.onMessage = (answer) => this.#onAnswer(nodeId, peer, link, connection, answer);
      link.onEnd = (code, detail) => {
        this.#failWaiting(nodeId, peer, `${code}: ${detail}`, code === 'connection_lost');
      };
      signal.addEventListener('abort', () => {
        if (peer.own === own) this.#failWaiting(nodeId, peer, 'no answer in time');
      });
      link.send([encodeHello(this.#nextSequence())]);
    } catch (error) {
      const otherwiseFine = error instanceof Error && error.name === 'UnsupportedProtocolError';
      // A connection that takes no more streams is of no use, and stands in the way of a new one.
      if (!otherwiseFine) abortConnection(connection, 'it takes no streams');
      if (peer.own === own) this.#failWaiting(nodeId, peer, messageOf(error), !otherwiseFine);
    }
  }

  #onHello(nodeId: NodeId, link: PeerLink, connection: Connection, hello: Uint8Array): void {
    let sequence: bigint;
    try {
      sequence = decodeHello(hello);
    } catch {
      abortConnection(connection, 'not a hello');
      return;
    }
    const peer = this.#peer(nodeId);
    const overtaken = peer.up !== undefined && sequence <= peer.up.peerSequence;
    const crossedAndLost = peer.own?.link !== undefined && this.#options.nodeId < nodeId;
    if (this.#stopped || overtaken || crossedAndLost) {
      link.send([encodeAnswer({ taken: false, sequence: this.#nextSequence() })]);
      void link.close();
      this.#forget(nodeId, peer);
      return;
    }
    if (peer.up !== undefined) this.#replace(nodeId, peer, peer.up, connection);
    link.send([encodeAnswer({ taken: true, sequence: this.#nextSequence() })]);
    this.#takeUp(nodeId, peer, { link, connection, peerSequence: sequence });
  }

  #onAnswer(nodeId: NodeId, peer: Peer, link: PeerLink, connection: Connection, bytes: Uint8Array): void {
    if (peer.own?.link !== link) return;
    let answer: { readonly taken: boolean; readonly sequence: bigint };
    try {
      answer = decodeAnswer(bytes);
    } catch (error) {
      this.#failWaiting(nodeId, peer, messageOf(error));
      abortConnection(connection, 'not an answer');
      return;
    }
    if (answer.taken) {
      this.#takeUp(nodeId, peer, { link, connection, peerSequence: answer.sequence });
    } else {
      // The peer's own hello has crossed ours and won: what waits goes on waiting for it.
      delete peer.own;
      link.onEnd = () => {};
      void link.close();
    }
  }

  #takeUp(nodeId: NodeId, peer: Peer, established: Established): void {
    const { handlers } = this.#options;
    const { link, connection } = established;
    this.#reportLeft(nodeId, peer);
    const own = peer.own?.link;
    delete peer.own;
    if (own !== link) own?.abort('the pair has another link');
    peer.up = established;
    link.onMessage = (message) => handlers.onMessage(nodeId, message);
    link.onEnd = (code, detail) => this.#onLinkEnd(nodeId, peer, established, code, detail);
    for (const waiting of peer.waiting) waiting.resolve();
    const address = connection.remoteAddr.decapsulateCode(CODE_P2P).toString();
    handlers.onPeerConnected(nodeId, { inbound: connection.direction === 'inbound', address });
  }

  #onLinkEnd(nodeId: NodeId, peer: Peer, established: Established, code: string, detail: string): void {
    if (peer.up !== established) return;
    delete peer.up;
    if (code === 'closed_by_peer' || code === 'connection_lost') {
      // A peer that is back already may have another connection: that one stays.
      abortConnection(established.connection, code);
    } else {
      void this.#options.hangUp(nodeId, false);
    }
    this.#options.handlers.onPeerDisconnected(nodeId, `${code}: ${detail}`);
    this.#forget(nodeId, peer);
  }

  /** The peer has lost the present link and opens another. */
  #replace(nodeId: NodeId, peer: Peer, old: Established, connection: Connection): void {
    delete peer.up;
    old.link.abort('the peer opened another link');
    if (old.connection !== connection) abortConnection(old.connection, 'the peer opened another link');
    this.#options.handlers.onPeerDisconnected(nodeId, 'connection_lost: the peer opened another link');
  }

  #reportLeft(nodeId: NodeId, peer: Peer): void {
    const { leaving } = peer;
    if (leaving === undefined) return;
    delete peer.leaving;
    this.#options.handlers.onPeerDisconnected(nodeId, leaving.reason);
  }

  #failWaiting(nodeId: NodeId, peer: Peer, reason: string, lost = false): void {
    const link = peer.own?.link;
    delete peer.own;
    link?.abort(reason);
    for (const waiting of peer.waiting) waiting.reject(noLink(nodeId, reason, lost));
    this.#forget(nodeId, peer);
  }

  #nextSequence(): bigint {
    const now = BigInt(Math.floor(this.#options.clock.now())) * 1_000n;
    this.#lastSequence = now > this.#lastSequence ? now : this.#lastSequence + 1n;
    return this.#lastSequence;
  }

  #peer(nodeId: NodeId): Peer {
    let peer = this.#peers.get(nodeId);
    if (peer === undefined) {
      peer = { waiting: new Set() };
      this.#peers.set(nodeId, peer);
    }
    return peer;
  }

  #forget(nodeId: NodeId, peer: Peer): void {
    const idle = peer.up === undefined && peer.own === undefined && peer.leaving === undefined;
    if (idle && peer.waiting.size === 0 && this.#peers.get(nodeId) === peer) this.#peers.delete(nodeId);
  }
}

function noLink(nodeId: NodeId, reason: string, lost: boolean): NetworkError {
  return new NetworkError('stream_failed', `no link to ${nodeId}: ${reason}`, { nodeId, reason, lost });
}
