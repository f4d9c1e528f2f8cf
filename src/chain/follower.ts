import { RunnelError } from '../../protocols/errors.ts';
import type { Clock } from '../runtime/clock.ts';
import { answers, ask, fetchBlock } from './answers.ts';
import type { BlockRef, ChainEvent, ChainRpc } from './chain.ts';
import { ChainRpcError, ReorgTooDeepError, UnknownBlockError } from './errors.ts';

/**
 * How many blocks a reorg may take back: a day's. Deeper ones are not a reorg but another chain, and somebody must look
 * at it.
 */
export const MAX_REORG_DEPTH = 144;
const MAX_BACKOFF_MS = 30_000;
const BLOCK_NOT_FOUND = -5;

export interface FollowerOptions {
  readonly rpc: ChainRpc;
  readonly clock: Clock;
  readonly pollIntervalMs: number;
  /** Told when the backend stops answering (with why, once), and when it answers again (undefined). */
  readonly onAvailability: (problem: Error | undefined) => void;
}

/** Follows the best chain as `Chain.follow` describes it; the returned function stops it. */
export function followChain(
  options: FollowerOptions,
  from: BlockRef | undefined,
  onEvent: (event: ChainEvent) => Promise<void>,
  onError: (error: Error) => void,
): () => void {
  const follower = new Follower(options, from, onEvent, onError);
  follower.poll();
  return () => follower.stop();
}

/** The rejection of a handler, or another reason for which following cannot go on. */
class FollowingEnded extends Error {
  readonly reason: Error;

  constructor(reason: unknown) {
    super('following the chain has ended');
    this.reason = toError(reason);
  }
}

class Follower {
  readonly #options: FollowerOptions;
  readonly #onEvent: (event: ChainEvent) => Promise<void>;
  readonly #onError: (error: Error) => void;
  /** The last block that was told of. */
  #current: BlockRef | undefined;
  #stopped = false;
  #failures = 0;
  #cancelTimer: () => void = () => {};

  constructor(
    options: FollowerOptions,
    from: BlockRef | undefined,
    onEvent: (event: ChainEvent) => Promise<void>,
    onError: (error: Error) => void,
  ) {
    this.#options = options;
    this.#current = from;
    this.#onEvent = onEvent;
    this.#onError = onError;
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelTimer();
  }

  /** Brings the handler up to the tip, then sets the timer for the next time. */
  poll(): void {
    this.#catchUp().then(
      () => this.#schedule(undefined),
      (error: unknown) => this.#schedule(toError(error)),
    );
  }

  #schedule(problem: Error | undefined): void {
    if (this.#stopped) return;
    if (problem instanceof FollowingEnded) {
      this.stop();
      this.#onError(problem.reason);
      return;
    }
    const { clock, pollIntervalMs, onAvailability } = this.#options;
    const wasFailing = this.#failures > 0;
    this.#failures = problem === undefined ? 0 : this.#failures + 1;
    if (wasFailing !== this.#failures > 0) onAvailability(problem);
    const backoffMs = pollIntervalMs * 2 ** Math.min(this.#failures, 16);
    const delayMs = Math.min(backoffMs, Math.max(MAX_BACKOFF_MS, pollIntervalMs));
    this.#cancelTimer = clock.setTimer(delayMs, () => this.poll());
  }

  async #catchUp(): Promise<void> {
    const { rpc } = this.#options;
    const best = await ask(rpc, answers.hash, 'getbestblockhash');
    if (this.#current === undefined) {
      const { height } = await ask(rpc, answers.header, 'getblockheader', [best]);
      this.#current = { height, hash: best };
      return;
    }
    if (best === this.#current.hash) return;
    let next = await this.#rewind();
    while (next !== undefined && !this.#stopped) {
      const block = await fetchBlock(rpc, next, this.#current.height + 1);
      await this.#tell({ type: 'blockConnected', block }, block);
      // The chain may have turned while the block was handled.
      next = await this.#rewind();
    }
  }

  /**
   * Disconnects blocks until the last one told of is on the best chain, and returns the hash of the one after it there.
   */
  async #rewind(): Promise<string | undefined> {
    if (this.#current === undefined || this.#stopped) return undefined;
    const left: BlockRef[] = [];
    let header = await this.#header(this.#current);
    while (header.confirmations < 0 && header.previousblockhash !== undefined) {
      left.push({ height: header.height, hash: header.hash });
      if (left.length > MAX_REORG_DEPTH) {
        throw new FollowingEnded(new ReorgTooDeepError(this.#current.hash, this.#current.height, MAX_REORG_DEPTH));
      }
      header = await this.#header({ height: header.height - 1, hash: header.previousblockhash });
    }
    for (const [i, block] of left.entries()) {
      const below = left[i + 1] ?? { height: header.height, hash: header.hash };
      await this.#tell({ type: 'blockDisconnected', block, below }, below);
    }
    return header.nextblockhash;
  }

  /** Gives an event to the handler, after which `current` is the last block told of. */
  async #tell(event: ChainEvent, current: BlockRef): Promise<void> {
    if (this.#stopped) return;
    try {
      await this.#onEvent(event);
    } catch (error) {
      throw new FollowingEnded(error);
    }
    this.#current = { height: current.height, hash: current.hash };
  }

  async #header({ hash, height }: BlockRef) {
    try {
      return await ask(this.#options.rpc, answers.header, 'getblockheader', [hash]);
    } catch (error) {
      if (error instanceof ChainRpcError && error.rpcCode === BLOCK_NOT_FOUND) {
        throw new FollowingEnded(new UnknownBlockError(hash, height));
      }
      throw error;
    }
  }
}

function toError(value: unknown): Error {
  return value instanceof Error ? value : new RunnelError('chain_handler', String(value));
}
