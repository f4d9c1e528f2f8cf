import type { AddressPath } from '../keys/signer-api.ts';
import type { Database } from '../storage/database.ts';

const NEXT_COLUMN = ['next_receive', 'next_change'] as const;

/** The rows of the wallet's addresses: which are watched, and which were given out. No decision. */
export class AddressStore {
  readonly #database: Database;

  /** The tables are `WalletStore`'s to make. */
  constructor(database: Database) {
    this.#database = database;
  }

  /** The index of the chain's next address to give out. */
  nextIndex(chain: 0 | 1): number {
    return this.#database.get<{ next: number }>(`SELECT ${NEXT_COLUMN[chain]} AS next FROM wallet_state`)?.next ?? 0;
  }

  setNextIndex(chain: 0 | 1, index: number): void {
    this.#database.run(`UPDATE wallet_state SET ${NEXT_COLUMN[chain]} = ?`, index);
  }

  /** How many of a chain's scripts are watched: those from index 0 on. */
  watchedCount(chain: 0 | 1): number {
    return (
      this.#database.get<{ count: number }>('SELECT COUNT(*) AS count FROM wallet_scripts WHERE chain = ?', chain)
        ?.count ?? 0
    );
  }

  watch(script: Uint8Array, { chain, index }: AddressPath): void {
    this.#database.run(
      'INSERT INTO wallet_scripts (script, chain, address_index) VALUES (?, ?, ?)',
      script,
      chain,
      index,
    );
  }

  /** Whose script this is, if it is one of ours. */
  pathOf(script: Uint8Array): AddressPath | undefined {
    return this.#database.get<{ chain: 0 | 1; index: number }>(
      'SELECT chain, address_index AS "index" FROM wallet_scripts WHERE script = ?',
      script,
    );
  }

  scriptAt({ chain, index }: AddressPath): Uint8Array | undefined {
    return this.#database.get<{ script: Uint8Array }>(
      'SELECT script FROM wallet_scripts WHERE chain = ? AND address_index = ?',
      chain,
      index,
    )?.script;
  }

  /** The change address that is kept for what channels pay out, if one is. */
  payoutIndex(): number | undefined {
    const row = this.#database.get<{ payout_index: number | null }>('SELECT payout_index FROM wallet_state');
    return row?.payout_index ?? undefined;
  }

  setPayoutIndex(index: number): void {
    this.#database.run('UPDATE wallet_state SET payout_index = ?', index);
  }

  /** Whether a block holds a transaction that pays to the address. */
  isPaid({ chain, index }: AddressPath): boolean {
    return (
      this.#database.get(
        `SELECT 1 FROM wallet_outputs o JOIN wallet_transactions t ON t.txid = o.txid
         WHERE o.chain = ? AND o.address_index = ? AND t.block_height IS NOT NULL LIMIT 1`,
        chain,
        index,
      ) !== undefined
    );
  }
}
