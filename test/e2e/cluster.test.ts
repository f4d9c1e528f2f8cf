import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { meshSchema } from '../../src/cluster/control/contract.ts';
import { ClusterRun, allGone, processesOf } from '../harness/cluster-run.ts';
import { isAlive, repo } from '../harness/cluster.ts';

const TIMEOUT_MS = 240_000;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'runnel-cluster-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const start = (...args: readonly string[]): ClusterRun => new ClusterRun(folder, args);

const chainIsGone = (state: string): Promise<void> =>
  vi.waitFor(() => expect(existsSync(join(state, 'chain/rpcport'))).toBe(false), { timeout: 30_000, interval: 100 });

/** What the mesh of a run's dashboard is, after something was done to it. */
async function askDashboard(run: ClusterRun, method: 'GET' | 'POST', what: string): Promise<Record<string, string>> {
  const { origin, hash } = new URL(run.report().dashboard ?? '');
  const headers = { authorization: `Bearer ${hash.slice('#token='.length)}` };
  const response = await fetch(`${origin}/cluster/${what}`, { method, headers });
  return Object.fromEntries(meshSchema.parse(await response.json()).nodes.map(({ name, state }) => [name, state]));
}

/** What a node tells of itself by its command, of a moment long gone, and to Prometheus. */
async function seesItself(state: string, name: string): Promise<void> {
  const ask = (...args: string[]) => JSON.parse(execFileSync(join(state, 'bin', name), [...args, '--json'], { encoding: 'utf8' })) as Record<string, unknown>;
  expect(ask('overview')).toMatchObject({ alias: name, numChannels: { normal: 1, closing: 0 }, alarms: [] });
  const [channel = ''] = (ask('channels').channels as { channelId: string }[]).map(({ channelId }) => channelId);
  const { total } = ask('journal', channel, '--limit', '1') as { total: number };
  expect(ask('moment', channel, `${total - 1}`)).toMatchObject({ channelId: channel, state: 'normal', stateValue: ask('channel', channel).stateValue });
  const { port } = JSON.parse(readFileSync(join(state, name, 'api.json'), 'utf8')) as { port: number };
  const authorization = `Bearer ${readFileSync(join(state, name, 'api-token'), 'utf8').trim()}`;
  const metrics = await fetch(`http://127.0.0.1:${port}/metrics`, { headers: { authorization } });
  const text = await metrics.text();
  expect(text).toContain('runnel_channels{state="normal"} 1\n');
  expect(text).toMatch(/^runnel_turn_duration_seconds_count [1-9]/m);
  expect((await fetch(`http://127.0.0.1:${port}/metrics`)).status).toBe(401);
}

