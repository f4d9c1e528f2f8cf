import { encodeMessage } from '../../protocols/wire/messages.ts';
import type { Network, NodeId } from '../network/network.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Disputes } from './disputes.ts';
import { ExpectedAnswers } from './expected-answers.ts';
import type { FundingCheck } from './funding-check.ts';
import { JudgingQueue } from './judging-queue.ts';
import type { GossipLimits } from './limits.ts';
import { NodeRounds } from './node-rounds.ts';
import type { GossipStore } from './store.ts';
import { badReply, isEnd } from './sync-messages.ts';
import { rangeQuery, readOffer, type SyncOffer } from './sync-offer.ts';
import { wantedChannels, wantedNodes, type Want, type Wanted } from './sync-wants.ts';
import type { GossipTally } from './tally.ts';
import type { GossipValidator } from './validator.ts';

/** What a sync brought. */
export interface SyncReport {
  /** Channels that the peer knows, and how often it was asked about one. */
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
  readonly tally: GossipTally;
  readonly funding: Pick<FundingCheck, 'isEmpty'>;
  readonly disputes: Pick<Disputes, 'isExcused'>;
}

/** Channels of an offer looked at in one go. */
const LOOKED_AT_IN_ONE_GO = 2_000;

/**
 * Catches up with what peers know, with BOLT 7's own queries: first which channels there are, how new their updates are
 * and what these say (as a checksum), then the messages that are missing here, some hundred channels at a time, each judged
 * like any other gossip. Announcements of nodes come last, so that each is asked for once.
 *
 * Several syncs at once share the work: what one peer is being asked for is left out by the others, and looked at again
 * when it has answered, or failed to.
 *
 * Why these queries and nothing of our own: they are specified, so that what is learned of one peer says how all behave;
 * they cost 24 bytes a channel beside the messages that are missing; and they make a sync resumable without any state.
 * What was accepted is in the store and is not asked for again, so that a sync which broke off is just started anew, with
 * any peer. (Set reconciliation would save most of the 24 bytes: of mainnet's channels 1.2 MB, beside messages of 33.6 MB.) Bounded
 * are the channels that a peer may claim, the messages that answer a query, and (by the network) bytes and time.
 */
export class GossipSync {
  readonly #options: GossipSyncOptions;
  /** What some peer is being asked about. */
  readonly #inFlight = new Set<bigint | NodeId>();
  readonly #waiting = new Set<() => void>();
  readonly #nodeRounds: NodeRounds;

  constructor(options: GossipSyncOptions) {
    this.#options = options;
    this.#nodeRounds = new NodeRounds(options.clock, options.limits);
  }

  /**
   * Throws `GossipSyncError` for answers that are none, and what `Network.requestSync` throws. What was accepted until
   * then stays.
   */
  async syncWith(peer: NodeId): Promise<SyncReport> {
    const { chainHash, limits, store, clock, funding, validator } = this.#options;
    const offer = await readOffer(this.#ask(peer, rangeQuery(chainHash)), chainHash, limits.maxSyncChannels);
    const queue = new JudgingQueue(validator, peer, limits.maxFalseChannels);
    const channels = wantedChannels(offer, store, funding, limits, Math.floor(clock.now() / 1000));
    const ofChannels = await this.#fetch(peer, queue, offer, channels, new Set());
    const asked = new Set<bigint | NodeId>();
    const nodes = wantedNodes(offer, store, this.#nodeRounds.next(store.graph.nodeCount), asked);
    const ofNodes = await this.#fetch(peer, queue, offer, nodes, asked);
    return { offered: offer.shortChannelIds.length, requested: ofChannels + ofNodes, accepted: queue.accepted };
  }

  /** Asks for all of the offer that is wanted, each subject once; fills `asked` with them. Resolves with how often it asked about a channel. */
  async #fetch(
    peer: NodeId, queue: JudgingQueue, offer: SyncOffer, wanted: Wanted, asked: Set<bigint | NodeId>,
  ): Promise<number> {
    let requested = 0;
    let left: Iterable<number> = offer.shortChannelIds.keys();
    for (;;) {
      const deferred: number[] = [];
      for await (const batch of this.#batches(left, wanted, asked, deferred)) {
        requested += batch.length;
        await this.#askFor(peer, queue, batch);
      }
      if (deferred.length === 0) return requested;
      left = deferred;
      if (this.#inFlight.size > 0) await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  /** Wants in batches, taken out of what others may ask for; what others have taken is put off. */
  async *#batches(
    indexes: Iterable<number>, wanted: Wanted, asked: Set<bigint | NodeId>, deferred: number[],
  ): AsyncGenerator<readonly Want[], void> {
    const { clock, limits } = this.#options;
    let batch: Want[] = [];
    let looked = 0;
    try {
      for (const index of indexes) {
        // A large offer must not keep channels and payments waiting.
        if (++looked % LOOKED_AT_IN_ONE_GO === 0) await new Promise<void>((resolve) => clock.setTimer(0, resolve));
        const want = wanted(index);
        if (want === undefined) continue;
        if (want.subjects.some((subject) => this.#inFlight.has(subject))) {
          deferred.push(index);
          continue;
        }
        this.#take(want, asked);
        batch.push(want);
        if (batch.length < limits.syncBatch) continue;
        yield batch;
        this.#release(batch);
        batch = [];
      }
      if (batch.length > 0) yield batch;
    } finally {
      this.#release(batch);
    }
  }

  #take({ subjects }: Want, asked: Set<bigint | NodeId>): void {
    for (const subject of subjects) {
      this.#inFlight.add(subject);
      asked.add(subject);
    }
  }

  #release(batch: readonly Want[]): void {
    for (const { subjects } of batch) for (const subject of subjects) this.#inFlight.delete(subject);
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }

  /** BOLT 7, "The `query_short_channel_ids`/`reply_short_channel_ids_end` Messages". */
  async #askFor(peer: NodeId, queue: JudgingQueue, batch: readonly Want[]): Promise<void> {
    const { chainHash, store, disputes } = this.#options;
    const shortChannelIds = batch.map(({ shortChannelId }) => shortChannelId);
    const queryFlags = batch.map(({ flags }) => flags);
    const query = encodeMessage({ type: 'query_short_channel_ids', chainHash, shortChannelIds, queryFlags });
    // An announcement, two updates and two nodes a channel, and the end.
    const most = 5 * batch.length + 1;
    const expected = new ExpectedAnswers(shortChannelIds, store.graph);
    let received = 0;
    let ended = false;
    const answers = new ExpectedAnswers(shortChannelIds, store.graph);
    for await (const bytes of this.#ask(peer, query, (message) => answers.isAnswer(message))) {
      if (ended || ++received > most) throw badReply(`expected at most ${most} messages, and the end after them`);
      ended = isEnd(bytes);
      if (!ended && expected.admit(bytes)) await queue.push(bytes);
    }
    const disputed = await queue.finish();
    if (!ended) throw badReply('the answers ended before reply_short_channel_ids_end');
    for (const scid of disputed) {
      if (!(await disputes.isExcused(peer, scid))) throw badReply('the peer passed on a forged update');
    }
  }

  async *#ask(peer: NodeId, query: Uint8Array, isAnswer?: (message: Uint8Array) => boolean): AsyncGenerator<Uint8Array, void> {
    for await (const bytes of this.#options.network.requestSync(peer, query, isAnswer)) {
      this.#options.tally.syncBytes += bytes.length;
      yield bytes;
    }
  }
}
