import { equals } from 'uint8arrays';
import { encodeMessage, MESSAGE_TYPE_NUMBERS, type MessageOf } from '../../protocols/wire/messages.ts';
import type { Network, NodeId } from '../network/network.ts';
import type { Clock } from '../runtime/clock.ts';
import { GossipSyncError } from './errors.ts';
import type { GossipLimits } from './limits.ts';
import type { GossipStore } from './store.ts';
import { readMessage, WANT } from './sync-responder.ts';
import type { GossipValidator } from './validator.ts';

/** What a sync brought. */
export interface SyncReport {
  /** Channels that the peer knows, and those of them that were asked for. */
  readonly offered: number;
  readonly requested: number;
  readonly accepted: number;
}

export interface GossipSyncOptions {
  readonly network: Pick<Network, 'requestSync'>;
  readonly validator: GossipValidator;
  readonly store: GossipStore;
  readonly chainHash: Uint8Array;
  readonly clock: Clock;
  readonly limits: GossipLimits;
}

/** Messages judged at the same time: enough to hide the chain's answers behind each other. */
const CONCURRENCY = 16;
const ALL_BLOCKS = 0xffff_ffff;
const WANT_TIMESTAMPS = 1n;

/**
 * Catches up with what a peer knows, with BOLT 7's own queries: first which channels there are and how new their
 * updates, then the messages that are missing here, some hundred channels at a time, each judged like any other gossip.
 *
 * Why these and nothing of our own: they are specified, other implementations' vectors exist, and they make a sync
 * resumable without any state. What was accepted is in the store and is not asked for again, so that a sync which broke
 * off is just started anew, with any peer. Bounded are the channels that a peer may claim, the messages that answer a
 * query, and (by the network) bytes and time.
 */
export class GossipSync {
  readonly #options: GossipSyncOptions;

  constructor(options: GossipSyncOptions) {
    this.#options = options;
  }

  /**
   * Throws `GossipSyncError` for answers that are none, and what `Network.requestSync` throws. What was accepted until
   * then stays.
   */
  async syncWith(peer: NodeId): Promise<SyncReport> {
    const wanted = new Map<bigint, bigint>();
    const offered = await this.#askForRange(peer, wanted);
    let accepted = 0;
    const scids = BigUint64Array.from(wanted.keys()).sort();
    for (let i = 0; i < scids.length; i += this.#options.limits.syncBatch) {
      accepted += await this.#askForChannels(peer, [...scids.subarray(i, i + this.#options.limits.syncBatch)], wanted);
    }
    return { offered, requested: scids.length, accepted };
  }

