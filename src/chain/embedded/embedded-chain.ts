import type { Clock } from '../../runtime/clock.ts';
import { RunnelError } from '../../../protocols/errors.ts';
import type { BlockNode } from './block-node.ts';
import { type ChainMove, ChainState } from './chain-state.ts';
import { type ChainBlock, decodeBlock, withCoinbaseWitness } from './consensus/block.ts';
import { checkSpend, spentCoins } from './consensus/coins.ts';
import { isFinal, sequenceLocksMet } from './consensus/locks.ts';
import { ScriptChecker } from './consensus/script-checker.ts';
import { type ChainTransaction, decodeTransaction } from './consensus/transaction.ts';
import { type AcceptOptions, type Accepted, MempoolAcceptance } from './mempool/acceptance.ts';
import { MempoolFloor } from './mempool/floor.ts';
import { PackageAcceptance, type PackageResult } from './mempool/package.ts';
import { Mempool, type MempoolEntry } from './mempool/pool.ts';
import { mineBlock, selectTransactions } from './miner.ts';
import { RejectedError } from './rejection.ts';

const DEFAULT_MAX_MEMPOOL_BYTES = 300_000_000;
/** Of how many blocks `invalidateblock` takes the transactions back into the mempool; those of deeper ones are gone. */
const MAX_INVALIDATED_READMITTED = 10;

/** What happened to the chain, in order: replaying it gives the same chain. */
export type ChainRecord =
  | { readonly type: 'block'; readonly raw: Uint8Array; readonly verified: boolean }
  | { readonly type: 'invalidate' | 'reconsider'; readonly hash: string };

/** Where the chain's records are kept. `append` may be lazy; when `sync` returns, all of them stand on disk. */
export interface ChainLog {
  append(record: ChainRecord): void;
  sync(): void;
}

export interface EmbeddedChainOptions {
  readonly clock: Clock;
  readonly log?: ChainLog;
  readonly maxMempoolBytes?: number;
  /** Told once if the log cannot be written; the chain then refuses every call. */
  readonly onBroken?: (error: ChainBrokenError) => void;
}

/**
 * The chain's records could not be written: what it holds in memory is ahead of its file, so it answers nothing more.
 */
export class ChainBrokenError extends RunnelError {
  constructor(cause: unknown) {
    super('chain_broken', `the embedded chain could not write its file and stopped: ${String(cause)}`, {}, { cause });
  }
}

/**
 * A regtest chain in this process: blocks, mempool and unspent outputs under Bitcoin's own rules, with time from the
 * injected clock and nothing else from outside, so that the same calls give the same chain. Everything happens within
 * the call. `callEmbedded` answers bitcoind's JSON-RPC from it.
 */
export class EmbeddedChain {
  readonly clock: Clock;
  readonly state: ChainState;
  readonly mempool = new Mempool();
  readonly floor: MempoolFloor;
  readonly maxMempoolBytes: number;
  readonly startedMs: number;
  /** What `estimatesmartfee` answers, for tests (`setmockfees`): on regtest there is no traffic to estimate from. */
  feeEstimateSatPerKvb: bigint | undefined;
  readonly #acceptance: MempoolAcceptance;
  readonly #packages: PackageAcceptance;
  readonly #log: ChainLog | undefined;
  readonly #onBroken: ((error: ChainBrokenError) => void) | undefined;
  #broken: ChainBrokenError | undefined;

  /**
   * @param history the records of an earlier run, in order; its verified blocks are taken without running their scripts
   * again.
   */
  constructor(
    { clock, log, maxMempoolBytes = DEFAULT_MAX_MEMPOOL_BYTES, onBroken }: EmbeddedChainOptions,
    history: Iterable<ChainRecord> = [],
  ) {
    this.clock = clock;
    this.maxMempoolBytes = maxMempoolBytes;
    this.startedMs = clock.now();
    this.#log = log;
    this.#onBroken = onBroken;
    const scripts = new ScriptChecker();
    this.state = new ChainState(scripts);
    this.floor = new MempoolFloor(this.mempool, maxMempoolBytes);
    this.#acceptance = new MempoolAcceptance(this.state, this.mempool, this.floor, scripts);
    this.#packages = new PackageAcceptance(this.state.coins, this.mempool, this.floor, this.#acceptance);
    for (const record of history) this.#replay(record);
  }

