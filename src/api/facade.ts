/** The seam between the node and what stands in front of it: the daemon starts a node and serves its facade. */
import type { Config } from '../config/config.ts';
import type { Logger } from '../logging.ts';
import type { NodeApi } from './contract.ts';
import type { NodeEvents } from './events.ts';

/** Metrics in Prometheus' text format. */
export interface MetricsText {
  readonly contentType: string;
  readonly text: string;
}

export interface RunningNode {
  readonly api: NodeApi;
  readonly events: NodeEvents;
  /** The node and its process for Prometheus. */
  metrics(): Promise<MetricsText>;
  /**
   * Resolves when everything begun is on disk, and links, chain and store are closed. May be called more than once.
   * After it is called, the API's functions reject with an `ApiError` of kind `unavailable`.
   */
  stop(): Promise<void>;
  /** Rejects with what ended the node when it cannot go on (a failed store, a lost lock); never resolves otherwise. */
  readonly failed: Promise<never>;
}

/** What a start is to bring back, from files that the user names. */
export interface RecoveryFiles {
  /** The 24 words of the seed. */
  readonly seedWords?: string;
  /** A channel backup. */
  readonly backup?: string;
  /** The height from which the chain is gone through for the wallet's coins, where no backup says it. */
  readonly rescanFrom?: number;
}

/**
 * What `src/node.ts` exports. Resolves once the node answers its API; rejects with a `RunnelError` whose message tells
 * the user what is wrong (a locked or damaged data folder, a wrong passphrase, no chain). Waits for a bitcoind that is
 * still starting or catching up; a `signal` that is aborted meanwhile ends that, and it rejects with the signal's reason.
 */
export type StartNode = (config: Config, logger: Logger, signal?: AbortSignal, recovery?: RecoveryFiles) => Promise<RunningNode>;
