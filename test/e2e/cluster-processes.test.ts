import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ChainProcess, type ChainOptions } from '../../src/cluster/chain-process.ts';
import { ManagedProcess, ProcessGroup } from '../../src/cluster/process.ts';
import { chainKind, compilePrograms, isAlive, repo } from '../harness/cluster.ts';

let folder: string;
beforeAll(() => {
  compilePrograms();
  folder = mkdtempSync(join(tmpdir(), 'runnel-processes-'));
  // To compile may take its time.
}, 240_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const chainIn = (name: string): ChainOptions => ({
  kind: chainKind,
  folder: join(folder, name),
  logPath: join(folder, `${name}.log`),
});

const gone = (pid: number): Promise<void> => vi.waitFor(() => expect(isAlive(pid)).toBe(false), { timeout: 20_000 });

describe('the processes of a cluster', () => {
  it('are stopped in order, and again without harm', async () => {
    const failed: ManagedProcess[] = [];
    const group = new ProcessGroup((child) => failed.push(child));
    const chain = await ChainProcess.start(group, chainIn('ordered'));
    await chain.mine(3);
    expect(await chain.height()).toBe(3);
    await group.stop();
    await group.stop();
    expect(chain.process.how).toBe('ended with exit status 0');
    expect(failed).toEqual([]);
    expect(() => group.start({ name: 'late', program: 'chain', args: [], logPath: join(folder, 'late.log') })).toThrow(
      'is stopping',
    );
  });

  it('are reported with the end of their log where they end unasked', async () => {
    const failed: ManagedProcess[] = [];
    const group = new ProcessGroup((child) => failed.push(child));
    const logPath = join(folder, 'wrong.log');
    const child = group.start({ name: 'carol', program: 'runneld', args: ['--api-port', 'seventy'], logPath });
    await child.ended;
    await vi.waitFor(() => expect(failed).toEqual([child]));
    expect(child.failure().message).toMatch(
      /^carol ended with exit status 2\. The end of its log, .*wrong\.log:\n.*api_port/s,
    );
    expect(() => child.assertRunning()).toThrow('carol ended with exit status 2');
    await group.stop();
  });

  it('do not take configuration from the environment of whoever starts them', async () => {
    vi.stubEnv('RUNNEL_API_PORT', 'seventy');
    try {
      const group = new ProcessGroup(() => {});
      const logPath = join(folder, 'environment.log');
      const child = group.start({ name: 'dave', program: 'runneld', args: ['--log-level', 'loud'], logPath });
      await child.ended;
      expect(readFileSync(logPath, 'utf8')).toMatch(/log\.level/);
      expect(readFileSync(logPath, 'utf8')).not.toMatch(/api_port/);
      await group.stop();
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it('end when the process that started them is killed', async () => {
    const script = join(folder, 'parent.mjs');
    const place = (path: string): string => JSON.stringify(pathToFileURL(join(repo, 'dist/src/cluster', path)).href);
    writeFileSync(
      script,
      `import { ProcessGroup } from ${place('process.js')};
       import { ChainProcess } from ${place('chain-process.js')};
       const group = new ProcessGroup(() => {});
       const chain = await ChainProcess.start(group, ${JSON.stringify(chainIn('orphan'))});
       console.log(chain.process.pid);
       setInterval(() => {}, 1000);`,
    );
    const parent = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(parent.stdout.setEncoding('utf8'), 'data')) as [string];
    const pid = Number(line);
    expect(isAlive(pid)).toBe(true);
    parent.kill('SIGKILL');
    await gone(pid);
    const lastWords = { embedded: 'stopped', bitcoind: 'Shutdown: done' }[chainKind];
    expect(readFileSync(join(folder, 'orphan.log'), 'utf8')).toContain(lastWords);
  });
});
