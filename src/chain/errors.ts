import { RunnelError } from '../../protocols/errors.ts';

/** The backend refused a call: `rpcCode` and the message are bitcoind's own. */
export class ChainRpcError extends RunnelError {
  readonly rpcCode: number;

  constructor(rpcCode: number, message: string) {
    super('chain_rpc', message, { rpcCode });
    this.rpcCode = rpcCode;
  }
}

/** The backend cannot be reached, or does not let this node in; the message says what to look at. */
export class ChainUnavailableError extends RunnelError {
  constructor(message: string, details: Readonly<Record<string, unknown>> = {}, options?: ErrorOptions) {
    super('chain_unavailable', message, details, options);
  }
}

/** bitcoind is there, but still loads what it has on disk. */
export class ChainStartingError extends ChainUnavailableError {}

/** bitcoind is there, but without blocks that this node has seen: it reindexes, or downloads what a crash took from it. */
export class ChainBehindError extends ChainUnavailableError {
  constructor(tipHeight: number, height: number) {
    super(
      `the chain backend is at block ${tipHeight}, and this node has seen block ${height}: waiting until it has caught up ` +
        '(one that does not is on another chain than before)',
      { tipHeight, height },
    );
  }
}

/** The backend is on another network than the node. */
export class WrongNetworkError extends RunnelError {
  constructor(expected: string, actual: string) {
    super('chain_wrong_network', `expected bitcoind to be on ${expected}, but it is on ${actual}`, { expected, actual });
  }
}

/** The backend lacks calls that the node needs. Versions are as `getnetworkinfo` gives them: 280000 is 28.0. */
export class BackendTooOldError extends RunnelError {
  constructor(version: number, least: number) {
    const text = (number: number): string => `${Math.floor(number / 10_000)}.${Math.floor(number / 100) % 100}`;
    super(
      'chain_backend_too_old',
      `bitcoind is version ${text(version)}, but version ${text(least)} or later is needed: ` +
        'earlier ones do not relay a transaction together with the one that pays for it',
      { version, least },
    );
  }
}

/** The node needs a block that the backend has deleted. */
export class BlockPrunedError extends RunnelError {
  constructor(hash: string, height: number) {
    super(
      'chain_block_pruned',
      `bitcoind has pruned block ${height} (${hash}), which this node has not seen yet. Start it once with -prune=0 -reindex, ` +
        'which downloads the blocks again, or name another bitcoind that has them; then let it keep more (a larger prune=)',
      { hash, height },
    );
  }
}

/** The backend answered with something that no bitcoind answers. */
export class ChainAnswerError extends RunnelError {
  constructor(message: string, details: Readonly<Record<string, unknown>> = {}, options?: ErrorOptions) {
    super('chain_answer', message, details, options);
  }
}

/** The backend does not take a transaction; `reason` is the backend's own text. */
export class BroadcastRejectedError extends RunnelError {
  readonly txid: string;
  readonly reason: string;

  constructor(txid: string, reason: string, options?: ErrorOptions) {
    super('broadcast_rejected', `the chain backend refused transaction ${txid}: ${reason}`, { txid, reason }, options);
    this.txid = txid;
    this.reason = reason;
  }
}

/** The backend has no estimate, and there is no fallback for this network. */
export class FeeEstimateUnavailableError extends RunnelError {
  constructor(targetBlocks: number) {
    super(
      'fee_estimate_unavailable',
      `the chain backend has no feerate estimate for ${targetBlocks} blocks: it has not seen enough transactions yet`,
      { targetBlocks },
    );
  }
}

/**
 * The block to follow the chain from is not one that the backend knows: it is on another network, or was set up anew.
 */
export class UnknownBlockError extends RunnelError {
  constructor(hash: string, height: number) {
    super(
      'chain_unknown_block',
      `the chain backend does not know block ${hash} (height ${height}): is it on the same chain as before?`,
      { hash, height },
    );
  }
}

/** The chain has left more blocks behind than a node may undo by itself. */
export class ReorgTooDeepError extends RunnelError {
  constructor(hash: string, height: number, limit: number) {
    super(
      'chain_reorg_too_deep',
      `more than ${limit} blocks up to ${hash} (height ${height}) have left the best chain: look at the chain backend`,
      { hash, height, limit },
    );
  }
}
