import { toString } from 'uint8arrays';
import type { GossipOf } from '../../protocols/gossip/gossip-message.ts';
import { scidToParts } from '../../protocols/gossip/short-channel-id.ts';
import type { MessageOf } from '../../protocols/wire/messages.ts';
import { BoundedMap } from '../runtime/bounded-map.ts';

/** Several, since any of them may be forged; with more, the oldest goes. */
const MAX_PER_KEY = 4;

/**
 * Messages that came too early: before the channel that they speak of was announced, or before it was deep enough. They
 * may be forged, and there are at most so many: a flood pushes out what is older, and what is lost comes with the next
 * sync.
 */
export class PendingGossip {
  readonly #updates: BoundedMap<bigint, readonly Uint8Array[]>;
  readonly #nodes: BoundedMap<string, readonly Uint8Array[]>;
  readonly #announcements: BoundedMap<bigint, readonly GossipOf<'channel_announcement'>[]>;

  /** `maxKeys` channels, nodes and announcements each. */
  constructor(maxKeys: number) {
    this.#updates = new BoundedMap(maxKeys);
    this.#nodes = new BoundedMap(maxKeys);
    this.#announcements = new BoundedMap(maxKeys);
  }

  /** Until its channel is announced. */
  holdUpdate({ raw, message }: GossipOf<'channel_update'>): void {
    hold(this.#updates, message.shortChannelId, raw);
  }

  /** Until a channel of its node is announced. */
  holdNode({ raw, message }: GossipOf<'node_announcement'>): void {
    hold(this.#nodes, toString(message.nodeId, 'hex'), raw);
  }

  /** Until its output is deep enough. */
  holdAnnouncement(gossip: GossipOf<'channel_announcement'>): void {
    hold(this.#announcements, gossip.message.shortChannelId, gossip);
  }

  /** Takes out what waited for the announcement of this channel, in the order in which it came. */
  takeFor({ shortChannelId, nodeId1, nodeId2 }: MessageOf<'channel_announcement'>): Uint8Array[] {
    return [
      ...take(this.#updates, shortChannelId),
      ...take(this.#nodes, toString(nodeId1, 'hex')),
      ...take(this.#nodes, toString(nodeId2, 'hex')),
    ];
  }

  /** Takes out the announcements whose output has at least this depth when the tip has this height. */
  takeDeepEnough(tipHeight: number, minConfirmations: number): GossipOf<'channel_announcement'>[] {
    const scids = [...this.#announcements.keys()].filter(
      (scid) => scidToParts(scid).blockHeight + minConfirmations - 1 <= tipHeight,
    );
    return scids.flatMap((scid) => [...take(this.#announcements, scid)]);
  }
}

function hold<K, V>(map: BoundedMap<K, readonly V[]>, key: K, value: V): void {
  map.set(key, [...(map.get(key) ?? []), value].slice(-MAX_PER_KEY));
}

function take<K, V>(map: BoundedMap<K, readonly V[]>, key: K): readonly V[] {
  const held = map.get(key) ?? [];
  map.delete(key);
  return held;
}
