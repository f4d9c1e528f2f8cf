import { toString } from 'uint8arrays';
import { RunnelError } from '../../protocols/errors.ts';
import { updateDirection } from '../../protocols/gossip/channel-update.ts';
import { decodeGossip, isGossip, type GossipOf } from '../../protocols/gossip/gossip-message.ts';
import { updateChecksum } from '../../protocols/gossip/update-checksum.ts';
import { missingRequired } from '../../protocols/wire/features.ts';
import type { NodeId } from '../network/network.ts';
import { policyOf, type Direction } from '../routing/channel.ts';
import type { GraphChange } from '../routing/graph-change.ts';
import type { ChannelGraph } from '../routing/graph.ts';
import type { Clock } from '../runtime/clock.ts';
import { StorageError, type Database } from '../storage/database.ts';
import type { GossipLimits } from './limits.ts';
import { decodeImage, encodeImage, NOT_ANNOUNCED, type GraphImage } from './graph-image.ts';
import { KnownChannels, type ChannelFacts, type KnownChannel } from './known-channels.ts';
import { GossipRows, type ChannelRow } from './store-rows.ts';

export interface GossipStoreOptions {
  readonly database: Database;
  /** Read here; written through `apply` alone. */
  readonly graph: ChannelGraph;
  readonly apply: (change: GraphChange) => void;
  readonly clock: Clock;
  /** The features that this node knows: what demands others is kept, but not routed over. */
  readonly knownFeatures: Uint8Array;
  readonly limits: GossipLimits;
  readonly onStorageError: (error: StorageError) => void;
}

/** An image is made anew once so many rows have changed since, and this share of all channels. */
const MIN_CHANGED = 2_000;
const CHANGED_SHARE = 8;

/**
 * The gossip that was accepted: the messages in the database, what must be looked up at once in memory, and the graph
 * that follows from both. Nothing is checked here.
 */
export class GossipStore {
  readonly #options: GossipStoreOptions;
  readonly #rows: GossipRows;
  readonly #channels: KnownChannels;
  readonly #nodeTimestamps = new Map<NodeId, number>();

  constructor(options: GossipStoreOptions) {
    this.#options = options;
    this.#channels = new KnownChannels(options.graph);
    this.#rows = new GossipRows({ ...options, onFlushed: () => this.#imageIfDue() });
  }

  get graph(): ChannelGraph {
    return this.#options.graph;
  }

  /** The disk does not keep up: accept nothing more for now. */
  get isFull(): boolean {
    return this.#rows.isFull;
  }

