import type { ChainState } from '../chain-state.ts';
import { type Coin, checkSpend, coinsOf, spentCoins } from '../consensus/coins.ts';
import { isFinal, sequenceLocksMet } from '../consensus/locks.ts';
import { WITNESS_SCALE_FACTOR } from '../consensus/params.ts';
import type { ScriptChecker } from '../consensus/script-checker.ts';
import { sigopsCost } from '../consensus/sigops.ts';
import { type ChainTransaction, checkTransaction } from '../consensus/transaction.ts';
import { RejectedError } from '../rejection.ts';
import { feeAtRateSat, feerateSatPerKvb } from './feerate.ts';
import { MIN_RELAY_FEERATE_SAT_PER_KVB, type MempoolFloor } from './floor.ts';
import { type ChainLimits, DEFAULT_LIMITS, ancestorsWithCarveOut, ancestorsWithin } from './limits.ts';
import type { Mempool, MempoolEntry } from './pool.ts';
import { checkReplacement } from './replacement.ts';
import { checkDustWithoutFee, checkStandard, checkStandardInputs } from './standard.ts';

const MAX_STANDARD_SIGOPS_COST = 16_000;
const BYTES_PER_SIGOP = 20;

/**
 * How a transaction comes: from a call, back from a disconnected block (fees are not asked again), in a package, or in
 * one that is only tested (nothing is then replaced).
 */
export type AcceptMode = 'single' | 'reorg' | 'package' | 'test_package';

/** A transaction that passed every check but its scripts. */
export interface Candidate {
  readonly entry: MempoolEntry;
  readonly coins: readonly Coin[];
  readonly ancestors: ReadonlySet<MempoolEntry>;
  /** The mempool's transactions that spend the same outputs. */
  readonly conflicts: ReadonlySet<MempoolEntry>;
}

export interface Accepted {
  readonly entry: MempoolEntry;
  /** What left the mempool for it. */
  readonly replaced: readonly MempoolEntry[];
}

/** Decides what enters the mempool: bitcoind's rules, in its order, with its reasons. */
export class MempoolAcceptance {
  readonly #chain: ChainState;
  readonly #pool: Mempool;
  readonly #floor: MempoolFloor;
  readonly #scripts: ScriptChecker;

  constructor(chain: ChainState, pool: Mempool, floor: MempoolFloor, scripts: ScriptChecker) {
    this.#chain = chain;
    this.#pool = pool;
    this.#floor = floor;
    this.#scripts = scripts;
  }

