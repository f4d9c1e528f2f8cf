import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { contract } from '../../src/api/contract.ts';
import { ApiError } from '../../src/api/errors.ts';
import { exampleOutput } from './api-fake-node.ts';
import { fake, makeFolder, runnel, start, stop } from './cli-harness.ts';

beforeEach(makeFolder);
afterEach(stop);

const pending = exampleOutput('pending');
const [closing] = pending.channels;
if (closing === undefined) throw new Error('the example has a channel');

/** The cells of the row that begins with `first`. */
function cells(text: string, first: string): string[] {
  const line = text.split('\n').find((each) => each.trim().startsWith(first));
  return line?.trim().split(/ {2,}/) ?? [];
}

describe('runnel pending', () => {
  it('shows alarms first, then channels with their outputs, HTLCs that expire, and the sums', async () => {
    await start();
    const { stdout, status } = await runnel('pending');
    expect(status).toBe(0);
    const places = [
      'ALARMS',
      'channel 103x1x0 with bob: closing',
      'OUTPUT',
      'HTLCs that expire soon',
      'all together, at height 109',
    ];
    const found = places.map((each) => stdout.indexOf(each));
    expect(found).toEqual([...found].sort((a, b) => a - b));
    expect(found).not.toContain(-1);
    expect(cells(stdout, 'e5f61708192a4b5c…:1')).toEqual([
      'e5f61708192a4b5c…:1', '98745', 'our balance', 'waits', '142 blocks until its delay ends, at height 251',
    ]);
    expect(cells(stdout, '104x1x0').slice(1, 5)).toEqual(['received 3', '250.000', '121', '12']);
    expect(cells(stdout, 'ours, not yet')).toEqual(['ours, not yet in the wallet (sat)', '98745']);
    expect(stdout).not.toMatch(/ $/m);
  });

  it('shows our commitment that waits, since when, and what raises its fee', async () => {
    const bump = { txid: 'cd'.repeat(32), feeSat: 1_500n, feeratePerKw: 5_000, sinceHeight: 100 };
    const waiting = {
      ...closing,
      state: 'failed' as const,
      closing: { ...closing.closing!, confirmations: 0, sinceMs: 1_795_000_000_000, bump },
    };
    await start({ pending: () => Promise.resolve({ ...pending, channels: [waiting] }) });
    const { stdout } = await runnel('pending');
    expect(cells(stdout, 'waits since')).toEqual(['waits since', '2026-11-18 11:06:40']);
    expect(cells(stdout, 'closing fee')).toEqual(['closing fee', '2810 sat (10.0 sat/vB)']);
    expect(cells(stdout, 'fee raised by')).toEqual(['fee raised by', `${bump.txid}, 1500 sat, both at 20.0 sat/vB`]);
  });

  it('says that nothing is', async () => {
    await start({ pending: () => Promise.resolve({ ...pending, channels: [], deadlines: [], alarms: [] }) });
    expect((await runnel('pending')).stdout).toBe('Nothing is pending at height 109.\n');
  });

  it('keeps what a peer wrote in its place', async () => {
    const reason = { by: 'remote' as const, code: 'error', text: 'ended by the peer: \u001b[2Jowned\nALARMS' };
    await start({
      pending: () => Promise.resolve({
        ...pending,
        channels: [{ ...closing, alias: 'b\u202eob', reason }],
        alarms: [],
      }),
    });
    const { stdout } = await runnel('pending');
    // oxlint-disable-next-line no-control-regex -- they are what must not be there
    expect(stdout).not.toMatch(/[\u001b\u202e]|^ALARMS/m);
  });
});