  /** Fills the graph with what earlier runs have accepted. A row that cannot be read is dropped: peers have it too. */
  load(): void {
    const found = this.#rows.image(this.#options.knownFeatures);
    const image = found && decodeImage(found.image);
    if (found === undefined || image === undefined) {
      for (const row of this.#rows.channels()) this.#loadChannel(row);
      for (const row of this.#rows.nodes()) this.#loadNode(row.message);
      if (this.#channels.size > 0) this.#writeImage();
      return;
    }
    this.#loadImage(image);
    const nodes = new Set(found.nodes);
    for (const scid of found.channels) {
      const ends = this.#endsOf(scid);
      this.#forget(scid);
      // What is known of them has gone with their last channel, which may come back just now.
      for (const nodeId of ends) if (!this.graph.hasNode(nodeId)) nodes.add(nodeId);
      const row = this.#rows.channel(scid);
      if (row !== undefined) this.#loadChannel(row);
    }
    for (const nodeId of nodes) {
      const message = this.graph.hasNode(nodeId) ? this.#rows.nodeAnnouncement(nodeId) : undefined;
      if (message !== undefined) this.#loadNode(message);
      else this.#nodeTimestamps.delete(nodeId);
    }
  }

  channel(scid: bigint): Readonly<KnownChannel> | undefined {
    return this.#channels.get(scid);
  }

  /** The channel whose funding output this is. */
  channelAt(txid: string, outputIndex: number): bigint | undefined {
    return this.#channels.at(txid, outputIndex);
  }

  channels(): IterableIterator<[scid: bigint, known: Readonly<KnownChannel>]> {
    return this.#channels.entries();
  }

  /** The channel's announcement, byte for byte. */
  announcement(scid: bigint): Uint8Array | undefined {
    return this.#rows.announcement(scid);
  }

  /** The newest update of one direction. */
  update(scid: bigint, direction: Direction): Uint8Array | undefined {
    return this.#rows.update(scid, direction);
  }

  /** The newest announcement of a node. */
  nodeAnnouncement(nodeId: NodeId): Uint8Array | undefined {
    return this.#nodeTimestamps.has(nodeId) ? this.#rows.nodeAnnouncement(nodeId) : undefined;
  }

  /** BOLT 7's checksum of the newest update of one direction; 0 if there is none. */
  updateChecksum(scid: bigint, direction: Direction): number {
    return this.#channels.get(scid)?.checksum(direction) ?? 0;
  }

  /** Its timestamp; undefined if there is none. */
  nodeTimestamp(nodeId: NodeId): number | undefined {
    return this.#nodeTimestamps.get(nodeId);
  }

  /** One that is there already stays as it is. */
  addChannel(gossip: GossipOf<'channel_announcement'>, facts: ChannelFacts): void {
    if (this.#channels.get(gossip.message.shortChannelId) !== undefined) return;
    this.#takeChannel(gossip, facts);
    this.#rows.putChannel(gossip.message.shortChannelId, gossip.raw, facts);
  }

  /** Of a channel that is there. */
  addUpdate(gossip: GossipOf<'channel_update'>): void {
    this.#takeUpdate(gossip);
    this.#rows.putUpdate(gossip.message.shortChannelId, updateDirection(gossip.message), gossip.raw);
  }

  /** Of a node that has a channel. */
  addNode(gossip: GossipOf<'node_announcement'>): void {
    this.#takeNode(gossip);
    this.#rows.putNode(toString(gossip.message.nodeId, 'hex'), gossip.raw);
  }

  /** The funding output was spent at this height, or stands again (undefined). */
  setSpent(scid: bigint, spentHeight: number | undefined): void {
    const known = this.#channels.get(scid);
    if (known === undefined) return;
    known.spentHeight = spentHeight;
    const usable = known.featuresKnown && spentHeight === undefined;
    this.#options.apply({ type: 'channel_usable', shortChannelId: scid, usable });
    this.#rows.setSpent(scid, spentHeight);
  }

  /** Forgets a channel, and the nodes that have no other (BOLT 7, "Pruning the Network View"). */
  removeChannel(scid: bigint): void {
    const ends = this.#endsOf(scid);
    if (!this.#forget(scid)) return;
    this.#rows.deleteChannel(scid);
    for (const nodeId of ends) {
      if (!this.graph.hasNode(nodeId) && this.#nodeTimestamps.delete(nodeId)) this.#rows.deleteNode(nodeId);
    }
  }

  /** Writes what waits to be written. */
  flush(): void {
    this.#rows.flush();
  }

  /** Writes all there is, with an image of it for the next start. */
  stop(): void {
    this.#rows.stop();
    if (this.#rows.changedCount > 0) this.#writeImage();
  }

  #imageIfDue(): void {
    if (this.#rows.changedCount > Math.max(MIN_CHANGED, this.#channels.size / CHANGED_SHARE)) this.#writeImage();
  }

  /** An image has only what is on disk: while that refuses, none is made. */
  #writeImage(): void {
    if (!this.#rows.isSaved) return;
    const { knownFeatures, onStorageError } = this.#options;
    try {
      this.#rows.writeImage(encodeImage(this.#image()), knownFeatures);
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      onStorageError(error);
    }
  }

  #image(): GraphImage {
    const { graph } = this;
    const nodeTimestamp = Uint32Array.from({ length: graph.nodeSlots }, (_, node) => this.#nodeTimestamps.get(graph.nodeId(node)) ?? NOT_ANNOUNCED);
    return { ...graph.columns(), ...this.#channels.columns(), nodeTimestamp };
  }

  #loadImage(image: GraphImage): void {
    this.#options.apply({ type: 'restored', columns: image });
    this.#channels.restore(image);
    for (const [node, timestamp] of image.nodeTimestamp.entries()) {
      if (timestamp !== NOT_ANNOUNCED) this.#nodeTimestamps.set(this.graph.nodeId(node), timestamp);
    }
  }

  /** Out of memory and the graph; false if it is not there. */
  #forget(scid: bigint): boolean {
    if (this.#channels.get(scid) === undefined) return false;
    this.#channels.delete(scid);
    this.#options.apply({ type: 'channel_removed', shortChannelId: scid });
    return true;
  }

  #endsOf(scid: bigint): NodeId[] {
    const channel = this.graph.channel(scid);
    return channel === undefined ? [] : [channel.nodeId1, channel.nodeId2];
  }

  #loadChannel(row: ChannelRow): void {
    const facts = {
      capacitySat: row.capacity_sat,
      fundingTxid: row.funding_txid,
      addedAt: row.added_at,
      spentHeight: row.spent_height ?? undefined,
    };
    this.#readable(row.message, 'channel_announcement', (gossip) => this.#takeChannel(gossip, facts));
    if (this.graph.channelIndex(row.short_channel_id_u64) === undefined) return;
    for (const direction of [0, 1] as const) {
      const message = this.#rows.update(row.short_channel_id_u64, direction);
      if (message !== undefined) this.#readable(message, 'channel_update', (gossip) => this.#takeUpdate(gossip));
    }
  }

  #loadNode(message: Uint8Array): void {
    this.#readable(message, 'node_announcement', (gossip) => this.#takeNode(gossip));
  }

  #takeChannel({ message }: GossipOf<'channel_announcement'>, facts: ChannelFacts): void {
    const { shortChannelId } = message;
    // BOLT 7: a channel with an unknown even feature is announced like any other, but not routed over.
    const featuresKnown = missingRequired(message.features, this.#options.knownFeatures).length === 0;
    const [nodeId1, nodeId2] = [toString(message.nodeId1, 'hex'), toString(message.nodeId2, 'hex')];
    const usable = featuresKnown && facts.spentHeight === undefined;
    const channel = { shortChannelId, nodeId1, nodeId2, capacityMsat: facts.capacitySat * 1000n, usable };
    this.#options.apply({ type: 'channel_added', channel });
    this.#channels.add(shortChannelId, facts, featuresKnown);
  }

  #takeUpdate({ raw, message }: GossipOf<'channel_update'>): void {
    const { shortChannelId } = message;
    const direction = updateDirection(message);
    this.#channels.get(shortChannelId)?.setChecksum(direction, updateChecksum(raw));
    this.#options.apply({ type: 'channel_updated', shortChannelId, direction, policy: policyOf(message) });
  }

  #takeNode({ message }: GossipOf<'node_announcement'>): void {
    const nodeId = toString(message.nodeId, 'hex');
    this.#nodeTimestamps.set(nodeId, message.timestamp);
    const usable = missingRequired(message.features, this.#options.knownFeatures).length === 0;
    this.#options.apply({ type: 'node_usable', nodeId, usable });
  }

  #readable<N extends 'channel_announcement' | 'channel_update' | 'node_announcement'>(
    message: Uint8Array, name: N, take: (gossip: GossipOf<N>) => void,
  ): void {
    try {
      const gossip = decodeGossip(message);
      if (isGossip(gossip, name)) take(gossip as unknown as GossipOf<N>);
    } catch (error) {
      if (!(error instanceof RunnelError)) throw error;
    }
  }
}
