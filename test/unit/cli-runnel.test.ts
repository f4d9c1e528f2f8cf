import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TOKEN_FILE, writeApiFile } from '../../src/api/access.ts';
import { contract, methodNames, type MethodName } from '../../src/api/contract.ts';
import type { MethodSpec } from '../../src/api/method.ts';
import { ApiError } from '../../src/api/errors.ts';
import { TOKEN } from './api-fake-node.ts';
import { dataDir, fake, makeFolder, run, runnel, server, start, stop } from './cli-harness.ts';

beforeEach(makeFolder);
afterEach(stop);

/** A method's verb, which may be a word within a group. */
const verbOf = (name: MethodName): string[] => ((contract[name] as MethodSpec).cli.verb ?? name).split(' ');

describe('every verb', () => {
  it('is listed in the help, which tells the exit statuses', async () => {
    const { status, stdout } = await runnel('--help');
    expect(status).toBe(0);
    for (const name of methodNames) expect(stdout).toMatch(new RegExp(`^  ${verbOf(name)[0]}\\b`, 'm'));
    expect(stdout).toContain('Exit status:');
  });

  it('has help with an example, runs its own example, and prints the answer for people and as JSON', async () => {
    await start();
    const backupFile = join(dataDir, 'channel.backup');
    writeFileSync(backupFile, contract.verifybackup.example.input.backup);
    // What it writes is made of many calls: see cli-audit.test.ts.
    const names = methodNames.filter((name) => name !== 'audit');
    const results = await Promise.all(
      names.map(async (name) => {
        const [, ...words] = contract[name].cli.example.split(' ');
        const example = words.map((word) => (word === 'channel.backup' ? backupFile : word));
        return {
          name,
          help: await runnel(...verbOf(name), '--help'),
          json: await runnel(...example, '--json'),
          people: await runnel(...example),
        };
      }),
    );
    for (const { name, help, json, people } of results) {
      expect(help.stdout, name).toContain(`Example:\n  $ ${contract[name].cli.example}`);
      expect(json.stderr, name).toBe('');
      expect(json.status, name).toBe(0);
      expect(JSON.parse(json.stdout), name).toEqual(JSON.parse(JSON.stringify(contract[name].example.output)));
      // The example's payment is one of long ago.
      expect([people.status, people.stderr], name).toEqual([0, name === 'pay' ? 'It was paid already: nothing was sent.\n' : '']);
      expect(people.stdout.length, name).toBeGreaterThan(5);
      expect(people.stdout, name).not.toMatch(/undefined|\[object|NaN/);
    }
  });
});

describe('what a verb asks the node', () => {
  const node = `02${'11'.repeat(32)}`;
  it.each([
    [['invoice', '1.5', '--expiry', '60'], { amountMsat: 1_500n, expirySeconds: 60 }],
    [['invoice'], {}],
    [
      ['keysend', node, '2500msat', '--max-fee', '0.001', '--max-cltv', '99'],
      { nodeId: node, amountMsat: 2_500n, maxFeeMsat: 1n, maxCltvExpiryDelta: 99 },
    ],
    [
      ['open', node, '0.001btc', '--push-msat', '7', '--private'],
      { nodeId: node, amountSat: 100_000n, pushMsat: 7n, private: true },
    ],
    [
      ['probe', node, '1.5', '--max-fee', '2', '--attempts', '3', '--timeout', '9'],
      { target: node, amountMsat: 1_500n, maxFeeMsat: 2_000n, maxAttempts: 3, timeoutSeconds: 9 },
    ],
    [['probe', 'lnbc1xyz'], { target: 'lnbc1xyz' }],
    [['connect', `${node}@127.0.0.1:9735`], { nodeId: node, address: '127.0.0.1:9735' }],
    [['connect', node, '/ip4/127.0.0.1/tcp/9735'], { nodeId: node, address: '/ip4/127.0.0.1/tcp/9735' }],
    [['connect', node], { nodeId: node }],
    [['channels', '--state', 'normal', '--closed'], { state: 'normal', closed: true }],
    [['setpolicy', '--base-msat', '5', '--ppm', '6'], { feeBaseMsat: 5n, feeProportionalMillionths: 6 }],
    [
      ['setpolicy', '1x1x0', '--follow-balance', '--min-ppm', '10', '--max-ppm', '500'],
      { channel: '1x1x0', followBalance: true, minPpm: 10, maxPpm: 500 },
    ],
    [
      ['withdraw', 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080', '--all'],
      { address: 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080', all: true },
    ],
  ])('%j', async (args, input) => {
    await start();
    expect(await runnel(...args, '--json')).toMatchObject({ status: 0, stderr: '' });
    expect(fake.calls.at(-1)).toEqual({ name: args[0], input });
  });

  it.each([
    [['keysend', node], 'missing required argument'],
    [['keysend', node, '1', 'more'], 'too many arguments'],
    [['keysend', node, '1.0001'], 'Expected an amount in sat'],
    [['probe', 'bob', '1'], '<target>: expected a node id (33 bytes in hex), or a BOLT 11 invoice'],
    [['probe', node, '1', '--attempts', '101'], '--attempts'],
    [['setpolicy', '--follow-balance', '--min-ppm', '1', '--max-ppm', '2', '--ppm', '1'], '--ppm: expected none with followBalance'],
    [['setpolicy', '--max-ppm', '2'], '--follow-balance: expected with minPpm and maxPpm'],
    [['keysend', node, '-5'], 'Expected an amount in sat'],
    [['keysend', node, '1e3'], 'Expected an amount in sat'],
    [['open', node, '1.5'], 'whole satoshis'],
    [['open', '02ab', '1000'], '<node-id>: expected a node id'],
    [['connect', `${node}@nowhere`], '<address>: expected host:port'],
    [['channels', '--state', 'odd'], 'Allowed choices are opening'],
    [['debuglevel', 'loud'], 'Allowed choices are trace'],
    [['invoice', '--expiry', 'soon'], '--expiry'],
    [['withdraw', 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080'], 'either an amount or all'],
    [['chanels'], 'Did you mean channels?'],
    [['getinfo', '--nothing'], "unknown option '--nothing'"],
    [[], 'Usage: runnel'],
  ])('nothing, where it is wrong: %j is status 2', async (args, message) => {
    await start();
    const { status, stdout, stderr } = await runnel(...args);
    expect(stderr).toContain(message);
    expect([status, stdout]).toEqual([2, '']);
    expect(fake.calls).toEqual([]);
  });
});

describe('what a verb says when it fails', () => {
  it('tells how to start a node where none ever ran: status 3', async () => {
    const { status, stdout, stderr } = await runnel('getinfo');
    expect([status, stdout]).toEqual([3, '']);
    expect(stderr).toContain(`no node runs in the data folder ${dataDir}`);
    expect(stderr).toContain(`runneld --datadir ${dataDir}`);
  });

  it('tells how to start a node where none answers: status 3', async () => {
    await start();
    await server?.close();
    const { status, stderr } = await runnel('getinfo');
    expect(status).toBe(3);
    expect(stderr).toMatch(/no node answers at http:\/\/127\.0\.0\.1:\d+\n.*runneld/);
  });

  it('tells of a token that is wrong, exposed or damaged: status 4', async () => {
    await start();
    writeFileSync(join(dataDir, TOKEN_FILE), 'b2'.repeat(32));
    expect(await runnel('getinfo')).toMatchObject(
      { status: 4, stderr: expect.stringContaining("expected this node's token") },
    );
    writeFileSync(join(dataDir, TOKEN_FILE), 'b2');
    expect(await runnel('getinfo')).toMatchObject(
      { status: 4, stderr: expect.stringContaining('expected 64 hex digits') },
    );
    rmSync(join(dataDir, TOKEN_FILE));
    writeFileSync(join(dataDir, TOKEN_FILE), TOKEN, { mode: 0o644 });
    expect(await runnel('getinfo')).toMatchObject({ status: 4, stderr: expect.stringContaining('expected mode 600') });
  });

  it('takes --datadir before RUNNEL_DIR', async () => {
    await start();
    expect(await run(['getinfo', '--datadir', dataDir], { environment: { RUNNEL_DIR: '/nowhere' } })).toMatchObject(
      { status: 0, stderr: '' },
    );
  });

  it.each([
    [new ApiError('refused', 'no_route', 'no route to there', { hint: 'try less' }), 1],
    [new ApiError('notFound', 'unknown_channel', 'no such channel'), 1],
    [new ApiError('unavailable', 'chain_unavailable', 'bitcoind does not answer'), 1],
    [new ApiError('invalid', 'invalid_request', 'wrong'), 2],
    [new TypeError('boom'), 6],
  ])('%s is status %i, as text and as JSON', async (error, status) => {
    await start({ route: () => Promise.reject(error) });
    const args = ['route', `02${'11'.repeat(32)}`, '1'];
    const people = await runnel(...args);
    expect([people.status, people.stdout]).toEqual([status, '']);
    if (error instanceof ApiError) {
      expect(people.stderr).toContain(`runnel: ${error.message}`);
      expect(people.stderr).toContain(error.hint ?? '');
    } else expect(people.stderr).toContain("daemon's log");
    const json = await runnel(...args, '--json');
    expect([json.status, json.stdout]).toEqual([status, '']);
    expect(JSON.parse(json.stderr)).toMatchObject({ code: error instanceof ApiError ? error.code : 'internal_error' });
  });

  it('is status 6 before something that is no Runnel node', async () => {
    await start({ getinfo: () => Promise.resolve({} as never) });
    const { createServer } = await import('node:http');
    const other = createServer((_, response) => response.end('<html>'));
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    writeApiFile(dataDir, (other.address() as { port: number }).port);
    expect(await runnel('getinfo')).toMatchObject({ status: 6, stderr: expect.stringContaining('no Runnel node') });
    other.close();
  });
});

describe('output', () => {
  it('lets no stranger write to the terminal', async () => {
    const evil = 'bob\u001b]0;owned\u0007\u009b31m\u202e';
    await start(
      {
        peers: () => Promise.resolve(
          { peers: [{ nodeId: `02${'11'.repeat(32)}`, alias: evil, connected: true, numChannels: 0 }] },
        ),
      },
    );
    for (const args of [['peers'], ['peers', '--json']]) {
      const { stdout } = await runnel(...args);
      // oxlint-disable-next-line no-control-regex -- they are what must not be there
      expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    }
    expect(JSON.parse((await runnel('peers', '--json')).stdout).peers[0].alias).toBe(evil);
  });

});
