/** `scripts/cluster --chain bitcoind`. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bitcoind } from '../harness/bitcoind.ts';
import { ClusterRun, allGone, processesOf } from '../harness/cluster-run.ts';
import { isAlive } from '../harness/cluster.ts';
import { isThorough } from '../harness/effort.ts';

const TIMEOUT_MS = 180_000;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'runnel-cluster-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const start = (...args: readonly string[]): ClusterRun => new ClusterRun(folder, ['--chain', 'bitcoind', ...args]);

/** The process id of the bitcoind of the cluster in `state`. */
const bitcoindOf = (state: string): number => Number(readFileSync(join(state, 'chain/regtest/bitcoind.pid'), 'utf8'));

// On the embedded chain, test/e2e/cluster.test.ts has the same each time.
describe.skipIf(bitcoind === undefined || !isThorough)('scripts/cluster --chain bitcoind', () => {
  it('--check pays to the msat, and leaves nothing behind', async () => {
    const run = start('--check', '--json', '--nodes', '3', '--topology', 'line', '--payments', '6');
    expect(await run.ended, run.stderr).toBe(0);
    const { channels, payments, ok, problems } = run.report();
    expect({ ok, problems }).toEqual({ ok: true, problems: [] });
    expect(channels).toHaveLength(2);
    expect(payments.map(({ status }) => status)).toEqual(Array.from({ length: 6 }, () => 'succeeded'));
    expect(readdirSync(folder)).toEqual([]);
  }, TIMEOUT_MS);

  it('--keep goes on with the same chain, and no process outlives it, however it ends', async () => {
    const state = join(folder, 'kept');
    const options = ['--keep', state, '--json', '--payments', '2'];
    const first = start(...options, '--check', '--nodes', '2');
    expect(await first.ended, first.stderr).toBe(0);

    // The folder knows what its chain is.
    const second = new ClusterRun(folder, options);
    await second.saysOnStderr('The cluster stays up');
    expect(second.report().nodes).toEqual(first.report().nodes);
    expect(second.report().channels).toEqual(first.report().channels.map(({ shortChannelId }) => expect.objectContaining({ shortChannelId })));
    const info = execFileSync(join(state, 'bin/bob'), ['getinfo', '--json'], { encoding: 'utf8' });
    expect(JSON.parse(info)).toMatchObject({ alias: 'bob', network: 'regtest', numActiveChannels: 1 });
    const processes = [...processesOf(state), bitcoindOf(state)];
    expect(processes.filter(isAlive)).toHaveLength(3);
    second.child.kill('SIGINT');
    expect(await second.ended).toBe(0);
    expect(processes.filter(isAlive)).toEqual([]);

    const third = new ClusterRun(folder, options);
    await third.saysOnStderr('The cluster stays up');
    const orphans = [...processesOf(state), bitcoindOf(state)];
    expect(orphans.filter(isAlive)).toHaveLength(3);
    third.child.kill('SIGKILL');
    await allGone(orphans);

    const other = new ClusterRun(folder, [...options, '--chain', 'embedded']);
    expect(await other.ended).toBe(1);
    expect(other.stderr).toContain('holds a cluster with --chain bitcoind');
  }, TIMEOUT_MS);

  it('ends, with the reason, when bitcoind does', async () => {
    const state = join(folder, 'failing');
    const run = start('--keep', state, '--check', '--json', '--nodes', '2', '--payments', '100000');
    await run.saysOnStderr('100000 payments:');
    const nodes = processesOf(state);
    process.kill(bitcoindOf(state), 'SIGKILL');
    expect(await run.ended).toBe(1);
    expect(run.stderr).toMatch(/cluster: chain ended with exit status 1\. The end of its log, .*chain\.log:/);
    expect(run.stderr).toContain('was ended by SIGKILL');
    expect(nodes.filter(isAlive)).toEqual([]);
  }, TIMEOUT_MS);
});

describe('without a bitcoind', () => {
  it('it names the command that installs one, and leaves nothing behind', async () => {
    const empty = mkdtempSync(join(tmpdir(), 'runnel-cluster-'));
    const run = new ClusterRun(empty, ['--chain', 'bitcoind'], { RUNNEL_BITCOIND: join(empty, 'bitcoind') });
    expect(await run.ended).toBe(1);
    expect(run.stderr).toMatch(/^cluster: there is no bitcoind here: \.\/scripts\/install-bitcoind puts one/m);
    expect(readdirSync(empty)).toEqual([]);
    rmSync(empty, { recursive: true });
  }, TIMEOUT_MS);
});
