import { StorageError } from './errors.ts';
import type { Database } from './database.ts';

/**
 * One step of a component's schema: a name that never changes, and statements that ran on real data and so never change
 * either.
 */
export interface Migration {
  readonly name: string;
  readonly sql: string;
}

/**
 * Runs those of a component's migrations that the database has not seen, all in one transaction.
 * Throws `StorageError` `storage_newer` if the database has seen one that is not in the list at its place.
 */
export function applyMigrations(
  database: Database,
  component: string,
  migrations: readonly Migration[],
  execute: (sql: string) => void,
): void {
  if (isUpToDate(database, component, migrations)) return;
  database.transaction(() => {
    execute(
      `CREATE TABLE IF NOT EXISTS migrations (
         component TEXT NOT NULL, sequence INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY (component, sequence)
       ) STRICT`,
    );
    for (const [sequence, migration] of migrations.entries()) {
      if (sequence < appliedNames(database, component).length) continue;
      execute(migration.sql);
      database.run(
        'INSERT INTO migrations (component, sequence, name) VALUES (?, ?, ?)',
        component,
        sequence,
        migration.name,
      );
    }
  });
}

/** Checks without writing, so that a read-only connection can migrate what needs nothing. */
function isUpToDate(database: Database, component: string, migrations: readonly Migration[]): boolean {
  const applied = appliedNames(database, component);
  for (const [sequence, name] of applied.entries()) {
    const known = migrations[sequence]?.name;
    if (known === name) continue;
    throw new StorageError(
      'storage_newer',
      `${database.path} was written by a newer version: ${component} migration ${sequence} is '${name}', ` +
        `known here: ${known === undefined ? 'none' : `'${known}'`} (run that version, or a later one)`,
      { path: database.path, component, sequence, name },
    );
  }
  return applied.length === migrations.length;
}

function appliedNames(database: Database, component: string): string[] {
  const table = database.get("SELECT name FROM sqlite_schema WHERE type = 'table' AND name = 'migrations'");
  if (table === undefined) return [];
  return database
    .all<{ name: string }>('SELECT name FROM migrations WHERE component = ? ORDER BY sequence', component)
    .map((row) => row.name);
}
