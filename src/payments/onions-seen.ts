import { toString } from 'uint8arrays';
import type { HtlcLocation } from '../../machines/forwarding/circuit.ts';
import { u64, type Database } from '../storage/database.ts';

interface SeenOnion extends HtlcLocation {
  readonly replayKey: Uint8Array;
  readonly cltvExpiry: number;
}

/**
 * BOLT 4, "Onion Decryption": the onions that came, so that none is accepted twice. Each is kept with the HTLC that
 * brought it, since the same HTLC is told of again after a restart, until the chain is past that HTLC's expiry (see
 * `onionReplayKey`).
 */
export class OnionsSeen {
  readonly #database: Database;
  /** Those of this turn. */
  readonly #new = new Map<string, SeenOnion>();
  #height: number | undefined;

  constructor(database: Database) {
    this.#database = database;
  }

  /** False if another HTLC brought the same onion before; else it is remembered. */
  accept(onion: SeenOnion): boolean {
    const key = toString(onion.replayKey, 'hex');
    const known = this.#new.get(key) ?? this.#stored(onion.replayKey);
    if (known !== undefined) return known.channelIndex === onion.channelIndex && known.id === onion.id;
    this.#new.set(key, onion);
    return true;
  }

  /** The chain has come to this height: what expired below it is forgotten. */
  blockHeight(height: number): void {
    this.#height = height;
  }

  persist(): void {
    for (const { replayKey, channelIndex, id, cltvExpiry } of this.#new.values()) {
      this.#database.run(
        'INSERT INTO onions_seen (replay_key, channel_index, htlc_u64, cltv_expiry) VALUES (?, ?, ?, ?)',
        replayKey,
        channelIndex,
        u64(id),
        cltvExpiry,
      );
    }
    if (this.#height !== undefined) this.#database.run('DELETE FROM onions_seen WHERE cltv_expiry < ?', this.#height);
    this.reset();
  }

  reset(): void {
    this.#new.clear();
    this.#height = undefined;
  }

  #stored(replayKey: Uint8Array): HtlcLocation | undefined {
    const row = this.#database.get<{ channel_index: number; htlc_u64: bigint }>(
      'SELECT channel_index, htlc_u64 FROM onions_seen WHERE replay_key = ?',
      replayKey,
    );
    return row && { channelIndex: row.channel_index, id: row.htlc_u64 };
  }
}