  /**
   * Takes one transaction in, or with `testOnly` says whether it would be. `maxFeerateSatPerKvb` is the caller's own
   * limit. Throws `RejectedError`.
   */
  accept(
    transaction: ChainTransaction,
    nowS: number,
    { mode = 'single', testOnly = false, maxFeerateSatPerKvb }: AcceptOptions = {},
  ): Accepted {
    const candidate = this.check(transaction, nowS, mode);
    const { entry, coins, conflicts } = candidate;
    if (maxFeerateSatPerKvb !== undefined) checkMaxFeerate(entry, maxFeerateSatPerKvb);
    const replaced =
      conflicts.size === 0
        ? new Set<MempoolEntry>()
        : checkReplacement(this.#pool, transaction, entry.feeSat, entry.vsize, conflicts);
    this.checkScripts(transaction, coins);
    if (testOnly) return { entry, replaced: [...replaced] };

    this.#pool.removeWithDescendants(replaced);
    this.#pool.add(entry);
    if (mode === 'single') {
      this.#floor.trim(nowS);
      if (this.#pool.get(transaction.txid) === undefined) throw new RejectedError('reconsiderable', 'mempool full');
    }
    return { entry, replaced: [...replaced] };
  }

  /**
   * Every check but replacement and scripts. `packageCoins` are made by transactions that come in the same package
   * before this one. Throws `RejectedError`.
   */
  check(
    transaction: ChainTransaction,
    nowS: number,
    mode: AcceptMode,
    packageCoins: ReadonlyMap<string, Coin> = new Map(),
  ): Candidate {
    checkTransaction(transaction);
    if (transaction.isCoinbase) throw new RejectedError('consensus', 'coinbase');
    checkStandard(transaction);
    const next = this.#chain.nextBlock;
    if (!isFinal(transaction.transaction, next)) throw new RejectedError('premature', 'non-final');
    this.#checkUnknown(transaction);

    const conflicts = new Set<MempoolEntry>();
    for (const key of transaction.spends) {
      const spender = this.#pool.spender(key);
      if (spender === undefined) continue;
      if (mode === 'test_package') throw new RejectedError('policy', 'bip125-replacement-disallowed');
      conflicts.add(spender);
    }
    const coins = this.#coins(transaction, next.height, packageCoins);
    const heights = coins.map(({ height }) => height);
    const medianTimeAtS = (height: number) => this.#chain.medianTimeAtS(height);
    if (!sequenceLocksMet(transaction.transaction, heights, next, medianTimeAtS)) {
      throw new RejectedError('premature', 'non-BIP68-final');
    }
    const feeSat = checkSpend(transaction, coins, next.height);
    checkStandardInputs(transaction, coins);

    const sigops = sigopsCost(transaction, coins.map(({ script }) => script));
    if (sigops > MAX_STANDARD_SIGOPS_COST) throw new RejectedError('policy', 'bad-txns-too-many-sigops', `${sigops}`);
    checkDustWithoutFee(transaction, feeSat);
    const vsize = Math.ceil(Math.max(transaction.weight, sigops * BYTES_PER_SIGOP) / WITNESS_SCALE_FACTOR);
    if (mode !== 'reorg') this.#checkFee(feeSat, vsize, nowS, mode);

    const ancestors = this.#ancestors(transaction, vsize, conflicts, mode);
    const own = [...conflicts].find((conflict) => ancestors.has(conflict));
    if (own !== undefined) {
      const debug = `${transaction.txid} spends conflicting transaction ${own.transaction.txid}`;
      throw new RejectedError('consensus', 'bad-txns-spends-conflicting-tx', debug);
    }
    const height = this.#chain.tip.height;
    const entry: MempoolEntry = { transaction, feeSat, vsize, sigopsCost: sigops, timeS: nowS, height };
    return { entry, coins, ancestors, conflicts };
  }

  /** Throws `RejectedError` unless the transaction's scripts pass the mempool's and a block's rules. */
  checkScripts(transaction: ChainTransaction, coins: readonly Coin[]): void {
    this.#scripts.checkStandard(transaction, coins);
  }

  /** The mempool's own lowest feerate at the moment, if it is above the relay fee. Throws `RejectedError` for less. */
  checkFloor(feeSat: bigint, vsize: number, nowS: number): void {
    const leastSat = feeAtRateSat(this.#floor.feerate(nowS), vsize);
    if (feeSat < leastSat) {
      throw new RejectedError('reconsiderable', 'mempool min fee not met', `${feeSat} < ${leastSat}`);
    }
  }

  #checkUnknown({ txid, wtxid }: ChainTransaction): void {
    const known = this.#pool.get(txid);
    if (known === undefined) return;
    const reason =
      known.transaction.wtxid === wtxid ? 'txn-already-in-mempool' : 'txn-same-nonwitness-data-in-mempool';
    throw new RejectedError('conflict', reason);
  }

  #coins(transaction: ChainTransaction, nextHeight: number, packageCoins: ReadonlyMap<string, Coin>): Coin[] {
    const view = this.#pool.coins(this.#chain.coins, nextHeight);
    try {
      return spentCoins(transaction, { get: (key) => packageCoins.get(key) ?? view.get(key) });
    } catch (error) {
      const made = coinsOf(transaction, nextHeight);
      if (made.some(([key]) => this.#chain.coins.has(key))) throw new RejectedError('conflict', 'txn-already-known');
      throw error;
    }
  }

  #checkFee(feeSat: bigint, vsize: number, nowS: number, mode: AcceptMode): void {
    // This holds in packages too: a child that pays for its parent may go again, and its parent would stay.
    const relayFeeSat = feeAtRateSat(MIN_RELAY_FEERATE_SAT_PER_KVB, vsize);
    if (feeSat < relayFeeSat) throw new RejectedError('policy', 'min relay fee not met', `${feeSat} < ${relayFeeSat}`);
    if (mode !== 'package') this.checkFloor(feeSat, vsize, nowS);
  }

  #ancestors(
    transaction: ChainTransaction,
    vsize: number,
    conflicts: ReadonlySet<MempoolEntry>,
    mode: AcceptMode,
  ): Set<MempoolEntry> {
    if (mode === 'package' || mode === 'test_package') {
      return ancestorsWithin(this.#pool, transaction, vsize, DEFAULT_LIMITS);
    }
    const [conflict] = conflicts;
    let limits: ChainLimits = DEFAULT_LIMITS;
    if (conflict !== undefined && conflicts.size === 1) {
      // A replacement takes the place of what it replaces, which the counts below still hold.
      const gone = [...this.#pool.descendants(conflict)].reduce((sum, entry) => sum + entry.vsize, 0);
      const { descendants, descendantVsize } = DEFAULT_LIMITS;
      limits = { ...DEFAULT_LIMITS, descendants: descendants + 1, descendantVsize: descendantVsize + gone };
    }
    return ancestorsWithCarveOut(this.#pool, transaction, vsize, limits);
  }
}

export interface AcceptOptions {
  readonly mode?: AcceptMode;
  readonly testOnly?: boolean;
  readonly maxFeerateSatPerKvb?: bigint | undefined;
}

/** Throws `RejectedError` if an entry pays more per vbyte than its sender meant to. */
export function checkMaxFeerate(entry: MempoolEntry, maxFeerateSatPerKvb: bigint): void {
  if (feerateSatPerKvb(entry.feeSat, entry.vsize) > maxFeerateSatPerKvb) {
    throw new RejectedError('policy', 'max feerate exceeded');
  }
}
