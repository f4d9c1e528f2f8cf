import type { NodeId } from '../network/network.ts';
import type { Direction } from '../routing/channel.ts';
import type { Clock } from '../runtime/clock.ts';
import { u64, type Database, type StorageError } from '../storage/database.ts';
import { WriteBehind } from '../storage/write-behind.ts';
import type { GossipLimits } from './limits.ts';
import { gossipMigrations } from './schema.ts';
import type { ChannelFacts } from './known-channels.ts';

export interface GossipRowsOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly limits: GossipLimits;
  readonly onStorageError: (error: StorageError) => void;
  /** What was put is on disk. */
  readonly onFlushed: () => void;
}

export interface ChannelRow {
  readonly short_channel_id_u64: bigint;
  readonly message: Uint8Array;
  readonly capacity_sat: bigint;
  readonly funding_txid: string;
  readonly added_at: number;
  readonly spent_height: number | null;
}

export interface NodeRow {
  readonly node_id: NodeId;
  readonly message: Uint8Array;
}

const PAGE = 1000;

/** The tables of gossip: messages as they came, written behind, and the image of all that follows from them. */
export class GossipRows {
  readonly #database: Database;
  readonly #writes: WriteBehind;
  /** Channels and nodes whose rows the image does not have as they are. */
  readonly #changed = new Set<bigint | NodeId>();

  constructor({ database, clock, limits, onStorageError, onFlushed }: GossipRowsOptions) {
    this.#database = database;
    const { saveDelayMs: delayMs, maxUnsaved: maxWrites } = limits;
    this.#writes = new WriteBehind({ database, clock, delayMs, maxWrites, onError: onStorageError, onFlushed });
    database.migrate('gossip', gossipMigrations);
    for (const scid of this.#changedChannels()) this.#changed.add(scid);
    for (const nodeId of this.#changedNodes()) this.#changed.add(nodeId);
  }

  /** The disk does not keep up: accept nothing more for now. */
  get isFull(): boolean {
    return this.#writes.isFull;
  }

  /** All that was put is on disk. */
  get isSaved(): boolean {
    return this.#writes.isEmpty;
  }

  /** How many channels and nodes have changed since the image was made. */
  get changedCount(): number {
    return this.#changed.size;
  }

  /** The channel's announcement, byte for byte. */
  announcement(scid: bigint): Uint8Array | undefined {
    const sql = 'SELECT message FROM gossip_channels WHERE short_channel_id_u64 = ?';
    return this.#message(channelKey(scid), sql, u64(scid));
  }

  update(scid: bigint, direction: Direction): Uint8Array | undefined {
    const sql = 'SELECT message FROM gossip_updates WHERE short_channel_id_u64 = ? AND direction = ?';
    return this.#message(updateKey(scid, direction), sql, u64(scid), direction);
  }

  nodeAnnouncement(nodeId: NodeId): Uint8Array | undefined {
    return this.#message(nodeKey(nodeId), 'SELECT message FROM gossip_nodes WHERE node_id = ?', nodeId);
  }

  /** A row as it is on disk. */
  channel(scid: bigint): ChannelRow | undefined {
    return this.#database.get<ChannelRow>('SELECT * FROM gossip_channels WHERE short_channel_id_u64 = ?', u64(scid));
  }

  /** All rows as they are on disk, some at a time. */
  *channels(): Generator<ChannelRow, void> {
    const sql = 'SELECT * FROM gossip_channels WHERE short_channel_id_u64 > ? ORDER BY short_channel_id_u64 LIMIT ?';
    let after = -(2n ** 63n);
    for (let isMore = true; isMore;) {
      const rows = this.#database.all<ChannelRow>(sql, after, PAGE);
      yield* rows;
      after = u64(rows.at(-1)?.short_channel_id_u64 ?? 0n);
      isMore = rows.length === PAGE;
    }
  }

  *nodes(): Generator<NodeRow, void> {
    const sql = 'SELECT * FROM gossip_nodes WHERE node_id > ? ORDER BY node_id LIMIT ?';
    let after = '';
    for (let isMore = true; isMore;) {
      const rows = this.#database.all<NodeRow>(sql, after, PAGE);
      yield* rows;
      after = rows.at(-1)?.node_id ?? '';
      isMore = rows.length === PAGE;
    }
  }

  putChannel(scid: bigint, raw: Uint8Array, facts: ChannelFacts): void {
    this.#markChannel(scid);
    this.#writes.put(
      channelKey(scid), raw,
      'INSERT OR REPLACE INTO gossip_channels '
        + '(short_channel_id_u64, message, capacity_sat, funding_txid, added_at, spent_height) '
        + 'VALUES (?, ?, ?, ?, ?, ?)',
      u64(scid), raw, facts.capacitySat, facts.fundingTxid, facts.addedAt, facts.spentHeight,
    );
  }

  putUpdate(scid: bigint, direction: Direction, raw: Uint8Array): void {
    this.#markChannel(scid);
    const sql = 'INSERT OR REPLACE INTO gossip_updates (short_channel_id_u64, direction, message) VALUES (?, ?, ?)';
    this.#writes.put(updateKey(scid, direction), raw, sql, u64(scid), direction, raw);
  }

  putNode(nodeId: NodeId, raw: Uint8Array): void {
    this.#markNode(nodeId);
    const sql = 'INSERT OR REPLACE INTO gossip_nodes (node_id, message) VALUES (?, ?)';
    this.#writes.put(nodeKey(nodeId), raw, sql, nodeId, raw);
  }

  setSpent(scid: bigint, spentHeight: number | undefined): void {
    this.#markChannel(scid);
    const sql = 'UPDATE gossip_channels SET spent_height = ? WHERE short_channel_id_u64 = ?';
    this.#writes.put(`s/${scid}`, undefined, sql, spentHeight, u64(scid));
  }

  deleteChannel(scid: bigint): void {
    this.#markChannel(scid);
    const sql = 'DELETE FROM gossip_channels WHERE short_channel_id_u64 = ?';
    this.#writes.put(channelKey(scid), undefined, sql, u64(scid));
    for (const direction of [0, 1] as const) {
      const ofUpdate = 'DELETE FROM gossip_updates WHERE short_channel_id_u64 = ? AND direction = ?';
      this.#writes.put(updateKey(scid, direction), undefined, ofUpdate, u64(scid), direction);
    }
  }

  deleteNode(nodeId: NodeId): void {
    this.#markNode(nodeId);
    this.#writes.put(nodeKey(nodeId), undefined, 'DELETE FROM gossip_nodes WHERE node_id = ?', nodeId);
  }

  /** The image, if one was made for these features, and what has changed since. */
  image(knownFeatures: Uint8Array): { image: Uint8Array; channels: readonly bigint[]; nodes: readonly NodeId[] } | undefined {
    const sql = 'SELECT image FROM gossip_image WHERE known_features = ?';
    const row = this.#database.get<{ image: Uint8Array }>(sql, knownFeatures);
    return row && { image: row.image, channels: this.#changedChannels(), nodes: this.#changedNodes() };
  }

  /** Keeps an image of all that is on disk. */
  writeImage(image: Uint8Array, knownFeatures: Uint8Array): void {
    this.#database.transaction(() => {
      for (const table of ['gossip_image', 'gossip_changed_channels', 'gossip_changed_nodes']) this.#database.run(`DELETE FROM ${table}`);
      this.#database.run('INSERT INTO gossip_image (known_features, image) VALUES (?, ?)', knownFeatures, image);
    });
    this.#changed.clear();
  }

