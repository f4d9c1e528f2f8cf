import type { Block, BlockRef, Chain, ChainEvent } from '../chain/chain.ts';
import { TurnDiscardedError, type Dispatcher } from '../runtime/dispatcher.ts';
import type { Turn } from '../runtime/turn.ts';
import type { ChainFeed } from './chain-feed.ts';

export interface ChainFollowerOptions {
  readonly chain: Chain;
  readonly dispatcher: Dispatcher;
  readonly feed: ChainFeed;
  /** Told after the turn that took the block is on disk. Neither may throw. */
  readonly onBlock: (block: Block) => void;
  readonly onBlockGone: (block: BlockRef) => void;
  /** Told once all blocks that there are were told of: what goes by the chain as it is now, and not as it was. */
  readonly onCurrent: () => void;
  /** Following ended by itself: no block will come any more. */
  readonly onEnd: (error: unknown) => void;
}

/** Each channel at fault is frozen after one attempt; more than this is no passing fault. */
const MAX_ATTEMPTS = 10;

/** Follows the chain from where everything on disk stands, one block a turn. */
export class ChainFollower {
  readonly #options: ChainFollowerOptions;
  #stop: () => void = () => {};
  #isCurrent = false;

  constructor(options: ChainFollowerOptions) {
    this.#options = options;
  }

  /**
   * Resolves once the blocks that there are now are worked through: by the height at which the node stopped, it would take HTLCs that have
   * expired since, and lose what it forwards.
   */
  async start(): Promise<void> {
    const { chain, dispatcher, feed, onEnd } = this.#options;
    const tip = await chain.tip();
    // A first start has no history to look at: the wallet's addresses were never given out.
    const from = await dispatcher.inTurn(() => feed.startAt(tip));
    await new Promise<void>((resolve, reject) => {
      const end = (error: Error): void => {
        reject(error);
        onEnd(error);
      };
      // Not before: a chain that lost blocks in a crash may for a while end below where the node stopped.
      const caughtUp = (): void => {
        resolve();
        this.#becomeCurrent();
      };
      this.#stop = chain.follow(from, (event) => this.#take(event), end, caughtUp);
    });
  }

  /** The last block that was taken is the tip, as far as the backend has told. */
  get isCurrent(): boolean {
    return this.#isCurrent;
  }

  stop(): void {
    this.#stop();
  }

  async #take(event: ChainEvent): Promise<void> {
    const { feed, onBlock, onBlockGone } = this.#options;
    this.#isCurrent = false;
    await this.#inLastingTurn((turn) => feed.handle(event, turn));
    if (event.type === 'blockConnected') onBlock(event.block);
    else onBlockGone(event.block);
  }

  #becomeCurrent(): void {
    if (this.#isCurrent) return;
    this.#isCurrent = true;
    this.#options.onCurrent();
  }

  /** A block must not be lost with a turn: the actor whose fault discarded it is frozen now, and the others must see the block. */
  async #inLastingTurn(work: (turn: Turn) => void): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#options.dispatcher.inTurn(work);
        return;
      } catch (error) {
        if (!(error instanceof TurnDiscardedError) || attempt === MAX_ATTEMPTS) throw error;
      }
    }
  }
}
