import type { Transaction } from 'bitcoinjs-lib';
import type { Chain } from '../chain/chain.ts';
import { BroadcastRejectedError, ChainUnavailableError } from '../chain/errors.ts';
import type { Logger } from '../logging.ts';

/** The chain's refusal of a transaction, for as long as it stands. */
export interface Rejection {
  /**
   * `fee`: it pays too little, for the mempool or to replace what is there. `other`: an input is spent or not there
   * yet, a rival in the mempool cannot be replaced, …: the next block may change that.
   */
  readonly kind: 'fee' | 'other';
  /** Of the fees, it is that of what spends one of its inputs in the mempool already: a rival, or ours before. */
  readonly isOutbid: boolean;
  /** The chain's own words. */
  readonly reason: string;
  /** The height at which it was first refused. */
  readonly sinceHeight: number;
}

/** bitcoind's reasons that more fee answers: what it takes to be in the mempool, and to replace what is there. */
const MINIMUM_REASONS = ['min relay fee not met', 'mempool min fee not met', 'mempool full'];
const REPLACEMENT_REASON = 'insufficient fee';

/** A transaction to offer. */
export interface Offer {
  /** What it is for: a refusal is remembered under it, and so outlives the replacement of the transaction. */
  readonly name: string;
  readonly transaction: Transaction;
}

/** Offers transactions to the chain, and remembers which ones it refuses. */
export class Broadcaster {
  readonly #chain: Pick<Chain, 'broadcast' | 'submitPackage'>;
  readonly #logger: Logger;
  readonly #rejections = new Map<string, Rejection>();

  constructor(chain: Pick<Chain, 'broadcast' | 'submitPackage'>, logger: Logger) {
    this.#chain = chain;
    this.#logger = logger;
  }

  /** Why the chain did not take the transaction of this name, when it was offered last. */
  rejectionOf(name: string): Rejection | undefined {
    return this.#rejections.get(name);
  }

  /** Forgets what is not offered any more. */
  keepOnly(isOffered: (name: string) => boolean): void {
    for (const name of this.#rejections.keys()) if (!isOffered(name)) this.#rejections.delete(name);
  }

  /**
   * Offers a transaction, or a commitment and the child that pays for it (last). Answers false if the chain is away; a
   * refusal is remembered. Never throws.
   */
  async offer(offers: readonly Offer[], height: number): Promise<boolean> {
    const transactions = offers.map(({ transaction }) => transaction);
    try {
      const [only, ...more] = transactions;
      if (only === undefined) return true;
      await (more.length === 0 ? this.#chain.broadcast(only) : this.#chain.submitPackage(transactions));
      for (const { name } of offers) this.#rejections.delete(name);
      return true;
    } catch (error) {
      if (error instanceof ChainUnavailableError) return false;
      this.#reject(offers, error, height);
      return true;
    }
  }

  #reject(offers: readonly Offer[], error: unknown, height: number): void {
    const reason = error instanceof Error ? error.message : String(error);
    const child = offers.at(-1);
    const txid = error instanceof BroadcastRejectedError ? error.txid : undefined;
    const refused = offers.find(({ transaction }) => transaction.getId() === txid) ?? child;
    // What a child cannot pay for is the replacement of its parent's rival: that of our commitment is the peer's own.
    const reasons = refused === child ? [...MINIMUM_REASONS, REPLACEMENT_REASON] : MINIMUM_REASONS;
    const kind = reasons.some((each) => reason.includes(each)) ? 'fee' : 'other';
    const name = (kind === 'fee' ? child : refused)?.name ?? '';
    const isOutbid = kind === 'fee' && reason.includes(REPLACEMENT_REASON);
    const before = this.#rejections.get(name);
    this.#rejections.set(name, { kind, isOutbid, reason, sinceHeight: before?.sinceHeight ?? height });
    if (reason !== before?.reason) this.#logger.warn({ txid, reason }, 'a transaction was not accepted by the chain');
  }
}
