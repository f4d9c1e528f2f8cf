import { fromString } from 'uint8arrays';
import type { Database } from '../storage/database.ts';

type Table = 'peers' | 'peers_said';

/** Where peers were last reached, and where they say that they are, so that channels find them again after a restart. */
export class PeerStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
    database.migrate('peers', [
      { name: 'addresses', sql: 'CREATE TABLE peers (node_id BLOB PRIMARY KEY, address TEXT NOT NULL) STRICT, WITHOUT ROWID;' },
      { name: 'said addresses', sql: 'CREATE TABLE peers_said (node_id BLOB PRIMARY KEY, address TEXT NOT NULL) STRICT, WITHOUT ROWID;' },
    ]);
  }

  /** Where it was reached last. */
  address(nodeId: string): string | undefined {
    return this.#read('peers', nodeId);
  }

  saveAddress(nodeId: string, address: string): void {
    this.#write('peers', nodeId, address);
  }

  /** Where it says that it is. */
  saidAddress(nodeId: string): string | undefined {
    return this.#read('peers_said', nodeId);
  }

  saveSaidAddress(nodeId: string, address: string): void {
    this.#write('peers_said', nodeId, address);
  }

  forgetSaidAddress(nodeId: string): void {
    this.#database.run('DELETE FROM peers_said WHERE node_id = ?', fromString(nodeId, 'base16'));
  }

  #read(table: Table, nodeId: string): string | undefined {
    return this.#database.get<{ address: string }>(`SELECT address FROM ${table} WHERE node_id = ?`, fromString(nodeId, 'base16'))?.address;
  }

  #write(table: Table, nodeId: string, address: string): void {
    this.#database.run(
      `INSERT INTO ${table} (node_id, address) VALUES (?, ?) ON CONFLICT (node_id) DO UPDATE SET address = excluded.address`,
      fromString(nodeId, 'base16'),
      address,
    );
  }
}
