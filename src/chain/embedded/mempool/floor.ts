import { feerateSatPerKvb } from './feerate.ts';
import { type Mempool, type MempoolEntry, totals } from './pool.ts';

/** What a transaction must pay to be relayed at all, and a replacement on top of what it replaces: 1 sat/vB. */
export const MIN_RELAY_FEERATE_SAT_PER_KVB = 1_000n;
export const INCREMENTAL_FEERATE_SAT_PER_KVB = 1_000n;

const HALF_LIFE_S = 12 * 3_600;
const EXPIRY_S = 336 * 3_600;

/** The floor is not computed again within this time, as in bitcoind. */
const UPDATE_INTERVAL_S = 10;

/**
 * Keeps the mempool within its size: when it overflows, the transactions that pay least go, and what they paid becomes
 * the least that a newcomer must pay more than. After a block, that floor falls by half in twelve hours (faster while
 * the mempool is far from full).
 */
export class MempoolFloor {
  readonly #pool: Mempool;
  readonly #maxBytes: number;
  /** As in bitcoind a number with fractions: what is asked of a transaction is rounded to whole satoshis. */
  #feerate = 0;
  #updatedS = 0;
  #blockSinceRaise = false;

  constructor(pool: Mempool, maxBytes: number) {
    this.#pool = pool;
    this.#maxBytes = maxBytes;
  }

  /** The present floor in satoshi per 1,000 vbytes; 0 if there is none beyond the relay fee. */
  feerate(nowS: number): bigint {
    if (this.#blockSinceRaise && this.#feerate !== 0 && nowS > this.#updatedS + UPDATE_INTERVAL_S) {
      const fullness = this.#pool.bytes / this.#maxBytes;
      const halfLifeS = fullness < 0.25 ? HALF_LIFE_S / 4 : fullness < 0.5 ? HALF_LIFE_S / 2 : HALF_LIFE_S;
      this.#feerate /= 2 ** ((nowS - this.#updatedS) / halfLifeS);
      this.#updatedS = nowS;
      if (this.#feerate < Number(INCREMENTAL_FEERATE_SAT_PER_KVB) / 2) this.#feerate = 0;
    }
    return BigInt(Math.round(this.#feerate));
  }

  blockConnected(nowS: number): void {
    this.#updatedS = nowS;
    this.#blockSinceRaise = true;
  }

  /**
   * Sets the floor, as if the mempool had just overflowed with transactions that pay as much: what pays less goes. For
   * tests of a mempool at its limit; 0 takes the floor away.
   */
  set(feerate: bigint): MempoolEntry[] {
    this.#feerate = Number(feerate);
    this.#blockSinceRaise = false;
    const gone: MempoolEntry[] = [];
    for (let worst = this.#worst(); worst !== undefined; worst = this.#worst()) {
      if (worst.feerate + INCREMENTAL_FEERATE_SAT_PER_KVB >= feerate) break;
      gone.push(...this.#pool.removeWithDescendants([worst.entry]));
    }
    return gone;
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
      const raised = worst.packageFeerate + INCREMENTAL_FEERATE_SAT_PER_KVB;
      if (Number(raised) <= this.#feerate) continue;
      this.#feerate = Number(raised);
      this.#blockSinceRaise = false;
    }
    return gone;
  }

  /**
   * The entry that is worth least alone or together with its descendants, whichever is more (a child that pays well
   * keeps its parents), and what all of them pay.
   */
  #worst(): { entry: MempoolEntry; feerate: bigint; packageFeerate: bigint } | undefined {
    let worst: { entry: MempoolEntry; feerate: bigint; packageFeerate: bigint } | undefined;
    for (const entry of this.#pool.entries()) {
      const together = totals(this.#pool.descendants(entry));
      const own = feerateSatPerKvb(entry.feeSat, entry.vsize);
      const packageFeerate = feerateSatPerKvb(together.feeSat, together.vsize);
      const feerate = own > packageFeerate ? own : packageFeerate;
      if (worst === undefined || feerate < worst.feerate) worst = { entry, feerate, packageFeerate };
    }
    return worst;
  }
}
