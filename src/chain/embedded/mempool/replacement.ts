import type { ChainTransaction } from '../consensus/transaction.ts';
import { RejectedError, btcText } from '../rejection.ts';
import { feeAtRateSat, feerateSatPerKvb, feerateText } from './feerate.ts';
import { INCREMENTAL_FEERATE_SAT_PER_KVB } from './floor.ts';
import { type Mempool, type MempoolEntry, entryFeerate, totals } from './pool.ts';

export const MAX_REPLACED = 100;

/**
 * Checks that `transaction` may replace what it conflicts with (BIP 125's rules without the signal, which bitcoind no
 * longer asks for, and its newer rule that the feerate must rise), and returns everything that would go. Throws
 * `RejectedError`.
 */
export function checkReplacement(
  pool: Mempool,
  transaction: ChainTransaction,
  feeSat: bigint,
  vsize: number,
  conflicts: ReadonlySet<MempoolEntry>,
): Set<MempoolEntry> {
  const { txid } = transaction;
  const feerate = feerateSatPerKvb(feeSat, vsize);
  for (const conflict of conflicts) {
    if (feerate <= entryFeerate(conflict)) {
      const feerates = `new feerate ${feerateText(feerate)} <= old feerate ${feerateText(entryFeerate(conflict))}`;
      throw insufficient(`rejecting replacement ${txid}; ${feerates}`);
    }
  }

  const replaced = new Set<MempoolEntry>();
  let counted = 0;
  for (const conflict of conflicts) {
    const descendants = pool.descendants(conflict);
    counted += descendants.size;
    for (const each of descendants) replaced.add(each);
  }
  if (counted > MAX_REPLACED) {
    throw new RejectedError('policy', 'too many potential replacements', tooMany(txid, counted));
  }

  const oldParents = new Set([...conflicts].flatMap((conflict) => [...pool.parents(conflict.transaction)]));
  for (const [index, key] of transaction.spends.entries()) {
    const parent = pool.get(key.slice(0, key.indexOf(':')));
    if (parent !== undefined && !oldParents.has(parent)) {
      const debug = `replacement ${txid} adds unconfirmed input, idx ${index}`;
      throw new RejectedError('policy', 'replacement-adds-unconfirmed', debug);
    }
  }

  const problem = checkAdditionalFees(txid, feeSat, vsize, totals(replaced).feeSat);
  if (problem !== undefined) throw insufficient(problem);
  return replaced;
}

/** Whether `feeSat` is what the replaced transactions paid and the relay of `vsize` more: undefined, or why not. */
export function checkAdditionalFees(
  txid: string,
  feeSat: bigint,
  vsize: number,
  replacedFeeSat: bigint,
): string | undefined {
  if (feeSat < replacedFeeSat) {
    const fees = `${btcText(feeSat)} < ${btcText(replacedFeeSat)}`;
    return `rejecting replacement ${txid}, less fees than conflicting txs; ${fees}`;
  }
  const relayFeeSat = feeAtRateSat(INCREMENTAL_FEERATE_SAT_PER_KVB, vsize);
  if (feeSat - replacedFeeSat >= relayFeeSat) return undefined;
  const paid = `${btcText(feeSat - replacedFeeSat)} < ${btcText(relayFeeSat)}`;
  return `rejecting replacement ${txid}, not enough additional fees to relay; ${paid}`;
}

/** What is said of a replacement that would take out `count` transactions. */
export function tooMany(txid: string, count: number): string {
  return `rejecting replacement ${txid}; too many potential replacements (${count} > ${MAX_REPLACED})`;
}

function insufficient(debug: string): RejectedError {
  return new RejectedError('reconsiderable', 'insufficient fee', debug);
}
