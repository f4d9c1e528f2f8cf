import { equals } from 'uint8arrays';
import { scidToParts } from '../../protocols/gossip/short-channel-id.ts';
import { encodeMessage, type MessageOf } from '../../protocols/wire/messages.ts';
import type { NodeId } from '../network/network.ts';
import type { Direction } from '../routing/channel.ts';
import type { Clock } from '../runtime/clock.ts';
import { GossipSyncError } from './errors.ts';
import type { GossipLimits } from './limits.ts';
import { RateLimiter } from '../runtime/rate-limiter.ts';
import type { GossipStore } from './store.ts';
import { readMessage, WANT, WANT_EVERYTHING } from './sync-messages.ts';
import { WANT_CHECKSUMS, WANT_TIMESTAMPS } from './sync-offer.ts';

/** Channels in one reply: with timestamps and checksums 48,000 bytes of the 65,535 that a message may have. */
const CHANNELS_PER_REPLY = 2000;
/** Channels with all their messages that are told for one token of a peer's rate. */
const CHANNELS_PER_TOKEN = 500;

type Query = MessageOf<'query_channel_range' | 'query_short_channel_ids' | 'gossip_timestamp_filter'>;

export interface SyncResponderOptions {
  readonly store: GossipStore;
  readonly chainHash: Uint8Array;
  readonly clock: Clock;
  readonly limits: GossipLimits;
}

/**
 * Answers BOLT 7's queries: which channels are known (`query_channel_range`), the messages about some of them
 * (`query_short_channel_ids`), and those that are as new as a filter says (`gossip_timestamp_filter`). Holds nothing between two queries;
 * what one answer costs is bounded by the query's own length, or by the graph.
 */
export class SyncResponder {
  readonly #store: GossipStore;
  readonly #chainHash: Uint8Array;
  readonly #mostTokens: number;
  readonly #perPeer: RateLimiter;

  constructor({ store, chainHash, clock, limits }: SyncResponderOptions) {
    this.#store = store;
    this.#chainHash = chainHash;
    this.#mostTokens = limits.perSyncPeer.burst;
    this.#perPeer = new RateLimiter(clock, limits.perSyncPeer, limits.maxRateKeys);
  }

  /**
   * The messages that answer a query, in order. Throws `GossipSyncError` for what is not one, and for too many of them.
   */
  *answer(from: NodeId, request: Uint8Array): Generator<Uint8Array, void> {
    // What is no query has its price too.
    this.#charge(from, 1);
    const query = readQuery(request);
    this.#charge(from, this.#cost(query) - 1);
    if (query.type === 'query_channel_range') yield* this.#channelRange(query);
    else if (query.type === 'query_short_channel_ids') yield* this.#channels(query);
    else yield* this.#asNewAs(from, query);
  }

  #charge(peer: NodeId, tokens: number): void {
    if (!this.#perPeer.take(peer, tokens)) throw new GossipSyncError('sync_rate', `more queries than allowed from ${peer}`);
  }

