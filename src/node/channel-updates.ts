import { decodeGossip, isGossip } from '../../protocols/gossip/gossip-message.ts';
import { MESSAGE_TYPE_NUMBERS } from '../../protocols/wire/messages.ts';
import type { ChannelManager } from '../channels/channel-manager.ts';
import type { NodeId } from '../network/network.ts';
import { directionOf, type EdgePolicy } from '../routing/channel.ts';
import { readVerifiedUpdate } from '../routing/verified-update.ts';

const [TYPE_HIGH, TYPE_LOW] = [MESSAGE_TYPE_NUMBERS.channel_update >> 8, MESSAGE_TYPE_NUMBERS.channel_update & 0xff];

/**
 * The channel_updates of our own channels that gossip does not hold: ours as we said them last, for failure messages, and our peers' for
 * channels that are not announced, for the route hints of invoices. Bounded by the channels that exist.
 */
export class ChannelUpdates {
  readonly #self: NodeId;
  readonly #chainHash: Uint8Array;
  readonly #channels: ChannelManager;
  readonly #ours = new Map<bigint, Uint8Array>();
  readonly #theirs = new Map<bigint, EdgePolicy>();

  constructor(options: { self: NodeId; chainHash: Uint8Array; channels: ChannelManager }) {
    this.#self = options.self;
    this.#chainHash = options.chainHash;
    this.#channels = options.channels;
  }

  /** A message of our own that leaves. */
  noteOurs(message: Uint8Array): void {
    if (message[0] !== TYPE_HIGH || message[1] !== TYPE_LOW) return;
    const gossip = decodeGossip(message);
    if (isGossip(gossip, 'channel_update')) this.#ours.set(gossip.message.shortChannelId, message);
  }

  /** A channel_update that a peer sent us directly (BOLT 7: its policy for a channel with us). Anything else is not noted. */
  noteTheirs(peer: NodeId, message: Uint8Array): void {
    for (const { data } of this.#channels.ofPeer(peer)) {
      if (data.shortChannelId === undefined) continue;
      const edge = { shortChannelId: data.shortChannelId, direction: directionOf(peer, this.#self) };
      const policy = readVerifiedUpdate(message, this.#chainHash, peer, edge);
      const known = this.#theirs.get(data.shortChannelId);
      if (policy !== undefined && (known === undefined || known.timestamp < policy.timestamp)) this.#theirs.set(data.shortChannelId, policy);
    }
  }

  ours(shortChannelId: bigint): Uint8Array | undefined {
    return this.#ours.get(shortChannelId);
  }

  theirs(shortChannelId: bigint): EdgePolicy | undefined {
    return this.#theirs.get(shortChannelId);
  }

  /** Forgets channels that are gone. */
  prune(): void {
    const known = new Set([...this.#channels.all()].map(({ data }) => data.shortChannelId));
    for (const map of [this.#ours, this.#theirs]) for (const scid of map.keys()) if (!known.has(scid)) map.delete(scid);
  }
}
