import type { Rate } from '../runtime/rate-limiter.ts';

/** Bounds on what peers can make a node hold, do or wait for. */
export interface NetworkLimits {
  /** Connections in all; inbound ones beyond it are refused. */
  readonly maxConnections: number;
  /** Connections of one peer: two after simultaneous dials, one more while a dead one is still being noticed. */
  readonly maxConnectionsPerPeer: number;
  /** New inbound connections of this machine in a second: a cluster on it comes from one host. */
  readonly maxInboundPerSecond: number;
  /** New inbound connections of any other host, or network of IPv6. */
  readonly inboundPerHost: Rate;
  /** Bytes queued to one peer before it is disconnected. */
  readonly maxQueuedBytes: number;
  /** How long a connect may take in all, and finding the peer's addresses within it. */
  readonly connectTimeoutMs: number;
  readonly lookupTimeoutMs: number;
  /** How long a peer that opens a stream may take to say what it wants. */
  readonly handshakeTimeoutMs: number;
  /**
   * A peer is asked every `pingIntervalMs` whether it is there, and dropped when it does not answer in `pingTimeoutMs`.
   * One that has died is noticed at once all the same; this is for one that hangs, or whose host is gone. A machine
   * under load must be able to answer in time: a link lost by mistake costs more than one lost late. They are few, since
   * each opens a stream of its own at both ends: at one in 3 s they were much of what an idle node in a mesh of 20 did.
   */
  readonly pingIntervalMs: number;
  readonly pingTimeoutMs: number;
  /** Gossip messages being validated at once, and waiting for it: of one peer, of all. Those beyond are ignored. */
  readonly gossipConcurrency: number;
  readonly maxGossipQueuePerPeer: number;
  readonly maxGossipQueue: number;
  /** BOLT 7, "Rebroadcasting": how often Lightning peers are told what others have said. */
  readonly gossipFlushMs: number;
  /** Sync streams answered at once, and what one may last and carry. */
  readonly maxSyncStreams: number;
  readonly syncTimeoutMs: number;
  readonly syncIdleTimeoutMs: number;
  readonly maxSyncBytes: number;
}

export const defaultNetworkLimits: NetworkLimits = {
  maxConnections: 300,
  maxConnectionsPerPeer: 4,
  maxInboundPerSecond: 64,
  inboundPerHost: { burst: 32, perSecond: 4 },
  maxQueuedBytes: 8 * 1024 * 1024,
  connectTimeoutMs: 10_000,
  lookupTimeoutMs: 5_000,
  handshakeTimeoutMs: 5_000,
  pingIntervalMs: 30_000,
  pingTimeoutMs: 10_000,
  gossipConcurrency: 16,
  maxGossipQueuePerPeer: 512,
  maxGossipQueue: 4_096,
  gossipFlushMs: 60_000,
  maxSyncStreams: 16,
  syncTimeoutMs: 300_000,
  syncIdleTimeoutMs: 15_000,
  maxSyncBytes: 256 * 1024 * 1024,
};
