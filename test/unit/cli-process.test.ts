/** The programs as they are shipped: compiled, as processes, with signals, pipes and exit statuses. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { API_FILE, findApi, TOKEN_FILE, writeApiFile } from '../../src/api/access.ts';
import { createClient, type Client } from '../../src/api/client.ts';
import { contract } from '../../src/api/contract.ts';
import { exampleOutput, fakeNode, serve, TOKEN } from './api-fake-node.ts';
import { compilePrograms, type Compiled } from './cli-compiled.ts';

let compiled: Compiled;
let dataDir: string;

beforeAll(() => {
  compiled = compilePrograms();
  // A node that answers with the contract's examples; what it does is told by its alias.
  writeFileSync(
    join(compiled.folder, 'src/node.js'),
    `import { z } from 'zod';
     import { contract } from './api/contract.js';
     import { EventHub } from './api/events.js';
     import { RunnelError } from '../protocols/errors.js';
     export async function startNode(config) {
       if (config.alias === 'locked') throw new RunnelError('storage_locked', 'another process works on this folder');
       if (config.alias === 'broken') throw new TypeError('boom');
       if (config.alias === 'throws') setTimeout(() => { throw new TypeError('boom later'); }, 20);
       const failed = config.alias === 'fails'
         ? new Promise((_, reject) => setTimeout(() => reject(new RunnelError('storage_full', 'the disk is full')), 20))
         : new Promise(() => {});
       const keepAlive = setInterval(() => {}, 1000);
       const api = Object.fromEntries(Object.entries(contract).map(
         ([name, { output, example }]) => [name, async () => z.decode(output, example.output)],
       ));
       return { api, events: new EventHub(), failed, stop: async () => {
         clearInterval(keepAlive);
         if (config.alias === 'stuck') await new Promise(() => {});
       } };
     }`,
  );
}, 60_000);
afterAll(() => compiled.remove());
beforeEach(() => {
  dataDir = join(mkdtempSync(join(tmpdir(), 'runnel-process-')), 'data');
});
afterEach(() => rmSync(join(dataDir, '..'), { recursive: true }));

async function startDaemon(...args: string[]): Promise<ReturnType<Compiled['start']> & { client: Client }> {
  const daemon = compiled.start('runneld', ['--datadir', dataDir, '--api-port', '0', ...args], {});
  let ended = false;
  void daemon.done.then(() => (ended = true));
  while (!daemon.output().includes('ready')) {
    if (ended) throw new Error(`runneld ended: ${daemon.output()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const api = findApi(dataDir);
  if (api === undefined) throw new Error('runneld is ready, but tells not where');
  return { ...daemon, client: createClient(api) };
}

describe('runnel', () => {
  const runnel = (...args: string[]) => compiled.start('runnel', args, { RUNNEL_DIR: dataDir }).done;

  it('prints help and version without a node', async () => {
    expect(await runnel('--help')).toMatchObject({ status: 0, stderr: '', stdout: expect.stringContaining('keysend') });
    expect((await runnel('--version')).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it('answers on standard output, complains on standard error, and ends with its status', async () => {
    const payment = { ...exampleOutput('payment'), status: 'failed' as const };
    const fake = fakeNode({ pay: () => Promise.resolve(payment) });
    const server = await serve(fake);
    mkdirSync(dataDir);
    writeFileSync(join(dataDir, TOKEN_FILE), TOKEN, { mode: 0o600 });
    writeApiFile(dataDir, server.port);
    try {
      const info = await runnel('getinfo', '--json');
      expect([info.status, info.stderr, JSON.parse(info.stdout)]).toEqual([0, '', contract.getinfo.example.output]);
      const paid = await runnel(...contract.pay.cli.example.split(' ').slice(1));
      expect([paid.status, paid.stderr]).toEqual([1, 'runnel: the payment failed: no reason is known\n']);
      expect(paid.stdout).toContain('failed');
    } finally {
      await server.close();
    }
    expect(await runnel('getinfo')).toMatchObject(
      { status: 3, stdout: '', stderr: expect.stringContaining('start a node with') },
    );
    expect(await runnel('getinfo', 'x')).toMatchObject({ status: 2, stdout: '' });
  });
});

describe('runneld', () => {
  const runneld = (...args: string[]) => compiled.start('runneld', ['--datadir', dataDir, ...args]).done;

  it('serves its API, and stops in order when the API says so', async () => {
    const { client, done } = await startDaemon();
    expect(statSync(join(dataDir, TOKEN_FILE)).mode & 0o777).toBe(0o600);
    expect(statSync(dataDir).mode & 0o777).toBe(0o700);
    const port = Number(new URL(findApi(dataDir)?.url ?? '').port);
    expect(await client.getinfo()).toMatchObject({ apiPort: port, version: expect.stringMatching(/^\d+\.\d+\.\d+$/) });
    expect(await client.debuglevel()).toEqual({ level: 'info' });
    expect(await client.debuglevel({ level: 'error' })).toEqual({ level: 'error' });
    expect(await client.stop()).toEqual({});
    expect(await done).toMatchObject({ status: 0, stderr: '' });
    expect(existsSync(join(dataDir, API_FILE))).toBe(false);
  });

  it('keeps its token from one start to the next', async () => {
    const tokens = [];
    for (let start = 0; start < 2; start += 1) {
      const { client, done } = await startDaemon();
      tokens.push(readFileSync(join(dataDir, TOKEN_FILE), 'utf8'));
      await client.stop();
      await done;
    }
    expect(tokens[0]).toMatch(/^[0-9a-f]{64}\n$/);
    expect(tokens[1]).toBe(tokens[0]);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('stops in order on %s, also with a client on its events', async (signal) => {
    const { client, done, kill } = await startDaemon('--log-format', 'json');
    const events = await client.events();
    kill(signal);
    await expect(events.next()).rejects.toMatchObject({ code: 'stream_closed' });
    const { status, stdout } = await done;
    expect(status).toBe(0);
    expect(stdout.trim().split('\n').map((line) => JSON.parse(line).msg)).toEqual(['ready', 'stopping', 'stopped']);
  });

  it('ends at once when it is asked twice', async () => {
    const { done, kill, output } = await startDaemon('--alias', 'stuck');
    kill('SIGINT');
    while (!output().includes('stopping')) await new Promise((resolve) => setTimeout(resolve, 10));
    kill('SIGINT');
    expect(await done).toMatchObject({ status: 1, stderr: 'runneld: SIGINT again: ending at once\n' });
  });

  it.each([
    ['locked', 'runneld: another process works on this folder\n'],
    ['fails', "runneld: the disk is full; make room on the data folder's disk\n"],
    ['broken', /^runneld: ended by a mistake in the program: TypeError: boom\n/],
    ['throws', /^runneld: ended by a mistake in the program: TypeError: boom later\n/],
  ])('says in one line what ended it: %s', async (alias, expected) => {
    const { status, stderr } = await runneld('--api-port', '0', '--alias', alias);
    expect(status).toBe(1);
    expect(stderr).toMatch(expected);
  });

  it('says that its port is in use', async () => {
    const server = await serve(fakeNode());
    const { status, stderr } = await runneld('--api-port', String(server.port));
    await server.close();
    expect([status, stderr]).toEqual(
      [1, `runneld: port ${server.port} of 127.0.0.1 is in use; give another with --api-port, or 0 for any free one\n`],
    );
  });

  it('says that it cannot make its folder', async () => {
    writeFileSync(dataDir, 'a file');
    const { status, stderr } = await compiled.start('runneld', ['--datadir', join(dataDir, 'sub')]).done;
    expect(status).toBe(2);
    expect(stderr).toMatch(/^runneld: .*runneld\.toml cannot be read: ENOTDIR/);
  });

  it('refuses a wrong configuration with status 2, and starts nothing', async () => {
    const args = ['--datadir', dataDir, '--network', 'moon'];
    const wrong = await compiled.start('runneld', args, { RUNNEL_API_PORT: 'x' }).done;
    expect(wrong).toMatchObject({ status: 2, stdout: '' });
    expect(wrong.stderr).toMatch(
      /^runneld: network \(from --network\): expected one of regtest.*\n {9}api_port \(from RUNNEL_API_PORT\)/,
    );
    expect(await compiled.start('runneld', ['--alais', 'x']).done).toMatchObject(
      { status: 2, stderr: expect.stringContaining('Did you mean --alias?') },
    );
    expect(await compiled.start('runneld', ['getinfo']).done).toMatchObject({ status: 2 });
    expect(existsSync(dataDir)).toBe(false);
  });

  it('prints help with every flag and variable, and the version', async () => {
    const { status, stdout } = await compiled.start('runneld', ['--help']).done;
    expect(status).toBe(0);
    for (const word of ['--chain-rpc-url', 'RUNNEL_CHAIN_RPC_URL', 'RUNNEL_PASSPHRASE', 'runneld.toml', 'Exit status']) {
      expect(stdout).toContain(word);
    }
    expect(stdout).not.toContain('--chain-rpc-password');
    expect((await compiled.start('runneld', ['--version']).done).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
