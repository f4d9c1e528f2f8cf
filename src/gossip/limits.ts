import type { Rate } from '../runtime/rate-limiter.ts';

/** Bounds on what gossip may cost, and the times that BOLT 7 leaves to each node. */
export interface GossipLimits {
  /** BOLT 7: a channel is announced from six confirmations on. */
  readonly minConfirmations: number;
  /** BOLT 7, "Pruning": blocks after which a channel whose output was spent is forgotten. */
  readonly forgetSpentAfterBlocks: number;
  /** BOLT 7, "Recommendation on Pruning Stale Entries": two weeks. */
  readonly staleAfterSeconds: number;
  /** How far in the future a timestamp may lie. */
  readonly maxFutureSeconds: number;
  /** Longer messages are ignored (BOLT 7 allows it); with fields of today's length none is. */
  readonly maxMessageBytes: number;
  /** What one peer may make us verify. */
  readonly perForwarder: Rate;
  /**
   * Announcements of one peer without a funding output, beyond which they are lies. Nobody is punished for one, which may be true on
   * another view of the chain; but it costs its maker nothing, and us four signatures and a question to the chain.
   */
  readonly unfounded: Rate;
  /** What one origin may make the network pass on: updates of one direction of a channel, announcements of one node. */
  readonly perOrigin: Rate;
  /** Announcements being checked at once: more than all that syncs and broadcasts judge at the same time. */
  readonly maxChainLookups: number;
  /** Announcements of one channel that wait until others of it are checked, one of each peer. */
  readonly maxWaitingForChannel: number;
  /** Places in the chain where announcements claimed what is not there, remembered for so long. */
  readonly maxFalsePlaces: number;
  readonly falsePlaceMs: number;
  /** Messages of one peer, sent to us alone, that wait to be judged. */
  readonly maxDirectPerPeer: number;
  /** Channels and nodes for which messages wait that came too early; a few short messages each. */
  readonly maxPending: number;
  readonly maxBlacklisted: number;
  /** Peers and origins whose rate is watched. */
  readonly maxRateKeys: number;
  /** Messages to be written, beyond which they are refused. */
  readonly maxUnsaved: number;
  /** How long what was accepted may wait to be written: what a crash loses, the next sync brings. */
  readonly saveDelayMs: number;
  /** Channels that a peer may claim to know in a sync, and channels asked for at once. */
  readonly maxSyncChannels: number;
  readonly syncBatch: number;
  /** Channels that one peer may tell of in a sync though the chain knows nothing of them. */
  readonly maxFalseChannels: number;
  /** Announcements of nodes that a sync asks for though there are some here, since there may be newer ones. */
  readonly nodesRenewed: number;
  /** Once all have been asked for, of as many peers as we catch up with, they are again when so much time has passed since that began. */
  readonly nodeRoundMs: number;
  /** Queries that one peer may ask of us: one for each 500 channels that it asks about, or 2,000 that are looked through. */
  readonly perSyncPeer: Rate;
  /** Peers that we catch up with regularly: first after the shortest time, then less and less often. */
  readonly maxSyncPeers: number;
  readonly minSyncIntervalMs: number;
  readonly maxSyncIntervalMs: number;
}

const DAY = 24 * 60 * 60;

export const defaultGossipLimits: GossipLimits = {
  minConfirmations: 6,
  forgetSpentAfterBlocks: 72,
  staleAfterSeconds: 14 * DAY,
  maxFutureSeconds: DAY,
  maxMessageBytes: 2048,
  perForwarder: { burst: 2_000, perSecond: 100 },
  unfounded: { burst: 16, perSecond: 1 / 75 },
  perOrigin: { burst: 20, perSecond: 1 / 30 },
  maxChainLookups: 512,
  maxWaitingForChannel: 32,
  maxFalsePlaces: 10_000,
  falsePlaceMs: 60 * 60_000,
  maxDirectPerPeer: 512,
  maxPending: 500,
  maxBlacklisted: 1_000,
  maxRateKeys: 20_000,
  maxUnsaved: 10_000,
  saveDelayMs: 1_000,
  maxSyncChannels: 200_000,
  syncBatch: 500,
  maxFalseChannels: 48,
  nodesRenewed: 500,
  nodeRoundMs: 20 * 60_000,
  perSyncPeer: { burst: 500, perSecond: 5 },
  maxSyncPeers: 3,
  minSyncIntervalMs: 5_000,
  maxSyncIntervalMs: 60 * 60_000,
};
