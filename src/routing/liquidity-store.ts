import type { NodeId } from '../network/network.ts';
import type { Clock } from '../runtime/clock.ts';
import { u64, type Database, type Migration, type StorageError } from '../storage/database.ts';
import { WriteBehind } from '../storage/write-behind.ts';
import type { ChannelDirection, Failure, Liquidity, LiquidityBounds, LiquidityListener } from './liquidity.ts';

/** Times are Unix milliseconds; a bound that is not known is NULL. */
const migrations: readonly Migration[] = [
  {
    name: 'liquidity',
    sql: `
      CREATE TABLE liquidity (
        short_channel_id_u64 INTEGER NOT NULL,
        direction INTEGER NOT NULL,
        lower_msat INTEGER NOT NULL,
        lower_at INTEGER NOT NULL,
        upper_msat INTEGER,
        upper_at INTEGER NOT NULL,
        failed_at INTEGER,
        failed_half_life_ms INTEGER NOT NULL,
        PRIMARY KEY (short_channel_id_u64, direction)
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE liquidity_nodes (
        node_id TEXT PRIMARY KEY,
        failed_at INTEGER NOT NULL,
        failed_half_life_ms INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
    `,
  },
];

interface DirectionRow {
  readonly short_channel_id_u64: bigint;
  readonly direction: number;
  readonly lower_msat: bigint;
  readonly lower_at: number;
  readonly upper_msat: bigint | null;
  readonly upper_at: number;
  readonly failed_at: number | null;
  readonly failed_half_life_ms: number;
}

const SAVE_DELAY_MS = 2_000;
/** Estimates that wait for the disk; beyond it the disk refuses, and the newest of each direction is kept. */
const MAX_UNSAVED = 200_000;

export interface LiquidityStoreOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly onStorageError: (error: StorageError) => void;
}

/**
 * Keeps what was learned of the network's liquidity over restarts. Written some seconds late, many at once: a crash may take
 * the last lessons, which the next attempts teach again.
 */
export class LiquidityStore implements LiquidityListener {
  readonly #database: Database;
  readonly #writes: WriteBehind;

  constructor({ database, clock, onStorageError }: LiquidityStoreOptions) {
    this.#database = database;
    database.migrate('liquidity', migrations);
    this.#writes = new WriteBehind({
      database, clock, delayMs: SAVE_DELAY_MS, maxWrites: MAX_UNSAVED, onError: onStorageError,
    });
  }

  /** Gives back what earlier runs have learned, and keeps what is learned from now on. */
  attach(liquidity: Liquidity): void {
    for (const row of this.#database.all<DirectionRow>('SELECT * FROM liquidity ORDER BY max(lower_at, upper_at, coalesce(failed_at, 0))')) {
      const edge: ChannelDirection = { shortChannelId: row.short_channel_id_u64, direction: row.direction === 0 ? 0 : 1 };
      liquidity.restore(edge, boundsOf(row));
    }
    const nodes = this.#database.all<{ node_id: NodeId; failed_at: number; failed_half_life_ms: number }>(
      'SELECT * FROM liquidity_nodes ORDER BY failed_at',
    );
    for (const { node_id, failed_at, failed_half_life_ms } of nodes) {
      liquidity.restoreNode(node_id, { at: failed_at, halfLifeMs: failed_half_life_ms });
    }
    liquidity.listen(this);
  }

  directionLearned({ shortChannelId, direction }: ChannelDirection, bounds: LiquidityBounds | undefined): void {
    const key = `${shortChannelId}/${direction}`;
    if (bounds === undefined) {
      const sql = 'DELETE FROM liquidity WHERE short_channel_id_u64 = ? AND direction = ?';
      this.#writes.put(key, undefined, sql, u64(shortChannelId), direction);
      return;
    }
    const { lower, lowerAt, upper, upperAt, failure } = bounds;
    this.#writes.put(
      key, undefined,
      'INSERT OR REPLACE INTO liquidity (short_channel_id_u64, direction, lower_msat, lower_at, upper_msat, upper_at, failed_at, failed_half_life_ms) '
        + 'VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
      u64(shortChannelId), direction, BigInt(lower), lowerAt, upper === Infinity ? null : BigInt(upper), upperAt,
      failure === undefined ? null : failure.at, failure?.halfLifeMs ?? 0,
    );
  }

  nodeLearned(nodeId: NodeId, failure: Failure | undefined): void {
    if (failure === undefined) this.#writes.put(nodeId, undefined, 'DELETE FROM liquidity_nodes WHERE node_id = ?', nodeId);
    else {
      const sql = 'INSERT OR REPLACE INTO liquidity_nodes (node_id, failed_at, failed_half_life_ms) VALUES (?, ?, ?)';
      this.#writes.put(nodeId, undefined, sql, nodeId, failure.at, failure.halfLifeMs);
    }
  }

  stop(): void {
    this.#writes.stop();
  }
}

function boundsOf(row: DirectionRow): LiquidityBounds {
  const { lower_msat, lower_at, upper_msat, upper_at, failed_at, failed_half_life_ms } = row;
  return {
    lower: Number(lower_msat),
    lowerAt: lower_at,
    upper: upper_msat === null ? Infinity : Number(upper_msat),
    upperAt: upper_at,
    failure: failed_at === null ? undefined : { at: failed_at, halfLifeMs: failed_half_life_ms },
  };
}
