import { setImmediate } from 'node:timers/promises';
import type { ChannelStore } from './channel-store.ts';
import { ChannelReplay, type ReplayStep } from './replay.ts';

/** A channel as it was after one entry of its journal, and what that entry did. */
export interface Moment extends ReplayStep {
  readonly hash: Uint8Array;
  /** The channel then: its snapshot, its HTLCs, its points. It takes no further step. */
  readonly channel: Pick<ChannelReplay, 'snapshot' | 'data' | 'htlcs' | 'localPoint'>;
}

/** Entries that are replayed before others of this process come to their turn. */
const ENTRIES_AT_ONCE = 20;

/**
 * Takes a channel back to where it was after that entry of this node's own journal, from the checkpoint before it. Undefined where the journal has no
 * such entry, or has it no more. Throws `ReplayError` for a journal that contradicts itself.
 */
export async function replayTo(store: ChannelStore, channelIndex: number, sequence: number): Promise<Moment | undefined> {
  const start = store.lastCheckpoint(channelIndex, sequence) ?? 0;
  const replay = new ChannelReplay({ isTrusted: true });
  for (let from = start; from <= sequence; from += ENTRIES_AT_ONCE) {
    const entries = store.journal(channelIndex, from, Math.min(ENTRIES_AT_ONCE, sequence - from + 1));
    // It may be cut short in the meantime; then there is nothing to begin from.
    if (entries[0]?.entry.sequence !== from) return undefined;
    for (const chained of entries) {
      const step = replay.step(chained);
      if (chained.entry.sequence === sequence) return { ...step, hash: chained.hash, channel: replay };
    }
    await setImmediate();
  }
  return undefined;
}
