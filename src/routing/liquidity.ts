import type { NodeId } from '../network/network.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Direction } from './channel.ts';
import { clampMsat, MAX_AMOUNT_MSAT } from './msat.ts';

/** What a failed attempt costs us in time and trouble, and how long a lesson counts. All integers. */
export interface LiquidityOptions {
  /** The price of one failed attempt: a base, and millionths of the amount. */
  readonly attemptCostMsat: number;
  readonly attemptCostPpm: number;
  /** A lesson fades evenly over this time, until nothing of it is left. */
  readonly forgetMs: number;
  /** The same for what a node called permanent. */
  readonly forgetPermanentMs: number;
  /** Directions and nodes remembered, at most so many of each; the one learned of longest ago goes first. */
  readonly maxEntries: number;
}

export const DEFAULT_LIQUIDITY_OPTIONS: LiquidityOptions = {
  attemptCostMsat: 10_000,
  attemptCostPpm: 500,
  forgetMs: 60 * 60_000,
  forgetPermanentMs: 24 * 60 * 60_000,
  maxEntries: 20_000,
};

/** One direction of one channel, announced or not. */
export interface ChannelDirection {
  readonly shortChannelId: bigint;
  readonly direction: Direction;
}

/** How sure one is of a failure's place: 1, or less where several are suspected. */
export interface FailureLesson {
  readonly permanent?: boolean;
  readonly certainty?: number;
}

/**
 * What is known of one direction: for a search to hold on to, not to look into. Times are the clock's; -Infinity:
 * never.
 */
export interface LiquidityBounds {
  /** It carried this much. */
  lower: number;
  lowerAt: number;
  /** It failed this much. */
  upper: number;
  upperAt: number;
  forgetMs: number;
}

interface Failure {
  at: number;
  forgetMs: number;
}

/** Never certain: what failed may work again, so that a last resort is tried at a price instead of never. */
const MIN_PROBABILITY = 0.01;
/** A channel close to its capacity is a poor bet, not an impossible one. */
const MIN_PRIOR = 0.05;

/**
 * What attempts have taught about where the money lies: for each direction of a channel the largest amount that passed
 * and the smallest that failed, for each node its failures, all fading with time.
 *
 * It only ever puts a price on a channel. What must not be tried again within one payment is excluded by that payment
 * (`Lesson`), so that a moment's failure never cuts a part of the network off for the payments that follow.
 *
 * The probability that a direction carries an amount is, without knowledge, that of a balance which lies anywhere
 * between 0 and the capacity with the same chance. The price is the number of failures to expect before a success, (1 -
 * p) / p, times the price of one attempt. It never falls as the amount rises: the search relies on that.
 */
export class Liquidity {
  readonly #clock: Clock;
  readonly #options: LiquidityOptions;
  readonly #bounds = new Map<bigint, LiquidityBounds>();
  readonly #nodeFailures = new Map<NodeId, Failure>();

  constructor(clock: Clock, options: Partial<LiquidityOptions> = {}) {
    this.#clock = clock;
    this.#options = { ...DEFAULT_LIQUIDITY_OPTIONS, ...options };
  }

