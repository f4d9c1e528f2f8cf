import type { NodeId } from '../network/network.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Direction } from './channel.ts';
import { clampMsat, MAX_AMOUNT_MSAT } from './msat.ts';

/** How long a lesson counts, and how many are kept. All integers. */
export interface LiquidityOptions {
  /** Half of what is known of a direction, or of a node, is lost in this time. */
  readonly halfLifeMs: number;
  /** The same for what a node called permanent. */
  readonly halfLifePermanentMs: number;
  /** Directions and nodes remembered, at most so many of each; the one learned of longest ago goes first. */
  readonly maxEntries: number;
}

export const DEFAULT_LIQUIDITY_OPTIONS: LiquidityOptions = {
  halfLifeMs: 6 * 60 * 60_000,
  halfLifePermanentMs: 24 * 60 * 60_000,
  maxEntries: 50_000,
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
 * What was learned of one direction, as it was when it was learned: for a search to hold on to, not to look into. Times
 * are the clock's; 0 of what is not known.
 */
export interface LiquidityBounds {
  /** It could carry this much; 0 if nothing is known. */
  lower: number;
  lowerAt: number;
  /** It could not carry this much; Infinity if nothing is known. */
  upper: number;
  upperAt: number;
  /** It failed for another reason than the amount; undefined if it has not. */
  failure: Failure | undefined;
}

/** What did not work at all, and how fast that is forgotten. */
export interface Failure {
  readonly at: number;
  readonly halfLifeMs: number;
}

/** What an estimate comes to now: the balance lies in [lower, upper), anywhere with the same chance. */
export interface Estimate {
  readonly lower: number;
  readonly upper: number;
  /** How likely it is to work at all, from 0 to 1. */
  readonly works: number;
}

/** Hears of each change, so that what was learned can be kept and laid over the graph. Undefined: it is forgotten. */
export interface LiquidityListener {
  directionLearned(edge: ChannelDirection, bounds: LiquidityBounds | undefined): void;
  nodeLearned(nodeId: NodeId, failure: Failure | undefined): void;
}

/** What a channel of unknown capacity is taken to hold: the most before large channels came (BOLT 2, `option_support_large_channel`). */
const UNKNOWN_CAPACITY_MSAT = 2 ** 24 * 1_000;

/**
 * What attempts have taught about where the money lies: for each direction of a channel the largest amount that passed
 * and the smallest that failed, for each node its failures. Both bounds drift back, by half in each half-life, towards
 * what is known of a channel without any attempt: that its balance lies between nothing and the capacity.
 *
 * It only ever puts a probability on a channel. What must not be tried again within one payment is excluded by that
 * payment (`Lesson`), so that a moment's failure never cuts a part of the network off for the payments that follow.
 */
export class Liquidity {
  readonly #clock: Clock;
  readonly #options: LiquidityOptions;
  readonly #bounds = new Map<bigint, LiquidityBounds>();
  readonly #nodeFailures = new Map<NodeId, Failure>();
  readonly #listeners = new Set<LiquidityListener>();

  constructor(clock: Clock, options: Partial<LiquidityOptions> = {}) {
    this.#clock = clock;
    this.#options = { ...DEFAULT_LIQUIDITY_OPTIONS, ...options };
  }

  listen(listener: LiquidityListener): void {
    this.#listeners.add(listener);
  }

  /** Puts back what an earlier run has learned; what is known already stands. */
  restore(edge: ChannelDirection, bounds: LiquidityBounds): void {
    const key = directionKeyOf(edge);
    if (this.#bounds.has(key) || this.#bounds.size >= this.#options.maxEntries) return;
    this.#bounds.set(key, bounds);
    for (const listener of this.#listeners) listener.directionLearned(edge, bounds);
  }

  restoreNode(nodeId: NodeId, failure: Failure): void {
    if (this.#nodeFailures.has(nodeId) || this.#nodeFailures.size >= this.#options.maxEntries) return;
    this.#nodeFailures.set(nodeId, failure);
    for (const listener of this.#listeners) listener.nodeLearned(nodeId, failure);
  }

  /** An HTLC of this amount went through and came back failed from further on: the direction holds at least so much. */
  carried(edge: ChannelDirection, amountMsat: bigint): void {
    const amount = clampMsat(amountMsat);
    this.#change(edge, (bounds) => {
      this.#raiseLower(bounds, amount);
      refute(bounds, amount);
    });
  }

  /** An HTLC of this amount was settled: it has moved from this direction to the opposite one, so that of the capacity, if that is known, no more than the rest is left. */
  settled(edge: ChannelDirection, amountMsat: bigint, capacityMsat?: bigint): void {
    const amount = clampMsat(amountMsat);
    this.#change(edge, (bounds) => {
      refute(bounds, amount);
      if (capacityMsat === undefined) {
        bounds.upper -= amount;
      } else {
        bounds.upper = Math.max(this.estimate(bounds, clampMsat(capacityMsat)).upper - amount, 1);
        bounds.upperAt = this.#clock.now();
      }
      bounds.lower = Math.max(bounds.lower - amount, 0);
    });
    this.#change({ ...edge, direction: edge.direction === 0 ? 1 : 0 }, (opposite) => {
      this.#raiseLower(opposite, Math.min(this.#lowerNow(opposite) + amount, MAX_AMOUNT_MSAT));
      refute(opposite, opposite.lower);
    });
  }

  /** The direction refused an HTLC of this amount; what is smaller it may take. */
  lacked(edge: ChannelDirection, amountMsat: bigint, certainty = 1): void {
    const amount = Math.max(clampMsat(amountMsat), 1);
    this.#change(edge, (bounds) => {
      const { at, halfLifeMs } = this.#dated({ certainty });
      if (amount >= bounds.upper && this.#clock.now() - bounds.upperAt < halfLifeMs) return;
      bounds.upper = amount;
      bounds.upperAt = at;
      bounds.lower = Math.min(bounds.lower, amount - 1);
    });
  }

  /** The direction does not work, whatever the amount. */
  failed(edge: ChannelDirection, lesson: FailureLesson = {}): void {
    this.#change(edge, (bounds) => {
      bounds.failure = this.#dated(lesson);
    });
  }

  /** The node said of itself that it fails, or did what no sound node does. */
  nodeFailed(nodeId: NodeId, lesson: FailureLesson = {}): void {
    const failure = this.#dated(lesson);
    this.#nodeFailures.delete(nodeId);
    this.#nodeFailures.set(nodeId, failure);
    const evicted = oldestBeyond(this.#nodeFailures, this.#options.maxEntries);
    for (const listener of this.#listeners) {
      listener.nodeLearned(nodeId, failure);
      if (evicted !== undefined) listener.nodeLearned(evicted, undefined);
    }
  }

  /** What is known of a direction, undefined if nothing is. */
  boundsOf(edge: ChannelDirection): LiquidityBounds | undefined {
    return this.#bounds.get(directionKeyOf(edge));
  }

  /** All directions of which something is known. */
  *known(): IterableIterator<[edge: ChannelDirection, bounds: LiquidityBounds]> {
    for (const [key, bounds] of this.#bounds) yield [edgeOf(key), bounds];
  }

  /** How likely a node that failed is to work now, from 0 to 1; 1 for one that has not. */
  nodeProbability(nodeId: NodeId): number {
    const failure = this.#nodeFailures.get(nodeId);
    return failure === undefined ? 1 : 1 - this.#left(failure.at, failure.halfLifeMs);
  }

  hasNodeFailed(nodeId: NodeId): boolean {
    return this.#nodeFailures.has(nodeId);
  }

  /** Where the balance is believed to lie. `capacity` is `MAX_AMOUNT_MSAT` where it is not known. */
  estimate(bounds: LiquidityBounds | undefined, capacity: number): Estimate {
    const most = (capacity === MAX_AMOUNT_MSAT ? UNKNOWN_CAPACITY_MSAT : capacity) + 1;
    if (bounds === undefined) return { lower: 0, upper: most, works: 1 };
    const { failure } = bounds;
    const works = failure === undefined ? 1 : 1 - this.#left(failure.at, failure.halfLifeMs);
    const lower = Math.min(this.#lowerNow(bounds), most - 1);
    if (bounds.upper >= most) return { lower, upper: most, works };
    const upper = Math.ceil(most - (most - bounds.upper) * this.#left(bounds.upperAt, this.#options.halfLifeMs));
    return { lower, upper: Math.max(upper, lower + 1), works };
  }

  #change(edge: ChannelDirection, change: (bounds: LiquidityBounds) => void): void {
    const key = directionKeyOf(edge);
    const { maxEntries } = this.#options;
    const bounds = this.#bounds.get(key) ?? {
      lower: 0, lowerAt: 0, upper: Infinity, upperAt: 0, failure: undefined,
    };
    change(bounds);
    this.#bounds.delete(key);
    this.#bounds.set(key, bounds);
    const evicted = oldestBeyond(this.#bounds, maxEntries);
    for (const listener of this.#listeners) {
      listener.directionLearned(edge, bounds);
      if (evicted !== undefined) listener.directionLearned(edgeOf(evicted), undefined);
    }
  }

  #raiseLower(bounds: LiquidityBounds, amount: number): void {
    if (amount < this.#lowerNow(bounds)) return;
    bounds.lower = amount;
    bounds.lowerAt = this.#clock.now();
  }

  #lowerNow({ lower, lowerAt }: LiquidityBounds): number {
    return lower === 0 ? 0 : Math.floor(lower * this.#left(lowerAt, this.#options.halfLifeMs));
  }

  /** What is left of a lesson: 1 for what was learned just now, a half after the half-life. */
  #left(at: number, halfLifeMs: number): number {
    return 2 ** -(Math.max(this.#clock.now() - at, 0) / halfLifeMs);
  }

  /** When and for how long a failure counts: one that is only half certain counts as one half forgotten already. */
  #dated({ permanent = false, certainty = 1 }: FailureLesson): Failure {
    const halfLifeMs = permanent ? this.#options.halfLifePermanentMs : this.#options.halfLifeMs;
    return { at: Math.round(this.#clock.now() + halfLifeMs * Math.log2(certainty)), halfLifeMs };
  }
}

/** How likely a direction is to carry the amount, from 0 to 1. */
export function probabilityOf({ lower, upper, works }: Estimate, amount: number): number {
  if (amount <= lower) return works;
  return amount >= upper ? 0 : (works * (upper - amount)) / (upper - lower);
}

/** The short channel id and the direction's bit. */
export const directionKeyOf = ({ shortChannelId, direction }: ChannelDirection): bigint => (shortChannelId << 1n) | BigInt(direction);

const edgeOf = (key: bigint): ChannelDirection => ({ shortChannelId: key >> 1n, direction: (key & 1n) === 0n ? 0 : 1 });

/** What has just passed shows that an older failure, of as much or less or of anything, is over. */
function refute(bounds: LiquidityBounds, amount: number): void {
  bounds.failure = undefined;
  if (bounds.upper > amount) return;
  bounds.upper = Infinity;
  bounds.upperAt = 0;
}

/** Takes the oldest out of a map that has become too large, and returns its key. */
function oldestBeyond<Key>(map: Map<Key, unknown>, maxEntries: number): Key | undefined {
  if (map.size <= maxEntries) return undefined;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
  return oldest;
}
