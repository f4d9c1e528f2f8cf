import type { Clock } from './clock.ts';
import { BoundedMap } from './bounded-map.ts';

/** A bucket of `burst` tokens that fills up again at `perSecond`. */
export interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

interface Bucket {
  tokens: number;
  filledAtMs: number;
}

/** Token buckets by key. Whose bucket was pushed out by too many others starts with a full one again. */
export class RateLimiter {
  readonly #clock: Clock;
  readonly #rate: Rate;
  readonly #buckets: BoundedMap<string, Bucket>;

  constructor(clock: Clock, rate: Rate, maxKeys: number) {
    this.#clock = clock;
    this.#rate = rate;
    this.#buckets = new BoundedMap(maxKeys);
  }

  /** Takes so many tokens if there are. */
  take(key: string, tokens = 1): boolean {
    const now = this.#clock.now();
    const { burst, perSecond } = this.#rate;
    const bucket = this.#buckets.get(key) ?? { tokens: burst, filledAtMs: now };
    bucket.tokens = Math.min(burst, bucket.tokens + (Math.max(0, now - bucket.filledAtMs) / 1000) * perSecond);
    bucket.filledAtMs = now;
    this.#buckets.set(key, bucket);
    if (bucket.tokens < tokens) return false;
    bucket.tokens -= tokens;
    return true;
  }
}
