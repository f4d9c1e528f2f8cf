import { createActor, type ActorRefFrom } from 'xstate';
import { fromString } from 'uint8arrays';
import { peerMachine, type PeerEffect, type PeerEvent, type PeerTiming } from '../../machines/peer/peer.machine.ts';
import { RunnelError } from '../../protocols/errors.ts';
import { ALL_CHANNELS } from '../../protocols/wire/bolt1.ts';
import { decodeMessage, encodeMessage, UnknownMessageError, WireError, type Message } from '../../protocols/wire/messages.ts';
import type { Logger } from '../logging.ts';
import type { Network, NodeId } from '../network/network.ts';
import type { Clock } from '../runtime/clock.ts';
import { Callers } from './callers.ts';
import { PeerAddresses } from './peer-addresses.ts';
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

export const defaultPeerTiming: PeerTiming = {
  pingIntervalMs: 60_000,
  pongTimeoutMs: 30_000,
  initTimeoutMs: 15_000,
  lastingMs: 10_000,
  firstRetryMs: 1_000,
  longestRetryMs: 60_000,
};

export interface PeerInfo {
  readonly nodeId: NodeId;
  readonly isConnected: boolean;
  /** No connection is made with it or taken from it until it is admitted. */
  readonly isApart: boolean;
  readonly inbound: boolean;
  readonly address: string | undefined;
  readonly features: Uint8Array;
}

interface Peer {
  readonly nodeId: NodeId;
  readonly actor: ActorRefFrom<typeof peerMachine>;
  cancelTimer: () => void;
  inbound: boolean;
  readonly addresses: PeerAddresses;
  /** The end of the last connection that the machine wanted ended. */
  hangingUp: Promise<void>;
  /** Callers of `connect` who wait for the exchange of `init`. */
  readonly callers: Callers;
}

