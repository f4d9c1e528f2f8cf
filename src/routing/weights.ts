/**
 * What a route is chosen by, beside its fees: what one would pay to be spared a failed attempt, and to have money locked
 * for a block less. All integers; with all 0 fees alone decide.
 */
export interface Weights {
  /** The price of one failed attempt: a base, and millionths of the amount. */
  readonly attemptCostMsat: number;
  readonly attemptCostPpm: number;
  /** The price of locking an amount for one block, in billionths of it. */
  readonly timeValuePpb: number;
}

/**
 * A failed attempt: 10 sat and 0.05 %. A block: 15 billionths, about 0.08 % a year, as lnd has it, so that between equal
 * fees the shorter lock is taken.
 */
export const DEFAULT_WEIGHTS: Weights = { attemptCostMsat: 10_000, attemptCostPpm: 500, timeValuePpb: 15 };

/** Never certain: what failed may work again, so that a last resort is tried at a price instead of never. */
const MIN_PROBABILITY = 0.01;
const MAX_FAILURES = 1 / MIN_PROBABILITY - 1;

/** Of the price of a failed attempt. */
const PART = 0.1;

/** Weights as a search calculates with them: prices in msat, which are scores and not money, and so may be of parts of one. */
export class Prices {
  readonly #attemptMsat: number;
  readonly #attemptShare: number;
  readonly #blockShare: number;

  constructor({ attemptCostMsat, attemptCostPpm, timeValuePpb }: Weights) {
    this.#attemptMsat = attemptCostMsat;
    this.#attemptShare = attemptCostPpm / 1e6;
    this.#blockShare = timeValuePpb / 1e9;
  }

  /** The price of one failed attempt. */
  ofAttempt(amount: number): number {
    return this.#attemptMsat + amount * this.#attemptShare;
  }

  /** The price of one part more: each HTLC may fail for a reason that no balance tells, as one in ten does. */
  ofPart(amount: number): number {
    return this.ofAttempt(amount) * PART;
  }

  /** The price of having `amount` locked for so many blocks: an integer that never falls as the amount rises. */
  ofLock(amount: number, blocks: number): number {
    return Math.floor(amount * blocks * this.#blockShare);
  }

  /**
   * The price of the risk that an edge does not carry the amount: finite, an integer, and never falling as the amount
   * rises. The balance is believed to lie in [lower, upper); channel and node work with the probability `works`.
   */
  ofRisk(lower: number, upper: number, amount: number, works: number): number {
    return Math.floor(this.ofAttempt(amount) * expectedFailures(lower, upper, amount, works));
  }
}

/** Prices that leave fees alone to decide. */
export const FEES_ALONE = new Prices({ attemptCostMsat: 0, attemptCostPpm: 0, timeValuePpb: 0 });

/** More than this is not hoped for: no more of a payment is sent where so much of it lies already. */
export const isHopeless = (lower: number, upper: number, amount: number): boolean =>
  amount > lower && upper - amount <= (upper - lower) * MIN_PROBABILITY;

/**
 * The failures to expect before a success, (1 - p) / p, for a balance that lies in [lower, upper) with the same chance
 * anywhere. It never falls as the amount rises, and rises ever faster: the search relies on the first, the splitting of
 * payments on the second.
 */
export function expectedFailures(lower: number, upper: number, amount: number, works: number): number {
  if (works === 1) {
    if (amount <= lower) return 0;
    return amount >= upper ? MAX_FAILURES : Math.min((amount - lower) / (upper - amount), MAX_FAILURES);
  }
  const p = amount <= lower ? works : amount >= upper ? 0 : ((upper - amount) / (upper - lower)) * works;
  return p <= MIN_PROBABILITY ? MAX_FAILURES : 1 / p - 1;
}
