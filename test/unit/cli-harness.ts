/**
 * The command line in this process, before an API server with a fake node and a data folder of their own, one a test.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TOKEN_FILE, writeApiFile } from '../../src/api/access.ts';
import type { Api } from '../../src/api/contract.ts';
import { runCommandLine, type Surroundings } from '../../src/cli/main.ts';
import { TOKEN } from './api-fake-node.ts';
import { server, start as startServer, stop as stopServer } from './api-http.ts';

export { fake, server } from './api-http.ts';
export let dataDir: string;

/** To be called before each test. */
export function makeFolder(): void {
  dataDir = mkdtempSync(join(tmpdir(), 'runnel-cli-'));
}

/** To be called after each test. */
export async function stop(): Promise<void> {
  await stopServer();
  rmSync(dataDir, { recursive: true });
}

export async function start(overrides: Partial<Api> = {}): Promise<void> {
  await startServer(overrides);
  writeFileSync(join(dataDir, TOKEN_FILE), TOKEN, { mode: 0o600 });
  writeApiFile(dataDir, server?.port ?? 0);
}

export interface Result {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export async function run(args: readonly string[], more: Partial<Surroundings> = {}): Promise<Result> {
  let stdout = '';
  let stderr = '';
  const out = (text: string): void => void (stdout += text);
  const err = (text: string): void => void (stderr += text);
  const status = await runCommandLine(args, { environment: { RUNNEL_DIR: dataDir }, out, err, ...more });
  return { status, stdout, stderr };
}

export const runnel = (...args: string[]): Promise<Result> => run(args);
