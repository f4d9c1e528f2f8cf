import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { request } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Libsql from 'libsql';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createClient, findApi, type Client } from '../../src/api/client.ts';
import { HttpChainRpc } from '../../src/chain/rpc.ts';
import { programPath } from '../../src/cluster/programs.ts';
import { compilePrograms, repo } from '../harness/cluster.ts';

/** A process with what it has printed so far. */
class Program {
  readonly child: ChildProcess;
  stdout = '';
  stderr = '';
  readonly #ended: Promise<unknown>;

  constructor(command: string, args: readonly string[], options: Pick<SpawnOptions, 'uid' | 'gid'> = {}) {
    const env = { PATH: process.env.PATH ?? '', HOME: folder };
    this.child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'], ...options });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.#ended = once(this.child, 'close');
    running.add(this);
    void this.#ended.then(() => running.delete(this));
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** The exit status. */
  async end(): Promise<number | null> {
    await this.#ended;
    return this.child.exitCode;
  }

  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    this.child.kill(signal);
    return this.end();
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      if (!this.isRunning) throw new Error(`ended with ${this.child.exitCode}: ${this.stdout}${this.stderr}`);
      await sleep(20);
    }
  }
}

const running = new Set<Program>();
let folder: string;
let dataDir: string;
/** The data folder of a node that has been run before, and the node's id. */
let sound: string;
let soundId: string;
let chainFolder: string;
let chain: Program;
let chainPort: number;

beforeAll(() => compilePrograms(), 120_000);

/** The embedded chain in a process of its own; the same port again after it was stopped. */
async function startChain(port = 0): Promise<void> {
  rmSync(join(chainFolder, 'rpcport'), { force: true });
  chain = new Program(process.execPath, [programPath('chain'), '--datadir', chainFolder, '--rpcport', String(port)]);
  await chain.until(() => existsSync(join(chainFolder, 'rpcport')));
  chainPort = Number(readFileSync(join(chainFolder, 'rpcport'), 'utf8'));
}

const chainRpc = (): HttpChainRpc =>
  new HttpChainRpc({ host: '127.0.0.1', port: chainPort, credentials: { cookieFile: join(chainFolder, '.cookie') } });

async function mine(blocks = 1): Promise<void> {
  await chainRpc().call('generatetoaddress', [blocks, 'bcrt1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqdku202']);
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'runnel-faults-'));
  chainFolder = join(folder, 'chain');
  mkdirSync(chainFolder);
  await startChain();
  await mine();
  sound = dataDir = mkdtempSync(join(folder, 'sound-'));
  const { daemon, client } = await startedDaemon();
  for (let i = 0; i < 30; i++) await client.newaddress();
  soundId = (await client.getinfo()).nodeId;
  await daemon.stop();
}, 60_000);
/** The present test goes on with the data folder of a node that has been run before. */
const useSoundFolder = (): void => cpSync(sound, dataDir, { recursive: true });

afterAll(async () => {
  await Promise.all([...running].map((program) => program.stop('SIGKILL')));
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  dataDir = mkdtempSync(join(folder, 'node-'));
});
afterEach(async () => {
  await Promise.all([...running].filter((program) => program !== chain).map((program) => program.stop('SIGKILL')));
});

/** The daemon's usual arguments; later ones go before earlier ones. */
function daemonArgs(...more: string[]): string[] {
  return [
    programPath('runneld'), '--datadir', dataDir, '--network', 'regtest', '--listen', '/ip4/127.0.0.1/tcp/0', '--lightning-listen', '127.0.0.1:0',
    '--api-port', '0', '--chain-rpc-url', `http://127.0.0.1:${chainPort}`,
    '--chain-rpc-cookie-file', join(chainFolder, '.cookie'), '--chain-poll-interval-ms', '50', ...more,
  ];
}

const startDaemon = (...more: string[]): Program => new Program(process.execPath, daemonArgs(...more));

/** A daemon that answers. */
interface StartedDaemon {
  readonly daemon: Program;
  readonly client: Client;
  readonly url: string;
  readonly token: string;
}

async function startedDaemon(...more: string[]): Promise<StartedDaemon> {
  const daemon = startDaemon(...more);
  await daemon.until(() => daemon.stdout.includes(' ready'));
  const api = findApi(dataDir)!;
  return { daemon, client: createClient(api), ...api };
}