describe('other verbs', () => {
  it('channel shows what is pending of it, and why it closed', async () => {
    await start({ channel: () => Promise.resolve({ ...exampleOutput('channel'), pending: closing }) });
    const { stdout } = await runnel('channel', '103x1x0');
    expect(stdout).toContain('142 blocks until its delay ends, at height 251');
    expect(cells(stdout, 'why')).toEqual([
      'why',
      'ended by us: this node was told to close the channel without its peer',
    ]);
  });

  it('channels tells what closes a channel, and how far it is', async () => {
    const { closing: transaction } = closing;
    const channel = exampleOutput('channel');
    const final = transaction && { ...transaction, confirmations: 100, blocksLeft: 0 };
    const channels = [
      { ...channel, state: 'closing' as const, closing: transaction, error: 'told to' },
      { ...channel, state: 'closed' as const, closing: final, error: 'told to' },
      { ...channel, error: 'frozen' },
    ];
    await start({ channels: () => Promise.resolve({ channels }) });
    const states = (await runnel('channels')).stdout.split('\n').slice(1, 4).map((line) => line.split(/ {2,}/)[2]);
    expect(states).toEqual(['closing (local), 2/100', 'closed (local)', 'normal (!)']);
  });

  it('getinfo shows alarms, and how many channels close', async () => {
    await start({
      getinfo: () => Promise.resolve({
        ...exampleOutput('getinfo'),
        numPendingChannels: 3,
        numClosingChannels: 2,
        alarms: pending.alarms,
      }),
    });
    const { stdout } = await runnel('getinfo');
    expect(cells(stdout, 'pending channels')[1]).toBe('3, 2 of them closing (see `runnel pending`)');
    expect(cells(stdout, 'no_fee_coins')[2]).toContain('the wallet has no coins');
  });

  it('close says what a close by force has begun, and what it would cost', async () => {
    const closed = exampleOutput('close');
    await start({
      close: ({ force }) => Promise.resolve(force === true ? {
        ...closed,
        closingTxid: 'ab'.repeat(32),
      } : { ...closed, ifForced: { delayBlocks: 144, feeSat: 3_470n } }),
    });
    expect((await runnel('close', '103x1x0', '--force')).stdout).toContain('ab'.repeat(32));
    const { stdout } = await runnel('close', '103x1x0');
    for (const part of ['peer is offline', '--force 4f1e5e2d0f6f3ac4`', 'waits 144 blocks', 'costs us 3470 sat']) {
      expect(stdout).toContain(part);
    }
    expect(fake.calls.map(({ input }) => input)).toEqual([{ channel: '103x1x0', force: true }, { channel: '103x1x0' }]);
  });

  it.each([
    [['--address', 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080'], '--address: expected none with force'],
    [['--feerate', '1000'], '--feerate: expected none with force'],
  ])('close takes no %j by force', async (more, message) => {
    await start();
    expect(await runnel('close', '103x1x0', '--force', ...more)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining(message),
    });
    expect(fake.calls).toEqual([]);
  });

  it('pay names the flag for an amount that the invoice leaves open', async () => {
    const error = new ApiError(
      'refused',
      'amount_missing',
      'the invoice leaves the amount to the payer: expected one',
      { hint: 'say how much with --amount <sat>' },
    );
    await start({ pay: () => Promise.reject(error) });
    expect(await runnel(...contract.pay.cli.example.split(' ').slice(1))).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('--amount <sat>'),
    });
  });
});

describe('wrong arguments with --json', () => {
  it.each([
    [['keysend', '--json'], /^missing required argument 'node-id'$/],
    [['--json', 'getinfo', '--nothing'], /^unknown option '--nothing'$/],
    [['chanels', '--json'], /^unknown command 'chanels'/],
    [['channels', '--state', 'odd', '--json'], /Allowed choices are opening/],
    [['invoice', '1.0001', '--json'], /Expected an amount in sat/],
    [['open', '02ab', '1000', '--json'], /^<node-id>: expected a node id/],
    [['--json'], /^expected a verb, got none$/],
  ])('%j is status 2, and JSON', async (args, message) => {
    await start();
    const { status, stdout, stderr } = await runnel(...args);
    expect([status, stdout]).toEqual([2, '']);
    expect(JSON.parse(stderr)).toEqual({
      code: 'usage',
      message: expect.stringMatching(message),
      hint: expect.any(String),
    });
    expect(fake.calls).toEqual([]);
  });

  it('leaves help and version as they are', async () => {
    expect(await runnel('--json', '--help')).toMatchObject({
      status: 0,
      stderr: '',
      stdout: expect.stringContaining('Usage: runnel'),
    });
    expect((await runnel('--json', '--version')).stdout).toMatch(/^\d/);
  });
});
