import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const repository = fileURLToPath(new URL('../..', import.meta.url));
// Inside the repository, so that the packages are found; one folder a test process, so that they cannot disturb each
// other.
const outDir = join(repository, 'node_modules/.cache', `runnel-storage-test-${process.pid}`);

/** Compiles `storage-child.ts`; returns the script's path. */
export async function buildChild(): Promise<string> {
  await build({
    configFile: false,
    logLevel: 'silent',
    root: repository,
    build: {
      ssr: 'test/unit/storage-child.ts',
      outDir,
      emptyOutDir: true,
      rollupOptions: { output: { entryFileNames: 'storage-child.mjs' } },
    },
  });
  return join(outDir, 'storage-child.mjs');
}

export { outDir as childFolder };

export class Child {
  readonly process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(program: string, args: readonly string[], options: SpawnOptions = {}) {
    this.process = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'], ...options });
    if (this.process.stdout === null) throw new Error('the child has no stdout');
    this.#lines = createInterface({ input: this.process.stdout })[Symbol.asyncIterator]();
  }

  /** The next printed value, or undefined once the child has ended. */
  async next(): Promise<unknown> {
    const { done, value } = await this.#lines.next();
    return done === true ? undefined : JSON.parse(value);
  }

  /** SIGKILL; resolves when the process is gone. */
  async kill(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const exited = once(this.process, 'exit');
    this.process.kill('SIGKILL');
    await exited;
  }
}
