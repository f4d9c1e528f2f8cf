import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { HttpChainRpc } from '../../src/chain/rpc.ts';
import { TestChain, spend } from './chain-kit.ts';

let folder: string;
const clients: HttpChainRpc[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'runnel-chain-process-'));
});

afterEach(() => {
  for (const client of clients.splice(0)) client.close();
  rmSync(folder, { recursive: true, force: true });
});

function client(port: number): HttpChainRpc {
  const rpc = new HttpChainRpc({ host: '127.0.0.1', port, credentials: { cookieFile: join(folder, '.cookie') } });
  clients.push(rpc);
  return rpc;
}

describe('the chain process', () => {
  const repository = fileURLToPath(new URL('../..', import.meta.url));
  // Inside the repository, so that the packages are found.
  const outDir = join(repository, 'node_modules/.cache', `runnel-chain-test-${process.pid}`);
  const children: ChildProcess[] = [];

  beforeAll(async () => {
    await build({
      configFile: false,
      logLevel: 'silent',
      root: repository,
      build: {
        ssr: 'src/chain/embedded/main.ts',
        outDir,
        emptyOutDir: true,
        rollupOptions: { output: { entryFileNames: 'main.mjs' } },
      },
    });
  });

  afterAll(() => {
    for (const child of children) child.kill('SIGKILL');
    rmSync(outDir, { recursive: true, force: true });
  });

  function run(...args: string[]): ChildProcess {
    const child = spawn(process.execPath, [join(outDir, 'main.mjs'), ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    children.push(child);
    return child;
  }

  async function started(): Promise<{ child: ChildProcess; rpc: HttpChainRpc }> {
    rmSync(join(folder, 'rpcport'), { force: true });
    const child = run('--datadir', folder, '--rpcport', '0');
    await expect.poll(() => existsSync(join(folder, 'rpcport')), { timeout: 20_000 }).toBe(true);
    return { child, rpc: client(Number(readFileSync(join(folder, 'rpcport'), 'utf8'))) };
  }

  async function exit(child: ChildProcess): Promise<number | null> {
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    const [code] = (await once(child, 'exit')) as [number | null];
    return code;
  }

  it('keeps what it answered over kill -9, and its mempool over SIGTERM', async () => {
    const keys = new TestChain();
    const first = await started();
    const hashes = (await first.rpc.call('generatetoaddress', [105, keys.miner.address])) as string[];
    first.child.kill('SIGKILL');
    await exit(first.child);

    const second = await started();
    expect(await second.rpc.call('getbestblockhash')).toBe(hashes.at(-1));
    const block = (await second.rpc.call('getblock', [hashes[0], 1])) as { tx: string[] };
    const transaction = spend([{ txid: block.tx[0]!, index: 0, amountSat: 5_000_000_000n, key: keys.miner }]);
    await second.rpc.call('sendrawtransaction', [transaction.toHex()]);
    second.child.kill('SIGTERM');
    expect(await exit(second.child)).toBe(0);

    const third = await started();
    expect(await third.rpc.call('getrawmempool')).toEqual([transaction.getId()]);
    expect(await third.rpc.call('stop')).toMatch(/stopping/);
    expect(await exit(third.child)).toBe(0);
  });

  it('refuses wrong options and a damaged folder with a message', async () => {
    const wrong = [[], ['--datadir', folder, '--rpcport', '99999'], ['--datadir', folder, '--block-interval', 'x']];
    for (const args of wrong) {
      expect(await exit(run(...args))).toBe(1);
    }
    writeFileSync(join(folder, 'chain.dat'), 'not a chain');
    const child = run('--datadir', folder);
    const output: Buffer[] = [];
    child.stdout!.on('data', (part: Buffer) => output.push(part));
    expect(await exit(child)).toBe(1);
    expect(Buffer.concat(output).toString()).toMatch(/is damaged at byte 0/);
  });

  it('mines by the clock when told to', async () => {
    const child = run('--datadir', folder, '--block-interval', '1');
    await expect.poll(() => existsSync(join(folder, 'rpcport')), { timeout: 20_000 }).toBe(true);
    const rpc = client(Number(readFileSync(join(folder, 'rpcport'), 'utf8')));
    await expect.poll(() => rpc.call('getblockcount'), { timeout: 20_000 }).toBeGreaterThan(0);
    child.kill('SIGTERM');
    expect(await exit(child)).toBe(0);
  });
});
