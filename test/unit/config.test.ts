import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SAFE_CLTV_EXPIRY_DELTA } from '../../machines/forwarding/rules.ts';
import { CONFIG_FILE, ConfigError, loadConfig } from '../../src/config/config.ts';
import { dataDirectory } from '../../src/config/data-directory.ts';
import { configKeys } from '../../src/config/keys.ts';

const PEER = `02${'11'.repeat(32)}`;
let dataDir: string;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'runnel-config-'));
});
afterEach(() => rmSync(dataDir, { recursive: true }));

const toml = (text: string): void => writeFileSync(join(dataDir, CONFIG_FILE), text);

function problems(sources: Omit<Parameters<typeof loadConfig>[0], 'dataDir'> = {}): readonly string[] {
  try {
    loadConfig({ dataDir, ...sources });
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).details.problems as string[];
  }
  throw new Error('the configuration was accepted');
}

describe('the configuration', () => {
  it('has defaults for everything', () => {
    const { config, warnings } = loadConfig({ dataDir });
    expect(config).toMatchObject({
      dataDir,
      network: 'regtest',
      apiPort: 9737,
      listen: ['/ip4/0.0.0.0/tcp/9736'],
      chain: { rpcUrl: 'http://127.0.0.1:18443' },
      policy: { feeBaseMsat: 1000n, feePpm: 100, cltvExpiryDelta: 80, followIntervalSeconds: 86_400, followBurst: 2 },
      passphrase: undefined,
    });
    expect(warnings).toEqual([]);
    // BOLT 2, "`cltv_expiry_delta` Selection": by default nothing that is forwarded can be lost.
    expect(config.policy.cltvExpiryDelta).toBeGreaterThanOrEqual(SAFE_CLTV_EXPIRY_DELTA);
  });

  it('takes flags before environment before file before defaults, key by key', () => {
    toml('alias = "file"\ncolor = "#111111"\napi_port = 1\n[policy]\nfee_base_msat = 1\nfee_ppm = 1\n');
    const { config } = loadConfig({
      dataDir,
      environment: { RUNNEL_ALIAS: 'environment', RUNNEL_API_PORT: '2', RUNNEL_POLICY_FEE_PPM: '2' },
      flags: { alias: 'flag', 'policy.fee_base_msat': '3' },
    });
    expect(config).toMatchObject(
      { alias: 'flag', apiPort: 2, color: '#111111', policy: { feePpm: 2, feeBaseMsat: 3n, cltvExpiryDelta: 80 } },
    );
  });

  it('gives every key a variable of its own, and a flag unless it is a secret', () => {
    expect(new Set(configKeys.map((key) => key.environment)).size).toBe(configKeys.length);
    expect(configKeys.filter((key) => key.flag === undefined).map((key) => key.name)).toEqual(['chain.rpc_password']);
    expect(configKeys.every((key) => key.help.length > 0)).toBe(true);
    expect(configKeys.find((key) => key.name === 'chain.rpc_url')).toMatchObject(
      { environment: 'RUNNEL_CHAIN_RPC_URL', flag: '--chain-rpc-url' },
    );
  });

  it('reads lists from the file and, with commas, from text', () => {
    toml(`bootstrap = ["${PEER}@/ip4/10.0.0.1/tcp/9736"]\n[lightning]\nlisten = ["[::]:9735"]`);
    const environment = { RUNNEL_LISTEN: '/ip4/127.0.0.1/tcp/1, /ip4/127.0.0.1/tcp/2', RUNNEL_LIGHTNING_ANNOUNCE: 'ln.example:9735' };
    const { config } = loadConfig({ dataDir, environment });
    expect(config.listen).toEqual(['/ip4/127.0.0.1/tcp/1', '/ip4/127.0.0.1/tcp/2']);
    expect(config.bootstrap).toEqual([{ nodeId: PEER, address: '/ip4/10.0.0.1/tcp/9736' }]);
    expect(config.lightning).toMatchObject({ listen: ['[::]:9735'], announce: ['ln.example:9735'] });
  });

  it("follows the network to its bitcoind's port", () => {
    expect(loadConfig({ dataDir, flags: { network: 'signet' } }).config.chain.rpcUrl).toBe('http://127.0.0.1:38332');
  });

  it('names key, source, expectation and value of everything that is wrong, at once', () => {
    toml('alias = 7\ncolour = "#fff"\n[channel]\ndust_limit_sat = 1\n[chain]\nrpc_port = 1\n');
    const found = problems(
      { environment: { RUNNEL_API_PORT: '70000' }, flags: { 'log.level': 'loud', listen: 'nowhere' } },
    );
    expect(found).toHaveLength(7);
    const line = (start: string): string | undefined => found.find((problem) => problem.startsWith(start));
    expect(line('alias')).toMatch(/runneld\.toml\): .*expected string.*, got 7/);
    expect(line('colour')).toMatch(/no such key; there are alias, color/);
    expect(line('chain.rpc_port')).toMatch(/no such key; there are chain\.rpc_url/);
    expect(line('api_port')).toBe('api_port (from RUNNEL_API_PORT): expected at most 65535, got 70000');
    expect(line('log.level')).toMatch(/\(from --log-level\).*got "loud"/);
    expect(line('listen')).toMatch(/\(from --listen\): expected a multiaddr .*, got "nowhere"/);
    expect(line('channel.dust_limit_sat')).toMatch(/expected at least 354, got 1/);
  });

  it.each([
    ['alias = ', /is not TOML/],
    ['chain = 1', /expected a table, \[chain\], got 1/],
    ['[alias]\nx = 1', /alias .*got \{"x":1\}/],
    ['api_port = 1.5', /api_port .*got 1.5/],
    ['alias = "ß234567890123456789012345678901234"', /32 bytes/],
    ['[chain]\nrpc_user = "a"', /expected both or neither/],
    ['[chain]\nrpc_user = "a"\nrpc_password = "b"\nrpc_cookie_file = "c"', /either a cookie file/],
    ['[chain]\nrpc_url = "ftp://x"', /expected an http URL/],
    ['[chain]\nrpc_url = "https://x"', /expected an http URL/],
    [
      '[channel]\nmin_funding_sat = 50000\nmax_funding_sat = 40000',
      /expected at most 40000 \(max_funding_sat\), got 50000/,
    ],
    ['[policy]\nfollow_min_ppm = 10', /follow_min_ppm and policy.follow_max_ppm: expected both or neither/],
    ['[policy]\nfollow_min_ppm = 10\nfollow_max_ppm = 9', /expected at most 9 \(follow_max_ppm\), got 10/],
    ['__proto__ = 1', /no such key/],
    ['bootstrap = ["x@1.2.3.4:1"]', /expected <node id>@/],
  ])('refuses %j', (text, expected) => {
    toml(text);
    expect(problems().join('\n')).toMatch(expected);
  });

  it('never shows a secret in an error', () => {
    toml('[chain]\nrpc_user = "a"\nrpc_password = 123456789\n');
    expect(problems().join('\n')).not.toContain('123456789');
  });

  it('does not take a secret from a flag', () => {
    const flags = { 'chain.rpc_password': 'x', 'chain.rpc_user': 'y' };
    expect(problems({ flags }).join('\n')).toMatch(/expected both or neither/);
  });

  it('takes the passphrase from a file or the environment, not from both', () => {
    const file = join(dataDir, 'passphrase');
    writeFileSync(file, 'correct horse\n');
    toml(`passphrase_file = ${JSON.stringify(file)}`);
    expect(loadConfig({ dataDir }).config.passphrase).toBe('correct horse');
    expect(problems({ environment: { RUNNEL_PASSPHRASE: 'x' } }).join('')).toMatch(/got both/);
    writeFileSync(file, '\n');
    expect(problems().join('')).toMatch(/empty line/);
    rmSync(file);
    expect(problems().join('')).toMatch(/cannot be read/);
    toml('');
    expect(loadConfig({ dataDir, environment: { RUNNEL_PASSPHRASE: 'x' } }).config.passphrase).toBe('x');
  });

  it('warns of variables that set nothing', () => {
    expect(loadConfig({ dataDir, environment: { RUNNEL_ALAIS: 'x', RUNNEL_DIR: 'y', HOME: 'z' } }).warnings).toEqual([
      'environment variable RUNNEL_ALAIS sets no key of the configuration (runneld --help lists those that do)',
    ]);
  });

  it('tells a file that cannot be read', () => {
    rmSync(dataDir, { recursive: true });
    writeFileSync(dataDir, '');
    expect(problems().join('')).toMatch(/cannot be read/);
  });
});

describe('the data folder', () => {
  it('is the flag, or RUNNEL_DIR, or ~/.runnel', () => {
    expect(dataDirectory('/a', { RUNNEL_DIR: '/b' })).toBe('/a');
    expect(dataDirectory(undefined, { RUNNEL_DIR: '/b' })).toBe('/b');
    expect(dataDirectory(undefined, {})).toMatch(/\.runnel$/);
  });
});
