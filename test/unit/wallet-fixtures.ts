import { payments, Transaction } from 'bitcoinjs-lib';
import { toString } from 'uint8arrays/to-string';
import type { Block, ChainEvent } from '../../src/chain/chain.ts';
import { createSigner, type Signer } from '../../src/keys/signer.ts';
import { openDatabase, type Database } from '../../src/storage/database.ts';
import { Wallet } from '../../src/wallet/wallet.ts';
import { sha256 } from '../../protocols/crypto/hash.ts';

export const seed = Uint8Array.from({ length: 64 }, (_, index) => index + 1);
const plainSigner = createSigner(seed, 'regtest');
const publicKeys = new Map<string, Uint8Array>();
/** The signer, which derives each public key once: tests make many wallets of one seed. */
export const signer: Signer = {
  ...plainSigner,
  onchain: {
    ...plainSigner.onchain,
    publicKey(path) {
      const key = `${path.chain}/${path.index}`;
      const publicKey = publicKeys.get(key) ?? plainSigner.onchain.publicKey(path);
      publicKeys.set(key, publicKey);
      return publicKey;
    },
  },
};

export function newWallet(
  database: Database = openDatabase({ path: ':memory:' }),
  gapLimit = 3,
  reserveSat: () => bigint = () => 0n,
): Wallet {
  return new Wallet({ database, signer: signer.onchain, network: 'regtest', gapLimit, reserveSat });
}

let counter = 0;
/** 32 bytes that no other call gives. */
export function uniqueHash(): Uint8Array {
  return sha256(new TextEncoder().encode(`unique ${counter++}`));
}

export function scriptOf(chain: 0 | 1, index: number): Uint8Array {
  const { output } = payments.p2wpkh({ pubkey: signer.onchain.publicKey({ chain, index }) });
  if (output === undefined) throw new Error('no script');
  return output;
}

export const foreignScript = Uint8Array.of(0, 20, ...new Uint8Array(20).fill(7));

/**
 * A transaction of somebody's; each input is given by the transaction and output it spends, or is one that nobody
 * knows.
 */
export function foreignTransaction(
  outputs: readonly { readonly script: Uint8Array; readonly amountSat: bigint }[],
  inputs: readonly { readonly transaction: Transaction; readonly index: number }[] = [],
): Transaction {
  const transaction = new Transaction();
  transaction.version = 2;
  for (const input of inputs) transaction.addInput(input.transaction.getHash(), input.index);
  if (inputs.length === 0) transaction.addInput(uniqueHash(), 0);
  for (const { script, amountSat } of outputs) transaction.addOutput(script, amountSat);
  return transaction;
}

/** A chain of blocks that satisfies the wallet's contract and nothing more. */
export class TestChain {
  readonly blocks: Block[] = [];

  get height(): number {
    return this.blocks.length - 1;
  }

  /** A block with these transactions on top, its coinbase paying `coinbaseScript`. */
  mine(transactions: readonly Transaction[] = [], coinbaseScript: Uint8Array = foreignScript): ChainEvent {
    const coinbase = new Transaction();
    coinbase.addInput(new Uint8Array(32), 0xffffffff, 0xffffffff, uniqueHash());
    coinbase.addOutput(coinbaseScript, 5_000_000_000n);
    const block: Block = {
      height: this.blocks.length,
      hash: toString(uniqueHash(), 'base16'),
      previousHash: this.blocks.at(-1)?.hash ?? '00'.repeat(32),
      transactions: [coinbase, ...transactions],
    };
    this.blocks.push(block);
    return { type: 'blockConnected', block };
  }

  /** Takes the last block off. */
  undo(): ChainEvent {
    const block = this.blocks.pop();
    if (block === undefined) throw new Error('no block');
    const below = { height: block.height - 1, hash: block.previousHash };
    return { type: 'blockDisconnected', block: { height: block.height, hash: block.hash }, below };
  }
}