  /** The clock's time in whole seconds. */
  get nowS(): number {
    return Math.floor(this.clock.now() / 1_000);
  }

  /** Throws `ChainBrokenError` once the chain's file could not be written. */
  assertUsable(): void {
    if (this.#broken !== undefined) throw this.#broken;
  }

  /** Takes a transaction into the mempool, or with `testOnly` says whether it would be. Throws `RejectedError`. */
  accept(transaction: ChainTransaction, options?: AcceptOptions): Accepted {
    return this.#acceptance.accept(transaction, this.nowS, options);
  }

  testPackage(transactions: readonly ChainTransaction[]): PackageResult {
    return this.#packages.test(transactions, this.nowS);
  }

  submitPackage(transactions: readonly ChainTransaction[], maxFeerateSatPerKvb: bigint | undefined): PackageResult {
    return this.#packages.submit(transactions, this.nowS, maxFeerateSatPerKvb);
  }

  /** Mines `count` blocks from the mempool onto the active chain that pay `script`; returns them. */
  generate(count: number, script: Uint8Array): ChainBlock[] {
    return this.#write(() =>
      Array.from({ length: count }, () => {
        const block = mineBlock(this.state, selectTransactions(this.mempool), script, this.nowS);
        this.#add(block);
        return block;
      }),
    );
  }

  /** Mines a block of exactly these transactions, and adds it unless it is only asked for. Throws `RejectedError`. */
  generateBlock(transactions: readonly ChainTransaction[], script: Uint8Array, submit: boolean): ChainBlock {
    const block = mineBlock(this.state, { transactions, feesSat: 0n }, script, this.nowS);
    this.state.testConnect(block, this.nowS);
    if (submit) this.#write(() => this.#add(block));
    return block;
  }

  /**
   * Adds a block that was made elsewhere, on any branch. Throws `RejectedError`; `inconclusive` says that it was not
   * connected, since it is on a branch that is not the best one.
   */
  submitBlock(raw: Uint8Array): 'connected' | 'inconclusive' | 'duplicate' {
    const block = withCoinbaseWitness(decodeBlock(raw));
    const known = this.state.find(block.hash);
    if (known !== undefined && known.failure === undefined) return 'duplicate';
    return this.#write(() => (this.state.isActive(this.#add(block)) ? 'connected' : 'inconclusive'));
  }

