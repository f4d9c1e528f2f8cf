import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Client } from '../../src/api/client.ts';
import { NodeProcess } from '../../src/cluster/node-process.ts';
import { ProcessGroup } from '../../src/cluster/process.ts';
import { programPath } from '../../src/cluster/programs.ts';
import { waitUntil } from '../../src/cluster/wait.ts';
import { startTestCluster, type TestCluster } from '../harness/cluster.ts';

const TIMEOUT_MS = 240_000;
const WAIT_MS = 60_000;
const CAPACITY_SAT = 1_000_000n;

let cluster: TestCluster;
let folder: string;
const newMachine = new ProcessGroup(() => {});

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'runnel-restore-'));
  cluster = await startTestCluster(2, [{ opener: 0, accepter: 1, capacitySat: CAPACITY_SAT }]);
}, TIMEOUT_MS);
afterAll(async () => {
  await newMachine.stop();
  await cluster?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** The command line against a node, with its exit status. */
function runnel(node: NodeProcess, ...args: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [programPath('runnel'), '--datadir', node.options.dataDir, ...args], (error, stdout, stderr) => {
      resolve({ status: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

async function onchainSat(client: Client): Promise<bigint> {
  const { utxos } = await client.utxos();
  return utxos.reduce((sum, { amountSat }) => sum + amountSat, 0n);
}

async function mineUntil(what: string, probe: () => Promise<string | undefined>): Promise<void> {
  await waitUntil(what, WAIT_MS, async () => {
    const missing = await probe();
    if (missing !== undefined) await cluster.chain.mine(1);
    return missing;
  });
}

describe('a machine is lost', () => {
  it('and its 24 words and its backup bring back wallet and channels on another', async () => {
    const [alice, bob] = cluster.nodes as [NodeProcess, NodeProcess];
    const { invoice } = await bob.client.invoice({ amountMsat: 12_345_678n });
    await alice.client.pay({ invoice: invoice! });
    const inWalletSat = await onchainSat(alice.client);
    const [channel] = (await alice.client.channels()).channels;
    const backup = join(folder, 'channel.backup');
    const words = join(folder, 'words.txt');

    expect(await runnel(alice, 'backup', 'export', '--out', backup)).toMatchObject({ status: 0, stdout: '' });
    // What lies in the data folder holds the same.
    const kept = join(alice.options.dataDir, 'channel.backup');
    for (const file of [backup, kept]) {
      const verified = await runnel(alice, 'backup', 'verify', file);
      expect(verified).toMatchObject({ status: 0, stderr: '' });
      expect(verified.stdout).toContain(channel!.shortChannelId);
    }
    const printed = await runnel(alice, 'backup', 'export');
    expect(printed.stdout).toMatch(/^runnel-channel-backup v1 regtest [0-9a-f]{16} [A-Za-z0-9+/=]+\n$/);
    // Not for another node, and not damaged.
    expect(await runnel(bob, 'backup', 'verify', backup)).toMatchObject({ status: 1, stderr: expect.stringContaining('seed') });
    const damaged = join(folder, 'damaged');
    writeFileSync(damaged, readFileSync(backup, 'utf8').replace(/.{8}\n$/, 'AAAAAAA=\n'));
    expect(await runnel(alice, 'backup', 'verify', damaged)).toMatchObject({ status: 1, stderr: expect.stringContaining('damaged') });
    expect(await runnel(alice, 'backup', 'verify', join(folder, 'none'))).toMatchObject({ status: 1 });

    const { mnemonic } = JSON.parse(readFileSync(join(alice.options.dataDir, 'seed'), 'utf8')) as { mnemonic: string };
    writeFileSync(words, `${mnemonic.replaceAll(' ', '\n')}\n`);
    await alice.process.kill();
    rmSync(alice.options.dataDir, { recursive: true });
    await cluster.chain.mine(3);

    const restored = await NodeProcess.start(newMachine, {
      ...alice.options,
      dataDir: join(folder, 'data'),
      logPath: join(folder, 'log'),
      flags: ['--restore-seed', words, '--restore-backup', backup],
    });
    expect(restored.id).toBe(alice.id);
    expect(await onchainSat(restored.client)).toBe(inWalletSat);
    await mineUntil('the peer closes, and to_remote is in the wallet', async () => {
      const sat = await onchainSat(restored.client);
      const states = (await restored.client.channels()).channels.map(({ state }) => state);
      return sat > inWalletSat + channel!.localMsat / 1_000n - 20_000n ? undefined : `${sat} sat, ${states.join()}`;
    });
    const [ending] = (await restored.client.channels()).channels;
    expect(ending).toMatchObject({ channelId: channel!.channelId, state: 'closing', stateValue: { lifecycle: { closing: 'ahead' } } });
    expect(cluster.failed).toEqual([]);
  }, TIMEOUT_MS);
});
