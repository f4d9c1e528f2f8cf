import type { Transaction } from 'bitcoinjs-lib';
import { fromString } from 'uint8arrays';
import type { Clock } from '../runtime/clock.ts';
import { btcToSat } from './amounts.ts';
import { answers, ask } from './answers.ts';
import type { BlockRef, Chain, ChainEvent, ChainRpc, UnspentOutput } from './chain.ts';
import { BroadcastRejectedError, ChainAnswerError, ChainRpcError, FeeEstimateUnavailableError } from './errors.ts';
import { followChain, type BlockNotices } from './follower.ts';

/**
 * BOLT 2's floor: below it a transaction of 1,000 weight would pay less than the 1 sat/vB that it takes to be relayed.
 */
export const MIN_FEERATE_PER_KW = 253;
const DEFAULT_MAX_FEERATE_PER_KW = 250_000;
const DEFAULT_POLL_INTERVAL_MS = 500;
/** Where nobody competes for blocks, 4 sat/vB is in the next one. */
const REGTEST_FALLBACK_FEERATE_PER_KW = 1_000;
const REMEMBERED_BLOCKS = 64;

/** bitcoind's codes for "not there", "out of range", "rejected" and "already confirmed". */
const NOT_FOUND = -5;
const INVALID_PARAMETER = -8;
const TRANSACTION_ERROR = -25;
const TRANSACTION_REJECTED = -26;
const ALREADY_IN_UTXO_SET = -27;
const ALREADY_THERE = ['txn-already-in-mempool', 'txn-already-known'];
const MISSING_INPUTS = 'bad-txns-inputs-missingorspent';
/** What is said of those that it was not come to, since another one or the package was refused. */
const UNEVALUATED = 'unevaluated';

export interface RpcChainOptions {
  readonly rpc: ChainRpc;
  readonly clock: Clock;
  /** How often `follow` looks for a new block. */
  readonly pollIntervalMs?: number;
  /** Where the backend has no estimate: by default 1,000 sat/kw on regtest, and elsewhere none. */
  readonly fallbackFeeratePerKw?: number;
  /** No estimate goes above this. */
  readonly maxFeeratePerKw?: number;
  /** Told when `follow` cannot go on for now (why, once for each kind of reason), and when it can again (undefined). */
  readonly onAvailability?: (problem: Error | undefined) => void;
  /** How the backend tells `follow` of new blocks, which then asks less often by itself. */
  readonly notices?: BlockNotices | undefined;
}

/** A `Chain` over any `ChainRpc`: bitcoind, or the embedded chain. */
export class RpcChain implements Chain {
  readonly #options: RpcChainOptions;
  /** The txids of blocks that were asked for last: gossip asks for many outputs of one block. */
  readonly #blockTxids = new Map<string, Promise<readonly string[]>>();

  constructor(options: RpcChainOptions) {
    this.#options = options;
  }

