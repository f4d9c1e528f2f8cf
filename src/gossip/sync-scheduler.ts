import { RunnelError } from '../../protocols/errors.ts';
import type { NodeId } from '../network/network.ts';
import type { Clock } from '../runtime/clock.ts';
import type { GossipLimits } from './limits.ts';
import type { SyncReport } from './sync.ts';

export interface SyncSchedulerOptions {
  /** Throws nothing but `RunnelError`. */
  readonly syncWith: (peer: NodeId) => Promise<SyncReport>;
  readonly clock: Clock;
  readonly limits: GossipLimits;
  readonly onProblem: (error: RunnelError) => void;
}

interface Turn {
  intervalMs: number;
  cancelTimer: () => void;
}

/**
 * When to catch up with whom: with a few connected peers, on connecting and then at growing intervals, with whoever has waited longest
 * each time, so that nobody decides for ever what this node learns. The broadcast is fast but may miss a message (published before
 * the mesh stood, or come too early and been ignored); this is what finds it.
 */
export class SyncScheduler {
  readonly #options: SyncSchedulerOptions;
  /** Those first that are connected longest, or that we caught up with longest ago. */
  readonly #connected = new Set<NodeId>();
  readonly #turns = new Map<NodeId, Turn>();
  #isStopped = false;

  constructor(options: SyncSchedulerOptions) {
    this.#options = options;
  }

  peerConnected(peer: NodeId): void {
    this.#connected.add(peer);
    this.#fill();
  }

  peerDisconnected(peer: NodeId): void {
    this.#connected.delete(peer);
    this.#turns.get(peer)?.cancelTimer();
    this.#turns.delete(peer);
    this.#fill();
  }

  stop(): void {
    this.#isStopped = true;
    for (const { cancelTimer } of this.#turns.values()) cancelTimer();
    this.#turns.clear();
  }

  /** Takes peers on while there is room. */
  #fill(): void {
    const { limits } = this.#options;
    while (!this.#isStopped && this.#turns.size < limits.maxSyncPeers) {
      const peer = this.#next();
      if (peer === undefined) return;
      void this.#sync(peer, { intervalMs: limits.minSyncIntervalMs, cancelTimer: () => {} });
    }
  }

  /** Who has waited longest. */
  #next(): NodeId | undefined {
    for (const peer of this.#connected) if (!this.#turns.has(peer)) return peer;
    return undefined;
  }

  /** The peer's time is over: the turn goes to the next, which may be the same. */
  #handOn(peer: NodeId, turn: Turn): void {
    this.#turns.delete(peer);
    const next = this.#next();
    if (next !== undefined) void this.#sync(next, turn);
  }

  async #sync(peer: NodeId, turn: Turn): Promise<void> {
    const { syncWith, clock, limits, onProblem } = this.#options;
    this.#turns.set(peer, turn);
    this.#connected.delete(peer);
    this.#connected.add(peer);
    let hasFailed = false;
    try {
      await syncWith(peer);
    } catch (error) {
      if (!(error instanceof RunnelError)) throw error;
      hasFailed = true;
      // Whoever has gone meanwhile owes no answer.
      if (this.#turns.get(peer) === turn) onProblem(error);
    }
    if (this.#turns.get(peer) !== turn) return;
    // Others do not wait long for a turn that brought nothing.
    const isSoon = hasFailed && this.#next() !== undefined;
    turn.cancelTimer = clock.setTimer(isSoon ? limits.minSyncIntervalMs : turn.intervalMs, () => this.#handOn(peer, turn));
    if (!isSoon) turn.intervalMs = Math.min(2 * turn.intervalMs, limits.maxSyncIntervalMs);
  }
}
