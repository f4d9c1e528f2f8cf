import { createActor, type ActorRefFrom } from 'xstate';
import { fromString } from 'uint8arrays';
import { peerMachine, type PeerEffect, type PeerEvent, type PeerTiming } from '../../machines/peer/peer.machine.ts';
import { RunnelError } from '../../protocols/errors.ts';
import { decodeMessage, encodeMessage, UnknownMessageError, WireError, type Message } from '../../protocols/wire/messages.ts';
import type { Logger } from '../logging.ts';
import type { Network, NodeId } from '../network/network.ts';
import type { Clock } from '../runtime/clock.ts';
import type { PeerStore } from './peer-store.ts';

/** Whom the peers' messages and comings and goings concern. Called in the order in which they happened to one peer. */
export interface PeerHandlers {
  onPeerUp(nodeId: NodeId): void;
  onPeerDown(nodeId: NodeId): void;
  onMessage(nodeId: NodeId, message: Message, bytes: Uint8Array): void;
}

export interface PeerManagerOptions {
  readonly network: Network;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly store: PeerStore;
  readonly features: Uint8Array;
  readonly chainHash: Uint8Array;
  readonly timing?: Partial<PeerTiming>;
  readonly handlers: PeerHandlers;
}

export const defaultPeerTiming: PeerTiming = { pingIntervalMs: 60_000, pongTimeoutMs: 30_000, firstRetryMs: 1_000, longestRetryMs: 60_000 };

export interface PeerInfo {
  readonly nodeId: NodeId;
  readonly isConnected: boolean;
  readonly inbound: boolean;
  readonly address: string | undefined;
  readonly features: Uint8Array;
}

interface Peer {
  readonly nodeId: NodeId;
  readonly actor: ActorRefFrom<typeof peerMachine>;
  cancelTimer: () => void;
  inbound: boolean;
  address: string | undefined;
  /** Callers of `connect` who wait for the exchange of `init`. */
  waiting: { resolve: () => void; reject: (error: Error) => void }[];
}

/** BOLT 1, "The error and warning Messages": all-zero, for the connection as a whole. */
export const ALL_CHANNELS = new Uint8Array(32);

/** How long a connection may take until both `init`s are exchanged. */
const CONNECT_TIMEOUT_MS = 15_000;

export class PeerError extends RunnelError {
  declare readonly code: 'peer_unreachable' | 'peer_refused' | 'peer_not_connected';
}

/** One machine a peer, over the network's links: init, pings, reconnection, and the decoding of what peers send. */
export class PeerManager {
  readonly #options: PeerManagerOptions;
  readonly #peers = new Map<NodeId, Peer>();
  #stopping = false;

  constructor(options: PeerManagerOptions) {
    this.#options = options;
  }

  isUp(nodeId: NodeId): boolean {
    const peer = this.#peers.get(nodeId);
    return peer !== undefined && isUp(peer);
  }