  /** Takes a block and all after it off the active chain; their transactions go back to the mempool where they may. */
  invalidate(node: BlockNode): void {
    // The genesis block stays, as in bitcoind.
    if (node.previous === undefined) return;
    this.#write(() => {
      this.#log?.append({ type: 'invalidate', hash: node.hash });
      let moves = 0;
      this.state.invalidate(node, (move) => {
        moves++;
        this.#updateMempool(move, moves <= MAX_INVALIDATED_READMITTED);
      });
    });
  }

  /** Undoes `invalidate` for a block, its ancestors and its descendants. */
  reconsider(node: BlockNode): void {
    this.#write(() => {
      this.#log?.append({ type: 'reconsider', hash: node.hash });
      this.state.reconsider(node, (move) => this.#updateMempool(move));
    });
  }

  /** The mempool's transactions as bytes, each after its parents. */
  dumpMempool(): Uint8Array[] {
    const depth = (entry: MempoolEntry) => this.mempool.ancestors(entry.transaction).size;
    const entries = [...this.mempool.entries()].map((entry) => ({ entry, depth: depth(entry) }));
    return entries.sort((a, b) => a.depth - b.depth).map(({ entry }) => entry.transaction.raw);
  }

  /** Takes in what `dumpMempool` gave in an earlier run, as far as it is still valid; returns how many. */
  loadMempool(transactions: Iterable<Uint8Array>): number {
    let loaded = 0;
    for (const raw of transactions) {
      try {
        this.accept(decodeTransaction(raw));
        loaded++;
      } catch (error) {
        if (!(error instanceof RejectedError)) throw error;
      }
    }
    return loaded;
  }

  #add(block: ChainBlock): BlockNode {
    const node = this.state.accept(block, this.nowS, false);
    // Following it may move the chain even if it breaks a rule, when it stands on a branch that was better up to it.
    this.state.activate((move) => this.#updateMempool(move));
    if (node.failure !== undefined) {
      // What is wrong with a block before it is not said of this one.
      if (node.previous?.failure !== undefined) return node;
      throw node.failure;
    }
    this.#log?.append({ type: 'block', raw: block.raw, verified: this.state.isActive(node) });
    return node;
  }

  #replay(record: ChainRecord): void {
    if (record.type === 'block') {
      this.state.accept(decodeBlock(record.raw), Infinity, record.verified);
      this.state.activate(() => {});
      return;
    }
    const node = this.state.find(record.hash);
    if (node === undefined) throw new RejectedError('missing_inputs', 'unknown block in the history', record.hash);
    if (record.type === 'invalidate') this.state.invalidate(node, () => {});
    else this.state.reconsider(node, () => {});
  }

  /** Brings the mempool in line with the active chain after blocks joined or left it. */
  #updateMempool({ disconnected, connected }: ChainMove, readmits = true): void {
    const { nowS } = this;
    for (const node of connected) {
      for (const transaction of node.block.transactions) {
        const entry = this.mempool.get(transaction.txid);
        if (entry !== undefined) this.mempool.remove(entry);
        const conflicts = transaction.spends.map((key) => this.mempool.spender(key));
        this.mempool.removeWithDescendants(conflicts.filter((conflict) => conflict !== undefined));
      }
      this.floor.blockConnected(nowS);
    }
    if (disconnected.length > 0) {
      for (const node of [...disconnected].reverse()) this.#readmit(node, readmits);
      this.#dropInvalid();
    }
    this.floor.trim(nowS);
  }

  /** Takes a disconnected block's transactions back into the mempool, or drops what depends on them. */
  #readmit(node: BlockNode, readmits: boolean): void {
    for (const transaction of node.block.transactions) {
      if (this.state.locate(transaction.txid) !== undefined) continue;
      const isBack = readmits && !transaction.isCoinbase && this.#acceptsAgain(transaction);
      if (!isBack) this.mempool.removeWithDescendants(this.mempool.children(transaction));
    }
  }

  #acceptsAgain(transaction: ChainTransaction): boolean {
    try {
      this.accept(transaction, { mode: 'reorg' });
      return true;
    } catch (error) {
      if (error instanceof RejectedError) return false;
      throw error;
    }
  }

  /** Drops what a shorter chain no longer lets into the next block. */
  #dropInvalid(): void {
    const next = this.state.nextBlock;
    const coins = this.mempool.coins(this.state.coins, next.height);
    const invalid = [...this.mempool.entries()].filter(({ transaction }) => {
      try {
        const spent = spentCoins(transaction, coins);
        checkSpend(transaction, spent, next.height);
        const heights = spent.map(({ height }) => height);
        const medianTimeAtS = (height: number) => this.state.medianTimeAtS(height);
        return (
          !isFinal(transaction.transaction, next) ||
          !sequenceLocksMet(transaction.transaction, heights, next, medianTimeAtS)
        );
      } catch (error) {
        if (error instanceof RejectedError) return true;
        throw error;
      }
    });
    this.mempool.removeWithDescendants(invalid);
  }

  /**
   * Runs a change of the chain and has its records on disk before it returns; if that fails, the chain is not to be
   * used any more.
   */
  #write<T>(change: () => T): T {
    this.assertUsable();
    try {
      const outcome = attempt(change);
      this.#log?.sync();
      if (outcome instanceof RejectedError) throw outcome;
      return outcome;
    } catch (error) {
      if (error instanceof RejectedError) throw error;
      this.#broken = new ChainBrokenError(error);
      this.#onBroken?.(this.#broken);
      throw this.#broken;
    }
  }
}

function attempt<T>(change: () => T): T | RejectedError {
  try {
    return change();
  } catch (error) {
    if (error instanceof RejectedError) return error;
    throw error;
  }
}
