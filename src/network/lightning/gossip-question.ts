import { MESSAGE_TYPE_NUMBERS, decodeMessage, readMessage, type Message } from '../../../protocols/wire/messages.ts';
import type { Clock } from '../../runtime/clock.ts';
import { NetworkError } from '../errors.ts';
import type { NetworkLimits } from '../limits.ts';

/**
 * Answers that may wait to be worked through, several times what an honest one has: the peer is not slowed down meanwhile, since the
 * messages of channels come by the same link.
 */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;

export const typeOf = (message: Uint8Array): number => ((message[0] ?? 0) << 8) | (message[1] ?? 0);

const { reply_channel_range, reply_short_channel_ids_end, ...types } = MESSAGE_TYPE_NUMBERS;
const broadcasts = new Set<number>([types.channel_announcement, types.node_announcement, types.channel_update]);

/** Whether it is one of the messages that are passed on from node to node. */
export const isBroadcast = (message: Uint8Array): boolean => broadcasts.has(typeOf(message));

/** A query that a peer was sent over its link, and what it answers (BOLT 7, "Query Messages"). */
export class GossipQuestion {
  readonly #clock: Clock;
  readonly #limits: NetworkLimits;
  readonly #asked: Message;
  readonly #isAnswer: (message: Uint8Array) => boolean;
  readonly #answers: Uint8Array[] = [];
  #waitingBytes = 0;
  #bytes = 0;
  /** The last answer has come. */
  #isAnswered = false;
  /** Nobody reads the answers any more; they are still owed. */
  #isLeft = false;
  #failure: NetworkError | undefined;
  #wake = (): void => {};

  /** @throws WireError for what is no message */
  constructor(query: Uint8Array, isAnswer: (message: Uint8Array) => boolean, clock: Clock, limits: NetworkLimits) {
    this.#clock = clock;
    this.#limits = limits;
    this.#asked = decodeMessage(query);
    this.#isAnswer = isAnswer;
  }

  /** The peer owes no answer to it any more. */
  get isAnswered(): boolean {
    return this.#isAnswered;
  }

  /** Whether a message that came over the link belongs to the answers: others speak of what they hear at the same time. */
  expects(message: Uint8Array): boolean {
    if (this.#isAnswered) return false;
    const type = typeOf(message);
    if (this.#asked.type === 'query_channel_range') return type === reply_channel_range;
    return type === reply_short_channel_ids_end || (isBroadcast(message) && this.#isAnswer(message));
  }

  /** Takes an answer in, which is dropped when nobody waits for it any more. */
  push(message: Uint8Array): void {
    this.#isAnswered = isLast(message);
    if (this.#isLeft || this.#failure !== undefined) return;
    this.#answers.push(message);
    this.#waitingBytes += message.length;
    this.#bytes += message.length;
    if (this.#bytes > this.#limits.maxSyncBytes) this.fail(`more than ${this.#limits.maxSyncBytes} bytes of answers`);
    if (this.#waitingBytes > MAX_WAITING_BYTES) this.fail(`more than ${MAX_WAITING_BYTES} bytes of answers wait`);
    this.#wake();
  }

  fail(reason: string): void {
    this.#failure ??= new NetworkError('stream_failed', `sync failed: ${reason}`, { reason });
    this.#wake();
  }

  /** The answers, as they come. @throws NetworkError `stream_failed` when the peer is lost, or says nothing for too long */
  async *answers(): AsyncGenerator<Uint8Array, void> {
    const { syncTimeoutMs, syncIdleTimeoutMs } = this.#limits;
    const cancel = this.#clock.setTimer(syncTimeoutMs, () => this.fail(`not done within ${syncTimeoutMs} ms`));
    try {
      for (;;) {
        const answer = this.#answers.shift();
        if (answer !== undefined) {
          this.#waitingBytes -= answer.length;
          yield answer;
          continue;
        }
        if (this.#failure !== undefined) throw this.#failure;
        if (this.#isAnswered) return;
        const cancelIdle = this.#clock.setTimer(syncIdleTimeoutMs, () => this.fail(`nothing happened for ${syncIdleTimeoutMs} ms`));
        await new Promise<void>((resolve) => (this.#wake = resolve));
        cancelIdle();
      }
    } finally {
      cancel();
      this.#isLeft = true;
      this.#answers.length = 0;
    }
  }
}

/** BOLT 7: the last answer says so. What cannot be read is for whoever reads the answers to complain about. */
function isLast(message: Uint8Array): boolean {
  const type = typeOf(message);
  if (type === reply_short_channel_ids_end) return true;
  const reply = type === reply_channel_range ? readMessage(message) : undefined;
  return reply?.type === 'reply_channel_range' && reply.syncComplete !== 0;
}