const MAX_WARNING_BYTES = 1_000;

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
      isApart: peer.actor.getSnapshot().value.link === 'apart',
      inbound: peer.inbound,
      address: peer.addresses.reached,
      features: peer.actor.getSnapshot().context.theirFeatures,
    }));
  }

  /** What the peer's last `init` offered: BOLT 9's bits, none of a peer that is not known. */
  features(nodeId: NodeId): Uint8Array {
    return this.#peers.get(nodeId)?.actor.getSnapshot().context.theirFeatures ?? new Uint8Array();
  }

  /** Where the peer was reached last. */
  address(nodeId: NodeId): string | undefined {
    return this.#peers.get(nodeId)?.addresses.reached ?? this.#options.store.address(nodeId);
  }

  /** Where a peer with channels that has dialled this node says that it is. */
  saidAddress(nodeId: NodeId): string | undefined {
    return this.#peers.get(nodeId)?.addresses.said ?? this.#options.store.saidAddress(nodeId);
  }

  /** Where a peer that was never reached may be. */
  suggestAddress(nodeId: NodeId, address: string): void {
    const { store } = this.#options;
    if (this.#peers.has(nodeId) || store.address(nodeId) !== undefined) return;
    store.saveAddress(nodeId, address);
  }

  /** Keeps a connection to the peer from now on, for its channels. */
  want(nodeId: NodeId): void {
    const peer = this.#peer(nodeId);
    peer.actor.send({ type: 'want' });
    this.#saveAddresses(peer);
  }

  unwant(nodeId: NodeId): void {
    const peer = this.#peers.get(nodeId);
    if (peer === undefined) return;
    this.#send(peer, { type: 'unwant' });
    this.#useStored(peer, (addresses) => addresses.forgetSaid());
    this.#forgetIfIdle(peer);
  }

  /** Connects, at the address if one is given, and resolves once both `init`s are exchanged. Throws `PeerError`. */
  async connect(nodeId: NodeId, address?: string): Promise<void> {
    const { network } = this.#options;
    const peer = this.#peer(nodeId);
    if (isUp(peer)) return;
    const { done: up, giveUp } = peer.callers.wait(
      CONNECT_TIMEOUT_MS, () => new PeerError('peer_unreachable', `${nodeId} did not answer in time`),
    );
    try {
      // Either may fail first, and the other is not to be left without anyone who listens.
      await Promise.all([network.connect(nodeId, address ?? peer.addresses.all()[0]), up]);
    } catch (error) {
      giveUp();
      this.#forgetIfIdle(peer);
      if (error instanceof PeerError) throw error;
      throw new PeerError('peer_unreachable', `could not connect to ${nodeId}: ${text(error)}`, {}, { cause: error });
    }
    // Only where the peer did answer, which may be elsewhere than was asked, takes the place of the address before.
    if (!peer.inbound) this.#useStored(peer, (addresses) => addresses.save());
  }

  /** Ends the connection and takes or makes no other until `admit`; resolves when the peer is gone. Not kept over a restart. */
  async keepApart(nodeId: NodeId): Promise<void> {
    const peer = this.#peer(nodeId);
    peer.callers.rejectAll(new PeerError('peer_refused', `${nodeId} is kept apart`));
    this.#send(peer, { type: 'keepApart' });
    await peer.hangingUp;
  }

  /** Lets a peer that was kept apart come and be dialled again. */
  admit(nodeId: NodeId): void {
    const peer = this.#peers.get(nodeId);
    if (peer === undefined) return;
    this.#send(peer, { type: 'admit' });
    this.#forgetIfIdle(peer);
  }

  /** Resolves when the peer is gone, or was not there. */
  async disconnect(nodeId: NodeId, reason: string): Promise<void> {
    try {
      await this.#options.network.disconnect(nodeId, reason);
    } catch (error) {
      this.#options.logger.warn({ peer: nodeId, err: error }, 'the connection did not end in order');
    }
  }

  send(nodeId: NodeId, messages: readonly Uint8Array[]): void {
    if (messages.length > 0 && this.isUp(nodeId)) this.#options.network.send(nodeId, messages);
  }

  // What the network tells, to be wired to its handlers.

  linkUp(nodeId: NodeId, info: { readonly inbound: boolean; readonly address: string }): void {
    if (this.#stopping) return;
    const peer = this.#peer(nodeId);
    peer.inbound = info.inbound;
    if (!info.inbound) {
      peer.addresses.reached = info.address;
      this.#saveAddresses(peer);
    }
    this.#send(peer, { type: 'linkUp' });
  }

  /** Where a peer that dialled us says that it is: from now on this node can dial it, and need not wait for it, after a restart neither. */
  addressSaid(nodeId: NodeId, address: string): void {
    const peer = this.#peers.get(nodeId);
    if (peer === undefined) return;
    peer.addresses.noteSaid(address);
    this.#saveAddresses(peer);
  }

  linkDown(nodeId: NodeId, reason: string): void {
    const peer = this.#peers.get(nodeId);
    if (peer === undefined) return;
    peer.callers.rejectAll(new PeerError('peer_refused', `${nodeId} closed the connection: ${reason}`));
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
    const data = fromString(error.message.replace(/[^\x20-\x7e]/g, '?').slice(0, MAX_WARNING_BYTES), 'ascii');
    network.send(peer.nodeId, [encodeMessage({ type: 'warning', channelId: ALL_CHANNELS, data })]);
    void this.disconnect(peer.nodeId, error.message);
  }

  #peer(nodeId: NodeId): Peer {
    const known = this.#peers.get(nodeId);
    if (known !== undefined) return known;
    const { features, chainHash, timing, store, clock } = this.#options;
    const effects: PeerEffect[] = [];
    const emit = (effect: PeerEffect): void => void effects.push(effect);
    const input = { features, chainHash, timing: { ...defaultPeerTiming, ...timing }, emit };
    const actor = createActor(peerMachine, { input });
    const addresses = new PeerAddresses(nodeId, store);
    this.#useStored({ nodeId, addresses }, (stored) => stored.load());
    const peer: Peer = { nodeId, actor, addresses, cancelTimer: () => {}, inbound: false, hangingUp: Promise.resolve(), callers: new Callers(clock) };
    actor.subscribe(() => {
      for (const effect of effects.splice(0)) this.#perform(peer, effect);
    });
    actor.start();
    this.#peers.set(nodeId, peer);
    return peer;
  }

  #send(peer: Peer, event: PeerEvent): void {
    // One that was forgotten meanwhile is told nothing more.
    if (this.#peers.get(peer.nodeId) === peer) peer.actor.send(event);
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
        this.#dial(peer).catch(() => this.#send(peer, { type: 'connectFailed' }));
        return;
      case 'disconnect':
        peer.hangingUp = this.disconnect(nodeId, effect.reason);
        return;
      case 'peerUp':
        peer.callers.resolveAll();
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

  /** Of those alone that this node comes back to: there may be any number of others. */
  #saveAddresses(peer: Peer): void {
    if (peer.actor.getSnapshot().value.interest === 'wanted') this.#useStored(peer, (addresses) => addresses.save());
  }

  /** Reads or writes where a peer is: whatever happens to channels goes on without it. */
  #useStored({ nodeId, addresses }: Pick<Peer, 'nodeId' | 'addresses'>, use: (addresses: PeerAddresses) => void): void {
    try {
      use(addresses);
    } catch (error) {
      if (!(error instanceof RunnelError)) throw error;
      this.#options.logger.warn({ peer: nodeId, err: error }, 'where a peer is could not be stored or read');
    }
  }

  /** Where it was last, where it says that it is, or, since it may have moved, where others find it. */
  async #dial({ nodeId, addresses }: Peer): Promise<void> {
    const { network } = this.#options;
    for (const address of addresses.all()) {
      try {
        return await network.connect(nodeId, address);
      } catch {
        // Asked for by id below, whose error says as much.
      }
    }
    await network.connect(nodeId);
  }

  /** A stranger who came and went leaves nothing behind. */
  #forgetIfIdle(peer: Peer): void {
    const { value } = peer.actor.getSnapshot();
    if (value.link !== 'down' || value.interest !== 'unwanted' || peer.callers.count > 0) return;
    if (this.#peers.get(peer.nodeId) !== peer) return;
    peer.cancelTimer();
    peer.actor.stop();
    this.#peers.delete(peer.nodeId);
  }
}

const isUp = ({ actor }: Peer): boolean => typeof actor.getSnapshot().value.link === 'object';
const text = (error: unknown): string => (error instanceof Error ? error.message : String(error));
