/** The chain as LDK is told of it, and what it has broadcast. */
import { Transaction } from 'bitcoinjs-lib';
import { fromString } from 'uint8arrays';
import { answers, ask } from '../../../src/chain/answers.ts';
import type { BlockRef, ChainEvent, ChainRpc } from '../../../src/chain/chain.ts';
import { RpcChain } from '../../../src/chain/rpc-chain.ts';
import { systemClock } from '../../../src/runtime/clock.ts';

const POLL_INTERVAL_MS = 50;

export interface RawBlock {
  readonly height: number;
  readonly header: Uint8Array;
  readonly bytes: Uint8Array;
}

export class LdkChain {
  readonly #rpc: ChainRpc;
  readonly #chain: RpcChain;
  readonly #say: (line: string) => void;
  #broadcasts = Promise.resolve();

  /** `say` hears of what the chain refuses. */
  constructor(rpc: ChainRpc, say: (line: string) => void) {
    this.#rpc = rpc;
    this.#chain = new RpcChain({ rpc, clock: systemClock, pollIntervalMs: POLL_INTERVAL_MS });
    this.#say = say;
  }

  tip(): Promise<BlockRef> {
    return this.#chain.tip();
  }

  /** The block of that height as it is on the wire. */
  async blockAt(height: number): Promise<RawBlock> {
    const { hash } = await this.#chain.blockAt(height);
    return this.block({ height, hash });
  }

  async block({ height, hash }: BlockRef): Promise<RawBlock> {
    const bytes = fromString(await ask(this.#rpc, answers.hex, 'getblock', [hash, 0]), 'hex');
    return { height, bytes, header: bytes.slice(0, 80) };
  }

  follow(from: BlockRef, onEvent: (event: ChainEvent) => Promise<void>, onError: (error: Error) => void): () => void {
    return this.#chain.follow(from, onEvent, onError);
  }

  /** Sends them, one call after the other: a single transaction, or parents with the child that pays for them, last. */
  broadcast(transactions: readonly Transaction[]): void {
    this.#broadcasts = this.#broadcasts.then(async () => {
      const txids = transactions.map((transaction) => transaction.getId()).join(' ');
      try {
        if (transactions.length > 1) await this.#chain.submitPackage(transactions);
        else for (const transaction of transactions) await this.#chain.broadcast(transaction);
        this.#say(`broadcast ${txids}`);
      } catch (error) {
        this.#say(`broadcast of ${txids} refused: ${(error as Error).message}`);
      }
    });
  }

  /** Resolves when all is sent. */
  sent(): Promise<void> {
    return this.#broadcasts;
  }
}
