import { RunnelError } from '../../protocols/errors.ts';
import type { Clock } from '../runtime/clock.ts';
import { answers, ask, fetchBlock } from './answers.ts';
import type { Block, BlockRef, ChainEvent, ChainRpc } from './chain.ts';
import { BlockPrunedError, ChainBehindError, ChainRpcError, ReorgTooDeepError, UnknownBlockError } from './errors.ts';

/**
 * How many blocks a reorg may take back: a day's. Deeper ones are not a reorg but another chain, and somebody must look
 * at it.
 */
export const MAX_REORG_DEPTH = 144;
/**
 * So often it is looked for a block that no notice came of, or whether a backend that did not answer does again, unless
 * the poll interval is longer.
 */
const MAX_INTERVAL_MS = 30_000;
const BLOCK_NOT_FOUND = -5;

export interface FollowerOptions {
  readonly rpc: ChainRpc;
  readonly clock: Clock;
  readonly pollIntervalMs: number;
  /** Told when the backend cannot be followed (why, once for each kind of reason), and when it can be again (undefined). */
  readonly onAvailability: (problem: Error | undefined) => void;
  /** Told each time that every block that there is has been told. */
  readonly onCaughtUp: () => void;
  /** Where the backend tells of new blocks by itself. */
  readonly notices?: BlockNotices | undefined;
}

/**
 * Calls `onBlock` whenever the backend says that there is a new block, and `onListening` when that begins and ceases to
 * work, as often as it does; until told otherwise it does not. The returned function ends it.
 */
export type BlockNotices = (onBlock: () => void, onListening: (isListening: boolean) => void) => () => void;

/** Follows the best chain as `Chain.follow` describes it; the returned function stops it. */
export function followChain(
  options: FollowerOptions,
  from: BlockRef | undefined,
  onEvent: (event: ChainEvent) => Promise<void>,
  onError: (error: Error) => void,
): () => void {
  const follower = new Follower(options, from, onEvent, onError);
  follower.start();
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
  #problem: Error | undefined;
  #failures = 0;
  #isPolling = false;
  /** There may be something new since the poll that is under way began. */
  #isDue = false;
  #isNotified = false;
  #cancelTimer: () => void = () => {};
  #endNotices: () => void = () => {};

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

  start(): void {
    this.#poll();
    const { notices } = this.#options;
    if (notices === undefined) return;
    this.#endNotices = notices(
      () => this.#poll(),
      (isListening) => {
        this.#isNotified = isListening;
        // For what came while nobody listened, and to see whether the backend is still there.
        this.#poll();
      },
    );
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelTimer();
    this.#endNotices();
  }

  /** Brings the handler up to the tip, then sets the timer for the next time. */
  #poll(): void {
    if (this.#stopped) return;
    if (this.#isPolling) {
      this.#isDue = true;
      return;
    }
    this.#cancelTimer();
    this.#isPolling = true;
    this.#isDue = false;
    this.#catchUp().then(
      () => this.#schedule(undefined),
      (error: unknown) => this.#schedule(toError(error)),
    );
  }

  #schedule(problem: Error | undefined): void {
    this.#isPolling = false;
    if (this.#stopped) return;
    if (problem instanceof FollowingEnded) {
      this.stop();
      this.#onError(problem.reason);
      return;
    }
    const { clock, pollIntervalMs, onAvailability, onCaughtUp } = this.#options;
    const before = this.#problem;
    this.#problem = problem;
    this.#failures = problem === undefined ? 0 : this.#failures + 1;
    if (before?.constructor !== problem?.constructor) onAvailability(problem);
    if (problem === undefined) onCaughtUp();
    if (this.#stopped) return;
    if (this.#isDue && problem === undefined) return this.#poll();
    const longestMs = Math.max(MAX_INTERVAL_MS, pollIntervalMs);
    const backoffMs = Math.min(pollIntervalMs * 2 ** Math.min(this.#failures, 16), longestMs);
    const delayMs = this.#isNotified && problem === undefined ? longestMs : backoffMs;
    this.#cancelTimer = clock.setTimer(delayMs, () => this.#poll());
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
      const block = await this.#fetch(next, this.#current.height + 1);
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
    let header = await this.#currentHeader(this.#current);
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

  async #fetch(hash: string, height: number): Promise<Block> {
    try {
      return await fetchBlock(this.#options.rpc, hash, height);
    } catch (error) {
      throw error instanceof BlockPrunedError ? new FollowingEnded(error) : error;
    }
  }

  /**
   * The header of the last block told of. While the backend reindexes, it does not know that block, or not that it is on
   * the best chain, and after a crash it may have forgotten the last blocks: that is no reorg, but to be waited for.
   * Rejects with `ChainBehindError` then.
   */
  async #currentHeader(current: BlockRef) {
    const header = await this.#headerIfKnown(current.hash);
    if (header !== undefined && header.confirmations >= 0) return header;
    const { initialblockdownload, blocks } = await ask(this.#options.rpc, answers.progress, 'getblockchaininfo');
    if (initialblockdownload || (header === undefined && blocks < current.height)) {
      throw new ChainBehindError(blocks, current.height);
    }
    // It may have caught up between the two answers.
    return this.#header(current);
  }

  async #header({ hash, height }: BlockRef) {
    const header = await this.#headerIfKnown(hash);
    if (header === undefined) throw new FollowingEnded(new UnknownBlockError(hash, height));
    return header;
  }

  async #headerIfKnown(hash: string) {
    try {
      return await ask(this.#options.rpc, answers.header, 'getblockheader', [hash]);
    } catch (error) {
      if (error instanceof ChainRpcError && error.rpcCode === BLOCK_NOT_FOUND) return undefined;
      throw error;
    }
  }
}

function toError(value: unknown): Error {
  return value instanceof Error ? value : new RunnelError('chain_handler', String(value));
}
