import { payments, Transaction } from 'bitcoinjs-lib';
import { sha256 } from '../../protocols/crypto/hash.ts';
import type { ChainRpc } from '../../src/chain/chain.ts';
import { decodeTransaction, displayHex } from '../../src/chain/embedded/consensus/transaction.ts';
import { EmbeddedChain, type ChainRecord } from '../../src/chain/embedded/embedded-chain.ts';
import { selectTransactions } from '../../src/chain/embedded/miner.ts';
import { embeddedRpc } from '../../src/chain/embedded/in-process.ts';
import { VirtualClock } from '../../src/runtime/virtual-clock.ts';

/** When simulations begin. */
export const START_MS = 1_700_000_000_000;
/** The blocks after which a coinbase may be spent. */
const MATURITY = 100;
const FAUCET_FEE_SAT = 1_000n;

/** What anyone may spend: the faucet needs no key. */
const faucetScript = Uint8Array.of(0x51);
const faucetOutput = payments.p2wsh({ hash: sha256(faucetScript) }).output!;
/** Where the miner's subsidies go. */
const minerOutput = payments.p2wpkh({ hash: new Uint8Array(20).fill(1) }).output!;

let history: readonly ChainRecord[] | undefined;

/** Blocks that every simulation begins with, the first of which pays the faucet. Made once. */
function sharedHistory(): readonly ChainRecord[] {
  if (history !== undefined) return history;
  const records: ChainRecord[] = [];
  const log = { append: (record: ChainRecord) => void records.push(record), sync: () => {} };
  const chain = new EmbeddedChain({ clock: new VirtualClock(START_MS - (MATURITY + 1) * 600_000), log });
  chain.generate(1, faucetOutput);
  chain.generate(MATURITY, minerOutput);
  return (history = records);
}

/** The embedded chain of a simulation, with a faucet and a miner. */
export class MeshChain {
  readonly rpc: ChainRpc;
  readonly #chain: EmbeddedChain;
  /** Where the faucet paid. */
  #fundedHeight = 0;

  constructor(clock: VirtualClock) {
    this.#chain = new EmbeddedChain({ clock }, sharedHistory());
    this.rpc = embeddedRpc(this.#chain);
  }

  get height(): number {
    return this.#chain.state.tip.height;
  }

  get tipHash(): string {
    return this.#chain.state.tip.hash;
  }

  /** What all transactions since the faucet paid were ready to pay to miners, be it that `mineOnly` left it. */
  get feesSat(): bigint {
    return this.transactions.reduce((total, { transaction }) => total + this.feeSat(transaction), 0n);
  }

  get hasUnconfirmed(): boolean {
    return [...this.#chain.mempool.entries()].length > 0;
  }

  /** Whether a transaction (its id as on the wire) is in a block. */
  has(txid: Uint8Array): boolean {
    return this.#chain.state.locate(displayHex(txid)) !== undefined;
  }

  /** The transactions of the blocks since the faucet paid, without coinbases. */
  get transactions(): { readonly transaction: Transaction; readonly height: number }[] {
    const heights = Array.from({ length: this.height - this.#fundedHeight }, (_, index) => this.#fundedHeight + 1 + index);
    return heights.flatMap((height) =>
      this.#chain.state.at(height)!.block.transactions.slice(1).map(({ transaction }) => ({ transaction, height })),
    );
  }

  /** What a confirmed transaction paid to the miner. */
  feeSat(transaction: Transaction): bigint {
    const outSat = transaction.outs.reduce((total, { value }) => total + value, 0n);
    return transaction.ins.reduce((total, { hash, index }) => total + this.#output(displayHex(hash), index).value, 0n) - outSat;
  }

  /** Pays each script from the first coinbase, in a block of its own. To be called once. */
  fund(scripts: readonly Uint8Array[], amountSat: bigint): void {
    const coinbase = this.#chain.state.at(1)!.block.transactions[0]!;
    const transaction = new Transaction();
    transaction.version = 2;
    transaction.addInput(coinbase.transaction.getHash(), 0);
    for (const script of scripts) transaction.addOutput(script, amountSat);
    const spentSat = amountSat * BigInt(scripts.length) + FAUCET_FEE_SAT;
    transaction.addOutput(faucetOutput, coinbase.transaction.outs[0]!.value - spentSat);
    transaction.setWitness(0, [faucetScript]);
    this.#chain.accept(decodeTransaction(transaction.toBuffer()));
    this.#chain.generate(1, minerOutput);
    this.#fundedHeight = this.height;
  }

  mine(count: number): void {
    this.#chain.generate(count, minerOutput);
  }

  /** A block by a miner who takes only what pays this much by weight, alone or with what it builds on. */
  mineAbove(feeratePerKw: number): void {
    this.mineOnly(selectTransactions(this.#chain.mempool, 4n * BigInt(feeratePerKw)).transactions.map(({ transaction }) => transaction));
  }

  /** What a newcomer to the mempool has to pay by weight, and what the chain says that a block takes; 0 for none. */
  async setFees(fees: { readonly mempoolMinimum?: number; readonly estimate?: number }): Promise<void> {
    const btcPerKvb = (feeratePerKw: number | undefined) => (feeratePerKw === undefined ? null : (feeratePerKw * 4) / 1e8);
    await this.rpc.call('setmockfees', [btcPerKvb(fees.mempoolMinimum), btcPerKvb(fees.estimate)]);
  }

  /** A block of exactly these transactions, whatever they pay. */
  mineOnly(transactions: readonly Transaction[]): void {
    this.#chain.generateBlock(transactions.map((each) => decodeTransaction(each.toBuffer())), minerOutput, true);
  }

  /**
   * The last `depth` blocks give way to as many and one more, which hold nothing but `transactions` in the first; what the others held waits for a
   * block again, unless it conflicts with these.
   */
  reorg(depth: number, transactions: readonly Transaction[] = []): void {
    const fork = this.#chain.state.at(this.height - depth + 1);
    if (fork === undefined || depth < 1) throw new RangeError(`a reorg of ${depth} blocks at height ${this.height}`);
    this.#chain.invalidate(fork);
    for (let left = depth + 1; left > 0; left--) {
      this.mineOnly(left > depth ? transactions : []);
    }
  }

  #output(txid: string, index: number) {
    const { node, index: position } = this.#chain.state.locate(txid)!;
    return node.block.transactions[position]!.transaction.outs[index]!;
  }
}
