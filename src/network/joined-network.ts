import { NetworkError } from './errors.ts';
import type { GossipNews, Network, NetworkHandlers, NodeId } from './network.ts';

/**
 * The mesh and the Lightning Network as one: a peer has one link, by whichever of the two, and what one hears and is found to be true
 * the other is told.
 *
 * Addresses are multiaddrs (the mesh's) or `host:port` (Lightning's). A peer that can be reached by both is linked over the mesh: at both ends a
 * link of the mesh takes the place of one by Lightning, and never the other way round, so that both keep the same one.
 */
export function joinNetworks(mesh: Network, lightning: Network): Network {
  return new JoinedNetwork(mesh, lightning);
}

class JoinedNetwork implements Network {
  readonly nodeId: NodeId;
  readonly #mesh: Network;
  readonly #lightning: Network;
  /** By which a peer is linked. */
  readonly #linked = new Map<NodeId, Network>();

  constructor(mesh: Network, lightning: Network) {
    this.#mesh = mesh;
    this.#lightning = lightning;
    this.nodeId = mesh.nodeId;
  }

  async start(handlers: NetworkHandlers): Promise<void> {
    await this.#mesh.start(this.#handlersOf(this.#mesh, handlers));
    try {
      await this.#lightning.start(this.#handlersOf(this.#lightning, handlers));
    } catch (error) {
      await this.#mesh.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    await Promise.all([this.#mesh.stop(), this.#lightning.stop()]);
  }

  listenAddresses(): readonly string[] {
    return [...this.#mesh.listenAddresses(), ...this.#lightning.listenAddresses()];
  }

  async connect(nodeId: NodeId, address?: string): Promise<void> {
    if (this.#linked.has(nodeId)) return;
    try {
      await this.#dial(nodeId, address);
    } catch (error) {
      // It may have come by itself meanwhile, over the other one.
      if (!this.#linked.has(nodeId)) throw error;
    }
  }

  async disconnect(nodeId: NodeId, reason: string): Promise<void> {
    await this.#linked.get(nodeId)?.disconnect(nodeId, reason);
  }

  send(nodeId: NodeId, messages: readonly Uint8Array[]): void {
    this.#linked.get(nodeId)?.send(nodeId, messages);
  }

  startGossip(nodeId: NodeId, sinceSeconds?: number): void {
    this.#linked.get(nodeId)?.startGossip(nodeId, sinceSeconds);
  }

  async publishGossip(message: Uint8Array): Promise<void> {
    await Promise.all([this.#mesh.publishGossip(message), this.#lightning.publishGossip(message)]);
  }

  tellGossip(news: GossipNews): void {
    for (const network of [this.#mesh, this.#lightning]) network.tellGossip(news);
  }

  distrustGossip(nodeId: NodeId): void {
    // Who has no link any more may have told it over either.
    const network = this.#linked.get(nodeId);
    for (const one of network === undefined ? [this.#mesh, this.#lightning] : [network]) one.distrustGossip(nodeId);
  }

  async *requestSync(nodeId: NodeId, request: Uint8Array, isAnswer?: (message: Uint8Array) => boolean): AsyncIterable<Uint8Array> {
    const network = this.#linked.get(nodeId);
    if (network === undefined) throw new NetworkError('not_connected', `no link to ${nodeId}`, { nodeId });
    yield* network.requestSync(nodeId, request, isAnswer);
  }

  async #dial(nodeId: NodeId, address: string | undefined): Promise<void> {
    if (address !== undefined) return (address.startsWith('/') ? this.#mesh : this.#lightning).connect(nodeId, address);
    try {
      await this.#mesh.connect(nodeId);
    } catch (error) {
      try {
        await this.#lightning.connect(nodeId);
      } catch (other) {
        throw other instanceof NetworkError && other.code === 'peer_unknown_address' ? error : other;
      }
    }
  }

  /** Of a peer's links the node hears of one. */
  #handlersOf(network: Network, handlers: NetworkHandlers): NetworkHandlers {
    const isHeard = (nodeId: NodeId): boolean => this.#linked.get(nodeId) === network;
    return {
      ...handlers,
      onPeerConnected: (nodeId, info) => {
        const other = this.#linked.get(nodeId);
        if (other !== undefined && network === this.#lightning) {
          void network.disconnect(nodeId, 'the peer is linked over the mesh');
          return;
        }
        this.#linked.set(nodeId, network);
        if (other !== undefined) {
          void other.disconnect(nodeId, 'the peer is linked over the mesh');
          handlers.onPeerDisconnected(nodeId, 'connection_lost: the peer came over the mesh');
        }
        handlers.onPeerConnected(nodeId, info);
      },
      onPeerDisconnected: (nodeId, reason) => {
        if (!isHeard(nodeId)) return;
        this.#linked.delete(nodeId);
        handlers.onPeerDisconnected(nodeId, reason);
      },
      onPeerAddress: (nodeId, address) => (isHeard(nodeId) ? handlers.onPeerAddress(nodeId, address) : undefined),
      onMessage: (nodeId, message) => (isHeard(nodeId) ? handlers.onMessage(nodeId, message) : undefined),
    };
  }
}