/** It ends by itself with this status, and one line that says why and shows no mistake of the program's. */
async function expectEnd(daemon: Program, status: number, why: RegExp): Promise<void> {
  expect([await daemon.end(), daemon.stderr]).toEqual([status, expect.stringMatching(why)]);
  expect(daemon.stderr).toMatch(/^runneld: /);
  expect(daemon.stderr.match(/^runneld: /gm)).toHaveLength(1);
  expect(daemon.stdout + daemon.stderr).not.toMatch(/mistake in the program|Warning|UnhandledPromise/);
  expect(existsSync(join(dataDir, 'api'))).toBe(false);
}

/** Every file of the folder with the hash of its bytes; the lock and SQLite's shared memory hold nothing. */
function bytesOf(path: string): Record<string, string> {
  const names = readdirSync(path).filter((name) => !/^runnel\.(lock|pid)|-shm$/.test(name));
  const hash = (name: string): string => createHash('sha256').update(readFileSync(join(path, name))).digest('hex');
  return Object.fromEntries(names.map((name) => [name, hash(name)]));
}

describe('a configuration that is wrong', () => {
  const cases: [name: string, why: RegExp, flags: string[], file: string | undefined][] = [
    ['a flag that there is not', /unknown option '--colour'/, ['--colour', 'red'], undefined],
    ['a value that a flag does not take', /--api-port.*99999/s, ['--api-port', '99999'], undefined],
    ['a network that there is not', /network.*regtest, signet/s, ['--network', 'moon'], undefined],
    ['a file that is no TOML', /runneld\.toml/, [], 'alias = '],
    ['a file with a key that there is not', /runneld\.toml.*colour|colour.*runneld\.toml/s, [], 'colour = "#ffffff"'],
  ];

  it.each(cases)('%s', async (_name, why, flags, file) => {
    if (file !== undefined) writeFileSync(join(dataDir, 'runneld.toml'), file);
    const daemon = startDaemon(...flags);
    expect([await daemon.end(), daemon.stderr]).toEqual([2, expect.stringMatching(why)]);
    expect(daemon.stderr).not.toMatch(/\n\s+at /);
    expect(readdirSync(dataDir)).toEqual(file === undefined ? [] : ['runneld.toml']);
  });

  it('is told in full, not one mistake at a time', async () => {
    writeFileSync(join(dataDir, 'runneld.toml'), 'color = "red"\n[channel]\nto_self_delay = 1\n');
    const daemon = startDaemon('--log-level', 'loud');
    expect(await daemon.end()).toBe(2);
    for (const key of ['color', 'to_self_delay', '--log-level']) expect(daemon.stderr).toContain(key);
  });
});

describe('a chain that cannot be used', () => {
  it('since nothing answers', async () => {
    const nobody = createServer().listen(0, '127.0.0.1');
    await once(nobody, 'listening');
    const { port } = nobody.address() as AddressInfo;
    nobody.close();
    await expectEnd(startDaemon('--chain-rpc-url', `http://127.0.0.1:${port}`), 1, new RegExp(String(port)));
  });

  it('since it does not let the node in', async () => {
    const wrong = join(dataDir, 'cookie');
    writeFileSync(wrong, '__cookie__:wrong');
    await expectEnd(startDaemon('--chain-rpc-cookie-file', wrong), 1, /log|password|cookie|401/i);
  });

  it('since its cookie file is not there', async () => {
    const missing = join(dataDir, 'no-cookie');
    await expectEnd(startDaemon('--chain-rpc-cookie-file', missing), 1, /no-cookie/);
  });

  it('since it is another one', async () => {
    await expectEnd(startDaemon('--network', 'signet'), 1, /expected bitcoind to be on signet, but it is on regtest/);
    await expectEnd(startDaemon('--network', 'main'), 1, /to be on main, but it is on regtest/);
  });
});

