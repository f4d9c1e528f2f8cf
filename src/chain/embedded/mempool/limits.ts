import type { ChainTransaction } from '../consensus/transaction.ts';
import { RejectedError } from '../rejection.ts';
import { type Mempool, type MempoolEntry, totals } from './pool.ts';

/**
 * How many unconfirmed transactions may hang together, each counted with itself, and how large they may be together.
 */
export interface ChainLimits {
  readonly ancestors: number;
  readonly ancestorVsize: number;
  readonly descendants: number;
  readonly descendantVsize: number;
}

export const DEFAULT_LIMITS: ChainLimits = {
  ancestors: 25,
  ancestorVsize: 101_000,
  descendants: 25,
  descendantVsize: 101_000,
};

/** A small child of a single parent may exceed the parent's limits by one transaction of this size. */
const CARVE_OUT_VSIZE = 10_000;

/** Checks `transaction` against `limits` as it would stand in `pool`; returns its ancestors. Throws `RejectedError`. */
export function ancestorsWithin(
  pool: Mempool,
  transaction: ChainTransaction,
  vsize: number,
  limits: ChainLimits,
): Set<MempoolEntry> {
  const ancestors = pool.ancestors(transaction);
  const above = totals(ancestors);
  if (above.count + 1 > limits.ancestors) throw tooLong(`too many unconfirmed ancestors [limit: ${limits.ancestors}]`);
  if (above.vsize + vsize > limits.ancestorVsize) {
    throw tooLong(`exceeds ancestor size limit [limit: ${limits.ancestorVsize}]`);
  }
  for (const ancestor of ancestors) {
    const below = totals(pool.descendants(ancestor));
    const { txid } = ancestor.transaction;
    if (below.count + 1 > limits.descendants) {
      throw tooLong(`too many descendants for tx ${txid} [limit: ${limits.descendants}]`);
    }
    if (below.vsize + vsize > limits.descendantVsize) {
      throw tooLong(`exceeds descendant size limit for tx ${txid} [limit: ${limits.descendantVsize}]`);
    }
  }
  return ancestors;
}

/**
 * The same with the CPFP carve-out: each side of a channel has an anchor to spend, and neither may be kept from
 * spending its own because the other hung the most transactions allowed onto the commitment transaction.
 */
export function ancestorsWithCarveOut(
  pool: Mempool,
  transaction: ChainTransaction,
  vsize: number,
  limits: ChainLimits,
): Set<MempoolEntry> {
  try {
    return ancestorsWithin(pool, transaction, vsize, limits);
  } catch (error) {
    if (vsize > CARVE_OUT_VSIZE) throw error;
    try {
      return ancestorsWithin(pool, transaction, vsize, {
        ...limits,
        ancestors: 2,
        descendants: limits.descendants + 1,
        descendantVsize: limits.descendantVsize + CARVE_OUT_VSIZE,
      });
    } catch {
      // The first failure is the one that names the real limits.
      throw error;
    }
  }
}

function tooLong(debug: string): RejectedError {
  return new RejectedError('policy', 'too-long-mempool-chain', debug);
}
