import type { Transaction } from 'bitcoinjs-lib';

/**
 * bitcoind's JSON-RPC: the one chain interface. The HTTP client of a real bitcoind, the HTTP client of the embedded
 * chain's own process, and the embedded chain called in process (tests, simulation) all are one of these. Rejects with
 * `ChainRpcError` (bitcoind's own numeric code and message inside) or `ChainUnavailableError`.
 */
export interface ChainRpc {
  call(method: string, params?: readonly unknown[]): Promise<unknown>;
}

/** A block with its transactions parsed. Hashes and txids are hex in the usual (reversed) display order. */
export interface Block {
  readonly height: number;
  readonly hash: string;
  readonly previousHash: string;
  readonly transactions: readonly Transaction[];
}

export interface BlockRef {
  readonly height: number;
  readonly hash: string;
}

/**
 * What a follower of the chain tells, strictly in order: a reorg is disconnects from the tip down, then connects up.
 */
export type ChainEvent =
  | { readonly type: 'blockConnected'; readonly block: Block }
  /** `below` is the block under it, from which the chain goes on. */
  | { readonly type: 'blockDisconnected'; readonly block: BlockRef; readonly below: BlockRef };

/** An output that stands unspent on the chain. */
export interface UnspentOutput {
  readonly amountSat: bigint;
  readonly script: Uint8Array;
  readonly confirmations: number;
}

/** What the node asks of the chain, typed and checked, over any `ChainRpc`. */
export interface Chain {
  /** 'regtest' | 'signet' | 'test' | 'testnet4' | 'main' as `getblockchaininfo` names it. */
  network(): Promise<string>;
  tip(): Promise<BlockRef>;
  /** The block of that height on the best chain; rejects with `ChainRpcError` above the tip. */
  blockAt(height: number): Promise<BlockRef>;
  /**
   * Follows the best chain from just after `from` (undefined: from the present tip on, without history), giving each
   * event to `onEvent` and waiting for its promise before the next. Survives an unreachable backend by retrying; the
   * returned function stops it.
   *
   * `onError` is called at most once, when following has ended by itself and no event will come any more:
   * `UnknownBlockError` (the backend has never seen `from`), `ReorgTooDeepError` (more blocks would have to be
   * disconnected than a node may undo), `BlockPrunedError` (the next block is gone), or what `onEvent` rejected with.
   *
   * `onCaughtUp` is called each time that it has looked and every block that there is has been told.
   */
  follow(
    from: BlockRef | undefined,
    onEvent: (event: ChainEvent) => Promise<void>,
    onError: (error: Error) => void,
    onCaughtUp?: () => void,
  ): () => void;
  /**
   * Idempotent: a transaction that is already in the mempool or a block is a success. Throws `BroadcastRejectedError`
   * with the reason.
   */
  broadcast(transaction: Transaction): Promise<void>;
  /**
   * Brings parents and the child that pays for them (last) into the mempool as one, where a parent alone pays too little
   * to be taken. At most 25. Idempotent like `broadcast`: what is already in the mempool or a block counts as taken, and
   * only the rest is judged. Throws `BroadcastRejectedError` with the first transaction that was refused, and why; the
   * others may be in the mempool then.
   */
  submitPackage(transactions: readonly Transaction[]): Promise<void>;
  /** The unspent output at a BOLT 7 short channel id's position (confirmed only), or undefined if absent or spent. */
  outputAt(
    blockHeight: number,
    transactionIndex: number,
    outputIndex: number,
  ): Promise<(UnspentOutput & { txid: string }) | undefined>;
  /** Sat per 1,000 weight units for a confirmation within `targetBlocks`, never below 253 (BOLT 2's floor). */
  feeratePerKw(targetBlocks: number): Promise<number>;
}
