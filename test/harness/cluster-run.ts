/** `scripts/cluster` as a process, and what it leaves behind. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import { z } from 'zod';
import { isAlive, repo } from './cluster.ts';

const reportSchema = z.object({
  nodes: z.array(z.object({ alias: z.string(), nodeId: z.string() })),
  channels: z.array(z.object({ shortChannelId: z.string() })),
  payments: z.array(z.object({ status: z.string(), hops: z.int(), kind: z.string() })),
  ok: z.boolean(),
  problems: z.array(z.string()),
  /** The link with the token. */
  dashboard: z.string().optional(),
});

/** `scripts/cluster` as a newcomer calls it, with everything that it says. */
export class ClusterRun {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  stdout = '';
  stderr = '';

  /** With `folder` for its temporary files. */
  constructor(folder: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}) {
    // Elsewhere than in the checkout, where nobody answers questions.
    this.child = spawn(join(repo, 'scripts/cluster'), args, {
      cwd: folder,
      env: { ...process.env, TMPDIR: folder, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.ended = new Promise((resolve) => this.child.once('close', resolve));
  }

  report(): z.output<typeof reportSchema> {
    return reportSchema.parse(JSON.parse(this.stdout));
  }

  async saysOnStderr(text: string): Promise<void> {
    await vi.waitFor(() => expect(this.stderr).toContain(text), { timeout: 90_000, interval: 100 });
  }
}

/** Process ids of the nodes whose data folders stand in `state`. */
export function processesOf(state: string): number[] {
  return readdirSync(state).flatMap((name) => {
    const file = join(state, name, 'api.json');
    return existsSync(file) ? [z.object({ pid: z.int() }).parse(JSON.parse(readFileSync(file, 'utf8'))).pid] : [];
  });
}

export const allGone = (pids: readonly number[]): Promise<void> =>
  vi.waitFor(() => expect(pids.filter(isAlive)).toEqual([]), { timeout: 30_000, interval: 100 });
