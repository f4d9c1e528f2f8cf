import { RejectedError } from '../rejection.ts';
import type { Candidate } from './acceptance.ts';
import { type Chunk, improves } from './diagram.ts';
import { feerateSatPerKvb, feerateText } from './feerate.ts';
import { type Mempool, type MempoolEntry, entryFeerate, inHashOrder, totals } from './pool.ts';
import { MAX_REPLACED, checkAdditionalFees, tooMany } from './replacement.ts';

/**
 * Checks that a parent and its child may together replace what they conflict with, as a commitment transaction and the
 * one that pays for it through its anchor replace the other node's: bitcoind's rules for packages of two, which are
 * narrower than those for one transaction. Returns everything that would go. Throws `RejectedError`.
 */
export function checkPackageReplacement(pool: Mempool, candidates: readonly Candidate[]): Set<MempoolEntry> {
  const [parent, child] = candidates;
  if (parent === undefined || child === undefined || candidates.length !== 2) {
    throw failed('package must be 1-parent-1-child');
  }
  if (candidates.some(({ ancestors }) => ancestors.size > 0)) {
    throw failed('new transaction cannot have mempool ancestors');
  }
  const conflicts = new Set(candidates.flatMap((candidate) => [...candidate.conflicts]));
  const replaced = new Set<MempoolEntry>();
  let counted = 0;
  for (const conflict of conflicts) {
    const descendants = pool.descendants(conflict);
    counted += descendants.size;
    for (const each of descendants) replaced.add(each);
  }
  const { txid } = child.entry.transaction;
  if (counted > MAX_REPLACED) throw failed('too many potential replacements', tooMany(txid, counted));

  const both = totals([parent.entry, child.entry]);
  const problem = checkAdditionalFees(txid, both.feeSat, both.vsize, totals(replaced).feeSat);
  if (problem !== undefined) throw failed('insufficient anti-DoS fees', problem);

  const feerate = feerateSatPerKvb(both.feeSat, both.vsize);
  const parentFeerate = entryFeerate(parent.entry);
  if (feerate <= parentFeerate) {
    throw failed(
      'package feerate is less than or equal to parent feerate',
      `package feerate ${feerateText(feerate)} <= parent feerate is ${feerateText(parentFeerate)}`,
    );
  }
  for (const each of inHashOrder(replaced)) checkCluster(pool, each);
  if (!improves(chunksAfter(pool, replaced, both), chunksBefore(pool, replaced))) {
    throw failed('insufficient feerate: does not improve feerate diagram');
  }
  return replaced;
}

/** What is replaced may hang together with one other transaction at most. */
function checkCluster(pool: Mempool, entry: MempoolEntry): void {
  const { txid } = entry.transaction;
  const [parent, ...furtherParents] = pool.ancestors(entry.transaction);
  const [child, ...furtherChildren] = [...pool.descendants(entry)].filter((each) => each !== entry);
  if (furtherParents.length > 0) throw failed(`${txid} has ${furtherParents.length + 1} ancestors, max 1 allowed`);
  if (furtherChildren.length > 0) throw failed(`${txid} has ${furtherChildren.length + 1} descendants, max 1 allowed`);
  if (parent !== undefined && child !== undefined) {
    throw failed(`${txid} has both ancestor and descendant, exceeding cluster limit of 2`);
  }
  if (child !== undefined && pool.ancestors(child.transaction).size > 1) {
    throw failed(`${txid} is not the only parent of child ${child.transaction.txid}`);
  }
  if (parent !== undefined && pool.descendants(parent).size > 2) {
    throw failed(`${txid} is not the only child of parent ${parent.transaction.txid}`);
  }
}

/** The clusters that are replaced, as miners take them: a child that pays more takes its parent along. */
function chunksBefore(pool: Mempool, replaced: ReadonlySet<MempoolEntry>): Chunk[] {
  return [...replaced].flatMap((entry): Chunk[] => {
    if (pool.children(entry.transaction).size > 0) return [];
    const [parent] = pool.parents(entry.transaction);
    if (parent === undefined) return [entry];
    return entryFeerate(entry) > entryFeerate(parent) ? [totals([parent, entry])] : [parent, entry];
  });
}

/** The same once they are gone and the package is there. */
function chunksAfter(pool: Mempool, replaced: ReadonlySet<MempoolEntry>, added: Chunk): Chunk[] {
  const left = [...replaced].flatMap(({ transaction }) => [...pool.parents(transaction)]);
  return [...left.filter((parent) => !replaced.has(parent)), added];
}

function failed(problem: string, debug = ''): RejectedError {
  return new RejectedError('policy', `package RBF failed: ${problem}`, debug);
}
