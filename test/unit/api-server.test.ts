import { request as httpRequest } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { RunnelError } from '../../protocols/errors.ts';
import { contract, methodNames, type Api } from '../../src/api/contract.ts';
import { ApiError } from '../../src/api/errors.ts';
import { VirtualClock } from '../../src/runtime/virtual-clock.ts';
import { exampleOutput, fakeNode, TOKEN } from './api-fake-node.ts';
import { ask, exampleRequest, fake, post, server, start, stop } from './api-http.ts';

afterEach(stop);

describe('every method', () => {
  it.each(methodNames)('%s takes its example and answers with its example', async (name) => {
    await start();
    const { status, body } = await exampleRequest(name);
    expect(body).toEqual(JSON.parse(JSON.stringify(contract[name].example.output)));
    expect(status).toBe(200);
    expect(fake.calls).toEqual([{ name, input: contract[name].input.parse(contract[name].example.input) }]);
  });

  it('takes a POST without a body where nothing is needed', async () => {
    await start();
    expect((await ask('POST', '/v1/wallet/addresses')).status).toBe(200);
  });
});

describe('the stream of events', () => {
  it('says that it wants an upgrade to a WebSocket', async () => {
    await start();
    const { status, body, headers } = await ask('GET', '/v1/events?types=block');
    expect([status, body.code, headers.upgrade]).toEqual([426, 'upgrade_required', 'websocket']);
    expect(body.hint).toContain('WebSocket');
    expect((await ask('GET', '/v1/events', { headers: { authorization: undefined } })).status).toBe(401);
  });
});

describe('errors of the node', () => {
  it('keep code, message, details and hint, with amounts as text', async () => {
    await start({
      open: () => {
        throw new ApiError(
          'refused',
          'insufficient_funds',
          'expected 100000 sat, got 5',
          { details: { availableSat: 5n }, hint: 'send some' },
        );
      },
    });
    expect(await exampleRequest('open')).toMatchObject({
      status: 422,
      body: {
        code: 'insufficient_funds',
        message: 'expected 100000 sat, got 5',
        details: { availableSat: '5' },
        hint: 'send some',
      },
    });
  });

  it.each([
    ['never_heard_of', 422, undefined],
    ['storage_full', 503, 'make room'],
    ['storage_io', 503, undefined],
    ['peer_unreachable', 503, 'see that the node runs'],
    ['insufficient_funds', 422, 'runnel newaddress'],
    ['invalid_address', 400, undefined],
    ['amount_missing', 400, '--amount'],
    ['invoice_not_bech32', 400, 'whole'],
    ['invoice_expired', 422, undefined],
    ['listen_failed', 503, '--listen'],
  ])('of another part of the node are typed: %s is %i', async (code, expected, hint) => {
    await start({ route: () => Promise.reject(new RunnelError(code, 'it did not go')) });
    const { status, body } = await exampleRequest('route');
    expect(body).toEqual({
      code,
      message: 'it did not go',
      details: {},
      hint: hint === undefined ? undefined : expect.stringContaining(hint),
    });
    expect(status).toBe(expected);
  });

  it.each([
    ['an exception', () => Promise.reject(new TypeError('secret /path/to/file'))],
    ['a thrown string', () => Promise.reject('secret')],
    ['nothing', () => Promise.reject(undefined)],
    ['an output against the schema', () => Promise.resolve({ address: 5 } as never)],
  ])('that are mistakes tell the caller nothing, and the log all: %s', async (_, newaddress) => {
    await start({ newaddress });
    const { status, body } = await ask('POST', '/v1/wallet/addresses');
    expect([status, body.code]).toEqual([500, 'internal_error']);
    expect(JSON.stringify(body)).not.toMatch(/secret|stack|path/);
    expect(fake.log).toContain('internal error');
  });

  it('leave nothing in an answer that the contract does not name', async () => {
    await start({ newaddress: () => Promise.resolve({ address: 'bcrt1q', secretKey: '00' } as never) });
    expect((await ask('POST', '/v1/wallet/addresses')).body).toEqual({ address: 'bcrt1q' });
  });
});

