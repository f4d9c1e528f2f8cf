import { equals } from 'uint8arrays/equals';
import { toString } from 'uint8arrays/to-string';
import { isGossip, type Gossip } from '../../../protocols/gossip/gossip-message.ts';
import type { MessageOf } from '../../../protocols/wire/messages.ts';
import type { GossipNews } from '../network.ts';

/** Messages that may wait for one peer; what is left out it gets when it asks. */
const MAX_WAITING = 10_000;
/** Channels of which it is remembered that the peer was not told; of more of them it is told again and again. */
const MAX_UNTOLD = 10_000;

/**
 * What one peer is to be told with the next flush (BOLT 7, "Rebroadcasting"): of each subject the newest, in the order in which they came. An update comes
 * with the announcement of its channel if the peer may not know it, since many drop an update of a channel that they do not know.
 */
export class GossipOutbox {
  #hasOwn = false;
  #filter: { readonly first: number; readonly end: number } | undefined;
  readonly #waiting = new Map<string, Uint8Array>();
  /** Channels of whose announcement the peer was not told, since it did not want it then or there was no room. */
  readonly #untold = new Set<bigint>();

  /** BOLT 7, "The `gossip_timestamp_filter` Message": takes the place of any filter before it. */
  setFilter({ firstTimestamp, timestampRange }: MessageOf<'gossip_timestamp_filter'>): void {
    this.#filter = { first: firstTimestamp, end: firstTimestamp + timestampRange };
  }

  /** Among what waits is something that this node says itself, and that waits for no flush. */
  get hasOwn(): boolean {
    return this.#hasOwn;
  }

  /** Takes in what is new, if the peer wants what is as new as that. BOLT 7: none does that has not sent a filter. */
  add(news: GossipNews): void {
    this.#add(news, false);
  }

  /** Takes in what this node says itself, behind what waits. */
  addOwn(news: GossipNews): void {
    this.#hasOwn = true;
    this.#add(news, true);
  }

  /** What waits, which does so no longer. */
  take(): Uint8Array[] {
    const messages = [...this.#waiting.values()];
    this.#waiting.clear();
    this.#hasOwn = false;
    return messages;
  }

  #add({ gossip, isFirst, introduction }: GossipNews, isOwn: boolean): void {
    const isWanted = isOwn || this.#wants(gossip.message);
    if (!isGossip(gossip, 'channel_update')) {
      if (isWanted) this.#put([gossip], isOwn);
      return;
    }
    const { shortChannelId } = gossip.message;
    const isKnown = !isFirst && !this.#isUntold(shortChannelId);
    const introduced = isKnown || !isWanted ? undefined : introduction();
    // BOLT 7: an announcement counts as being as old as the update that it goes with.
    if (isWanted && this.#put(introduced === undefined ? [gossip] : [introduced.announcement, gossip], isOwn)) {
      this.#untold.delete(shortChannelId);
      for (const node of introduced?.nodes ?? []) if (isOwn || this.#wants(node.message)) this.#put([node], isOwn);
    } else if (!isKnown && this.#untold.size < MAX_UNTOLD) {
      this.#untold.add(shortChannelId);
    }
  }

  #isUntold(shortChannelId: bigint): boolean {
    return this.#untold.has(shortChannelId) || this.#untold.size >= MAX_UNTOLD;
  }

  #wants({ timestamp }: { readonly timestamp: number }): boolean {
    return this.#filter !== undefined && timestamp >= this.#filter.first && timestamp < this.#filter.end;
  }

  /** All or none; false for none. What this node says itself always has room. */
  #put(messages: readonly Gossip[], isOwn: boolean): boolean {
    const added = messages.filter((gossip) => !this.#waiting.has(subjectOf(gossip)));
    if (!isOwn && this.#waiting.size + added.length > MAX_WAITING) return false;
    for (const gossip of messages) this.#putOne(gossip);
    return true;
  }

  #putOne(gossip: Gossip): void {
    const subject = subjectOf(gossip);
    const waiting = this.#waiting.get(subject);
    // It stays where it is, in front of what follows from it.
    if (waiting !== undefined && equals(waiting, gossip.raw)) return;
    this.#waiting.delete(subject);
    this.#waiting.set(subject, gossip.raw);
    if (!isGossip(gossip, 'channel_announcement')) return;
    // After a reorg another channel is there: what waits was said of the one before.
    for (const direction of [0, 1]) this.#waiting.delete(updateSubject(gossip.message.shortChannelId, direction));
  }
}

const updateSubject = (shortChannelId: bigint, direction: number): string => `update ${shortChannelId} ${direction}`;

function subjectOf({ message }: Gossip): string {
  switch (message.type) {
    case 'channel_announcement':
      return `channel ${message.shortChannelId}`;
    case 'channel_update':
      return updateSubject(message.shortChannelId, message.channelFlags & 1);
    case 'node_announcement':
      return `node ${toString(message.nodeId, 'hex')}`;
  }
}
