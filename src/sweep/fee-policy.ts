/**
 * What to pay for getting a transaction into a block in time. Feerates are integers in sat per 1,000 weight units, fees
 * bigint satoshis; nothing here looks at a clock or a chain.
 */

/** BOLT 2's floor: with less a transaction may not reach the relay minimum, for rounding to virtual bytes. */
export const FLOOR_FEERATE_PER_KW = 253;
/** Beyond it something is wrong with the estimates: 1,000 sat a virtual byte. */
export const MAX_FEERATE_PER_KW = 250_000;
/** What a replacement pays for its own relay on top of what it replaces (BIP 125, rule 4): 1 sat a virtual byte. */
export const INCREMENTAL_FEERATE_PER_KW = 253;

/** Where the fee begins to grow beyond the estimate: BOLT 5's `security_delay` and BOLT 2's fulfillment deadline. */
export const URGENT_BLOCKS = 18;

/** Over how many blocks the fee grows at the fastest, where a deadline is near or missed from the start. */
const LEAST_GROWTH_BLOCKS = 4;

/** The confirmation targets that estimates are asked for. The last is for what nothing is lost by waiting for. */
export const ESTIMATE_TARGETS = [2, 6, 12, 36, 144] as const;

/** Feerates by confirmation target. */
export type FeeEstimates = Readonly<Record<(typeof ESTIMATE_TARGETS)[number], number>>;

/** The fee of a weight, rounded up. */
export function feeOf(weight: number, feeratePerKw: number): bigint {
  return (relayWeight(weight) * BigInt(feeratePerKw) + 999n) / 1000n;
}

/** The feerate that a fee comes to, rounded down. */
export function feerateOf(feeSat: bigint, weight: number): number {
  return weight <= 0 ? 0 : Number((feeSat * 1000n) / relayWeight(weight));
}

/** Nodes count whole virtual bytes, of four weight units each. */
function relayWeight(weight: number): bigint {
  return BigInt(Math.ceil(weight / 4) * 4);
}

/** What is estimated for a confirmation within so many blocks: that of the longest target which is not too long. */
export function estimateFor(estimates: FeeEstimates, blocks: number | undefined): number {
  const [soonest, ...later] = ESTIMATE_TARGETS;
  const target = later.filter((each) => blocks === undefined || each <= blocks).at(-1) ?? soonest;
  return bounded(estimates[target]);
}

/** The least that makes sense now: what a transaction without haste pays. The chain's minimum is in every estimate. */
export function leastFeerate(estimates: FeeEstimates): number {
  return Math.min(...ESTIMATE_TARGETS.map((target) => bounded(estimates[target])));
}

/** How pressing a transaction is. */
export interface Haste {
  /** That of the last block. */
  readonly height: number;
  /** A block below it must hold the transaction; undefined where nothing is lost by waiting. */
  readonly deadline: number | undefined;
  /** Since when it has been tried. */
  readonly sinceHeight: number;
}

/** The most that a transaction may pay by weight. */
export interface FeerateLimits {
  /** In any case: for being in a block at all. */
  readonly most: number;
  /** For haste: no more than this is paid beyond an estimate. */
  readonly inHaste: number;
}

/** The blocks that may still hold the transaction in time: below 1 it is too late. */
export function blocksLeft({ height, deadline }: Pick<Haste, 'height' | 'deadline'>): number | undefined {
  return deadline === undefined ? undefined : deadline - 1 - height;
}

/**
 * The feerate for a transaction: the estimate, and in the last 18 blocks, for as long as it has been tried in vain,
 * more and more of what the budget allows. That goes by the cube of the time gone, so that most is spent only at the
 * very end, and whatever is tried for the first time pays no more than the estimate. The answer exceeds neither the
 * limits nor `MAX_FEERATE_PER_KW`, and may thus be below the estimate.
 */
export function wantedFeerate(estimates: FeeEstimates, haste: Haste, { most, inHaste }: FeerateLimits): number {
  const estimate = Math.min(estimateFor(estimates, blocksLeft(haste)), most);
  const limit = Math.min(most, inHaste, MAX_FEERATE_PER_KW);
  if (haste.deadline === undefined || limit <= estimate) return estimate;
  const end = haste.deadline - 1;
  const start = Math.max(haste.sinceHeight, end - URGENT_BLOCKS);
  const span = Math.max(end - start, LEAST_GROWTH_BLOCKS);
  const gone = Math.min(Math.max(haste.height - start, 0), span);
  return estimate + Number((BigInt(limit - estimate) * BigInt(gone) ** 3n) / BigInt(span) ** 3n);
}

/** What may be paid: half of the value at stake, but of what was stolen all, since nothing of it is ours otherwise. */
export function budgetSat(valueSat: bigint, isPenalty: boolean): bigint {
  return isPenalty ? valueSat : valueSat / 2n;
}

/** The least fee of a replacement (BIP 125, rules 3 and 4, and Bitcoin Core's: its feerate must rise as well). */
export function replacementFee(old: { readonly feeSat: bigint; readonly weight: number }, weight: number): bigint {
  const byFee = old.feeSat + feeOf(weight, INCREMENTAL_FEERATE_PER_KW);
  const byFeerate = feeOf(weight, feerateOf(old.feeSat, old.weight) + INCREMENTAL_FEERATE_PER_KW);
  return byFee > byFeerate ? byFee : byFeerate;
}

/**
 * Whether a transaction that pays `current` should be replaced by one that pays `wanted`: when a quarter more is
 * wanted, or in the last blocks whatever a replacement must pay anyway.
 */
export function isWorthReplacing(current: number, wanted: number, blocksLeft: number | undefined): boolean {
  if (blocksLeft !== undefined && blocksLeft <= URGENT_BLOCKS) return wanted >= current + INCREMENTAL_FEERATE_PER_KW;
  return wanted >= current + Math.max(Math.ceil(current / 4), INCREMENTAL_FEERATE_PER_KW);
}

function bounded(feeratePerKw: number): number {
  return Math.min(Math.max(Math.ceil(feeratePerKw), FLOOR_FEERATE_PER_KW), MAX_FEERATE_PER_KW);
}
