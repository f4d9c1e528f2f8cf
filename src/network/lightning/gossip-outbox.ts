import type { Gossip } from '../../../protocols/gossip/gossip-message.ts';
import type { MessageOf } from '../../../protocols/wire/messages.ts';

/** Messages that may wait for one peer; what is left out it gets when it asks. */
const MAX_WAITING = 10_000;

/** What one peer is to be told with the next flush (BOLT 7, "Rebroadcasting"): of each subject the newest, in the order in which they came. */
export class GossipOutbox {
  #filter: { readonly first: number; readonly end: number } | undefined;
  readonly #waiting = new Map<string, Uint8Array>();

  /** BOLT 7, "The `gossip_timestamp_filter` Message": takes the place of any filter before it. */
  setFilter({ firstTimestamp, timestampRange }: MessageOf<'gossip_timestamp_filter'>): void {
    this.#filter = { first: firstTimestamp, end: firstTimestamp + timestampRange };
  }

  /** Takes messages in, if the peer wants what is as new as that. BOLT 7: none does that has not sent a filter. */
  add(messages: readonly Gossip[], timestamp: number): void {
    if (this.#filter === undefined || timestamp < this.#filter.first || timestamp >= this.#filter.end) return;
    // All or none: BOLT 7 forbids to tell an announcement without an update.
    if (this.#waiting.size + messages.length > MAX_WAITING) return;
    for (const gossip of messages) {
      const subject = subjectOf(gossip);
      this.#waiting.delete(subject);
      this.#waiting.set(subject, gossip.raw);
    }
  }

  /** What waits, which does so no longer. */
  take(): Uint8Array[] {
    const messages = [...this.#waiting.values()];
    this.#waiting.clear();
    return messages;
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