  /** In tokens, at least one and never more than a peer can have. For a range and a filter, whatever they hold, all channels are looked through; what a filter has told is counted by itself. */
  #cost(query: Query): number {
    const cost = query.type === 'query_short_channel_ids'
      ? Math.ceil(query.shortChannelIds.length / CHANNELS_PER_TOKEN)
      : 1 + Math.floor(this.#store.graph.channelCount / CHANNELS_PER_REPLY);
    return Math.max(1, Math.min(cost, this.#mostTokens));
  }

  /**
   * BOLT 7, "The `query_channel_range` and `reply_channel_range` Messages": replies that follow one another without a
   * gap.
   */
  *#channelRange(query: MessageOf<'query_channel_range'>): Generator<Uint8Array, void> {
    const { chainHash, firstBlocknum, numberOfBlocks } = query;
    const end = firstBlocknum + numberOfBlocks;
    const scids = equals(chainHash, this.#chainHash) ? this.#scidsBetween(firstBlocknum, end) : [];
    const wants = (option: bigint): boolean => ((query.queryOption ?? 0n) & option) !== 0n;
    let from = firstBlocknum;
    for (let i = 0; i === 0 || i < scids.length; i += CHANNELS_PER_REPLY) {
      const shortChannelIds = scids.slice(i, i + CHANNELS_PER_REPLY);
      const next = scids[i + CHANNELS_PER_REPLY];
      // A block whose channels do not fit is continued in the next reply.
      const to = next === undefined ? end : blockOf(shortChannelIds.at(-1) ?? 0n) + 1;
      yield encodeMessage({
        type: 'reply_channel_range',
        chainHash,
        firstBlocknum: from,
        numberOfBlocks: to - from,
        syncComplete: next === undefined ? 1 : 0,
        shortChannelIds,
        ...(wants(WANT_TIMESTAMPS) && { timestamps: shortChannelIds.map((scid) => this.#timestamps(scid)) }),
        ...(wants(WANT_CHECKSUMS) && { checksums: shortChannelIds.map((scid) => this.#checksums(scid)) }),
      });
      from = next === undefined ? end : Math.min(to, blockOf(next));
    }
  }

  /**
   * BOLT 7, "The `query_short_channel_ids`/`reply_short_channel_ids_end` Messages": each node's announcement once, and
   * last.
   */
  *#channels(query: MessageOf<'query_short_channel_ids'>): Generator<Uint8Array, void> {
    const { chainHash, shortChannelIds, queryFlags } = query;
    const isOurChain = equals(chainHash, this.#chainHash);
    const nodes = new Set<NodeId>();
    for (const [index, scid] of (isOurChain ? shortChannelIds : []).entries()) {
      const channel = this.#store.graph.channel(scid);
      // BOLT 7: a channel that was spent should not be passed on.
      if (channel === undefined || this.#store.channel(scid)?.spentHeight !== undefined) continue;
      const flags = queryFlags?.[index] ?? WANT_EVERYTHING;
      if ((flags & WANT.announcement) !== 0n) yield* present(this.#store.announcement(scid));
      for (const direction of [0, 1] satisfies Direction[]) {
        if ((flags & WANT.updates[direction]) !== 0n) yield* present(this.#store.update(scid, direction));
        if ((flags & WANT.nodes[direction]) !== 0n) nodes.add(direction === 0 ? channel.nodeId1 : channel.nodeId2);
      }
    }
    for (const nodeId of nodes) yield* present(this.#store.nodeAnnouncement(nodeId));
    yield encodeMessage({ type: 'reply_short_channel_ids_end', chainHash, fullInformation: isOurChain ? 1 : 0 });
  }

  /** BOLT 7, "The `gossip_timestamp_filter` Message": of each channel that has an update as new as that, the announcement first. */
  *#asNewAs(from: NodeId, query: MessageOf<'gossip_timestamp_filter'>): Generator<Uint8Array, void> {
    const { chainHash, firstTimestamp, timestampRange } = query;
    if (!equals(chainHash, this.#chainHash)) return;
    const store = this.#store;
    const isMeant = (timestamp: number): boolean => timestamp >= firstTimestamp && timestamp < firstTimestamp + timestampRange;
    const nodes = new Set<NodeId>();
    let told = 0;
    let mostTokens = this.#mostTokens - this.#cost(query);
    for (const [scid, { spentHeight }] of store.channels()) {
      const channel = store.graph.channel(scid);
      const directions = ([0, 1] satisfies Direction[]).filter((direction) => isMeant(store.graph.timestamp(scid, direction)));
      if (channel === undefined || spentHeight !== undefined || directions.length === 0) continue;
      // What is told has its price beside the looking through: how much that is shows only now.
      if (++told % CHANNELS_PER_TOKEN === 0 && mostTokens-- > 0) this.#charge(from, 1);
      yield* present(store.announcement(scid));
      for (const direction of directions) yield* present(store.update(scid, direction));
      for (const nodeId of [channel.nodeId1, channel.nodeId2]) if (isMeant(store.nodeTimestamp(nodeId) ?? 0)) nodes.add(nodeId);
    }
    for (const nodeId of nodes) yield* present(store.nodeAnnouncement(nodeId));
  }

  #scidsBetween(first: number, end: number): bigint[] {
    const found: bigint[] = [];
    for (const [scid, { spentHeight }] of this.#store.channels()) {
      const block = blockOf(scid);
      if (spentHeight === undefined && block >= first && block < end) found.push(scid);
    }
    return [...BigUint64Array.from(found).sort()];
  }

  #timestamps(scid: bigint): { timestampNodeId1: number; timestampNodeId2: number } {
    const { graph } = this.#store;
    return { timestampNodeId1: graph.timestamp(scid, 0), timestampNodeId2: graph.timestamp(scid, 1) };
  }

  #checksums(scid: bigint): { checksumNodeId1: number; checksumNodeId2: number } {
    const store = this.#store;
    return { checksumNodeId1: store.updateChecksum(scid, 0), checksumNodeId2: store.updateChecksum(scid, 1) };
  }
}

function readQuery(request: Uint8Array): Query {
  const query = readMessage(request, 'sync_bad_request');
  if (query.type === 'query_channel_range' || query.type === 'gossip_timestamp_filter') return query;
  if (query.type !== 'query_short_channel_ids') {
    throw new GossipSyncError('sync_bad_request', `expected a query, got ${query.type}`);
  }
  const { queryFlags, shortChannelIds } = query;
  if (queryFlags !== undefined && queryFlags.length !== shortChannelIds.length) {
    throw new GossipSyncError(
      'sync_bad_request', `expected ${shortChannelIds.length} query flags, got ${queryFlags.length}`,
    );
  }
  return query;
}

function* present(message: Uint8Array | undefined): Generator<Uint8Array, void> {
  if (message !== undefined) yield message;
}

function blockOf(scid: bigint): number {
  return scidToParts(scid).blockHeight;
}
