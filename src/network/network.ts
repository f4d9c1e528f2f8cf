import type { GossipOf } from '../../protocols/gossip/gossip-message.ts';

/** A node id is its 33-byte compressed public key in lower-case hex. */
export type NodeId = string;

/**
 * What becomes of a broadcast message of BOLT 7. `later`: it could not be judged now, for reasons that are ours; a copy
 * that comes from anyone else is to be judged.
 */
export type GossipVerdict = 'accept' | 'reject' | 'ignore' | 'later';

/** What comes before an update, to whoever does not know its channel: the announcement. And after it, those of its nodes. */
export interface Introduction {
  readonly announcement: GossipOf<'channel_announcement'>;
  readonly nodes: readonly GossipOf<'node_announcement'>[];
}

/** What this node believes from now on: an update, or an announcement of a node that has a channel with one. */
export interface GossipNews {
  readonly gossip: GossipOf<'channel_update'> | GossipOf<'node_announcement'>;
  /** Who told it, or this node for what it says itself. */
  readonly from: NodeId;
  /** Nobody may have been told of the channel before. */
  readonly isFirst: boolean;
  /** Of the channel that an update is of; undefined where there is none. Costs a look at the disk. */
  introduction(): Introduction | undefined;
}

/** What the network tells the node. All are called in the order in which things happened to one peer. */
export interface NetworkHandlers {
  /** The pair's one channel-message link stands. `inbound` says who dialled. */
  onPeerConnected(nodeId: NodeId, info: { readonly inbound: boolean; readonly address: string }): void;
  onPeerDisconnected(nodeId: NodeId, reason: string): void;
  /** Where a linked peer that has dialled us says that it can be dialled itself. Its word, no more; may come again. */
  onPeerAddress(nodeId: NodeId, address: string): void;
  /**
   * One whole BOLT message (2-byte type and payload, at most 65,535 bytes), as bytes: the node decodes. Gossip that a peer tells over
   * its link of its own accord comes this way too. Whoever cannot
   * take more for now returns a promise: until it resolves, this peer's next message waits and the peer is slowed down.
   */
  onMessage(nodeId: NodeId, message: Uint8Array): void | Promise<void>;
  /** A gossip message from a topic; only an accepted one is passed on to others. */
  onGossip(message: Uint8Array, from: NodeId): Promise<GossipVerdict>;
  /**
   * So much of a peer's gossip was false that none of it is heard for a while. Says whether the peer is kept for what else
   * it is to us; otherwise it is hung up on, and let in again only then.
   */
  onGossipDistrusted(nodeId: NodeId): boolean;
  /** A peer asks for what we know: answers a query or a `gossip_timestamp_filter` with a stream of BOLT 7 messages. */
  onSyncRequest(from: NodeId, request: Uint8Array): AsyncIterable<Uint8Array>;
}

/**
 * The other nodes, as this one sees them. Over libp2p, over Lightning's own transport (BOLT 8), over both as one, and over links in memory
 * for the simulation.
 * Nothing here persists or decides; reconnecting is the peer machine's business.
 */
export interface Network {
  readonly nodeId: NodeId;
  /** Starts to listen; handlers may be called before the promise resolves. A network starts once. */
  start(handlers: NetworkHandlers): Promise<void>;
  stop(): Promise<void>;
  /** Addresses others can dial: multiaddrs without the peer id, or `host:port` for Lightning's. */
  listenAddresses(): readonly string[];
  /**
   * Dials a peer at the address, or where kad-dht finds it when none is given. Resolves once the channel-message link
   * stands; throws `NetworkError`.
   */
  connect(nodeId: NodeId, address?: string): Promise<void>;
  disconnect(nodeId: NodeId, reason: string): Promise<void>;
  /**
   * Queues messages to a connected peer; those of one call leave in one write. Never throws: to a peer that is not
   * connected it is a no-op, and a queue past its bound disconnects the peer (it will be retransmitted after
   * channel_reestablish).
   */
  send(nodeId: NodeId, messages: readonly Uint8Array[]): void;
  /**
   * Both `init`s are exchanged with a linked peer: gossip may pass. `sinceSeconds`: from when on (a timestamp of BOLT 7) it is to tell what it
   * hears, if it has anything to tell.
   */
  startGossip(nodeId: NodeId, sinceSeconds?: number): void;
  /** Broadcasts what is true and did not come by broadcast, which passes on by itself what `onGossip` accepts. */
  publishGossip(message: Uint8Array): Promise<void>;
  /** Peers that are told over their links hear of it, in the order of the calls. */
  tellGossip(news: GossipNews): void;
  /** A peer told what it must know to be false: counts against it like a message that was rejected. */
  distrustGossip(nodeId: NodeId): void;
  /**
   * Opens a sync stream to a connected peer and yields the messages it answers with; bounded, throws `NetworkError` on
   * a bad stream. `isAnswer` tells the announcements and updates that answer from others, where the same link carries both.
   */
  requestSync(nodeId: NodeId, request: Uint8Array, isAnswer?: (message: Uint8Array) => boolean): AsyncIterable<Uint8Array>;
}