  /** An HTLC of this amount went through and came back failed from further on: the direction holds at least so much. */
  carried(edge: ChannelDirection, amountMsat: bigint): void {
    const bounds = this.#remember(edge);
    const amount = clampMsat(amountMsat);
    if (amount >= bounds.lower || this.#isFading(bounds.lowerAt)) this.#setLower(bounds, amount);
    refute(bounds, amount);
  }

  /** An HTLC of this amount was settled: it has moved from this direction to the opposite one. */
  settled(edge: ChannelDirection, amountMsat: bigint): void {
    const amount = clampMsat(amountMsat);
    const bounds = this.#remember(edge);
    bounds.lower = Math.max(bounds.lower - amount, 0);
    refute(bounds, amount);
    bounds.upper -= amount;

    const opposite = this.#remember({ ...edge, direction: edge.direction === 0 ? 1 : 0 });
    const before = this.#isFading(opposite.lowerAt) ? 0 : opposite.lower;
    this.#setLower(opposite, Math.min(before + amount, MAX_AMOUNT_MSAT));
    refute(opposite, opposite.lower);
  }

  /** The direction refused an HTLC of this amount. */
  failed(edge: ChannelDirection, amountMsat: bigint, lesson: FailureLesson = {}): void {
    const bounds = this.#remember(edge);
    const amount = Math.max(clampMsat(amountMsat), 1);
    if (amount > bounds.upper && !this.#isFading(bounds.upperAt, bounds.forgetMs)) return;
    const { at, forgetMs } = this.#dated(lesson);
    Object.assign(bounds, { upper: amount, upperAt: at, forgetMs, lower: Math.min(bounds.lower, amount - 1) });
  }

  /** The node said of itself that it fails, or did what no sound node does. */
  nodeFailed(nodeId: NodeId, lesson: FailureLesson = {}): void {
    this.#nodeFailures.delete(nodeId);
    this.#nodeFailures.set(nodeId, this.#dated(lesson));
    evictOldest(this.#nodeFailures, this.#options.maxEntries);
  }

  /** What is known of a direction, undefined if nothing is. */
  boundsOf(edge: ChannelDirection): LiquidityBounds | undefined {
    return this.#bounds.get(keyOf(edge));
  }

  /** All directions of which something is known. */
  *known(): IterableIterator<[edge: ChannelDirection, bounds: LiquidityBounds]> {
    for (const [key, bounds] of this.#bounds) {
      yield [{ shortChannelId: key >> 1n, direction: (key & 1n) === 0n ? 0 : 1 }, bounds];
    }
  }

  /** The nodes that failed and how likely they are to work again now, from 0 to 1. */
  *nodeProbabilities(): IterableIterator<[nodeId: NodeId, probability: number]> {
    const now = this.#clock.now();
    for (const [nodeId, failure] of this.#nodeFailures) yield [nodeId, 1 - weight(now, failure.at, failure.forgetMs)];
  }

  /**
   * How likely a direction is to carry the amount, from 0 to 1. `capacity` is `MAX_AMOUNT_MSAT` where it is not known.
   */
  probability(bounds: LiquidityBounds | undefined, amount: number, capacity: number): number {
    const prior = Math.max((capacity - amount) / capacity, MIN_PRIOR);
    if (bounds === undefined) return prior;
    const now = this.#clock.now();
    if (amount >= bounds.upper) return prior * (1 - weight(now, bounds.upperAt, bounds.forgetMs));
    if (amount <= bounds.lower) return prior + (1 - prior) * weight(now, bounds.lowerAt, this.#options.forgetMs);
    return prior;
  }

  /**
   * The price in msat of the risk that a direction does not carry the amount: finite, an integer, and never falling as
   * the amount rises. `bounds` is undefined where nothing is known of it; `nodeProbability` is 1 for a node without
   * failures.
   */
  penaltyMsat(bounds: LiquidityBounds | undefined, amount: number, capacity: number, nodeProbability: number): number {
    const p = Math.max(this.probability(bounds, amount, capacity) * nodeProbability, MIN_PROBABILITY);
    const { attemptCostMsat, attemptCostPpm } = this.#options;
    return Math.floor((attemptCostMsat + (amount * attemptCostPpm) / 1_000_000) * ((1 - p) / p));
  }

  #remember(edge: ChannelDirection): LiquidityBounds {
    const key = keyOf(edge);
    const bounds = this.#bounds.get(key) ?? {
      lower: 0, lowerAt: -Infinity, upper: Infinity, upperAt: -Infinity, forgetMs: this.#options.forgetMs,
    };
    this.#bounds.delete(key);
    this.#bounds.set(key, bounds);
    evictOldest(this.#bounds, this.#options.maxEntries);
    return bounds;
  }

  #setLower(bounds: LiquidityBounds, amount: number): void {
    bounds.lower = amount;
    bounds.lowerAt = this.#clock.now();
  }

  /** Half forgotten, so that a weaker but fresh lesson takes its place. */
  #isFading(at: number, forgetMs = this.#options.forgetMs): boolean {
    return weight(this.#clock.now(), at, forgetMs) < 0.5;
  }

  /** When and for how long a failure counts: one that is only half certain counts as one half forgotten already. */
  #dated({ permanent = false, certainty = 1 }: FailureLesson): Failure {
    const forgetMs = permanent ? this.#options.forgetPermanentMs : this.#options.forgetMs;
    return { at: this.#clock.now() - forgetMs * (1 - certainty), forgetMs };
  }
}

function keyOf({ shortChannelId, direction }: ChannelDirection): bigint {
  return (shortChannelId << 1n) | BigInt(direction);
}

/** What has just passed shows that an older failure of as much or less is over. */
function refute(bounds: LiquidityBounds, amount: number): void {
  if (bounds.upper > amount) return;
  bounds.upper = Infinity;
  bounds.upperAt = -Infinity;
}

/** 1 for what was learned just now, 0 for what is forgotten. */
function weight(now: number, at: number, forgetMs: number): number {
  return Math.min(1, Math.max(0, 1 - (now - at) / forgetMs));
}

function evictOldest(map: Map<unknown, unknown>, maxEntries: number): void {
  if (map.size <= maxEntries) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}
