import { Transaction } from 'bitcoinjs-lib';
import type { BlockRef } from '../../src/chain/chain.ts';
import { createSigner } from '../../src/keys/signer.ts';
import { openDatabase, type Database } from '../../src/storage/database.ts';
import { Wallet } from '../../src/wallet/wallet.ts';
import { Key, output, spend, TestChain, type Spendable } from './chain-kit.ts';

const stranger = new Key(77);

export interface WalletChainOptions {
  readonly chain?: TestChain;
  /** A wallet of its own for each. */
  readonly seed?: number;
  readonly reserveSat?: () => bigint;
  readonly gapLimit?: number;
}

/** A wallet that follows an embedded chain, which checks every script, fee and replacement. */
export class WalletChain {
  readonly chain: TestChain;
  readonly database: Database = openDatabase({ path: ':memory:' });
  readonly #options: WalletChainOptions;
  readonly #seen: BlockRef[] = [];
  wallet: Wallet;
  #branch = 100;

  constructor(options: WalletChainOptions = {}) {
    this.chain = options.chain ?? TestChain.funded(3);
    this.#options = options;
    this.wallet = this.#open();
    // Enough below the tip for reorgs.
    for (let height = this.chain.height - 4; height <= this.chain.height; height++) this.#connect(height);
  }

  /** The wallet as it comes back from its database. */
  restart(): void {
    this.wallet = this.#open();
  }

  #open(database = this.database): Wallet {
    const { seed = 1, reserveSat, gapLimit = 10 } = this.#options;
    const signer = createSigner(new Uint8Array(64).fill(seed), 'regtest').onchain;
    return new Wallet({ database, signer, network: 'regtest', gapLimit, ...(reserveSat && { reserveSat }) });
  }

  /** Another wallet of the same seed that has seen the blocks, and nothing else. */
  restored(): Wallet {
    const wallet = this.#open(openDatabase({ path: ':memory:' }));
    for (const { height } of this.#seen)
      wallet.handleChainEvent({ type: 'blockConnected', block: this.#block(height) });
    return wallet;
  }

  mine(count = 1): void {
    this.chain.mine(count);
    this.#follow();
  }

  /** A block with these transactions, whatever the mempool holds. */
  mineExactly(...transactions: Transaction[]): void {
    this.chain.call('generateblock', this.chain.miner.address, transactions.map((each) => each.toHex()));
    this.#follow();
  }

  /** A reorg: the last blocks go, one more come, which are empty; what they held waits again. */
  undo(count = 1): void {
    this.chain.call('invalidateblock', this.chain.call('getblockhash', this.chain.height - count + 1));
    const miner = new Key(this.#branch++ % 200);
    for (let i = 0; i <= count; i++) this.chain.call('generateblock', miner.address, []);
    this.#follow();
  }

  /** Books and broadcasts. */
  send(transaction: Transaction): void {
    this.wallet.recordTransaction(transaction);
    this.chain.send(transaction);
  }

  /** A coin of a stranger's, in a block. */
  strangersCoin(amountSat: bigint): Spendable {
    const transaction = spend([this.chain.fund()], { outputs: [{ script: stranger.script, value: amountSat }] });
    this.chain.send(transaction);
    this.mine();
    return output(transaction, 0, stranger);
  }

  /** Coins of these amounts for the wallet, in a block. */
  deposit(...amounts: readonly bigint[]): Transaction {
    const outputs = amounts.map((value) => ({ script: this.wallet.newAddress().script, value }));
    const transaction = spend([this.chain.fund()], { outputs });
    this.chain.send(transaction);
    this.mine();
    return transaction;
  }

  #follow(): void {
    for (let tip = this.#seen.at(-1); tip && this.#hashAt(tip.height) !== tip.hash; tip = this.#seen.at(-1)) {
      this.#seen.pop();
      const below = { height: tip.height - 1, hash: '' };
      this.wallet.handleChainEvent({ type: 'blockDisconnected', block: tip, below });
    }
    const next = (this.#seen.at(-1)?.height ?? 0) + 1;
    for (let height = next; height <= this.chain.height; height++) this.#connect(height);
  }

  #connect(height: number): void {
    const block = this.#block(height);
    this.wallet.handleChainEvent({ type: 'blockConnected', block });
    this.#seen.push({ height, hash: block.hash });
  }

  #hashAt(height: number): string | undefined {
    return height > this.chain.height ? undefined : (this.chain.call('getblockhash', height) as string);
  }

  #block(height: number) {
    const hash = this.chain.call('getblockhash', height) as string;
    const { previousblockhash, tx } = this.chain.call('getblock', hash, 2);
    const transactions = (tx as { hex: string }[]).map(({ hex }) => Transaction.fromHex(hex));
    return { height, hash, previousHash: previousblockhash as string, transactions };
  }
}