describe('a data folder that cannot be used', () => {
  it('since another daemon works on it, which does not notice', async () => {
    const { daemon, client } = await startedDaemon();
    const { nodeId } = await client.getinfo();
    const second = startDaemon();
    expect([await second.end(), second.stderr]).toEqual([1, expect.stringContaining(String(daemon.child.pid))]);
    expect((await client.getinfo()).nodeId).toBe(nodeId);
    expect(await daemon.stop()).toBe(0);
  });

  it('since its database is damaged, foreign or gone: refused with every byte as it was', async () => {
    useSoundFolder();
    const path = join(dataDir, 'runnel.db');
    const whole = readFileSync(path);
    const garbled = Uint8Array.from(whole);
    for (let at = 4_096; at < garbled.length; at += 1_024) garbled.fill(0xa5, at, at + 512);
    const headless = Uint8Array.from(whole);
    headless.fill(0, 0, 100);
    const text = 'all my channels\n'.repeat(1_000);
    const short = whole.subarray(0, 5_000);
    const cases: readonly (readonly [string, RegExp, () => void])[] = [
      ['pages are garbled', /runnel\.db.*(damaged|malformed).*backup/s, () => writeFileSync(path, garbled)],
      ['the head is gone', /runnel\.db.*(not a database|another program)/s, () => writeFileSync(path, headless)],
      ['it is cut short', /runnel\.db.*(damaged|malformed)/s, () => writeFileSync(path, short)],
      ['it is empty', /runnel\.db.*damaged.*empty/s, () => writeFileSync(path, '')],
      ['it is a text', /runnel\.db.*(damaged|not a database)/s, () => writeFileSync(path, text)],
      ['it is a folder', /runnel\.db is not a file/, () => (rmSync(path), mkdirSync(path))],
      [
        'it is of another program',
        /runnel\.db.*another program/s,
        () => {
          rmSync(path, { recursive: true });
          const other = new Libsql(path);
          other.exec('CREATE TABLE songs (title TEXT)');
          other.close();
        },
      ],
    ];
    for (const [name, why, damage] of cases) {
      damage();
      const isFolder = statSync(path).isDirectory();
      const before = isFolder ? {} : bytesOf(dataDir);
      await expectEnd(startDaemon(), 1, why);
      if (!isFolder) expect([name, bytesOf(dataDir)]).toEqual([name, before]);
    }
    writeFileSync(path, whole);
    const { daemon, client } = await startedDaemon();
    expect((await client.getinfo()).nodeId).toBe(soundId);
    expect(await daemon.stop()).toBe(0);
  }, 60_000);

  it('since its seed cannot be read', async () => {
    useSoundFolder();
    const [seed = ''] = readdirSync(dataDir).filter((name) => name.includes('seed'));
    writeFileSync(join(dataDir, seed), 'abandon abandon about');
    const before = bytesOf(dataDir);
    await expectEnd(startDaemon(), 1, /seed/);
    expect(bytesOf(dataDir)).toEqual(before);
  });

  const isRoot = process.getuid?.() === 0;
  // Root may write anywhere, so the daemon runs as nobody, who must be able to read the programs.
  const others = (path: string): boolean =>
    (statSync(path).mode & 0o005) === 0o005 && (dirname(path) === path || others(dirname(path)));

  it.skipIf(isRoot && !(others(repo) && others(process.execPath)))('since it is read-only', async () => {
    const nobody = isRoot ? { uid: 65_534, gid: 65_534 } : {};
    useSoundFolder();
    chmodSync(folder, 0o755);
    for (const path of [dataDir, ...readdirSync(dataDir).map((name) => join(dataDir, name))]) {
      if (isRoot) chownSync(path, 65_534, 65_534);
      chmodSync(path, path === dataDir ? 0o555 : 0o444);
    }
    const before = bytesOf(dataDir);
    const daemon = new Program(process.execPath, daemonArgs(), nobody);
    await expectEnd(daemon, 1, /runneld: .*(read-only|permission|written)/i);
    expect(bytesOf(dataDir)).toEqual(before);
    chmodSync(dataDir, 0o755);
  });

  it('since there is no room for it', async () => {
    // A limit on the size of files is the full disk that needs no privileges: blocks of 1,024 bytes.
    const limited = ['-c', `trap '' XFSZ; ulimit -f 30; exec "$@"`, 'bash', process.execPath, ...daemonArgs()];
    await expectEnd(new Program('bash', limited), 1, /runnel\.db|room|disk/);
  });

  it('since a port of its is taken', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    await expectEnd(startDaemon('--api-port', String(port)), 1, new RegExp(String(port)));
    await expectEnd(startDaemon('--listen', `/ip4/127.0.0.1/tcp/${port}`), 1, new RegExp(String(port)));
    taken.close();
  });
});

