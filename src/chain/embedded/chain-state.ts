import { fromString } from 'uint8arrays';
import { type BlockNode, childNode, forEachDescendant, markFailed } from './block-node.ts';
import {
  type ChainBlock,
  checkBlock,
  checkBlockInContext,
  checkHeaderInContext,
  decodeBlock,
} from './consensus/block.ts';
import { type Coin, CoinChanges, type CoinView, checkSpend, coinsOf, spentCoins } from './consensus/coins.ts';
import { type LockContext, sequenceLocksMet } from './consensus/locks.ts';
import { MAX_BLOCK_SIGOPS_COST, REGTEST_GENESIS_HEX, blockSubsidySat } from './consensus/params.ts';
import type { ScriptChecker } from './consensus/script-checker.ts';
import { sigopsCost } from './consensus/sigops.ts';
import type { ChainTransaction } from './consensus/transaction.ts';
import { RejectedError } from './rejection.ts';

/** One move of the active chain: blocks that left it (tip first), then blocks that joined it (lowest first). */
export interface ChainMove {
  readonly disconnected: readonly BlockNode[];
  readonly connected: readonly BlockNode[];
}

/** Told of each move when it is made. */
export type OnMove = (move: ChainMove) => void;

/**
 * The tree of blocks, the active chain in it (the longest valid branch: all blocks have the same work), and its unspent
 * outputs.
 */
export class ChainState {
  readonly coins = new Map<string, Coin>();
  readonly #scripts: ScriptChecker;
  readonly #nodes = new Map<string, BlockNode>();
  /** The tips of all branches. */
  readonly #leaves = new Set<BlockNode>();
  readonly #active: BlockNode[] = [];
  #sizeBytes = 0;
  /** Where each transaction of the active chain stands (bitcoind's txindex). */
  readonly #transactions = new Map<string, { node: BlockNode; index: number }>();

  constructor(scripts: ScriptChecker) {
    this.#scripts = scripts;
    const genesis = decodeBlock(fromString(REGTEST_GENESIS_HEX, 'base16'));
    // The genesis block's coins are not spendable: it is not connected like other blocks.
    this.#active.push(this.#insert(genesis, undefined, true));
  }

  get tip(): BlockNode {
    return this.#active.at(-1) ?? this.genesis;
  }

  get genesis(): BlockNode {
    const [genesis] = this.#active;
    if (genesis === undefined) throw new Error('the chain has lost its genesis block');
    return genesis;
  }

  /** How many blocks are known, on all branches. */
  get size(): number {
    return this.#nodes.size;
  }

  /** The bytes of all blocks known. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** What lock times of a transaction in the next block are measured against. */
  get nextBlock(): LockContext {
    return { height: this.tip.height + 1, previousMedianTimeS: this.tip.medianTimeS };
  }

  find(hash: string): BlockNode | undefined {
    return this.#nodes.get(hash);
  }

  /** The active chain's block at `height`. */
  at(height: number): BlockNode | undefined {
    return this.#active[height];
  }

  isActive(node: BlockNode): boolean {
    return this.#active[node.height] === node;
  }

