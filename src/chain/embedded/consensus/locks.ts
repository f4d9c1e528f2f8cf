import type { Transaction } from 'bitcoinjs-lib';

const LOCKTIME_THRESHOLD = 500_000_000;
const SEQUENCE_FINAL = 0xffffffff;
const SEQUENCE_DISABLE_FLAG = 0x80000000;
const SEQUENCE_TYPE_FLAG = 0x00400000;
const SEQUENCE_MASK = 0x0000ffff;
/** Time-based relative locks count in units of 512 seconds (BIP 68). */
const SEQUENCE_GRANULARITY_S = 512;

/**
 * The block that a transaction is to go into, as lock times see it: its height and the median time of the eleven blocks
 * before it.
 */
export interface LockContext {
  readonly height: number;
  readonly previousMedianTimeS: number;
}

/**
 * Whether nLockTime lets the transaction into that block (time locks are measured against the median time: BIP 113).
 */
export function isFinal({ locktime, ins }: Transaction, { height, previousMedianTimeS }: LockContext): boolean {
  const limit = locktime < LOCKTIME_THRESHOLD ? height : previousMedianTimeS;
  return locktime < limit || locktime === 0 || ins.every(({ sequence }) => sequence === SEQUENCE_FINAL);
}

/**
 * Whether every input's relative lock (BIP 68) has run out by that block.
 *
 * @param coinHeights the height of the block that holds each input's output.
 * @param medianTimeAtS the median time past of the active chain's block at a height.
 */
export function sequenceLocksMet(
  { version, ins }: Transaction,
  coinHeights: readonly number[],
  { height, previousMedianTimeS }: LockContext,
  medianTimeAtS: (height: number) => number,
): boolean {
  if (version < 2) return true;
  return ins.every(({ sequence }, i) => {
    if (hasFlag(sequence, SEQUENCE_DISABLE_FLAG)) return true;
    const coinHeight = coinHeights[i] ?? height;
    const delay = sequence & SEQUENCE_MASK;
    if (!hasFlag(sequence, SEQUENCE_TYPE_FLAG)) return coinHeight + delay <= height;
    const startS = medianTimeAtS(Math.max(coinHeight - 1, 0));
    return startS + delay * SEQUENCE_GRANULARITY_S <= previousMedianTimeS;
  });
}

function hasFlag(sequence: number, flag: number): boolean {
  return ((sequence & flag) >>> 0) === flag;
}