describe('a running daemon', () => {
  it('outlives its chain, says that it is away, and goes on from where it was', async () => {
    const { daemon, client } = await startedDaemon();
    const { blockHeight } = await client.getinfo();
    const port = chainPort;
    await chain.stop();
    await daemon.until(() => daemon.stdout.includes('the chain does not answer'));
    await expect(client.getinfo()).rejects.toMatchObject({ code: 'chain_unavailable' });
    expect((await client.newaddress()).address).toMatch(/^bcrt1/);
    await startChain(port);
    await mine(3);
    await daemon.until(() => daemon.stdout.includes('the chain answers again'));
    const deadline = Date.now() + 40_000;
    while ((await client.getinfo()).blockHeight !== blockHeight + 3) {
      if (Date.now() > deadline) throw new Error('the blocks did not come');
      await sleep(50);
    }
    expect(await daemon.stop()).toBe(0);
  }, 60_000);

  it('whose disk fills up ends with the reason, and goes on from what it had written', async () => {
    const { daemon, client } = await startedDaemon();
    const { nodeId } = await client.getinfo();
    await client.newaddress();
    const { size } = statSync(join(dataDir, 'runnel.db-wal'));
    await limitFileSize(daemon, size);
    await mine();
    await expectEnd(daemon, 1, /runnel\.db.*(write|writing|disk|room|full)/is);
    const again = await startedDaemon();
    expect((await again.client.getinfo()).nodeId).toBe(nodeId);
    expect(await again.daemon.stop()).toBe(0);
  });

  it('that is killed leaves nothing that keeps the next one from starting', async () => {
    const { daemon, client } = await startedDaemon();
    const { nodeId } = await client.getinfo();
    await client.newaddress();
    await daemon.stop('SIGKILL');
    const again = await startedDaemon();
    expect((await again.client.getinfo()).nodeId).toBe(nodeId);
    expect(await again.daemon.stop()).toBe(0);
  });

  it('answers whatever is asked of it, and stays', async () => {
    const { daemon, client, url, token } = await startedDaemon();
    const ask = (method: string, path: string, body?: string, headers: Record<string, string> = {}): Promise<number> =>
      new Promise((resolve, reject) => {
        const auth = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
        const sent = request(new URL(path, url), { method, headers: { ...auth, ...headers } }, (answer) => {
          answer.resume();
          answer.on('end', () => resolve(answer.statusCode ?? 0));
        });
        sent.on('error', reject).end(body);
      });
    const wrong = [
      '', '{', 'null', '[]', '"x"', '{"a":1}', '{"nodeId":"02"}', `{"nodeId":"${'0'.repeat(66)}"}`, '{"__proto__":{}}',
      '{"amountMsat":"-1"}', '{"amountMsat":1e400}', '{"invoice":"lnbc1"}', '{"channel":"../../x"}', '[[[[[[[[[[[[[[[',
    ];
    const paths = [
      'connect', 'open', 'pay', 'keysend', 'decode', 'channel', 'close', 'route', 'withdraw', 'setpolicy', 'payment',
    ];
    const statuses = new Set<number>();
    for (const path of paths) for (const body of wrong) statuses.add(await ask('POST', `/v1/${path}`, body));
    expect([...statuses].filter((status) => status >= 500 || status < 200)).toEqual([]);
    expect(await ask('POST', '/v1/getinfo', '{}', { authorization: 'Bearer wrong' })).toBe(401);
    expect(await ask('POST', '/v1/nothing', '{}')).toBe(404);
    expect((await client.getinfo()).network).toBe('regtest');
    expect(await daemon.stop()).toBe(0);
    expect(daemon.stderr).toBe('');
  });
});

/** From now on the process can make no file larger than this, as on a disk without room. */
async function limitFileSize({ child }: Program, bytes: number): Promise<void> {
  const limit = spawn('prlimit', ['--pid', String(child.pid), `--fsize=${bytes}`], { stdio: 'inherit' });
  const [status] = (await once(limit, 'close')) as [number];
  expect(status).toBe(0);
}
