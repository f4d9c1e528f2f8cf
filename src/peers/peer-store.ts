import { fromString } from 'uint8arrays';
import type { Database } from '../storage/database.ts';

/** Where peers were last reached, so that channels find them again after a restart. */
export class PeerStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
    database.migrate('peers', [
      { name: 'addresses', sql: 'CREATE TABLE peers (node_id BLOB PRIMARY KEY, address TEXT NOT NULL) STRICT, WITHOUT ROWID;' },
    ]);
  }

  address(nodeId: string): string | undefined {
    return this.#database.get<{ address: string }>('SELECT address FROM peers WHERE node_id = ?', fromString(nodeId, 'base16'))?.address;
  }

  saveAddress(nodeId: string, address: string): void {
    this.#database.run(
      'INSERT INTO peers (node_id, address) VALUES (?, ?) ON CONFLICT (node_id) DO UPDATE SET address = excluded.address',
      fromString(nodeId, 'base16'),
      address,
    );
  }
}
