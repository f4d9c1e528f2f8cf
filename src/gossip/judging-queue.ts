import type { NodeId } from '../network/network.ts';
import { badReply, updatedChannel } from './sync-messages.ts';
import type { GossipValidator } from './validator.ts';

/** Messages judged at the same time: enough to fill batches of signatures, and to hide the chain's answers behind each other. */
const CONCURRENCY = 128;
/** Among the answers to one query. */
const MAX_DISPUTED = 4;

/** Judges what a peer answers in a sync, in the order in which it comes, some at a time. */
export class JudgingQueue {
  readonly #validator: GossipValidator;
  readonly #from: NodeId;
  readonly #running: Promise<void>[] = [];
  readonly #maxFalseChannels: number;
  #disputed: bigint[] = [];
  #accepted = 0;
  #falseChannels = 0;
  #failure: unknown;

  constructor(validator: GossipValidator, from: NodeId, maxFalseChannels: number) {
    this.#validator = validator;
    this.#from = from;
    this.#maxFalseChannels = maxFalseChannels;
  }

  /** How many messages were accepted so far. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Resolves when there is room for another. Throws `GossipSyncError` after a message that no honest peer passes on. */
  async push(raw: Uint8Array): Promise<void> {
    this.#running.push(this.#judge(raw));
    if (this.#running.length >= CONCURRENCY) await this.#running.shift();
    this.#check();
  }

  /**
   * The answers to one query are all pushed: resolves when they are judged, with the channels of which an update came that is
   * not signed by the node that we know (see `Disputes`).
   */
  async finish(): Promise<readonly bigint[]> {
    await Promise.all(this.#running.splice(0));
    this.#check();
    const disputed = this.#disputed;
    this.#disputed = [];
    return disputed;
  }

  async #judge(raw: Uint8Array): Promise<void> {
    try {
      const { verdict, reason } = await this.#validator.validate(raw, { from: this.#from, solicited: true });
      if (verdict === 'accept') this.#accepted++;
      // Spent by now a few may be, unnoticed by the peer; that costs us a look at the chain each.
      if (reason === 'no_output' || reason === 'wrong_output') this.#falseChannels++;
      if (this.#falseChannels > this.#maxFalseChannels) throw badReply('the peer tells of too many channels that do not exist');
      const scid = verdict === 'reject' && reason === 'bad_signature' ? updatedChannel(raw) : undefined;
      if (scid !== undefined && this.#disputed.length < MAX_DISPUTED) this.#disputed.push(scid);
      else if (verdict === 'reject') throw badReply(`the peer passed on a message that is ${reason}`);
    } catch (error) {
      this.#failure ??= error;
    }
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}