  /** Fills `wanted` with the channels of which something is missing here, and the flags that say what. */
  async #askForRange(peer: NodeId, wanted: Map<bigint, bigint>): Promise<number> {
    const { network, chainHash, limits } = this.#options;
    const query = encodeMessage({
      type: 'query_channel_range',
      chainHash,
      firstBlocknum: 0,
      numberOfBlocks: ALL_BLOCKS,
      queryOption: WANT_TIMESTAMPS,
    });
    let offered = 0;
    let previous = -1n;
    let complete = false;
    for await (const bytes of network.requestSync(peer, query)) {
      const reply = readMessage(bytes, 'sync_bad_reply');
      if (reply.type !== 'reply_channel_range' || complete) {
        throw badReply(`expected reply_channel_range, got ${reply.type}`);
      }
      if (!equals(reply.chainHash, chainHash)) throw badReply('expected channels of our chain, got those of another');
      if (reply.timestamps !== undefined && reply.timestamps.length !== reply.shortChannelIds.length) {
        throw badReply(`expected ${reply.shortChannelIds.length} pairs of timestamps, got ${reply.timestamps.length}`);
      }
      for (const [index, scid] of reply.shortChannelIds.entries()) {
        if (scid <= previous) throw badReply('expected channels in ascending order');
        previous = scid;
        if (++offered > limits.maxSyncChannels) throw badReply(`expected at most ${limits.maxSyncChannels} channels`);
        const flags = this.#missing(scid, reply.timestamps?.[index]);
        if (flags !== 0n) wanted.set(scid, flags);
      }
      complete = reply.syncComplete !== 0;
    }
    if (!complete) throw badReply('the replies ended before the last one');
    return offered;
  }

  /** What to ask for about a channel: BOLT 7, `encoded_query_flags`. */
  #missing(scid: bigint, timestamps: Timestamps | undefined): bigint {
    const { store, clock, limits } = this.#options;
    const oldest = Math.floor(clock.now() / 1000) - limits.staleAfterSeconds;
    const theirs = timestamps === undefined
      ? [Infinity, Infinity]
      : [timestamps.timestampNodeId1, timestamps.timestampNodeId2];
    const known = store.graph.channel(scid);
    // Both sides have been silent for two weeks: it would be pruned at once. (0 is no update, perhaps since the channel
    // is new.)
    if (known === undefined && theirs.every((timestamp) => timestamp !== 0 && timestamp < oldest)) return 0n;
    let flags = known === undefined ? WANT.announcement : 0n;
    for (const direction of [0, 1] as const) {
      const timestamp = theirs[direction] ?? 0;
      if (timestamp >= oldest && timestamp > (store.graph.policy(scid, direction)?.timestamp ?? 0)) {
        flags |= WANT.updates[direction];
      }
      const nodeId = direction === 0 ? known?.nodeId1 : known?.nodeId2;
      if (nodeId === undefined || store.nodeTimestamp(nodeId) === undefined) flags |= WANT.nodes[direction];
    }
    return flags;
  }

  async #askForChannels(
    peer: NodeId, shortChannelIds: readonly bigint[], wanted: ReadonlyMap<bigint, bigint>,
  ): Promise<number> {
    const { network, chainHash } = this.#options;
    const queryFlags = shortChannelIds.map((scid) => wanted.get(scid) ?? 0n);
    const query = encodeMessage({ type: 'query_short_channel_ids', chainHash, shortChannelIds, queryFlags });
    // An announcement, two updates and two nodes a channel, and the end.
    const most = 5 * shortChannelIds.length + 1;
    const queue = new JudgingQueue(this.#options.validator, peer);
    let received = 0;
    let ended = false;
    for await (const bytes of network.requestSync(peer, query)) {
      if (ended || ++received > most) throw badReply(`expected at most ${most} messages, and the end after them`);
      ended = isEnd(bytes);
      if (!ended) await queue.push(bytes);
    }
    const accepted = await queue.finish();
    if (!ended) throw badReply('the answers ended before reply_short_channel_ids_end');
    return accepted;
  }
}

type Timestamps = NonNullable<MessageOf<'reply_channel_range'>['timestamps']>[number];

/** Judges messages in the order in which they come, some at a time. */
class JudgingQueue {
  readonly #validator: GossipValidator;
  readonly #from: NodeId;
  readonly #running: Promise<void>[] = [];
  #accepted = 0;
  #failure: unknown;

  constructor(validator: GossipValidator, from: NodeId) {
    this.#validator = validator;
    this.#from = from;
  }

  /**
   * Resolves when there is room for another. Throws `GossipSyncError` after a message that no honest peer passes on.
   */
  async push(raw: Uint8Array): Promise<void> {
    this.#running.push(this.#judge(raw));
    if (this.#running.length >= CONCURRENCY) await this.#running.shift();
    this.#check();
  }

  /** Resolves with the number accepted when all are judged. */
  async finish(): Promise<number> {
    await Promise.all(this.#running);
    this.#check();
    return this.#accepted;
  }

  async #judge(raw: Uint8Array): Promise<void> {
    try {
      const { verdict, reason } = await this.#validator.validate(raw, { from: this.#from, solicited: true });
      if (verdict === 'accept') this.#accepted++;
      if (verdict === 'reject') throw badReply(`the peer passed on a message that is ${reason}`);
    } catch (error) {
      this.#failure ??= error;
    }
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}

function isEnd(bytes: Uint8Array): boolean {
  return ((bytes[0] ?? 0) << 8 | (bytes[1] ?? 0)) === MESSAGE_TYPE_NUMBERS.reply_short_channel_ids_end
    && readMessage(bytes, 'sync_bad_reply').type === 'reply_short_channel_ids_end';
}

function badReply(message: string): GossipSyncError {
  return new GossipSyncError('sync_bad_reply', message);
}
