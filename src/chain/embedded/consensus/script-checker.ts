import { RejectedError } from '../rejection.ts';
import { scriptErrorMessage } from '../script/errors.ts';
import { CONSENSUS_FLAGS, STANDARD_FLAGS } from '../script/flags.ts';
import { witnessProgram } from '../script/parse.ts';
import { verifyScript } from '../script/verify.ts';
import type { Coin } from './coins.ts';
import type { ChainTransaction } from './transaction.ts';

const MAX_REMEMBERED = 50_000;

/**
 * Runs the scripts of transactions, and remembers which passed by wtxid: a block need not run those of the mempool
 * again, nor sending one that was tested. (A wtxid commits to the scripts, to the witnesses and, through the spent
 * txids, to the coins.)
 */
export class ScriptChecker {
  readonly #consensus = new RecentIds();
  readonly #standard = new RecentIds();

  /** Throws `RejectedError` unless every input of `transaction` may spend its coin in a block. */
  checkConsensus(transaction: ChainTransaction, coins: readonly Coin[]): void {
    if (this.#consensus.has(transaction.wtxid)) return;
    const failure = firstFailure(transaction, coins, CONSENSUS_FLAGS);
    if (failure !== undefined) {
      throw new RejectedError('consensus', `mandatory-script-verify-flag-failed (${failure.message})`, failure.debug);
    }
    this.#consensus.add(transaction.wtxid);
  }

  /** The same under the stricter rules of the mempool. */
  checkStandard(transaction: ChainTransaction, coins: readonly Coin[]): void {
    if (this.#standard.has(transaction.wtxid)) return;
    const failure = firstFailure(transaction, coins, STANDARD_FLAGS);
    if (failure !== undefined) {
      throw new RejectedError('policy', `mempool-script-verify-flag-failed (${failure.message})`, failure.debug);
    }
    // Also after a success: STRICTENC turns a bad key into a wrong signature, which a script may want, and consensus
    // does not know it.
    this.checkConsensus(transaction, coins);
    this.#standard.add(transaction.wtxid);
  }
}

/** A bounded set that forgets its oldest members. */
class RecentIds {
  readonly #ids = new Set<string>();

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  add(id: string): void {
    const [oldest] = this.#ids;
    if (oldest !== undefined && this.#ids.size >= MAX_REMEMBERED) this.#ids.delete(oldest);
    this.#ids.add(id);
  }
}

function firstFailure(
  { transaction, txid, wtxid, spends }: ChainTransaction,
  coins: readonly Coin[],
  flags: number,
): { message: string; debug: string } | undefined {
  for (const [index, { script, amountSat }] of coins.entries()) {
    const debug = `input ${index} of ${txid} (wtxid ${wtxid}), spending ${spends[index]}`;
    if (isTaproot(script)) return { message: 'Taproot spends cannot be verified by the embedded chain', debug };
    const error = verifyScript(script, flags, { transaction, index, amountSat });
    if (error !== undefined) return { message: scriptErrorMessage(error), debug };
  }
  return undefined;
}

/**
 * No block may spend what bitcoind would check and this chain cannot, so that nothing is mined here that bitcoind would
 * refuse.
 */
function isTaproot(script: Uint8Array): boolean {
  const program = witnessProgram(script);
  return program?.version === 1 && program.program.length === 32;
}