  flush(): void {
    this.#writes.flush();
  }

  stop(): void {
    this.#writes.stop();
  }

  #markChannel(scid: bigint): void {
    if (this.#changed.has(scid)) return;
    this.#changed.add(scid);
    const sql = 'INSERT OR IGNORE INTO gossip_changed_channels (short_channel_id_u64) VALUES (?)';
    this.#writes.put(`m/${scid}`, undefined, sql, u64(scid));
  }

  #markNode(nodeId: NodeId): void {
    if (this.#changed.has(nodeId)) return;
    this.#changed.add(nodeId);
    this.#writes.put(`m/${nodeId}`, undefined, 'INSERT OR IGNORE INTO gossip_changed_nodes (node_id) VALUES (?)', nodeId);
  }

  #changedChannels(): bigint[] {
    const rows = this.#database.all<{ short_channel_id_u64: bigint }>('SELECT * FROM gossip_changed_channels');
    return rows.map(({ short_channel_id_u64: scid }) => scid);
  }

  #changedNodes(): NodeId[] {
    return this.#database.all<{ node_id: NodeId }>('SELECT * FROM gossip_changed_nodes').map(({ node_id: nodeId }) => nodeId);
  }

  #message(key: string, sql: string, ...parameters: (string | bigint | number)[]): Uint8Array | undefined {
    const unsaved = this.#writes.get(key);
    if (unsaved !== undefined) return unsaved.message;
    return this.#database.get<{ message: Uint8Array }>(sql, ...parameters)?.message;
  }
}

const channelKey = (scid: bigint): string => `c/${scid}`;
const updateKey = (scid: bigint, direction: Direction): string => `u/${scid}/${direction}`;
const nodeKey = (nodeId: NodeId): string => `n/${nodeId}`;
