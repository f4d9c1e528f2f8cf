/** The command-line programs, compiled as they are shipped and run as processes of their own. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const repo = resolve(import.meta.dirname, '../..');

export interface Result {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Compiled {
  /** Folder that the output stands in; `src/cli/runnel.js` and so on below it. */
  readonly folder: string;
  start(program: 'runnel' | 'runneld', args: readonly string[], environment?: Record<string, string>): {
    readonly pid: number; output(): string; kill(signal: NodeJS.Signals): void; done: Promise<Result>,
  };
  remove(): void;
}

/** Compiles both programs into a folder of their own inside the repository, where they find the packages. */
export function compilePrograms(): Compiled {
  const cache = join(repo, 'node_modules/.cache');
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'cli-test-'));
  const project = join(folder, 'tsconfig.json');
  writeFileSync(
    project,
    JSON.stringify({
      extends: join(repo, 'tsconfig.build.json'),
      compilerOptions: {
        rootDir: repo,
        outDir: folder,
        declaration: false,
        sourceMap: false,
        incremental: false,
        // Types are checked elsewhere.
        noCheck: true,
        tsBuildInfoFile: null,
        typeRoots: [join(repo, 'node_modules/@types')],
      },
      files: ['runnel', 'runneld'].map((name) => join(repo, `src/cli/${name}.ts`)),
      include: [],
    }),
  );
  execFileSync(process.execPath, [join(repo, 'node_modules/typescript/bin/tsc'), '-p', project], { stdio: 'inherit' });

  return {
    folder,
    start(program, args, environment = {}) {
      const child = spawn(process.execPath, [join(folder, `src/cli/${program}.js`), ...args], {
        env: { PATH: process.env.PATH ?? '', HOME: folder, ...environment },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let stdout = '';
      let stderr = '';
      child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
      child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
      const done = new Promise<Result>((resolve, reject) => {
        child.on('error', reject);
        child.on('close', (status) => resolve({ status, stdout, stderr }));
      });
      return { pid: child.pid ?? 0, output: () => stdout + stderr, kill: (signal) => void child.kill(signal), done };
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
