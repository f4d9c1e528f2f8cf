import { fromHostPort, type NodeAddress } from '../../../protocols/gossip/node-address.ts';
import type { StaticKey } from '../../../protocols/noise/handshake.ts';
import { systemClock, type Clock } from '../../runtime/clock.ts';
import { NetworkError } from '../errors.ts';
import { Liars } from '../liars.ts';
import { defaultNetworkLimits, type NetworkLimits } from '../limits.ts';
import type { GossipNews, Network, NetworkHandlers, NodeId } from '../network.ts';
import { LightningGossip } from './lightning-gossip.ts';
import { LightningLinks } from './lightning-links.ts';

export interface LightningNetworkOptions {
  readonly nodeId: NodeId;
  /** The node key. */
  readonly key: StaticKey;
  /** Where to listen, as `host:port`; port 0 takes any free one. */
  readonly listen: readonly string[];
  readonly chainHash: Uint8Array;
  /** Where a peer may be that no address was given for, as `host:port`: what it announces. */
  readonly findAddresses: (nodeId: NodeId) => readonly string[];
  readonly limits?: Partial<NetworkLimits>;
  readonly clock?: Clock;
}

interface Running {
  readonly links: LightningLinks;
  readonly gossip: LightningGossip;
  readonly handlers: NetworkHandlers;
}

/** The Lightning Network: links by BOLT 8 over TCP, and gossip over them by BOLT 7. */
export class LightningNetwork implements Network {
  readonly nodeId: NodeId;
  readonly #options: LightningNetworkOptions;
  readonly #listen: readonly NodeAddress[];
  readonly #clock: Clock;
  readonly #liars: Liars;
  #running: Running | undefined;

  /** @throws NetworkError `invalid_config` for an address to listen on that is none */
  constructor(options: LightningNetworkOptions) {
    this.#options = options;
    this.nodeId = options.nodeId;
    this.#clock = options.clock ?? systemClock;
    // Handlers never run inside a call to the network.
    this.#liars = new Liars({ clock: this.#clock, onDistrusted: (nodeId) => queueMicrotask(() => this.#onDistrusted(nodeId)) });
    this.#listen = options.listen.map((text) => {
      const address = fromHostPort(text);
      if (address !== undefined) return address;
      throw new NetworkError('invalid_config', `expected host:port such as 0.0.0.0:9735, got "${text}"`, { address: text });
    });
  }

  async start(handlers: NetworkHandlers): Promise<void> {
    const { nodeId, key, chainHash } = this.#options;
    const clock = this.#clock;
    const limits = { ...defaultNetworkLimits, ...this.#options.limits };
    const gossip = new LightningGossip({ self: nodeId, chainHash, clock, limits, liars: this.#liars, handlers });
    const links = new LightningLinks({
      nodeId,
      key,
      limits,
      clock,
      isRefused: (peer) => this.#liars.isRefused(peer),
      handlers: {
        onPeerConnected: (peer, info) => handlers.onPeerConnected(peer, info),
        onPeerDisconnected: (peer, reason) => {
          gossip.end(peer);
          handlers.onPeerDisconnected(peer, reason);
        },
        onMessage: (peer, message) => (gossip.take(peer, message) ? undefined : handlers.onMessage(peer, message)),
      },
    });
    // Peers may come before the start is complete, and are answered.
    this.#running = { links, gossip, handlers };
    await links.listen(this.#listen);
  }

  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    running?.gossip.stop();
    await running?.links.stop();
  }

  listenAddresses(): readonly string[] {
    return this.#running?.links.listenAddresses() ?? [];
  }

  /** At the address, or where the peer announces to be when none is given. */
  async connect(nodeId: NodeId, address?: string): Promise<void> {
    const { links } = this.#require();
    if (nodeId === this.nodeId) throw new NetworkError('peer_is_self', `${nodeId} is this node itself`);
    if (links.isLinked(nodeId)) return;
    // Whoever dials a liar wants it all the same.
    this.#liars.refuse(nodeId, false);
    let failure: unknown = new NetworkError('peer_unknown_address', `no address of ${nodeId} is known`, { nodeId });
    for (const candidate of address === undefined ? this.#options.findAddresses(nodeId) : [address]) {
      try {
        return await links.connect(nodeId, candidate);
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  async disconnect(nodeId: NodeId, reason: string): Promise<void> {
    await this.#running?.links.close(nodeId, reason);
  }

  send(nodeId: NodeId, messages: readonly Uint8Array[]): void {
    this.#running?.links.send(nodeId, messages);
  }

  startGossip(nodeId: NodeId, sinceSeconds?: number): void {
    const link = this.#running?.links.link(nodeId);
    if (link !== undefined) this.#running?.gossip.start(nodeId, link, sinceSeconds);
  }

  /** Nothing is broadcast: peers are told over their links. */
  publishGossip(): Promise<void> {
    return Promise.resolve();
  }

  /** Where nobody is connected it is told nobody: while it does not run, too. */
  tellGossip(news: GossipNews): void {
    this.#running?.gossip.tell(news);
  }

  distrustGossip(nodeId: NodeId): void {
    this.#running?.gossip.distrust(nodeId);
  }

  async *requestSync(nodeId: NodeId, request: Uint8Array, isAnswer?: (message: Uint8Array) => boolean): AsyncIterable<Uint8Array> {
    yield* this.#require().gossip.ask(nodeId, request, isAnswer);
  }

  #onDistrusted(nodeId: NodeId): void {
    const running = this.#running;
    if (running === undefined || running.handlers.onGossipDistrusted(nodeId)) return;
    this.#liars.refuse(nodeId, true);
    void running.links.close(nodeId, 'its gossip is false');
  }

  #require(): Running {
    if (this.#running === undefined) throw new NetworkError('network_stopped', 'the network is not running');
    return this.#running;
  }
}
