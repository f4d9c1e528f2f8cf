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
 * When to catch up with whom: with the first few connected peers, on connecting and then at growing intervals. The broadcast is fast but may miss a message (published before the mesh stood, or come too early and been
 * ignored); this is what finds it.
 */
export class SyncScheduler {
  readonly #options: SyncSchedulerOptions;
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

  /** Takes peers on while there is room, those first that are connected longest. */
  #fill(): void {
    const { limits } = this.#options;
    for (const peer of this.#connected) {
      if (this.#isStopped || this.#turns.size >= limits.maxSyncPeers) return;
      if (this.#turns.has(peer)) continue;
      const turn: Turn = { intervalMs: limits.minSyncIntervalMs, cancelTimer: () => {} };
      this.#turns.set(peer, turn);
      void this.#sync(peer, turn);
    }
  }

  async #sync(peer: NodeId, turn: Turn): Promise<void> {
    const { syncWith, clock, limits, onProblem } = this.#options;
    if (this.#turns.get(peer) !== turn) return;
    try {
      await syncWith(peer);
    } catch (error) {
      if (!(error instanceof RunnelError)) throw error;
      // Whoever has gone meanwhile owes no answer.
      if (this.#turns.get(peer) === turn) onProblem(error);
    }
    if (this.#turns.get(peer) !== turn) return;
    turn.cancelTimer = clock.setTimer(turn.intervalMs, () => void this.#sync(peer, turn));
    turn.intervalMs = Math.min(2 * turn.intervalMs, limits.maxSyncIntervalMs);
  }
}
