import { toString } from 'uint8arrays';
import { RunnelError } from '../../protocols/errors.ts';
import { updateDirection } from '../../protocols/gossip/channel-update.ts';
import { decodeGossip, isGossip, type GossipOf } from '../../protocols/gossip/gossip-message.ts';
import { scidToParts } from '../../protocols/gossip/short-channel-id.ts';
import { missingRequired } from '../../protocols/wire/features.ts';
import type { NodeId } from '../network/network.ts';
import { policyOf, type Direction } from '../routing/channel.ts';
import type { GraphChange } from '../routing/graph-change.ts';
import type { ChannelGraph } from '../routing/graph.ts';
import type { Clock } from '../runtime/clock.ts';
import { u64, type Database, type StorageError } from '../storage/database.ts';
import type { GossipLimits } from './limits.ts';
import { gossipMigrations } from './schema.ts';
import { WriteBehind } from '../storage/write-behind.ts';

/** What the chain said of a channel when it was accepted, and since. */
export interface ChannelFacts {
  readonly capacitySat: bigint;
  /** Hex, in display order. */
  readonly fundingTxid: string;
  /** Seconds since 1970. */
  readonly addedAt: number;
  /** Where the funding output was spent, or vanished in a reorg; undefined while it stands. */
  readonly spentHeight: number | undefined;
}

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

interface KnownChannel extends ChannelFacts {
  readonly featuresKnown: boolean;
}

interface ChannelRow {
  readonly short_channel_id_u64: bigint;
  readonly message: Uint8Array;
  readonly capacity_sat: bigint;
  readonly funding_txid: string;
  readonly added_at: number;
  readonly spent_height: number | null;
}

const PAGE = 1000;

/**
 * The gossip that was accepted: the messages in the database, what must be looked up at once in memory, and the graph
 * that follows from both. Nothing is checked here.
 */
export class GossipStore {
  readonly #options: GossipStoreOptions;
  readonly #writes: WriteBehind;
  readonly #channels = new Map<bigint, KnownChannel>();
  readonly #byOutpoint = new Map<string, bigint>();
  readonly #nodeTimestamps = new Map<NodeId, number>();

