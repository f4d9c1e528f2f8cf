import './polyfill.ts';
import { toString as bytesToString } from 'uint8arrays/to-string';
import type { Clock } from '../runtime/clock.ts';
import { MAX_BOLT_MESSAGE_BYTES, NetworkError, messageTooLarge } from './errors.ts';
import type { NetworkErrorCode } from './errors.ts';
import { MemoryLink, memoryAddress } from './memory-link.ts';
import type { LinkOwner, LinkTiming, MemoryLinkEnd } from './memory-link.ts';
import type { Network, NetworkHandlers, NodeId } from './network.ts';

export interface MemoryHubOptions {
  readonly clock: Clock;
  /** A seeded generator of numbers in [0, 1): the only source of chance, so that the same seed gives the same run. */
  readonly random: () => number;
  /** Every message takes a whole number of milliseconds between these two, both included. */
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
  /** Bytes that one peer may have on the way to another before the link is given up. Default 8 MiB. */
  readonly maxQueuedBytes?: number;
}

/** Networks of nodes in one process, over links in memory, on an injected clock. */
export interface MemoryHub {
  /**
   * The network of a node; after a crash or a stop, a new one for the node's next life.
   * @throws Error while the node's last one still runs
   */
  network(nodeId: NodeId): Network;
  /**
   * Breaks the link between two nodes and lets none come up until `heal`. Of what is on the way in each direction, a
   * part chosen at random still arrives: always the oldest, in order.
   */
  cut(a: NodeId, b: NodeId): void;
  heal(a: NodeId, b: NodeId): void;
  /**
   * Ends a node at once, as `kill -9` does: its handlers are not called again, and none of its promises settles. What
   * it had on the way to others arrives in part, as with `cut`; what was on the way to it is lost.
   */
  crash(nodeId: NodeId): void;
}

/** How long a gossip message is remembered; gossipsub's own figure. */
const GOSSIP_SEEN_MS = 120_000;
const MAX_QUEUED_BYTES = 8 * 1024 * 1024;

/** Links in memory for simulations; see `MemoryHub`. Handlers are never called from inside a call to the network. */
export function createMemoryHub(options: MemoryHubOptions): MemoryHub {
  const hub = new Hub(options);
  return {
    network: (nodeId) => hub.network(nodeId),
    cut: (a, b) => hub.cut(a, b),
    heal: (a, b) => void hub.cuts.delete(pairKey(a, b)),
    crash: (nodeId) => hub.crash(nodeId),
  };
}

class Hub implements LinkTiming {
  readonly clock: Clock;
  readonly maxQueuedBytes: number;
  readonly nodes = new Map<NodeId, MemoryNetwork>();
  readonly cuts = new Set<string>();
  readonly #options: MemoryHubOptions;

  constructor(options: MemoryHubOptions) {
    this.#options = options;
    this.clock = options.clock;
    this.maxQueuedBytes = options.maxQueuedBytes ?? MAX_QUEUED_BYTES;
  }

  network(nodeId: NodeId): Network {
    if (this.nodes.get(nodeId)?.alive === true) throw new Error(`${nodeId} has a network that has not ended`);
    const network = new MemoryNetwork(this, nodeId);
    this.nodes.set(nodeId, network);
    return network;
  }

  cut(a: NodeId, b: NodeId): void {
    this.cuts.add(pairKey(a, b));
    this.nodes.get(a)?.ends.get(b)?.link.break('the link was cut');
    this.nodes.get(b)?.ends.get(a)?.link.break('the link was cut');
  }

  crash(nodeId: NodeId): void {
    const network = this.nodes.get(nodeId);
    if (network?.alive !== true) return;
    network.alive = false;
    network.crashed = true;
    for (const end of network.ends.values()) end.leave(this.part(end.outgoing.length), 'the peer is gone');
    network.ends.clear();
  }

  delayMs = (): number => {
    const { minDelayMs, maxDelayMs } = this.#options;
    return minDelayMs + this.#below(maxDelayMs - minDelayMs + 1);
  };

  /** How many of `count` messages on the way survive a break. */
  part(count: number): number {
    return this.#below(count + 1);
  }

  #below(limit: number): number {
    return Math.floor(this.#options.random() * limit);
  }
}

