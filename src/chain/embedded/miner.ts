import { Block, Transaction } from 'bitcoinjs-lib';
import { concat, fromString } from 'uint8arrays';
import type { ChainState } from './chain-state.ts';
import { type ChainBlock, WITNESS_COMMITMENT_PREFIX, describeBlock, encodeCoinbaseHeight } from './consensus/block.ts';
import { MAX_BLOCK_SIGOPS_COST, MAX_BLOCK_WEIGHT, REGTEST_BITS, blockSubsidySat } from './consensus/params.ts';
import type { ChainTransaction } from './consensus/transaction.ts';
import { feeAtRateSat } from './mempool/feerate.ts';
import { MIN_RELAY_FEERATE_SAT_PER_KVB } from './mempool/floor.ts';
import { type Mempool, type MempoolEntry, totals } from './mempool/pool.ts';

/** What is kept free for the header and the coinbase. */
const RESERVED_WEIGHT = 8_000;
const RESERVED_SIGOPS_COST = 400;
const BLOCK_VERSION = 0x20000000;
const RESERVED_WITNESS_VALUE = new Uint8Array(32);

/** What goes into a block besides the coinbase. */
export interface BlockContent {
  readonly transactions: readonly ChainTransaction[];
  readonly feesSat: bigint;
}

/**
 * The mempool's transactions that pay a miner most: again and again the one whose feerate together with its unconfirmed
 * ancestors is the best, with those ancestors before it, as long as that is no less than `leastFeerate` (sat per 1,000
 * vbytes).
 */
export function selectTransactions(pool: Mempool, leastFeerate = MIN_RELAY_FEERATE_SAT_PER_KVB): BlockContent {
  const chosen = new Set<MempoolEntry>();
  const queue = new FeerateQueue([...pool.entries()].map((entry) => withAncestors(pool, entry, chosen)));
  let weight = RESERVED_WEIGHT;
  let sigops = RESERVED_SIGOPS_COST;
  let feesSat = 0n;
  for (let next = queue.take(); next !== undefined; next = queue.take()) {
    const { entry, missing, feeSat, vsize } = next;
    // An entry stands in the queue again each time that an ancestor of it was chosen.
    if (chosen.has(entry) || missing.some((ancestor) => chosen.has(ancestor))) continue;
    if (feeSat < feeAtRateSat(leastFeerate, vsize)) break;
    const newWeight = weight + missing.reduce((sum, { transaction }) => sum + transaction.weight, 0);
    const newSigops = sigops + missing.reduce((sum, { sigopsCost }) => sum + sigopsCost, 0);
    if (newWeight > MAX_BLOCK_WEIGHT || newSigops > MAX_BLOCK_SIGOPS_COST) continue;
    weight = newWeight;
    sigops = newSigops;
    feesSat += feeSat;
    for (const each of missing) chosen.add(each);
    const affected = new Set(missing.flatMap((each) => [...pool.descendants(each)]));
    for (const each of affected) if (!chosen.has(each)) queue.add(withAncestors(pool, each, chosen));
  }
  return { transactions: [...chosen].map(({ transaction }) => transaction), feesSat };
}

/** Puts a block on top of the active chain that pays `script` subsidy and fees, and does its proof of work. */
export function mineBlock(chain: ChainState, content: BlockContent, script: Uint8Array, nowS: number): ChainBlock {
  const { height, previousMedianTimeS } = chain.nextBlock;
  const coinbase = new Transaction();
  coinbase.version = 2;
  // Two blocks of the same content on the same parent must differ, or one mined after `invalidateblock` would be the
  // invalid one again.
  const extraNonce = new Uint8Array(5);
  extraNonce[0] = 4;
  new DataView(extraNonce.buffer).setUint32(1, chain.size, true);
  const coinbaseScript = concat([encodeCoinbaseHeight(height), extraNonce]);
  coinbase.addInput(new Uint8Array(32), 0xffffffff, 0xffffffff, coinbaseScript);
  coinbase.setWitness(0, [RESERVED_WITNESS_VALUE]);
  coinbase.addOutput(script, blockSubsidySat(height) + content.feesSat);

  const header = new Block();
  header.transactions = [coinbase, ...content.transactions.map(({ transaction }) => transaction)];
  const commitment = Block.calculateMerkleRoot(header.transactions, true);
  coinbase.addOutput(concat([WITNESS_COMMITMENT_PREFIX, commitment]), 0n);
  header.version = BLOCK_VERSION;
  header.prevHash = fromString(chain.tip.hash, 'base16').reverse();
  header.merkleRoot = Block.calculateMerkleRoot(header.transactions);
  header.timestamp = Math.max(previousMedianTimeS + 1, nowS);
  header.bits = REGTEST_BITS;
  while (!header.checkProofOfWork()) header.nonce++;
  return describeBlock(header);
}

/** An entry with those of its ancestors that are not chosen yet, parents first, itself last. */
interface Package {
  readonly entry: MempoolEntry;
  readonly missing: readonly MempoolEntry[];
  readonly feeSat: bigint;
  readonly vsize: number;
}

function withAncestors(pool: Mempool, entry: MempoolEntry, chosen: ReadonlySet<MempoolEntry>): Package {
  const missing = [...pool.ancestors(entry.transaction)].filter((ancestor) => !chosen.has(ancestor));
  const depths = new Map(missing.map((ancestor) => [ancestor, pool.ancestors(ancestor.transaction).size]));
  // Whoever has fewer ancestors cannot depend on one who has more.
  missing.sort((a, b) => (depths.get(a) ?? 0) - (depths.get(b) ?? 0));
  missing.push(entry);
  const { feeSat, vsize } = totals(missing);
  return { entry, missing, feeSat, vsize };
}

/** Packages by feerate, the best first; of equals the one that was put in first. */
class FeerateQueue {
  /** The worst first, so that the best is taken off the end. */
  readonly #packages: Package[];

  constructor(packages: Package[]) {
    this.#packages = packages.reverse().sort(compareFeerates);
  }

  take(): Package | undefined {
    return this.#packages.pop();
  }

  add(added: Package): void {
    let low = 0;
    let high = this.#packages.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.#packages[middle];
      if (other !== undefined && compareFeerates(other, added) < 0) low = middle + 1;
      else high = middle;
    }
    this.#packages.splice(low, 0, added);
  }
}

function compareFeerates(a: Package, b: Package): number {
  const difference = a.feeSat * BigInt(b.vsize) - b.feeSat * BigInt(a.vsize);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}