  medianTimeAtS(height: number): number {
    return (this.#active[height] ?? this.tip).medianTimeS;
  }

  /** Where a transaction stands in the active chain. */
  locate(txid: string): { node: BlockNode; index: number } | undefined {
    return this.#transactions.get(txid);
  }

  /**
   * Checks a block as far as that goes without connecting it, and adds it to the tree; `activate` then follows the best
   * branch. Throws `RejectedError`; a block that is known already is returned as it stands.
   */
  accept(block: ChainBlock, nowS: number, trusted: boolean): BlockNode {
    const known = this.#nodes.get(block.hash);
    if (known !== undefined) {
      if (known.failure !== undefined) throw new RejectedError('consensus', 'duplicate-invalid', known.failure.reason);
      return known;
    }
    checkBlock(block);
    const previous = this.#nodes.get(block.previousHash);
    if (previous === undefined) throw new RejectedError('missing_inputs', 'prev-blk-not-found');
    if (previous.failure !== undefined) throw new RejectedError('consensus', 'bad-prevblk', previous.failure.reason);
    const context = { height: previous.height + 1, previousMedianTimeS: previous.medianTimeS };
    checkHeaderInContext(block, context, nowS);
    try {
      checkBlockInContext(block, context);
    } catch (error) {
      // A block that can never be right is remembered as such, with all that may be built on it.
      if (error instanceof RejectedError && error.kind === 'consensus') {
        const node = this.#insert(block, previous, trusted);
        node.refused = true;
        markFailed(node, error);
      }
      throw error;
    }
    return this.#insert(block, previous, trusted);
  }

  /**
   * Makes the best branch the active one: the longest without a failed block, of equals the one that came first. That
   * takes more than one move if a block on the way turns out to break a rule.
   */
  activate(onMove: OnMove): void {
    for (let best = this.#best(); best !== this.tip; best = this.#best()) onMove(this.#moveTo(best));
  }

  /**
   * Marks a block and its descendants as not to be followed (`invalidateblock`), then follows the best branch left. If
   * the block is on the active chain, each block down to it is taken off in a move of its own.
   */
  invalidate(node: BlockNode, onMove: OnMove): void {
    while (this.isActive(node)) onMove({ disconnected: [this.#disconnectTip()], connected: [] });
    markFailed(node, new RejectedError('consensus', 'invalidated', 'marked invalid by invalidateblock'));
    this.activate(onMove);
  }

  /**
   * Forgets every failure of a block, its ancestors and its descendants (`reconsiderblock`), then follows the best
   * branch.
   */
  reconsider(node: BlockNode, onMove: OnMove): void {
    for (let ancestor: BlockNode | undefined = node; ancestor !== undefined; ancestor = ancestor.previous) {
      if (!ancestor.refused) ancestor.failure = undefined;
    }
    forEachDescendant(node, (descendant) => {
      if (!descendant.refused) descendant.failure = undefined;
    });
    this.activate(onMove);
  }

  /** Checks that a block would connect to the tip, without adding it. Throws `RejectedError`. */
  testConnect(block: ChainBlock, nowS: number): void {
    checkBlock(block);
    checkHeaderInContext(block, this.nextBlock, nowS);
    checkBlockInContext(block, this.nextBlock);
    this.#connectCoins(block, this.nextBlock, false);
  }

  #insert(block: ChainBlock, previous: BlockNode | undefined, trusted: boolean): BlockNode {
    const node = childNode(block, previous, this.#nodes.size, trusted);
    if (previous !== undefined) this.#leaves.delete(previous);
    this.#leaves.add(node);
    this.#nodes.set(block.hash, node);
    this.#sizeBytes += block.raw.length;
    return node;
  }

  #best(): BlockNode {
    let best = this.genesis;
    for (const leaf of this.#leaves) {
      let candidate = leaf;
      while (candidate.failure !== undefined && candidate.previous !== undefined) candidate = candidate.previous;
      if (candidate.height > best.height || (candidate.height === best.height && candidate.order < best.order)) {
        best = candidate;
      }
    }
    return best;
  }

  /**
   * Moves the active chain towards `target`. It stops at a block that turns out to break a rule, which is then marked,
   * and, as bitcoind does, once it is higher than before.
   */
  #moveTo(target: BlockNode): ChainMove {
    const before = this.tip.height;
    const path: BlockNode[] = [];
    let fork = target;
    for (; !this.isActive(fork); fork = fork.previous ?? this.genesis) path.push(fork);
    const disconnected: BlockNode[] = [];
    while (this.tip !== fork) disconnected.push(this.#disconnectTip());
    const connected: BlockNode[] = [];
    for (const node of path.reverse()) {
      try {
        this.#connect(node);
        connected.push(node);
        if (node.height > before) break;
      } catch (error) {
        if (!(error instanceof RejectedError)) throw error;
        markFailed(node, error);
        break;
      }
    }
    return { disconnected, connected };
  }

  #connect(node: BlockNode): void {
    const { block, height } = node;
    const previousMedianTimeS = node.previous?.medianTimeS ?? 0;
    const { changes, spent } = this.#connectCoins(block, { height, previousMedianTimeS }, node.trusted);
    changes.commit();
    node.spent = spent;
    this.#active.push(node);
    for (const [index, { txid }] of block.transactions.entries()) this.#transactions.set(txid, { node, index });
  }

  #connectCoins(
    { transactions }: ChainBlock,
    context: LockContext,
    trusted: boolean,
  ): { changes: CoinChanges; spent: Coin[][] } {
    for (const transaction of transactions) this.#checkNew(transaction, context.height);
    const changes = new CoinChanges(this.coins);
    const spent: Coin[][] = [];
    let feesSat = 0n;
    let sigops = 0;
    for (const transaction of transactions) {
      let coins: Coin[] = [];
      if (!transaction.isCoinbase) {
        const checked = checkedSpend(transaction, changes, context.height);
        coins = checked.coins;
        feesSat += checked.feeSat;
        const heights = coins.map(({ height }) => height);
        if (!sequenceLocksMet(transaction.transaction, heights, context, (height) => this.medianTimeAtS(height))) {
          const debug = `contains a non-BIP68-final transaction ${transaction.txid}`;
          throw new RejectedError('consensus', 'bad-txns-nonfinal', debug);
        }
        if (!trusted) this.#scripts.checkConsensus(transaction, coins);
        for (const key of transaction.spends) changes.spend(key);
        spent.push(coins);
      }
      sigops += sigopsCost(transaction, coins.map(({ script }) => script));
      if (sigops > MAX_BLOCK_SIGOPS_COST) throw new RejectedError('consensus', 'bad-blk-sigops', 'too many sigops');
      for (const [key, coin] of coinsOf(transaction, context.height)) changes.make(key, coin);
    }
    const rewardSat = (transactions[0]?.transaction.outs ?? []).reduce((sum, { value }) => sum + value, 0n);
    const limitSat = blockSubsidySat(context.height) + feesSat;
    if (rewardSat > limitSat) {
      const debug = `coinbase pays too much (actual=${rewardSat} vs limit=${limitSat})`;
      throw new RejectedError('consensus', 'bad-cb-amount', debug);
    }
    return { changes, spent };
  }

  /** No transaction may make outputs that are there, unspent, from before (BIP 30). */
  #checkNew(transaction: ChainTransaction, height: number): void {
    if (coinsOf(transaction, height).some(([key]) => this.coins.has(key))) {
      throw new RejectedError('consensus', 'bad-txns-BIP30', 'tried to overwrite transaction');
    }
  }

  #disconnectTip(): BlockNode {
    const node = this.#active.pop();
    if (node?.spent === undefined) throw new Error('the active chain holds a block that was never connected');
    const { transactions } = node.block;
    for (const [i, transaction] of [...transactions.entries()].reverse()) {
      for (const [key] of coinsOf(transaction, node.height)) this.coins.delete(key);
      if (!transaction.isCoinbase) {
        for (const [input, key] of transaction.spends.entries()) {
          const coin = node.spent[i - 1]?.[input];
          if (coin !== undefined) this.coins.set(key, coin);
        }
      }
      this.#transactions.delete(transaction.txid);
    }
    return node;
  }
}

/** The coins that a transaction in a block spends, and its fee; a rejection names the transaction. */
function checkedSpend(
  transaction: ChainTransaction,
  view: CoinView,
  height: number,
): { coins: Coin[]; feeSat: bigint } {
  try {
    const coins = spentCoins(transaction, view);
    return { coins, feeSat: checkSpend(transaction, coins, height) };
  } catch (error) {
    if (!(error instanceof RejectedError)) throw error;
    const { kind, reason } = error;
    const debug = kind === 'missing_inputs' ? 'CheckTxInputs: inputs missing/spent' : error.debug;
    throw new RejectedError(kind, reason, `${debug} in transaction ${transaction.txid}`);
  }
}