  constructor(options: GossipStoreOptions) {
    this.#options = options;
    const { database, clock, limits, onStorageError } = options;
    this.#writes = new WriteBehind({
      database, clock, delayMs: limits.saveDelayMs, maxWrites: limits.maxUnsaved, onError: onStorageError,
    });
    database.migrate('gossip', gossipMigrations);
  }

  get graph(): ChannelGraph {
    return this.#options.graph;
  }

  /** The disk does not keep up: accept nothing more for now. */
  get isFull(): boolean {
    return this.#writes.isFull;
  }

  /** Fills the graph with what earlier runs have accepted. A row that cannot be read is dropped: peers have it too. */
  load(): void {
    const { database } = this.#options;
    this.#pages<ChannelRow, bigint>(
      -(2n ** 63n),
      (after) => database.all(
        'SELECT * FROM gossip_channels WHERE short_channel_id_u64 > ? ORDER BY short_channel_id_u64 LIMIT ?',
        after, PAGE,
      ),
      (row) => u64(row.short_channel_id_u64),
      (row) => this.#loadChannel(row),
    );
    for (const scid of this.#channels.keys()) {
      for (const direction of [0, 1] as const) {
        const message = this.update(scid, direction);
        if (message !== undefined) this.#readable(message, 'channel_update', (gossip) => this.#takeUpdate(gossip));
      }
    }
    this.#pages<{ node_id: string; message: Uint8Array }, string>(
      '',
      (after) => database.all('SELECT * FROM gossip_nodes WHERE node_id > ? ORDER BY node_id LIMIT ?', after, PAGE),
      (row) => row.node_id,
      (row) => this.#readable(row.message, 'node_announcement', (gossip) => this.#takeNode(gossip)),
    );
  }

  channel(scid: bigint): ChannelFacts | undefined {
    return this.#channels.get(scid);
  }

  /** The channel whose funding output this is. */
  channelAt(txid: string, outputIndex: number): bigint | undefined {
    return this.#byOutpoint.get(`${txid}:${outputIndex}`);
  }

  channels(): IterableIterator<[scid: bigint, facts: ChannelFacts]> {
    return this.#channels.entries();
  }

  /** The channel's announcement, byte for byte. */
  announcement(scid: bigint): Uint8Array | undefined {
    return this.#message(
      channelKey(scid), 'SELECT message FROM gossip_channels WHERE short_channel_id_u64 = ?', u64(scid),
    );
  }

  /** The newest update of one direction. */
  update(scid: bigint, direction: Direction): Uint8Array | undefined {
    const sql = 'SELECT message FROM gossip_updates WHERE short_channel_id_u64 = ? AND direction = ?';
    return this.#message(updateKey(scid, direction), sql, u64(scid), direction);
  }

  /** The newest announcement of a node. */
  nodeAnnouncement(nodeId: NodeId): Uint8Array | undefined {
    if (!this.#nodeTimestamps.has(nodeId)) return undefined;
    return this.#message(nodeKey(nodeId), 'SELECT message FROM gossip_nodes WHERE node_id = ?', nodeId);
  }

  /** Its timestamp; undefined if there is none. */
  nodeTimestamp(nodeId: NodeId): number | undefined {
    return this.#nodeTimestamps.get(nodeId);
  }

  addChannel(gossip: GossipOf<'channel_announcement'>, facts: ChannelFacts): void {
    const scid = gossip.message.shortChannelId;
    this.#takeChannel(gossip, facts);
    this.#writes.put(
      channelKey(scid), gossip.raw,
      'INSERT OR REPLACE INTO gossip_channels '
        + '(short_channel_id_u64, message, capacity_sat, funding_txid, added_at, spent_height) '
        + 'VALUES (?, ?, ?, ?, ?, ?)',
      u64(scid), gossip.raw, facts.capacitySat, facts.fundingTxid, facts.addedAt, facts.spentHeight,
    );
  }

  /** Of a channel that is there. */
  addUpdate(gossip: GossipOf<'channel_update'>): void {
    const scid = gossip.message.shortChannelId;
    const direction = updateDirection(gossip.message);
    this.#takeUpdate(gossip);
    this.#writes.put(
      updateKey(scid, direction), gossip.raw,
      'INSERT OR REPLACE INTO gossip_updates (short_channel_id_u64, direction, message) VALUES (?, ?, ?)',
      u64(scid), direction, gossip.raw,
    );
  }

  /** Of a node that has a channel. */
  addNode(gossip: GossipOf<'node_announcement'>): void {
    const nodeId = toString(gossip.message.nodeId, 'hex');
    this.#takeNode(gossip);
    this.#writes.put(
      nodeKey(nodeId), gossip.raw,
      'INSERT OR REPLACE INTO gossip_nodes (node_id, message) VALUES (?, ?)', nodeId, gossip.raw,
    );
  }

  /** The funding output was spent at this height, or stands again (undefined). */
  setSpent(scid: bigint, spentHeight: number | undefined): void {
    const known = this.#channels.get(scid);
    if (known === undefined) return;
    this.#channels.set(scid, { ...known, spentHeight });
    const usable = known.featuresKnown && spentHeight === undefined;
    this.#options.apply({ type: 'channel_usable', shortChannelId: scid, usable });
    const sql = 'UPDATE gossip_channels SET spent_height = ? WHERE short_channel_id_u64 = ?';
    this.#writes.put(`s/${scid}`, undefined, sql, spentHeight, u64(scid));
  }

  /** Forgets a channel, and the nodes that have no other (BOLT 7, "Pruning the Network View"). */
  removeChannel(scid: bigint): void {
    const known = this.#channels.get(scid);
    const ends = this.graph.channel(scid);
    if (known === undefined) return;
    this.#channels.delete(scid);
    this.#byOutpoint.delete(outpointOf(scid, known.fundingTxid));
    this.#options.apply({ type: 'channel_removed', shortChannelId: scid });
    this.#writes.put(
      channelKey(scid), undefined, 'DELETE FROM gossip_channels WHERE short_channel_id_u64 = ?', u64(scid),
    );
    for (const direction of [0, 1] as const) {
      const sql = 'DELETE FROM gossip_updates WHERE short_channel_id_u64 = ? AND direction = ?';
      this.#writes.put(updateKey(scid, direction), undefined, sql, u64(scid), direction);
    }
    for (const nodeId of ends === undefined ? [] : [ends.nodeId1, ends.nodeId2]) {
      if (this.graph.hasNode(nodeId) || !this.#nodeTimestamps.delete(nodeId)) continue;
      this.#writes.put(nodeKey(nodeId), undefined, 'DELETE FROM gossip_nodes WHERE node_id = ?', nodeId);
    }
  }

  /** Writes what waits to be written. */
  flush(): void {
    this.#writes.flush();
  }

  stop(): void {
    this.#writes.stop();
  }

  #message(key: string, sql: string, ...parameters: (string | bigint | number)[]): Uint8Array | undefined {
    const unsaved = this.#writes.get(key);
    if (unsaved !== undefined) return unsaved.message;
    return this.#options.database.get<{ message: Uint8Array }>(sql, ...parameters)?.message;
  }

  #loadChannel(row: ChannelRow): void {
    const facts = {
      capacitySat: row.capacity_sat,
      fundingTxid: row.funding_txid,
      addedAt: row.added_at,
      spentHeight: row.spent_height ?? undefined,
    };
    this.#readable(row.message, 'channel_announcement', (gossip) => this.#takeChannel(gossip, facts));
  }

  #takeChannel({ message }: GossipOf<'channel_announcement'>, facts: ChannelFacts): void {
    const { shortChannelId, nodeId1, nodeId2 } = message;
    // BOLT 7: a channel with an unknown even feature is announced like any other, but not routed over.
    const featuresKnown = missingRequired(message.features, this.#options.knownFeatures).length === 0;
    this.#channels.set(shortChannelId, { ...facts, featuresKnown });
    this.#byOutpoint.set(outpointOf(shortChannelId, facts.fundingTxid), shortChannelId);
    this.#options.apply({
      type: 'channel_added',
      channel: {
        shortChannelId,
        nodeId1: toString(nodeId1, 'hex'),
        nodeId2: toString(nodeId2, 'hex'),
        capacityMsat: facts.capacitySat * 1000n,
        usable: featuresKnown && facts.spentHeight === undefined,
      },
    });
  }

  #takeUpdate({ message }: GossipOf<'channel_update'>): void {
    const { shortChannelId } = message;
    this.#options.apply(
      { type: 'channel_updated', shortChannelId, direction: updateDirection(message), policy: policyOf(message) },
    );
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

  /** Reads a table in pieces, by its key from `start` on. */
  #pages<Row, Key>(start: Key, read: (after: Key) => Row[], keyOf: (row: Row) => Key, take: (row: Row) => void): void {
    for (let rows = read(start); ; ) {
      for (const row of rows) take(row);
      const last = rows.at(-1);
      if (last === undefined || rows.length < PAGE) return;
      rows = read(keyOf(last));
    }
  }
}

function outpointOf(scid: bigint, fundingTxid: string): string {
  return `${fundingTxid}:${scidToParts(scid).outputIndex}`;
}

const channelKey = (scid: bigint): string => `c/${scid}`;
const updateKey = (scid: bigint, direction: Direction): string => `u/${scid}/${direction}`;
const nodeKey = (nodeId: NodeId): string => `n/${nodeId}`;
