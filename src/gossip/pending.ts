import { toString } from 'uint8arrays';
import type { Gossip, GossipOf } from '../../protocols/gossip/gossip-message.ts';
import { scidToParts } from '../../protocols/gossip/short-channel-id.ts';
import type { MessageOf } from '../../protocols/wire/messages.ts';
import type { NodeId } from '../network/network.ts';
import { BoundedMap } from '../runtime/bounded-map.ts';

/** Several, since any of them may be forged; with more, the oldest goes. */
const MAX_PER_KEY = 4;

export interface Held<G extends Gossip = Gossip> {
  readonly gossip: G;
  /** Who told it. */
  readonly from: NodeId;
}

/**
 * Messages that came too early: before the channel that they speak of was announced, or before it was deep enough. They
 * may be forged, and there are at most so many: a flood pushes out what is older, and what is lost comes with the next
 * sync. What this node says itself comes with none: what others say of the same channel or node does not push it out.
 */
export class PendingGossip {
  readonly #self: NodeId;
  readonly #updates: BoundedMap<bigint, readonly Held[]>;
  readonly #nodes: BoundedMap<string, readonly Held[]>;
  readonly #announcements: BoundedMap<bigint, readonly Held<GossipOf<'channel_announcement'>>[]>;

  /** `maxKeys` channels, nodes and announcements each. */
  constructor(self: NodeId, maxKeys: number) {
    this.#self = self;
    this.#updates = new BoundedMap(maxKeys);
    this.#nodes = new BoundedMap(maxKeys);
    this.#announcements = new BoundedMap(maxKeys);
  }

  /** Until its channel is announced. */
  holdUpdate(gossip: GossipOf<'channel_update'>, from: NodeId): void {
    this.#hold(this.#updates, gossip.message.shortChannelId, { gossip, from });
  }

  /** Until a channel of its node is announced. */
  holdNode(gossip: GossipOf<'node_announcement'>, from: NodeId): void {
    this.#hold(this.#nodes, toString(gossip.message.nodeId, 'hex'), { gossip, from });
  }

  /** Until its output is deep enough. */
  holdAnnouncement(gossip: GossipOf<'channel_announcement'>, from: NodeId): void {
    this.#hold(this.#announcements, gossip.message.shortChannelId, { gossip, from });
  }

  /** Takes out what waited for the announcement of this channel, in the order in which it came. */
  takeFor({ shortChannelId, nodeId1, nodeId2 }: MessageOf<'channel_announcement'>): Held[] {
    return [
      ...take(this.#updates, shortChannelId),
      ...take(this.#nodes, toString(nodeId1, 'hex')),
      ...take(this.#nodes, toString(nodeId2, 'hex')),
    ];
  }

  /** Takes out the announcements whose output has at least this depth when the tip has this height. */
  takeDeepEnough(tipHeight: number, minConfirmations: number): Held<GossipOf<'channel_announcement'>>[] {
    const scids = [...this.#announcements.keys()].filter(
      (scid) => scidToParts(scid).blockHeight + minConfirmations - 1 <= tipHeight,
    );
    return scids.flatMap((scid) => [...take(this.#announcements, scid)]);
  }

  #hold<K, G extends Gossip>(map: BoundedMap<K, readonly Held<G>[]>, key: K, held: Held<G>): void {
    const all = [...(map.get(key) ?? []), held];
    const oldest = Math.max(0, all.findIndex(({ from }) => from !== this.#self));
    map.set(key, all.length > MAX_PER_KEY ? all.toSpliced(oldest, 1) : all);
  }
}

function take<K, V>(map: BoundedMap<K, readonly V[]>, key: K): readonly V[] {
  const held = map.get(key) ?? [];
  map.delete(key);
  return held;
}
