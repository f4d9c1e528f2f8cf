import type { Transaction } from 'bitcoinjs-lib';
import type { Chain } from '../chain/chain.ts';
import { BroadcastRejectedError, ChainUnavailableError } from '../chain/errors.ts';
import type { Logger } from '../logging.ts';

/** The chain's refusal of a transaction, for as long as it stands. */
export interface Rejection {
  /**
   * `fee`: it pays too little, for the mempool or to replace what is there. `other`: an input is spent or not there yet, a
   * rival in the mempool cannot be replaced, …: the next block may change that.
   */
  readonly kind: 'fee' | 'other';
  /** The chain's own words. */
  readonly reason: string;
  /** The height at which it was first refused. */
  readonly sinceHeight: number;
}

/** bitcoind's reasons that more fee answers: what it takes to be in the mempool, and to replace what is there. */
const MINIMUM_REASONS = ['min relay fee not met', 'mempool min fee not met', 'mempool full'];
const REPLACEMENT_REASON = 'insufficient fee';

/** Offers transactions to the chain, and remembers which ones it refuses. */
export class Broadcaster {
  readonly #chain: Pick<Chain, 'broadcast' | 'submitPackage'>;
  readonly #logger: Logger;
  readonly #rejections = new Map<string, Rejection>();

  constructor(chain: Pick<Chain, 'broadcast' | 'submitPackage'>, logger: Logger) {
    this.#chain = chain;
    this.#logger = logger;
  }

  /** Why the chain does not take a transaction, when it was offered last. */
  rejectionOf(txid: string): Rejection | undefined {
    return this.#rejections.get(txid);
  }

  /** Forgets what is not offered any more. */
  keepOnly(isOffered: (txid: string) => boolean): void {
    for (const txid of this.#rejections.keys()) if (!isOffered(txid)) this.#rejections.delete(txid);
  }

  /**
   * Offers a transaction, or a commitment and the child that pays for it (last). Answers false if the chain is away; a
   * refusal is remembered. Never throws.
   */
  async offer(transactions: readonly Transaction[], height: number): Promise<boolean> {
    const txids = transactions.map((transaction) => transaction.getId());
    try {
      const [only, ...more] = transactions;
      if (only !== undefined) await (more.length === 0 ? this.#chain.broadcast(only) : this.#chain.submitPackage(transactions));
      for (const txid of txids) this.#rejections.delete(txid);
      return true;
    } catch (error) {
      if (error instanceof ChainUnavailableError) return false;
      this.#reject(txids, error, height);
      return true;
    }
  }

  #reject(txids: readonly string[], error: unknown, height: number): void {
    const reason = error instanceof Error ? error.message : String(error);
    const child = txids.at(-1) ?? '';
    const refused = error instanceof BroadcastRejectedError && txids.includes(error.txid) ? error.txid : child;
    // What a child cannot pay for is the replacement of its parent's rival: that of our commitment is the peer's own.
    const reasons = refused === child ? [...MINIMUM_REASONS, REPLACEMENT_REASON] : MINIMUM_REASONS;
    const kind = reasons.some((each) => reason.includes(each)) ? 'fee' : 'other';
    const txid = kind === 'fee' ? child : refused;
    const before = this.#rejections.get(txid);
    this.#rejections.set(txid, { kind, reason, sinceHeight: before?.sinceHeight ?? height });
    if (reason !== before?.reason) this.#logger.warn({ txid, reason }, 'a transaction was not accepted by the chain');
  }
}