describe('scripts/cluster', () => {
  it(
    '--check --json ends with status 0, the result as JSON, and nothing left behind',
    async () => {
      const run = start('--check', '--json', '--nodes', '3', '--topology', 'line', '--payments', '6');
      expect(await run.ended, run.stderr).toBe(0);
      const { nodes, channels, payments, ok, problems } = run.report();
      expect({ ok, problems }).toEqual({ ok: true, problems: [] });
      expect(nodes.map(({ alias }) => alias)).toEqual(['alice', 'bob', 'carol']);
      expect(channels).toHaveLength(2);
      expect(payments.map(({ hops, status }) => `${hops} ${status}`)).toEqual([
        '1 succeeded',
        '2 succeeded',
        '1 succeeded',
        '2 succeeded',
        '1 succeeded',
        '2 succeeded',
      ]);
      expect(new Set(payments.map(({ kind }) => kind))).toEqual(new Set(['invoice', 'keysend']));
      expect(readdirSync(folder)).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it(
    '--keep goes on with the same nodes and channels, stays up until it is told to stop, and outlives nothing',
    async () => {
      const state = join(folder, 'kept');
      const options = ['--keep', state, '--json', '--payments', '2'];
      const first = start(...options, '--check', '--nodes', '2');
      expect(await first.ended, first.stderr).toBe(0);

      const second = start(...options);
      await second.saysOnStderr('The cluster stays up');
      expect(second.report().nodes).toEqual(first.report().nodes);
      expect(second.report().channels.map(({ shortChannelId }) => shortChannelId)).toEqual(
        first.report().channels.map(({ shortChannelId }) => shortChannelId),
      );
      const info = execFileSync(join(state, 'bin/bob'), ['getinfo', '--json'], { encoding: 'utf8' });
      expect(JSON.parse(info)).toMatchObject({ alias: 'bob', numActiveChannels: 1 });
      await seesItself(state, 'bob');
      const pids = processesOf(state);
      expect(pids).toHaveLength(2);
      expect(await askDashboard(second, 'GET', 'mesh')).toEqual({ alice: 'up', bob: 'up' });

      const other = start(...options, '--check');
      expect(await other.ended).toBe(1);
      expect(other.stderr).toContain('is in use by process');

      process.kill(pids[1]!, 'SIGKILL');
      await second.saysOnStderr('bob was ended by SIGKILL. The end of its log');
      expect(await askDashboard(second, 'GET', 'mesh')).toEqual({ alice: 'up', bob: 'down' });
      expect(await askDashboard(second, 'POST', 'nodes/bob/restart')).toEqual({ alice: 'up', bob: 'up' });
      pids.push(...processesOf(state));

      second.child.kill('SIGINT');
      expect(await second.ended).toBe(0);
      expect(pids.filter(isAlive)).toEqual([]);
      await expect(askDashboard(second, 'GET', 'mesh')).rejects.toThrow('fetch failed');

      const third = start(...options);
      await third.saysOnStderr('The cluster stays up');
      const orphans = processesOf(state);
      expect(orphans).toHaveLength(2);
      third.child.kill('SIGKILL');
      await allGone(orphans);
      await chainIsGone(state);

      const fourth = start(...options, '--no-dashboard');
      await fourth.saysOnStderr('The cluster stays up');
      expect(fourth.report()).not.toHaveProperty('dashboard');
      const chain = Number(readFileSync(join(state, 'chain/runnel.pid'), 'utf8'));
      for (const pid of [...processesOf(state), chain]) process.kill(pid, 'SIGKILL');
      expect(await fourth.ended).toBe(1);
      expect(fourth.stderr).toContain('no process of the cluster is left');
    },
    TIMEOUT_MS,
  );

  it(
    'ends with status 1, says why and shows the log where a node fails',
    async () => {
      const state = join(folder, 'failing');
      const run = start('--keep', state, '--check', '--json', '--nodes', '2', '--payments', '100000');
      await vi.waitFor(() => expect(run.stderr).toContain('100000 payments:'), { timeout: 90_000, interval: 100 });
      const pids = processesOf(state);
      process.kill(pids[1]!, 'SIGKILL');
      expect(await run.ended).toBe(1);
      expect(run.stderr).toMatch(
        /cluster: (alice|bob) was ended by SIGKILL\. The end of its log, .*failing\/logs\/\w+\.log:/,
      );
      expect(pids.filter(isAlive)).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it('refuses wrong options with status 2, and folders that are not its own with status 1', async () => {
    const wrong = start('--topology', 'torus');
    expect(await wrong.ended).toBe(2);
    expect(wrong.stderr).toContain('Allowed choices are mesh, line, ring, star, small-world');
    const foreign = start('--keep', repo);
    expect(await foreign.ended).toBe(1);
    expect(foreign.stderr).toContain('holds something other than a cluster');
    const differing = start('--keep', join(folder, 'kept'), '--nodes', '3');
    expect(await differing.ended).toBe(1);
    expect(differing.stderr).toContain('holds a cluster with --nodes 2');
    const otherChain = start('--keep', join(folder, 'kept'), '--chain', 'bitcoind');
    expect(await otherChain.ended).toBe(1);
    expect(otherChain.stderr).toMatch(/holds a cluster with --chain embedded|there is no bitcoind here/);
  });
});