class MemoryNetwork implements Network, LinkOwner {
  readonly nodeId: NodeId;
  readonly ends = new Map<NodeId, MemoryLinkEnd>();
  handlers: NetworkHandlers | undefined;
  /** False once crashed or stopped. */
  alive = true;
  crashed = false;
  readonly #hub: Hub;
  readonly #dials = new Map<NodeId, PromiseWithResolvers<void>>();
  /** Gossip messages seen, with the time until which they are remembered; in order of that time. */
  readonly #seen = new Map<string, number>();

  constructor(hub: Hub, nodeId: NodeId) {
    this.#hub = hub;
    this.nodeId = nodeId;
  }

  async start(handlers: NetworkHandlers): Promise<void> {
    if (!this.alive || this.handlers !== undefined) throw stopped(this.nodeId);
    this.handlers = handlers;
  }

  async stop(): Promise<void> {
    if (!this.alive) return;
    await Promise.all([...this.ends.values()].map((end) => this.#hangUp(end, 'stopped', 'the peer stopped')));
    this.alive = false;
    this.ends.clear();
    for (const dial of this.#dials.values()) dial.reject(stopped(this.nodeId));
    this.#dials.clear();
  }

  listenAddresses(): readonly string[] {
    return [memoryAddress(this.nodeId)];
  }

  async connect(nodeId: NodeId, address?: string): Promise<void> {
    if (!this.#running) throw stopped(this.nodeId);
    if (nodeId === this.nodeId) throw new NetworkError('peer_is_self', `${nodeId} is this node itself`);
    // A link that was just hung up is reported as gone before a new one is asked for.
    if (this.ends.get(nodeId)?.state === 'leaving') await Promise.resolve();
    if (this.ends.get(nodeId)?.state === 'up') return;
    const running = this.#dials.get(nodeId);
    if (running !== undefined) return running.promise;
    const dial = Promise.withResolvers<void>();
    this.#dials.set(nodeId, dial);
    this.#hub.clock.setTimer(this.#hub.delayMs(), () => this.#arriveAt(nodeId, address));
    return dial.promise;
  }

  async disconnect(nodeId: NodeId, reason: string): Promise<void> {
    const end = this.ends.get(nodeId);
    if (end?.state === 'up' && this.alive) await this.#hangUp(end, reason, 'the peer hung up');
  }

  send(nodeId: NodeId, messages: readonly Uint8Array[]): void {
    const end = this.ends.get(nodeId);
    if (end === undefined || end.state !== 'up' || !this.alive) return;
    for (const message of messages) {
      if (message.length > MAX_BOLT_MESSAGE_BYTES) return end.link.break('bad_outgoing_message');
      const copy = message.slice();
      const peer = end.peer;
      end.outgoing.send(copy.length, () => peer.handlers?.onMessage(this.nodeId, copy));
    }
    if (end.outgoing.queuedBytes > this.#hub.maxQueuedBytes) end.link.break('outgoing_queue_full');
  }

  /** Links in memory keep no scores. */
  distrustGossip(): void {}

  /** All that is published arrives. */
  startGossip(): void {}

  /** Peers are told by broadcast. */
  tellGossip(): void {}

  async publishGossip(message: Uint8Array): Promise<void> {
    if (!this.#running) throw stopped(this.nodeId);
    if (message.length > MAX_BOLT_MESSAGE_BYTES) {
      throw messageTooLarge(message.length);
    }
    if (this.#firstSight(message)) this.#flood(message.slice());
  }

  async *requestSync(nodeId: NodeId, request: Uint8Array): AsyncIterable<Uint8Array> {
    const end = this.ends.get(nodeId);
    if (end === undefined || !end.usable) throw new NetworkError('not_connected', `no link to ${nodeId}`);
    const copy = request.slice();
    const pass = async (): Promise<void> => {
      await new Promise<void>((resolve) => {
        this.#hub.clock.setTimer(this.#hub.delayMs(), resolve);
      });
      // A node that has crashed runs no more code: what awaits this stays suspended for good.
      if (this.crashed) await new Promise<never>(() => {});
      if (!end.usable) throw new NetworkError('stream_failed', `lost the link to ${nodeId} while syncing`);
    };
    await pass();
    const answers = end.peer.handlers?.onSyncRequest(this.nodeId, copy)[Symbol.asyncIterator]();
    if (answers === undefined) throw new NetworkError('stream_failed', `${nodeId} does not answer`);
    try {
      for (;;) {
        const next = await answers.next();
        if (next.done === true) return;
        const answer = next.value.slice();
        await pass();
        yield answer;
      }
    } finally {
      if (end.peer.alive) await answers.return?.();
    }
  }

  /** A dial to `nodeId` has ended, well or with an error. An error counts only while no link is up. */
  dialled(nodeId: NodeId, error?: NetworkError): void {
    const dial = this.#dials.get(nodeId);
    if (dial === undefined || !this.alive) return;
    this.#dials.delete(nodeId);
    if (error === undefined) dial.resolve();
    else dial.reject(error);
  }

  /** A neighbour passes a gossip message on. */
  receiveGossip(message: Uint8Array, from: NodeId): void {
    const { handlers } = this;
    if (handlers === undefined || !this.#firstSight(message)) return;
    void handlers.onGossip(message.slice(), from).then((verdict) => {
      if (verdict === 'accept' && this.alive) this.#flood(message, from);
    });
  }

  get #running(): boolean {
    return this.alive && this.handlers !== undefined;
  }

  /** This node's dial reaches the other node: the place where one link a pair is decided. */
  #arriveAt(nodeId: NodeId, address: string | undefined): void {
    // Ended meanwhile, or the other's dial came first: then that link is the pair's, once its answer is here.
    if (!this.alive || !this.#dials.has(nodeId) || this.ends.has(nodeId)) return;
    const peer = this.#hub.nodes.get(nodeId);
    if (address !== undefined && address !== memoryAddress(nodeId)) {
      const other = [...this.#hub.nodes.keys()].some((id) => memoryAddress(id) === address);
      this.#dialFailed(nodeId, other ? 'peer_identity_mismatch' : 'peer_unreachable', `${address} is not ${nodeId}`);
    } else if (peer === undefined && address === undefined) {
      this.#dialFailed(nodeId, 'peer_unknown_address', `no address of ${nodeId} is known`);
    } else if (peer === undefined || !peer.#running || this.#hub.cuts.has(pairKey(this.nodeId, nodeId))) {
      this.#dialFailed(nodeId, 'peer_unreachable', `${nodeId} does not answer`);
    } else {
      this.#accept(peer);
    }
  }

  #accept(peer: MemoryNetwork): void {
    const last = peer.ends.get(this.nodeId);
    // The peer has not heard yet that the last link is gone: a new one tells it so. If the last never came up, the
    // peer's own dial is answered by this one.
    if (last?.state === 'pending') last.leave(0, 'replaced by a new link');
    else last?.down('replaced by a new link');
    const link = new MemoryLink(this.#hub, this, peer);
    this.ends.set(peer.nodeId, link.dialler);
    peer.ends.set(this.nodeId, link.accepter);
    // First in the pipe, so that every message of the peer comes after it.
    link.accepter.outgoing.send(0, () => link.dialler.up());
    link.accepter.up();
  }

  #dialFailed(nodeId: NodeId, code: NetworkErrorCode, message: string): void {
    this.dialled(nodeId, new NetworkError(code, message, { nodeId }));
  }

  async #hangUp(end: MemoryLinkEnd, reason: string, peersReason: string): Promise<void> {
    if (end.state !== 'up') return end.leave(0, peersReason);
    end.leave(end.outgoing.length, peersReason, 'leaving');
    await Promise.resolve();
    if (!this.crashed) end.down(reason);
  }

  #flood(message: Uint8Array, except?: NodeId): void {
    for (const [peerId, end] of this.ends) {
      if (end.state !== 'up' || peerId === except) continue;
      this.#hub.clock.setTimer(this.#hub.delayMs(), () => {
        if (end.peer.alive && this.ends.get(peerId) === end) end.peer.receiveGossip(message.slice(), this.nodeId);
      });
    }
  }

  #firstSight(message: Uint8Array): boolean {
    const now = this.#hub.clock.now();
    for (const [key, until] of this.#seen) {
      if (until > now) break;
      this.#seen.delete(key);
    }
    const key = bytesToString(message, 'base64');
    if (this.#seen.has(key)) return false;
    this.#seen.set(key, now + GOSSIP_SEEN_MS);
    return true;
  }
}

function pairKey(a: NodeId, b: NodeId): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}

function stopped(nodeId: NodeId): NetworkError {
  return new NetworkError('network_stopped', `the network of ${nodeId} is not running`);
}
