import { RejectedError } from '../rejection.ts';
import { scriptErrorMessage } from '../script/errors.ts';
import { CONSENSUS_FLAGS, STANDARD_FLAGS } from '../script/flags.ts';
import { witnessProgram } from '../script/parse.ts';
import { verifyScript } from '../script/verify.ts';
import type { Coin } from './coins.ts';
import type { ChainTransaction } from './transaction.ts';

const MAX_REMEMBERED = 50_000;

/** Runs the scripts of transactions, and remembers which passed by wtxid, so that a block need not run its mempool transactions again. */
export class ScriptChecker {
  readonly #valid = new Set<string>();

  /** Throws `RejectedError` unless every input of `transaction` may spend its coin in a block. */
  checkConsensus(transaction: ChainTransaction, coins: readonly Coin[]): void {
    if (this.#valid.has(transaction.wtxid)) return;
    const failure = firstFailure(transaction, coins, CONSENSUS_FLAGS);
    if (failure !== undefined) {
      throw new RejectedError('consensus', `mandatory-script-verify-flag-failed (${failure.message})`, failure.debug);
    }
    this.#remember(transaction.wtxid);
  }

  /** The same under the stricter rules of the mempool; says whether a block could still take the transaction. */
  checkStandard(transaction: ChainTransaction, coins: readonly Coin[]): void {
    const failure = firstFailure(transaction, coins, STANDARD_FLAGS);
    if (failure !== undefined) {
      this.checkConsensus(transaction, coins);
      throw new RejectedError('policy', `non-mandatory-script-verify-flag (${failure.message})`, failure.debug);
    }
    // One rule of the mempool could let through what consensus does not (STRICTENC makes a bad key a wrong signature).
    this.checkConsensus(transaction, coins);
  }

  #remember(wtxid: string): void {
    const [oldest] = this.#valid;
    if (oldest !== undefined && this.#valid.size >= MAX_REMEMBERED) this.#valid.delete(oldest);
    this.#valid.add(wtxid);
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

/** No block may spend what bitcoind would check and this chain cannot, so that nothing is mined here that bitcoind would refuse. */
function isTaproot(script: Uint8Array): boolean {
  const program = witnessProgram(script);
  return program?.version === 1 && program.program.length === 32;
}