describe('payments', () => {
  const payment = exampleOutput('payment');
  const inFlight = { ...payment, status: 'inFlight' as const };
  const ended = (status: 'succeeded' | 'failed' = 'succeeded', paymentHash = payment.paymentHash) =>
    fake.events.publish({ type: 'payment', timeMs: 1, paymentHash, status, amountMsat: 1n, feeMsat: 0n, attempt: 1 });

  it('that end after the answer of the node are held until they end', async () => {
    let looked = 0;
    let now: Api['payment'] = () => Promise.resolve(inFlight);
    await start({
      pay: () => Promise.resolve(inFlight),
      payment: (input) => {
        looked += 1;
        if (looked === 1) {
          // Another payment's end must not wake this one; its own does.
          setImmediate(() => {
            ended('succeeded', '00'.repeat(32));
            now = () => Promise.resolve(payment);
            ended();
          });
        }
        return now(input);
      },
    });
    expect((await exampleRequest('pay')).body.status).toBe('succeeded');
    expect(looked).toBe(2);
  });

  it('that ended before the server listened are answered at once', async () => {
    await start({ pay: () => Promise.resolve(inFlight) });
    expect((await exampleRequest('pay')).body.status).toBe('succeeded');
  });

  it('that do not end in time are answered in flight', async () => {
    const clock = new VirtualClock();
    const payment = (): Promise<typeof inFlight> => {
      setImmediate(() => clock.runNext());
      return Promise.resolve(inFlight);
    };
    await start({ keysend: () => Promise.resolve(inFlight), payment }, clock);
    const { status, body } = await post(
      '/v1/payments/keysend',
      { ...contract.keysend.example.input, timeoutSeconds: 7 },
    );
    expect([status, body.status]).toEqual([200, 'inFlight']);
    expect(clock.now()).toBe(8_000);
    expect(clock.pending).toBe(0);
  });

  it('are answered in flight when the server closes', async () => {
    let held = (): void => {};
    const looked = new Promise<void>((resolve) => (held = resolve));
    await start({
      pay: () => Promise.resolve(inFlight),
      payment: () => {
        held();
        return Promise.resolve(inFlight);
      },
    });
    const answer = exampleRequest('pay');
    await looked;
    await server?.close();
    expect((await answer).body.status).toBe('inFlight');
  });

  it('that fail are an answer, not an error', async () => {
    await start(
      {
        pay: () => Promise.resolve(
          { ...payment, status: 'failed' as const, failure: { code: 'no_route', message: 'none' } },
        ),
      },
    );
    expect(await exampleRequest('pay')).toMatchObject(
      { status: 200, body: { status: 'failed', failure: { code: 'no_route' } } },
    );
  });
});

describe('the server', () => {
  it('says that a port is in use', async () => {
    await start();
    const { startApiServer } = await import('../../src/api/server.ts');
    await expect(
      startApiServer({ ...fakeNode(), metrics: () => Promise.reject(new Error()), token: TOKEN, port: server?.port ?? 0, version: '0' }),
    ).rejects.toMatchObject({ code: 'port_in_use', hint: expect.stringContaining('--api-port') });
  });

  it('does not wait for ever for requests in hand when it closes', async () => {
    const clock = new VirtualClock();
    let asked = (): void => {};
    const called = new Promise<void>((resolve) => (asked = resolve));
    await start({ open: () => new Promise(() => asked()) }, clock);
    const answer = exampleRequest('open').catch((error: NodeJS.ErrnoException) => error.code);
    await called;
    const closed = server?.close();
    expect(clock.runNext()).toBe(true);
    await closed;
    expect(await answer).toBe('ECONNRESET');
  });

  it('closes with idle connections open', async () => {
    await start();
    const { Agent } = await import('node:http');
    const agent = new Agent({ keepAlive: true });
    await new Promise<void>((resolve) => {
      const options = { host: '127.0.0.1', port: server?.port, path: '/openapi.json', agent };
      httpRequest(options, (response) => response.resume().on('end', resolve)).end();
    });
    await server?.close();
    agent.destroy();
  });
});
