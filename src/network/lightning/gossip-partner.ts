import { equals } from 'uint8arrays/equals';
import { fromString } from 'uint8arrays/from-string';
import { ALL_CHANNELS } from '../../../protocols/wire/bolt1.ts';
import { encodeMessage, MESSAGE_TYPE_NUMBERS, readMessage } from '../../../protocols/wire/messages.ts';
import type { Clock } from '../../runtime/clock.ts';
import { messageOf, NetworkError } from '../errors.ts';
import type { NetworkLimits } from '../limits.ts';
import type { GossipNews } from '../network.ts';
import type { PeerLink } from '../peer-link.ts';
import { GossipOutbox } from './gossip-outbox.ts';
import { GossipQuestion, isBroadcast, typeOf } from './gossip-question.ts';

export interface GossipPartnerOptions {
  readonly link: PeerLink;
  readonly clock: Clock;
  readonly limits: NetworkLimits;
  readonly chainHash: Uint8Array;
  /** Whether anything that the peer tells is believed. */
  readonly isHeard: () => boolean;
  /** Of the partners one after another sends its next batch; resolves when it is this one's turn. */
  readonly turn: () => Promise<void>;
  /** As `NetworkHandlers.onSyncRequest`. */
  readonly answer: (request: Uint8Array) => AsyncIterable<Uint8Array>;
}

/** What leaves for one peer in one go, and how much may lie in front of it: channel messages go by the same link. */
const BATCH_BYTES = 32 * 1024;
const HIGH_WATER_BYTES = 256 * 1024;
const ROOM_INTERVAL_MS = 20;
/** Queries of a peer that wait for their answers; BOLT 7 lets it send one at a time, and a filter whenever it likes. */
const MAX_REQUESTS = 4;
const MAX_WARNING_BYTES = 1_000;

const types = MESSAGE_TYPE_NUMBERS;
const replies = new Set<number>([types.reply_channel_range, types.reply_short_channel_ids_end]);
const requests = new Set<number>([types.query_channel_range, types.query_short_channel_ids, types.gossip_timestamp_filter]);

/** Gossip with one peer over its link (BOLT 7): what it is asked and asks, what it is told, and how far it is believed. */
export class GossipPartner {
  readonly #options: GossipPartnerOptions;
  readonly #outbox = new GossipOutbox();
  /** The last one: its answers may still come when nobody waits for them any more. */
  #question: GossipQuestion | undefined;
  /** The end of the question before: BOLT 7 has a node ask one at a time. */
  #asked: Promise<void> = Promise.resolve();
  #sent: Promise<void> = Promise.resolve();
  #requests = 0;
  #isFlushing = false;
  #isGone = false;

  constructor(options: GossipPartnerOptions) {
    this.#options = options;
  }

  /** Takes a message in; false if it is for the channels, or gossip that nobody has asked for and that is to be judged. */
  take(message: Uint8Array): boolean {
    const type = typeOf(message);
    if (this.#question?.expects(message) === true) {
      this.#question.push(message);
      return true;
    }
    if (isBroadcast(message)) return !this.#options.isHeard();
    if (requests.has(type)) this.#answer(message);
    return requests.has(type) || replies.has(type);
  }

  /**
   * Asks, once whoever asked before is done, and yields the answers.
   * @throws NetworkError `stream_failed`, also while the peer owes answers to a query that was given up
   */
  async *ask(query: Uint8Array, isAnswer: (message: Uint8Array) => boolean = () => true): AsyncGenerator<Uint8Array, void> {
    const { clock, limits, link } = this.#options;
    const before = this.#asked;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#asked = promise;
    try {
      await before;
      if (this.#isGone) throw new NetworkError('stream_failed', 'sync failed: the link ended');
      // BOLT 7: MUST NOT ask before; what still comes would be taken for the answer, too.
      if (this.#question?.isAnswered === false) throw new NetworkError('stream_failed', 'sync failed: the peer owes answers to the query before');
      const question = (this.#question = new GossipQuestion(query, isAnswer, clock, limits));
      link.send([query]);
      yield* question.answers();
    } finally {
      resolve();
    }
  }

  /** Asks to be told what is as new as that (BOLT 7, "The `gossip_timestamp_filter` Message"). */
  follow(sinceSeconds: number): void {
    const { link, chainHash } = this.#options;
    const firstTimestamp = sinceSeconds;
    link.send([encodeMessage({ type: 'gossip_timestamp_filter', chainHash, firstTimestamp, timestampRange: 0xffff_ffff - firstTimestamp })]);
  }

  /** Tells it with the next flush, if it wants what is as new as that. */
  tellLater(news: GossipNews): void {
    this.#outbox.add(news);
  }

  /** BOLT 7: what a node says itself it tells whatever the filter. It comes behind what the peer is being told already. */
  tellNow(news: GossipNews): void {
    this.#outbox.addOwn(news);
    this.flush();
  }

  /** Tells what waits, unless the peer has not taken yet what it was told the last time. */
  flush(): void {
    const messages = this.#isFlushing ? [] : this.#outbox.take();
    if (messages.length === 0) return;
    this.#isFlushing = true;
    this.#sendAll(messages, () => {
      this.#isFlushing = false;
      if (this.#outbox.hasOwn) this.flush();
    });
  }

  /** The link has ended. */
  end(): void {
    this.#isGone = true;
    this.#question?.fail('the link ended');
  }

  #answer(message: Uint8Array): void {
    const filter = readMessage(message);
    if (filter?.type === 'gossip_timestamp_filter' && equals(filter.chainHash, this.#options.chainHash)) this.#outbox.setFilter(filter);
    if (this.#requests >= MAX_REQUESTS) return;
    this.#requests += 1;
    this.#sendAll(this.#options.answer(message), () => (this.#requests -= 1));
  }

  /** Sends one after another, no faster than the peer takes it. */
  #sendAll(messages: Iterable<Uint8Array> | AsyncIterable<Uint8Array>, done: () => unknown): void {
    this.#sent = this.#sent.then(async () => {
      try {
        await this.#send(messages);
      } catch (error) {
        const data = fromString(messageOf(error).replace(/[^\x20-\x7e]/g, '?').slice(0, MAX_WARNING_BYTES), 'ascii');
        // BOLT 1: a warning about what could not be answered, which ends nothing.
        this.#options.link.send([encodeMessage({ type: 'warning', channelId: ALL_CHANNELS, data })]);
      } finally {
        done();
      }
    });
  }

  async #send(messages: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
    const { link } = this.#options;
    let batch: Uint8Array[] = [];
    let bytes = 0;
    // Short answers, too, wait until the peer has taken what came before them.
    await this.#room();
    await this.#options.turn();
    for await (const message of messages) {
      if (this.#isGone) return;
      batch.push(message);
      bytes += message.length;
      if (bytes < BATCH_BYTES) continue;
      link.send(batch);
      batch = [];
      bytes = 0;
      await this.#pause();
      await this.#room();
      await this.#options.turn();
    }
    link.send(batch);
  }

  async #room(): Promise<void> {
    while (!this.#isGone && this.#options.link.queuedBytes > HIGH_WATER_BYTES) await this.#pause();
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => this.#options.clock.setTimer(ROOM_INTERVAL_MS, resolve));
  }
}
