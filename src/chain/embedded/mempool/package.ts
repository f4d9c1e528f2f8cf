import { type Coin, type CoinView, coinsOf } from '../consensus/coins.ts';
import type { ChainTransaction } from '../consensus/transaction.ts';
import { RejectedError } from '../rejection.ts';
import { type Candidate, type MempoolAcceptance, checkMaxFeerate } from './acceptance.ts';
import { feerateSatPerKvb } from './feerate.ts';
import type { MempoolFloor } from './floor.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import { checkPackageReplacement } from './package-replacement.ts';
import { type Mempool, type MempoolEntry, entryFeerate, totals } from './pool.ts';

export const MAX_PACKAGE_COUNT = 25;
const MAX_PACKAGE_WEIGHT = 404_000;

/** What became of one transaction of a package. */
export type PackageOutcome =
  | {
      readonly kind: 'accepted';
      readonly entry: MempoolEntry;
      readonly replaced: readonly MempoolEntry[];
      /** The feerate that it was judged by, and the wtxids of those it was judged with. */
      readonly feerateSatPerKvb: bigint;
      readonly includes: readonly string[];
    }
  | { readonly kind: 'known'; readonly entry: MempoolEntry }
  | { readonly kind: 'different_witness'; readonly wtxid: string }
  | { readonly kind: 'rejected'; readonly error: RejectedError };

export interface PackageResult {
  /** A rule for the package as a whole that it breaks. */
  readonly packageError: RejectedError | undefined;
  /** By wtxid; transactions that were not looked at for the failure of another have none. */
  readonly outcomes: ReadonlyMap<string, PackageOutcome>;
}

/**
 * Packages: a child may pay the mempool's own floor for its parents. As in bitcoind each transaction must still pay the
 * relay fee itself.
 */
export class PackageAcceptance {
  readonly #pool: Mempool;
  readonly #floor: MempoolFloor;
  readonly #acceptance: MempoolAcceptance;
  readonly #chainCoins: CoinView;

  constructor(chainCoins: CoinView, pool: Mempool, floor: MempoolFloor, acceptance: MempoolAcceptance) {
    this.#chainCoins = chainCoins;
    this.#pool = pool;
    this.#floor = floor;
    this.#acceptance = acceptance;
  }

  /**
   * Would these transactions, each after its parents, all be taken? Nothing changes (`testmempoolaccept` with several).
   */
  test(transactions: readonly ChainTransaction[], nowS: number): PackageResult {
    const outcomes = new Map<string, PackageOutcome>();
    const packageError = rejectionOf(() => {
      checkWellFormed(transactions);
      this.#together(transactions, nowS, { testOnly: true, maxFeerateSatPerKvb: undefined }, outcomes);
    });
    return { packageError, outcomes };
  }

  /** Takes in a child with its unconfirmed parents, for which `isChildWithParents` holds (`submitpackage`). */
  submit(
    transactions: readonly ChainTransaction[],
    nowS: number,
    maxFeerateSatPerKvb: bigint | undefined,
  ): PackageResult {
    const outcomes = new Map<string, PackageOutcome>();
    const packageError = rejectionOf(() => {
      checkWellFormed(transactions);
      this.#checkParents(transactions);
      const together: ChainTransaction[] = [];
      for (const transaction of transactions) {
        const outcome = this.#alone(transaction, nowS, maxFeerateSatPerKvb);
        outcomes.set(transaction.wtxid, outcome);
        if (outcome.kind === 'rejected') together.push(transaction);
      }
      // Only the fee may be judged in common; a missing input may be an output of a parent that failed for its fee.
      const mayPass = together.every(({ wtxid }) => {
        const outcome = outcomes.get(wtxid);
        return outcome?.kind === 'rejected' && ['reconsiderable', 'missing_inputs'].includes(outcome.error.kind);
      });
      if (together.length > 1 && mayPass) {
        this.#together(together, nowS, { testOnly: false, maxFeerateSatPerKvb }, outcomes);
      }
    });
    this.#floor.trim(nowS);
    for (const [wtxid, outcome] of outcomes) {
      if (outcome.kind !== 'accepted' && outcome.kind !== 'known') continue;
      if (this.#pool.get(outcome.entry.transaction.txid) !== undefined) continue;
      outcomes.set(wtxid, { kind: 'rejected', error: new RejectedError('policy', 'mempool full') });
    }
    return { packageError, outcomes };
  }

  #alone(transaction: ChainTransaction, nowS: number, maxFeerateSatPerKvb: bigint | undefined): PackageOutcome {
    const known = this.#pool.get(transaction.txid);
    if (known?.transaction.wtxid === transaction.wtxid) return { kind: 'known', entry: known };
    if (known !== undefined) return { kind: 'different_witness', wtxid: known.transaction.wtxid };
    let outcome: PackageOutcome | undefined;
    const error = rejectionOf(() => {
      const { entry, replaced } = this.#acceptance.accept(transaction, nowS, { maxFeerateSatPerKvb });
      outcome = accepted(entry, replaced, entryFeerate(entry), [transaction.wtxid]);
    });
    return outcome ?? { kind: 'rejected', error: error ?? new RejectedError('policy', 'unevaluated') };
  }

