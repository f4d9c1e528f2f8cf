import { equals } from 'uint8arrays/equals';
import type { Gossip } from '../../../protocols/gossip/gossip-message.ts';
import type { MessageOf } from '../../../protocols/wire/messages.ts';

/** Messages that may wait for one peer; what is left out it gets when it asks. */
const MAX_WAITING = 10_000;

/** What one peer is to be told with the next flush (BOLT 7, "Rebroadcasting"): of each subject the newest, in the order in which they came. */
export class GossipOutbox {
  #hasOwn = false;
  #filter: { readonly first: number; readonly end: number } | undefined;
  readonly #waiting = new Map<string, Uint8Array>();

  /** BOLT 7, "The `gossip_timestamp_filter` Message": takes the place of any filter before it. */
  setFilter({ firstTimestamp, timestampRange }: MessageOf<'gossip_timestamp_filter'>): void {
    this.#filter = { first: firstTimestamp, end: firstTimestamp + timestampRange };
  }

  /** Among what waits is something that this node says itself, and that waits for no flush. */
  get hasOwn(): boolean {
    return this.#hasOwn;
  }

  /** Takes messages in, if the peer wants what is as new as that. BOLT 7: none does that has not sent a filter. */
  add(messages: readonly Gossip[], timestamp: number): void {
    if (this.#filter === undefined || timestamp < this.#filter.first || timestamp >= this.#filter.end) return;
    // All or none: BOLT 7 forbids to tell an announcement without an update.
    if (this.#waiting.size + messages.length <= MAX_WAITING) this.#put(messages);
  }

  /** Takes in what this node says itself, behind what waits: a channel that it speaks of may be announced there. */
  addOwn(messages: readonly Gossip[]): void {
    this.#hasOwn = true;
    this.#put(messages);
  }

  /** What waits, which does so no longer. */
  take(): Uint8Array[] {
    const messages = [...this.#waiting.values()];
    this.#waiting.clear();
    this.#hasOwn = false;
    return messages;
  }

  #put(messages: readonly Gossip[]): void {
    for (const gossip of messages) {
      const subject = subjectOf(gossip);
      const waiting = this.#waiting.get(subject);
      // It stays where it is, in front of what follows from it.
      if (waiting !== undefined && equals(waiting, gossip.raw)) continue;
      this.#waiting.delete(subject);
      this.#waiting.set(subject, gossip.raw);
    }
  }
}

function subjectOf({ message }: Gossip): string {
  switch (message.type) {
    case 'channel_announcement':
      return `channel ${message.shortChannelId}`;
    case 'channel_update':
      return `update ${message.shortChannelId} ${message.channelFlags & 1}`;
    case 'node_announcement':
      return `node ${String(message.nodeId)}`;
  }
}