  async network(): Promise<string> {
    return (await this.#info()).chain;
  }

  async tip(): Promise<BlockRef> {
    const { blocks, bestblockhash } = await this.#info();
    return { height: blocks, hash: bestblockhash };
  }

  async blockAt(height: number): Promise<BlockRef> {
    return { height, hash: await ask(this.#options.rpc, answers.hash, 'getblockhash', [height]) };
  }

  follow(
    from: BlockRef | undefined,
    onEvent: (event: ChainEvent) => Promise<void>,
    onError: (error: Error) => void,
    onCaughtUp: () => void = () => {},
  ): () => void {
    const { rpc, clock, pollIntervalMs = DEFAULT_POLL_INTERVAL_MS, onAvailability = () => {}, notices } = this.#options;
    return followChain({ rpc, clock, pollIntervalMs, onAvailability, notices, onCaughtUp }, from, onEvent, onError);
  }

  async broadcast(transaction: Transaction): Promise<void> {
    const txid = transaction.getId();
    try {
      await this.#options.rpc.call('sendrawtransaction', [transaction.toHex()]);
    } catch (error) {
      if (!(error instanceof ChainRpcError)) throw error;
      const { rpcCode, message } = error;
      if (rpcCode === ALREADY_IN_UTXO_SET) return;
      if (rpcCode === TRANSACTION_REJECTED && saysAlreadyThere(message)) return;
      // Once all outputs of a confirmed transaction are spent, bitcoind no longer sees that it has it: its inputs are
      // simply gone.
      if (rpcCode === TRANSACTION_ERROR && (await this.#isKnown(txid))) return;
      throw new BroadcastRejectedError(txid, message, { cause: error });
    }
  }

  async submitPackage(transactions: readonly Transaction[]): Promise<void> {
    const [first] = transactions;
    if (first === undefined) return;
    // Alone it is no package, and bitcoind before version 29 takes none of one.
    if (transactions.length === 1) return this.broadcast(first);
    const { message, refusals } = await this.#submit(transactions);
    if (refusals.size === 0) return;
    // A child brings its parents with it; that those are in a block, bitcoind no longer sees once their outputs are spent.
    const child = transactions.at(-1) ?? first;
    if (await this.#isThere(child, refusals.get(child.getId()))) return;
    const rest: Transaction[] = [];
    for (const transaction of transactions) {
      if (!(await this.#isThere(transaction, refusals.get(transaction.getId())))) rest.push(transaction);
    }
    // A parent in a block is refused like a double spend of itself, and what it stood with in the package along with it.
    if (rest.length < transactions.length) return this.submitPackage(rest);
    const reasons = rest.map((transaction) => [transaction, refusals.get(transaction.getId()) ?? UNEVALUATED] as const);
    const [refused, reason] = reasons.find(([, text]) => text !== UNEVALUATED) ?? [first, message];
    throw new BroadcastRejectedError(refused.getId(), reason);
  }

  async outputAt(
    blockHeight: number,
    transactionIndex: number,
    outputIndex: number,
  ): Promise<(UnspentOutput & { txid: string }) | undefined> {
    const { rpc } = this.#options;
    const hash = await missingAs(INVALID_PARAMETER, ask(rpc, answers.hash, 'getblockhash', [blockHeight]));
    const txid = hash === undefined ? undefined : (await this.#txidsOf(hash))[transactionIndex];
    if (txid === undefined) return undefined;
    const output = await ask(rpc, answers.txOut, 'gettxout', [txid, outputIndex, false]);
    if (output === null) return undefined;
    const amountSat = btcToSat(output.value);
    if (amountSat === undefined || amountSat < 0n) {
      throw new ChainAnswerError(`the chain backend gives ${txid}:${outputIndex} an amount of ${output.value} BTC`);
    }
    const script = fromString(output.scriptPubKey.hex, 'base16');
    return { txid, amountSat, script, confirmations: output.confirmations };
  }

  async feeratePerKw(targetBlocks: number): Promise<number> {
    const { rpc, maxFeeratePerKw = DEFAULT_MAX_FEERATE_PER_KW } = this.#options;
    const { feerate } = await ask(rpc, answers.smartFee, 'estimatesmartfee', [targetBlocks]);
    const estimate = feerate === undefined ? await this.#fallback(targetBlocks) : perKw(feerate);
    // What the backend's own mempool would refuse helps nobody.
    const { mempoolminfee } = await ask(rpc, answers.mempoolInfo, 'getmempoolinfo');
    const least = Math.max(MIN_FEERATE_PER_KW, perKw(mempoolminfee));
    return Math.max(MIN_FEERATE_PER_KW, Math.min(Math.max(estimate, least), maxFeeratePerKw));
  }

  #info() {
    return ask(this.#options.rpc, answers.blockchainInfo, 'getblockchaininfo');
  }

  async #fallback(targetBlocks: number): Promise<number> {
    const { fallbackFeeratePerKw } = this.#options;
    if (fallbackFeeratePerKw !== undefined) return fallbackFeeratePerKw;
    if ((await this.network()) === 'regtest') return REGTEST_FALLBACK_FEERATE_PER_KW;
    throw new FeeEstimateUnavailableError(targetBlocks);
  }

  /** Submits a package; resolves with what is said of it as a whole, and of each transaction that was refused, by txid. */
  async #submit(transactions: readonly Transaction[]) {
    try {
      const hex = transactions.map((transaction) => transaction.toHex());
      const { package_msg: message, 'tx-results': results } =
        await ask(this.#options.rpc, answers.package, 'submitpackage', [hex]);
      const said = new Map(Object.values(results).map(({ txid, error }) => [txid, error]));
      const refusals = new Map<string, string>();
      for (const txid of transactions.map((transaction) => transaction.getId())) {
        // Where the package as a whole is refused, nothing is said of each.
        const error = said.has(txid) ? said.get(txid) : UNEVALUATED;
        if (error !== undefined) refusals.set(txid, error);
      }
      return { message, refusals };
    } catch (error) {
      if (!(error instanceof ChainRpcError)) throw error;
      throw new BroadcastRejectedError(transactions.at(-1)?.getId() ?? '', error.message, { cause: error });
    }
  }

  /** Whether a transaction of a package needs no broadcast any more, by what was said of it. */
  async #isThere(transaction: Transaction, refusal: string | undefined): Promise<boolean> {
    if (refusal === undefined || saysAlreadyThere(refusal)) return true;
    return refusal.startsWith(MISSING_INPUTS) && (await this.#isKnown(transaction.getId()));
  }

  /** Whether the mempool or the chain has a transaction; of confirmed ones a bitcoind without txindex does not know. */
  async #isKnown(txid: string): Promise<boolean> {
    const call = ask(this.#options.rpc, answers.transaction, 'getrawtransaction', [txid, 1]);
    return (await missingAs(NOT_FOUND, call)) !== undefined;
  }

  #txidsOf(hash: string): Promise<readonly string[]> {
    const known = this.#blockTxids.get(hash);
    if (known !== undefined) return known;
    const [oldest] = this.#blockTxids.keys();
    if (oldest !== undefined && this.#blockTxids.size >= REMEMBERED_BLOCKS) this.#blockTxids.delete(oldest);
    const txids = ask(this.#options.rpc, answers.blockTxids, 'getblock', [hash, 1]).then(({ tx }) => tx);
    this.#blockTxids.set(hash, txids);
    // What could not be had now is asked for again by whoever comes next.
    txids.catch(() => this.#blockTxids.delete(hash));
    return txids;
  }
}

/** BTC per 1,000 vbytes as satoshi per 1,000 weight units, rounded up. */
function perKw(btcPerKvb: number): number {
  const satPerKvb = btcToSat(btcPerKvb);
  if (satPerKvb === undefined || satPerKvb < 0n) {
    throw new ChainAnswerError(`the chain backend's feerate of ${btcPerKvb} BTC/kvB is none`);
  }
  return Number((satPerKvb + 3n) / 4n);
}

function saysAlreadyThere(message: string): boolean {
  return ALREADY_THERE.some((reason) => message.startsWith(reason));
}

/** The call's answer, or undefined if the backend refused it with `rpcCode`. */
async function missingAs<T>(rpcCode: number, call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof ChainRpcError && error.rpcCode === rpcCode) return undefined;
    throw error;
  }
}