  /**
   * Judges transactions by their common feerate, and writes what became of them into `outcomes`, up to the first that
   * fails.
   */
  #together(
    transactions: readonly ChainTransaction[],
    nowS: number,
    { testOnly, maxFeerateSatPerKvb }: { testOnly: boolean; maxFeerateSatPerKvb: bigint | undefined },
    outcomes: Map<string, PackageOutcome>,
  ): void {
    const packageCoins = new Map<string, Coin>();
    const candidates: Candidate[] = [];
    const passes = (wtxid: string, check: () => void): boolean => {
      const error = rejectionOf(check);
      if (error !== undefined) outcomes.set(wtxid, { kind: 'rejected', error });
      return error === undefined;
    };
    for (const transaction of transactions) {
      const passed = passes(transaction.wtxid, () => {
        const mode = testOnly ? 'test_package' : 'package';
        const candidate = this.#acceptance.check(transaction, nowS, mode, packageCoins);
        const { entry } = candidate;
        if (maxFeerateSatPerKvb !== undefined) checkMaxFeerate(entry, maxFeerateSatPerKvb);
        candidates.push(candidate);
        for (const [key, coin] of coinsOf(transaction, entry.height + 1)) packageCoins.set(key, coin);
      });
      if (!passed) return;
    }
    const { feeSat, vsize } = totals(candidates.map(({ entry }) => entry));
    const includes = transactions.map(({ wtxid }) => wtxid);
    if (!testOnly && !passes(includes.at(-1) ?? '', () => this.#acceptance.checkFloor(feeSat, vsize, nowS))) return;
    this.#checkLimits(candidates);
    const hasConflicts = candidates.some(({ conflicts }) => conflicts.size > 0);
    const replaced = hasConflicts ? checkPackageReplacement(this.#pool, candidates) : new Set<MempoolEntry>();
    for (const { entry, coins } of candidates) {
      const { transaction } = entry;
      if (!passes(transaction.wtxid, () => this.#acceptance.checkScripts(transaction, coins))) return;
      outcomes.set(
        transaction.wtxid,
        testOnly
          ? accepted(entry, [], entryFeerate(entry), [transaction.wtxid])
          : accepted(entry, [...replaced], feerateSatPerKvb(feeSat, vsize), includes),
      );
    }
    if (testOnly) return;
    this.#pool.removeWithDescendants(replaced);
    for (const { entry } of candidates) this.#pool.add(entry);
  }

  /**
   * Every input of the child must be an output of the package or confirmed: its other parents belong into the package.
   */
  #checkParents(transactions: readonly ChainTransaction[]): void {
    if (transactions.length === 1) return;
    const parents = new Set(transactions.slice(0, -1).map(({ txid }) => txid));
    const spent = transactions.at(-1)?.spends ?? [];
    if (!spent.every((key) => parents.has(txidOf(key)) || this.#chainCoins.get(key) !== undefined)) {
      throw new RejectedError('policy', 'package-not-child-with-unconfirmed-parents');
    }
  }

  #checkLimits(candidates: readonly Candidate[]): void {
    const own = totals(candidates.map(({ entry }) => entry));
    const ancestors = new Set(candidates.flatMap((candidate) => [...candidate.ancestors]));
    const above = totals(ancestors);
    const { ancestors: maxAncestors, ancestorVsize, descendants, descendantVsize } = DEFAULT_LIMITS;
    const tooMany = above.count + own.count > maxAncestors || above.vsize + own.vsize > ancestorVsize;
    const tooDeep = [...ancestors].some((ancestor) => {
      const below = totals(this.#pool.descendants(ancestor));
      return below.count + own.count > descendants || below.vsize + own.vsize > descendantVsize;
    });
    if (tooMany || tooDeep) throw new RejectedError('policy', 'package-mempool-limits');
  }
}

/** Whether these are a child, last, and parents of it that do not depend on each other. */
export function isChildWithParents(transactions: readonly ChainTransaction[]): boolean {
  const parents = new Set(transactions.slice(0, -1).map(({ txid }) => txid));
  const spentByChild = new Set(transactions.at(-1)?.spends.map(txidOf));
  return (
    [...parents].every((txid) => spentByChild.has(txid)) &&
    transactions.slice(0, -1).every(({ spends }) => !spends.some((key) => parents.has(txidOf(key))))
  );
}

function checkWellFormed(transactions: readonly ChainTransaction[]): void {
  const weight = transactions.reduce((sum, transaction) => sum + transaction.weight, 0);
  if (transactions.length > 1 && weight > MAX_PACKAGE_WEIGHT) throw new RejectedError('policy', 'package-too-large');
  const txids = transactions.map(({ txid }) => txid);
  if (new Set(txids).size !== txids.length) throw new RejectedError('policy', 'package-contains-duplicates');
  const later = new Set(txids);
  for (const { txid, spends } of transactions) {
    if (spends.some((key) => later.has(txidOf(key)))) throw new RejectedError('policy', 'package-not-sorted');
    later.delete(txid);
  }
  // One that spends an output twice itself is refused for that later.
  const spends = transactions.flatMap((transaction) => [...new Set(transaction.spends)]);
  if (new Set(spends).size !== spends.length) throw new RejectedError('policy', 'conflict-in-package');
}

function accepted(
  entry: MempoolEntry,
  replaced: readonly MempoolEntry[],
  feerate: bigint,
  includes: readonly string[],
): PackageOutcome {
  return { kind: 'accepted', entry, replaced, feerateSatPerKvb: feerate, includes };
}

function rejectionOf(run: () => void): RejectedError | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (error instanceof RejectedError) return error;
    throw error;
  }
}

function txidOf(key: string): string {
  return key.slice(0, key.indexOf(':'));
}
