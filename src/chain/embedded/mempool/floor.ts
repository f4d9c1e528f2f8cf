import { feerateSatPerKvb } from './feerate.ts';
import { type Mempool, type MempoolEntry, totals } from './pool.ts';

/** What a transaction must pay to be relayed at all, and a replacement on top of what it replaces: 1 sat/vB. */
export const MIN_RELAY_FEERATE_SAT_PER_KVB = 1_000n;
export const INCREMENTAL_FEERATE_SAT_PER_KVB = 1_000n;

const HALF_LIFE_S = 12 * 3_600;
const EXPIRY_S = 336 * 3_600;

/**
 * Keeps the mempool within its size: when it overflows, the transactions that pay least go, and what they paid becomes
 * the least that a newcomer must pay more than. After a block, that floor halves every twelve hours (faster while the
 * mempool is far from full).
 */
export class MempoolFloor {
  readonly #pool: Mempool;
  readonly #maxBytes: number;
  #feerate = 0n;
  #updatedS = 0;
  #blockSinceRaise = false;

  constructor(pool: Mempool, maxBytes: number) {
    this.#pool = pool;
    this.#maxBytes = maxBytes;
  }

  /** The present floor in satoshi per 1,000 vbytes; 0 if there is none beyond the relay fee. */
  feerate(nowS: number): bigint {
    if (!this.#blockSinceRaise || this.#feerate === 0n) return this.#feerate;
    const fullness = this.#pool.bytes / this.#maxBytes;
    const halfLifeS = fullness < 0.25 ? HALF_LIFE_S / 4 : fullness < 0.5 ? HALF_LIFE_S / 2 : HALF_LIFE_S;
    const halvings = Math.max(0, Math.floor((nowS - this.#updatedS) / halfLifeS));
    this.#feerate >>= BigInt(halvings);
    this.#updatedS += halvings * halfLifeS;
    if (this.#feerate < INCREMENTAL_FEERATE_SAT_PER_KVB / 2n) this.#feerate = 0n;
    return this.#feerate;
  }

  blockConnected(nowS: number): void {
    if (!this.#blockSinceRaise) this.#updatedS = nowS;
    this.#blockSinceRaise = true;
  }

  /** Drops what is older than two weeks, then what pays least until the rest fits; returns what went. */
  trim(nowS: number): MempoolEntry[] {
    const expired: MempoolEntry[] = [];
    for (const entry of this.#pool.entries()) {
      if (entry.timeS >= nowS - EXPIRY_S) break;
      expired.push(entry);
    }
    const gone = this.#pool.removeWithDescendants(expired);
    while (this.#pool.bytes > this.#maxBytes) {
      const worst = this.#worst();
      if (worst === undefined) break;
      gone.push(...this.#pool.removeWithDescendants([worst.entry]));
      const raised = worst.feerate + INCREMENTAL_FEERATE_SAT_PER_KVB;
      if (raised > this.#feerate) this.#feerate = raised;
      this.#blockSinceRaise = false;
    }
    return gone;
  }

  /** The entry that is worth least together with its descendants: a child that pays well keeps its parents. */
  #worst(): { entry: MempoolEntry; feerate: bigint } | undefined {
    let worst: { entry: MempoolEntry; feerate: bigint } | undefined;
    for (const entry of this.#pool.entries()) {
      const together = totals(this.#pool.descendants(entry));
      const own = feerateSatPerKvb(entry.feeSat, entry.vsize);
      const withDescendants = feerateSatPerKvb(together.feeSat, together.vsize);
      const feerate = own > withDescendants ? own : withDescendants;
      if (worst === undefined || feerate < worst.feerate) worst = { entry, feerate };
    }
    return worst;
  }
}