  list(): PeerInfo[] {
    return [...this.#peers.values()].map((peer) => ({
      nodeId: peer.nodeId,
      isConnected: isUp(peer),
      inbound: peer.inbound,
      address: peer.address,
      features: peer.actor.getSnapshot().context.theirFeatures,
    }));
  }

  /** Keeps a connection to the peer from now on, for its channels. */
  want(nodeId: NodeId): void {
    this.#peer(nodeId).actor.send({ type: 'want' });
  }

  unwant(nodeId: NodeId): void {
    this.#peers.get(nodeId)?.actor.send({ type: 'unwant' });
  }

  /** Connects, at the address if one is given, and resolves once both `init`s are exchanged. Throws `PeerError`. */
  async connect(nodeId: NodeId, address?: string): Promise<void> {
    const { network, store, clock } = this.#options;
    const peer = this.#peer(nodeId);
    if (address !== undefined) {
      peer.address = address;
      store.saveAddress(nodeId, address);
    }
    if (isUp(peer)) return;
    const up = new Promise<void>((resolve, reject) => {
      const cancel = clock.setTimer(CONNECT_TIMEOUT_MS, () => reject(new PeerError('peer_unreachable', `${nodeId} did not answer in time`)));
      peer.waiting.push({
        resolve: () => (cancel(), resolve()),
        reject: (error) => (cancel(), reject(error)),
      });
    });
    try {
      await network.connect(nodeId, address ?? peer.address);
    } catch (error) {
      const failed = new PeerError('peer_unreachable', `could not connect to ${nodeId}: ${text(error)}`, {}, { cause: error });
      for (const { reject } of peer.waiting.splice(0)) reject(failed);
    }
    await up;
  }

  async disconnect(nodeId: NodeId, reason: string): Promise<void> {
    await this.#options.network.disconnect(nodeId, reason);
  }

  send(nodeId: NodeId, messages: readonly Uint8Array[]): void {
    if (messages.length > 0 && this.isUp(nodeId)) this.#options.network.send(nodeId, messages);
  }

  // What the network tells, to be wired to its handlers.

  linkUp(nodeId: NodeId, info: { readonly inbound: boolean; readonly address: string }): void {
    if (this.#stopping) return;
    const peer = this.#peer(nodeId);
    peer.inbound = info.inbound;
    if (!info.inbound) peer.address = info.address;
    this.#send(peer, { type: 'linkUp' });
  }

  linkDown(nodeId: NodeId, reason: string): void {
    const peer = this.#peers.get(nodeId);
    if (peer === undefined) return;
    for (const { reject } of peer.waiting.splice(0)) reject(new PeerError('peer_refused', `${nodeId} closed the connection: ${reason}`));
    this.#send(peer, { type: 'linkDown' });
    this.#forgetIfIdle(peer);
  }

  message(nodeId: NodeId, bytes: Uint8Array): void {
    const peer = this.#peers.get(nodeId);
    if (peer === undefined) return;
    let message: Message;
    try {
      message = decodeMessage(bytes);
    } catch (error) {
      this.#refuse(peer, error);
      return;
    }
    this.#send(peer, { type: 'message', message, bytes });
  }

  stop(): void {
    this.#stopping = true;
    for (const peer of this.#peers.values()) peer.cancelTimer();
  }

  /** BOLT 1: unknown odd types are ignored; an unknown even one, or bytes that are no message, end the connection. */
  #refuse(peer: Peer, error: unknown): void {
    if (error instanceof UnknownMessageError && error.ignorable) return;
    if (!(error instanceof WireError)) throw error;
    const { logger, network } = this.#options;
    logger.warn({ peer: peer.nodeId, code: error.code }, `closing the connection: ${error.message}`);
    network.send(peer.nodeId, [encodeMessage({ type: 'warning', channelId: ALL_CHANNELS, data: fromString(error.message, 'ascii') })]);
    void network.disconnect(peer.nodeId, error.message);
  }

  #peer(nodeId: NodeId): Peer {
    const known = this.#peers.get(nodeId);
    if (known !== undefined) return known;
    const { features, chainHash, timing, store } = this.#options;
    const effects: PeerEffect[] = [];
    const input = { features, chainHash, timing: { ...defaultPeerTiming, ...timing }, emit: (effect: PeerEffect) => void effects.push(effect) };
    const actor = createActor(peerMachine, { input });
    const peer: Peer = { nodeId, actor, cancelTimer: () => {}, inbound: false, address: store.address(nodeId), waiting: [] };
    actor.subscribe(() => {
      for (const effect of effects.splice(0)) this.#perform(peer, effect);
    });
    actor.start();
    this.#peers.set(nodeId, peer);
    return peer;
  }

  #send(peer: Peer, event: PeerEvent): void {
    peer.actor.send(event);
  }

  #perform(peer: Peer, effect: PeerEffect): void {
    const { network, handlers, clock } = this.#options;
    const { nodeId } = peer;
    switch (effect.type) {
      case 'send':
        network.send(nodeId, [encodeMessage(effect.message)]);
        return;
      case 'deliver':
        handlers.onMessage(nodeId, effect.message, effect.bytes);
        return;
      case 'connect':
        network.connect(nodeId, peer.address).catch(() => this.#send(peer, { type: 'connectFailed' }));
        return;
      case 'disconnect':
        void network.disconnect(nodeId, effect.reason);
        return;
      case 'peerUp':
        for (const { resolve } of peer.waiting.splice(0)) resolve();
        handlers.onPeerUp(nodeId);
        return;
      case 'peerDown':
        handlers.onPeerDown(nodeId);
        return;
      case 'setTimer':
        peer.cancelTimer();
        peer.cancelTimer = this.#stopping ? () => {} : clock.setTimer(effect.delayMs, () => this.#send(peer, { type: 'timer' }));
        return;
    }
  }

  /** A stranger who came and went leaves nothing behind. */
  #forgetIfIdle(peer: Peer): void {
    const { value } = peer.actor.getSnapshot();
    if (value.link !== 'down' || value.interest !== 'unwanted' || peer.waiting.length > 0) return;
    peer.cancelTimer();
    peer.actor.stop();
    this.#peers.delete(peer.nodeId);
  }
}

const isUp = ({ actor }: Peer): boolean => typeof actor.getSnapshot().value.link === 'object';
const text = (error: unknown): string => (error instanceof Error ? error.message : String(error));
