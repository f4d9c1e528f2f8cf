/** The folder that a cluster's state lives in: one that is kept, or one that ends with the cluster. */
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { RunnelError } from '../../protocols/errors.ts';
import { lockDataFolder, type DataFolderLock } from '../storage/lock.ts';
import { chainKinds } from './chain-process.ts';
import { topologies } from './topology.ts';

const STATE_FILE = 'cluster.json';

const settingsSchema = z.strictObject({
  nodes: z.int().min(2).max(100),
  topology: z.enum(topologies),
  seed: z.string(),
  chain: z.enum(chainKinds).default('embedded'),
  /** Where each node listens for peers. */
  ports: z.array(z.int().min(1).max(65_535)),
});
/** What a cluster is made of; a second run goes on with the same. */
export type Settings = Omit<z.output<typeof settingsSchema>, 'ports'> & { readonly ports: readonly number[] };

/** The folder is not one of a cluster's, or of another cluster's than asked for. */
export class StateError extends RunnelError {}

export class StateFolder {
  readonly path: string;
  readonly isKept: boolean;
  readonly #lock: DataFolderLock;

  /**
   * Takes the folder for this process alone. Throws `StorageError` where another cluster runs in it, `StateError`
   * where it holds something else.
   */
  constructor(keep: string | undefined) {
    this.isKept = keep !== undefined;
    this.path = keep ?? mkdtempSync(join(tmpdir(), 'runnel-'));
    if (existsSync(this.path) && readdirSync(this.path).length > 0 && !existsSync(join(this.path, STATE_FILE))) {
      throw new StateError(
        'not_a_cluster',
        `${this.path} holds something other than a cluster (no ${STATE_FILE}): choose an empty folder or a new one`,
      );
    }
    this.#lock = lockDataFolder(this.path);
  }

  /** What an earlier run wrote here; undefined in a new folder. */
  load(): Settings | undefined {
    const path = join(this.path, STATE_FILE);
    if (!existsSync(path)) return undefined;
    const settings = settingsSchema.safeParse(jsonOf(path));
    if (settings.success) return settings.data;
    throw new StateError('state_damaged', `${path} is damaged: ${z.prettifyError(settings.error)}`);
  }

  save(settings: Settings): void {
    const path = join(this.path, STATE_FILE);
    writeFileSync(`${path}.new`, `${JSON.stringify(settings, null, 2)}\n`, { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }

  get chain(): string {
    return join(this.path, 'chain');
  }

  dataDir(name: string): string {
    return join(this.path, name);
  }

  logPath(name: string): string {
    return join(this.path, 'logs', `${name}.log`);
  }

  /** A command for each node, `bin/alice`, which is `runnel` with that node's data folder. */
  commandPath(name: string): string {
    return join(this.path, 'bin', name);
  }

  /** Frees the folder, and deletes one that is not kept; with `leave`, only frees it. */
  close({ leave }: { readonly leave: boolean }): void {
    this.#lock.release();
    if (!this.isKept && !leave) rmSync(this.path, { recursive: true, force: true });
  }
}

function jsonOf(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new StateError(
      'state_damaged',
      `${path} is damaged: ${(error as Error).message}`,
      { path },
      { cause: error },
    );
  }
}

/** Writes a shell command that calls `program` by Node with these arguments before its own. */
export function writeCommand(path: string, program: string, args: readonly string[]): void {
  const words = [process.execPath, program, ...args].map((word) => `'${word.replaceAll("'", `'\\''`)}'`);
  writeFileSync(path, `#!/bin/sh\nexec ${words.join(' ')} "$@"\n`);
  chmodSync(path, 0o755);
}
