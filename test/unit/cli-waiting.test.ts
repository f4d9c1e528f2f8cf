import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ApiError } from '../../src/api/errors.ts';
import { contract } from '../../src/api/contract.ts';
import { exampleOutput } from './api-fake-node.ts';
import { fake, makeFolder, run, runnel, server, start, stop } from './cli-harness.ts';

beforeEach(makeFolder);
afterEach(stop);

describe('payments', () => {
  const payment = exampleOutput('payment');
  const [, ...pay] = contract.pay.cli.example.split(' ');

  it('that fail are printed, and are status 1', async () => {
    await start(
      {
        pay: () => Promise.resolve(
          { ...payment, status: 'failed', failure: { code: 'no_route', message: 'nobody there' } },
        ),
      },
    );
    const { status, stdout, stderr } = await runnel(...pay, '--json');
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ status: 'failed' });
    expect(JSON.parse(stderr)).toMatchObject({ code: 'no_route', message: 'the payment failed: nobody there' });
  });

  it('that were made before are not taken for new ones', async () => {
    await start({ pay: async () => payment });
    expect(await runnel(...pay)).toMatchObject({ status: 0, stderr: 'It was paid already: nothing was sent.\n' });
    await stop();
    makeFolder();
    await start({ pay: async () => ({ ...payment, finishedAt: Math.floor(Date.now() / 1_000) }) });
    expect(await runnel(...pay)).toMatchObject({ status: 0, stderr: '' });
  });

  it('show their attempts on a terminal, and only there', async () => {
    await start({
      pay: async () => {
        fake.events.publish({
          type: 'payment',
          timeMs: 1,
          paymentHash: '00'.repeat(32),
          status: 'inFlight',
          amountMsat: 1n,
          feeMsat: 0n,
          attempt: 9,
        });
        const { paymentHash } = payment;
        fake.events.publish({
          type: 'payment',
          timeMs: 1,
          paymentHash,
          status: 'inFlight',
          amountMsat: 1n,
          feeMsat: 0n,
          attempt: 2,
          message: 'full \u001b[2J',
        });
        // The events go out over their own connection: the answer follows once they had time to arrive.
        await shown;
        return { ...payment, finishedAt: Math.floor(Date.now() / 1_000) };
      },
    });
    let screen = '';
    let seen = (): void => {};
    const shown = new Promise<void>((resolve) => (seen = resolve));
    const write = (text: string): void => {
      screen += text;
      if (text.includes('attempt')) seen();
    };
    expect(await run(pay, { terminal: { write, columns: 80 } })).toMatchObject({ status: 0, stderr: '' });
    expect(screen).toBe('\r\u001b[Kpaying …\r\u001b[Kpaying … attempt 2: full \ufffd[2J\r\u001b[K');
  });

  it('that are in flight when the time is up are status 5, with what to do', async () => {
    const inFlight = { ...payment, status: 'inFlight' as const };
    await start({
      pay: () => Promise.resolve(inFlight),
      payment: () => {
        void server?.close();
        return Promise.resolve(inFlight);
      },
    });
    const { status, stderr } = await runnel(...pay);
    expect(status).toBe(5);
    expect(stderr).toContain(`runnel payment ${payment.paymentHash}`);
  });
});

describe('a probe', () => {
  const probe = exampleOutput('probe');
  const [, ...args] = contract.probe.cli.example.split(' ');

  it('that would not arrive is printed, and is status 1, as a payment that failed', async () => {
    const failure = { code: 'no_route', message: 'nobody there' };
    const { feeMsat: _fee, cltvExpiryDelta: _delta, route: _route, ...rest } = probe;
    await start({ probe: () => Promise.resolve({ ...rest, status: 'failed', failure }) });
    const { status, stdout, stderr } = await runnel(...args);
    expect(status).toBe(1);
    expect(stdout).toMatch(/^would arrive +no$/m);
    expect(stderr).toContain('a payment would not arrive: nobody there');
  });

  it('that a node holds when the time is up is status 5, and tells where and until when', async () => {
    const held = { shortChannelId: '1x1x0', nodeId: probe.destination, amountMsat: 5n, cltvExpiry: 200, blocksLeft: 9, isWithPeer: true, text: 'bob holds it' };
    const inFlight = { ...probe, status: 'inFlight' as const, held };
    await start({ probe: () => Promise.resolve(inFlight), probes: async () => ({ total: 1, probes: [inFlight] }) });
    const waiting = runnel(...args);
    await expect.poll(() => fake.calls.map(({ name }) => name)).toContain('probes');
    fake.events.publish({ type: 'probe', timeMs: 1, paymentHash: probe.paymentHash, status: 'failed', amountMsat: 1n, attempt: 1 });
    const { status, stdout, stderr } = await waiting;
    expect(status).toBe(5);
    expect(stdout).toMatch(/^would arrive +not known yet$/m);
    expect(stderr).toContain('not known yet: bob holds it');
    expect(stderr).toContain(`runnel probes ${probe.paymentHash}`);
  });

  it('shows later who holds it', async () => {
    const held = { shortChannelId: '1x1x0', nodeId: probe.destination, amountMsat: 5n, cltvExpiry: 200, blocksLeft: 9, isWithPeer: true, text: 'bob holds it' };
    await start({ probes: async () => ({ total: 1, probes: [{ ...probe, status: 'inFlight', held }] }) });
    expect((await runnel('probes', probe.paymentHash)).stdout).toMatch(/^held +bob holds it$/m);
  });

  it('is held by the server until its event tells its end', async () => {
    const inFlight = { ...probe, status: 'inFlight' as const };
    let isOver = false;
    await start({
      probe: async () => inFlight,
      probes: async () => {
        const now = isOver ? probe : inFlight;
        isOver = true;
        setImmediate(() => fake.events.publish({ type: 'probe', timeMs: 1, paymentHash: probe.paymentHash, status: 'arrived', amountMsat: 1n, attempt: 2 }));
        return { total: 1, probes: [now] };
      },
    });
    const { status, stdout } = await runnel(...args, '--json');
    expect([status, JSON.parse(stdout).status]).toEqual([0, 'arrived']);
  });
});

