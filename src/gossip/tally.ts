import type { GossipReason } from './outcome.ts';

/** What came in since the start, for metrics. */
export class GossipTally {
  /** Messages judged, by what became of them. */
  readonly outcomes = new Map<GossipReason, number>();
  /** Of messages that came by themselves, and of answers to queries. */
  broadcastBytes = 0;
  syncBytes = 0;

  judged(reason: GossipReason): void {
    this.outcomes.set(reason, (this.outcomes.get(reason) ?? 0) + 1);
  }
}