describe('waiting', () => {
  const opened = exampleOutput('channel');
  const [, ...open] = contract.open.cli.example.split(' ');
  const [, ...close] = contract.close.cli.example.split(' ');
  const changed = (): void =>
    fake.events.publish({
      type: 'channel',
      timeMs: 1,
      channelId: opened.channelId,
      nodeId: opened.nodeId,
      state: 'normal',
      stateValue: 'x',
      connection: 'online', localMsat: 0n, remoteMsat: 0n,
    });

  it('open --wait ends when the channel is usable', async () => {
    const states = ['opening', 'opening', 'normal'] as const;
    let looked = 0;
    await start({
      channel: () => {
        const state = states[looked++] ?? 'closed';
        setImmediate(changed);
        return Promise.resolve({ ...opened, state });
      },
    });
    const { status, stdout } = await runnel(...open, '--wait', '--json');
    expect([status, JSON.parse(stdout).state, looked]).toEqual([0, 'normal', 3]);
  });

  it('open --wait is status 1 when the channel fails', async () => {
    await start({ channel: () => Promise.resolve({ ...opened, state: 'closed', error: 'the peer went away' }) });
    expect(await runnel(...open, '--wait')).toMatchObject(
      { status: 1, stderr: expect.stringContaining('did not open: the peer went away') },
    );
  });

  it('open --wait is status 3 when the node goes away', async () => {
    await start({
      channel: () => {
        setImmediate(() => void server?.close());
        return Promise.resolve({ ...opened, state: 'opening' });
      },
    });
    expect(await runnel(...open, '--wait')).toMatchObject(
      { status: 3, stderr: expect.stringContaining('the node is stopping') },
    );
  });

  type Channel = typeof opened;
  const closing = (kind: 'mutual' | 'local' | 'remote', confirmations: number): Partial<Channel> => ({
    state: 'closing',
    closing: {
      kind,
      txid: 'ab'.repeat(32),
      confirmations,
      confirmationsNeeded: 100,
      blocksLeft: 100 - confirmations,
      text: kind,
    },
    ...(confirmations > 0 && { closingTxid: 'ab'.repeat(32) }),
  });
  const shuttingDown: Partial<Channel> = { state: 'shuttingDown' };
  const failed: Partial<Channel> = {
    state: 'failed',
    error: 'this node was told to',
    closing: { ...closing('local', 0).closing! },
  };
  const closed: Partial<Channel> = { ...closing('mutual', 100), state: 'closed' };

  /** Answers with one look after another; returns how often it was looked at. */
  async function passing(looks: readonly Partial<Channel>[]): Promise<() => number> {
    let looked = 0;
    await start({
      channel: () => {
        const look = looks[looked++] ?? { state: 'abandoned' as const };
        setImmediate(changed);
        return Promise.resolve({ ...opened, ...look });
      },
    });
    return () => looked;
  }

  it('close --wait ends when a block holds the closing transaction', async () => {
    const looked = await passing([shuttingDown, closing('mutual', 0), closing('mutual', 1)]);
    const { status, stdout } = await runnel(...close, '--wait');
    expect([status, looked()]).toEqual([0, 3]);
    expect(stdout).toContain('ab'.repeat(32));
  });

  it('close --wait-resolved ends when all is final', async () => {
    const looked = await passing([shuttingDown, closing('mutual', 1), closing('mutual', 99), closed]);
    expect((await runnel(...close, '--wait-resolved')).status).toBe(0);
    expect(looked()).toBe(4);
  });

  it.each([
    ['fails', failed, 'this node was told to'],
    ['ends by a commitment', closing('remote', 1), 'it is closing'],
    ['has lost state', { state: 'fallenBehind' } as const, 'cannot be closed by this node'],
  ])('close --wait is status 1 when the channel %s', async (_, look, why) => {
    await passing([shuttingDown, look]);
    expect(await runnel(...close, '--wait')).toMatchObject({ status: 1, stderr: expect.stringContaining(why) });
  });

  it('close --wait takes up waiting for a channel that closes already, whatever closes it', async () => {
    const looks = [shuttingDown, closing('local', 0), closing('local', 1)];
    let looked = 0;
    await start({
      close: () => Promise.reject(new ApiError('conflict', 'channel_closing', 'the channel cannot be closed again')),
      channel: () => {
        setImmediate(changed);
        return Promise.resolve({ ...opened, ...looks[looked++] });
      },
    });
    expect(await runnel(...close, '--wait')).toMatchObject({ status: 0, stderr: '' });
    expect(looked).toBe(looks.length);
    expect(await runnel(...close)).toMatchObject({ status: 1, stderr: expect.stringContaining('cannot be closed again') });
  });

  const kinds = ['local', 'remote', 'mutual'] as const;
  it.each(kinds)('close --force --wait ends with any transaction in a block: %s', async (kind) => {
    const looked = await passing([failed, failed, closing(kind, 1)]);
    const { status } = await runnel(...close, '--force', '--wait');
    expect([status, looked()]).toEqual([0, 3]);
    expect(fake.calls.find(({ name }) => name === 'close')?.input).toMatchObject({ force: true });
  });
});
