import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { RunnelError } from '../../protocols/errors.ts';
import { contract, methodNames, type Api } from '../../src/api/contract.ts';
import { ApiError } from '../../src/api/errors.ts';
import type { ApiServer } from '../../src/api/server.ts';
import { VirtualClock } from '../../src/runtime/virtual-clock.ts';
import { exampleOutput, fakeNode, serve, TOKEN, type FakeNode } from './api-fake-node.ts';

let server: ApiServer | undefined;
let fake: FakeNode;

async function start(overrides: Partial<Api> = {}, clock?: VirtualClock): Promise<void> {
  fake = fakeNode(overrides);
  server = await serve(fake, clock);
}
afterEach(async () => {
  await server?.close();
  server = undefined;
});

interface Answer {
  readonly status: number;
  // oxlint-disable-next-line typescript/no-explicit-any -- what a stranger would see: JSON of no known shape
  readonly body: any;
  readonly headers: IncomingHttpHeaders;
}

/** node:http and not fetch, which sets Host and Origin as it likes. */
function ask(method: string, path: string, options: { headers?: Record<string, string | undefined>; body?: string | Uint8Array } = {}): Promise<Answer> {
  const headers = { authorization: `Bearer ${TOKEN}`, ...(options.body === undefined ? {} : { 'content-type': 'application/json' }), ...options.headers };
  const given = Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined));
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: '127.0.0.1', port: server?.port, method, path, headers: given }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, body: text === '' ? undefined : JSON.parse(text), headers: response.headers });
      });
    });
    request.on('error', reject);
    request.end(options.body);
  });
}

const post = (path: string, body: unknown): Promise<Answer> => ask('POST', path, { body: JSON.stringify(body) });

/** The example's request, as a client without our library would build it. */
function exampleRequest(name: keyof typeof contract): Promise<Answer> {
  const { http, example } = contract[name];
  const input = { ...example.input } as Record<string, unknown>;
  const path = http.path.replace(/\{(\w+)\}/g, (_, field: string) => {
    const value = encodeURIComponent(String(input[field]));
    delete input[field];
    return value;
  });
  if (http.method === 'POST') return post(path, input);
  return ask(http.method, `${path}?${new URLSearchParams(input as Record<string, string>)}`);
}

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

describe('who may ask', () => {
  it.each([
    ['no token', undefined, 'token_missing'],
    ['another scheme', `Basic ${TOKEN}`, 'token_missing'],
    ['another token', `Bearer ${'b2'.repeat(32)}`, 'token_wrong'],
    ['half the token', `Bearer ${TOKEN.slice(0, 32)}`, 'token_wrong'],
    ['the token and more', `Bearer ${TOKEN}00`, 'token_wrong'],
  ])('refuses %s', async (_, authorization, code) => {
    await start();
    const { status, body } = await ask('GET', '/v1/info', { headers: { authorization } });
    expect(status).toBe(401);
    expect(body).toMatchObject({ code, hint: expect.stringContaining('api-token') });
    expect(fake.calls).toEqual([]);
  });

  it('refuses a wrong token before it reads the body', async () => {
    await start();
    const { body } = await ask('POST', '/v1/payments', { headers: { authorization: 'Bearer 00' }, body: 'x'.repeat(200_000) });
    expect(body.code).toBe('token_wrong');
  });

  it.each(['evil.example', 'evil.example:PORT', '127.0.0.1', '127.0.0.1:1', '0.0.0.0:PORT', 'localhost.evil.example:PORT'])(
    'refuses the host %j, which a rebound name would send',
    async (host) => {
      await start();
      const { status, body } = await ask('GET', '/v1/info', { headers: { host: host.replace('PORT', String(server?.port)) } });
      expect([status, body.code]).toEqual([403, 'forbidden_host']);
      expect(fake.calls).toEqual([]);
    },
  );

  it('refuses a request that names no host', async () => {
    await start();
    const answer = await new Promise<string>((resolve) => {
      let text = '';
      const socket = connect({ host: '127.0.0.1', port: server?.port ?? 0 }, () => {
        socket.write(`GET /v1/info HTTP/1.0\r\nAuthorization: Bearer ${TOKEN}\r\n\r\n`);
      });
      socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk)).on('close', () => resolve(text));
    });
    expect(answer).toMatch(/^HTTP\/1\.1 403 .*"forbidden_host"/s);
  });

  it.each(['http://evil.example', 'null', 'https://127.0.0.1:PORT', 'http://127.0.0.1:1'])('refuses the origin %s', async (origin) => {
    await start();
    const { status, body, headers } = await ask('GET', '/v1/info', { headers: { origin: origin.replace('PORT', String(server?.port)) } });
    expect([status, body.code]).toEqual([403, 'forbidden_origin']);
    expect(headers['access-control-allow-origin']).toBeUndefined();
  });

  it('lets in localhost by name, and pages of its own', async () => {
    await start();
    const host = `localhost:${server?.port}`;
    expect((await ask('GET', '/v1/info', { headers: { host, origin: `http://${host}` } })).status).toBe(200);
  });

  it('listens on 127.0.0.1 only', async () => {
    await start();
    expect(server?.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    await expect(
      new Promise((resolve, reject) => {
        connect({ host: '127.0.0.2', port: server?.port ?? 0 }, () => resolve('connected')).on('error', reject);
      }),
    ).rejects.toThrow('ECONNREFUSED');
  });
});

describe('hostile input', () => {
  it.each([
    ['no JSON', '{', 400, 'invalid_request'],
    ['an array', '[]', 400, 'invalid_request'],
    ['a string', '"x"', 400, 'invalid_request'],
    ['null for an object of required fields', 'null', 400, 'invalid_request'],
    ['nothing', '', 400, 'invalid_request'],
    ['a poisoned prototype', '{"__proto__":{"amountMsat":"1"}}', 400, 'invalid_request'],
    ['a poisoned constructor', '{"constructor":{"prototype":{}}}', 400, 'invalid_request'],
    ['bytes that are no UTF-8', Uint8Array.of(0x7b, 0xff, 0xfe), 400, 'invalid_request'],
    ['deep nesting', '['.repeat(30_000) + ']'.repeat(30_000), 400, 'invalid_request'],
    ['more than fits', `{"invoice":"${'a'.repeat(70_000)}"}`, 413, 'request_too_large'],
  ])('answers %s with an error', async (_, body, status, code) => {
    await start();
    const answer = await ask('POST', '/v1/payments', { body });
    expect([answer.status, answer.body.code]).toEqual([status, code]);
    expect(fake.calls).toEqual([]);
  });

  it('refuses other content types', async () => {
    await start();
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/xml']) {
      const { status } = await ask('POST', '/v1/payments', { headers: { 'content-type': type }, body: '{}' });
      expect(status).toBe(400);
    }
  });

  it('names every field that is wrong', async () => {
    await start();
    const { status, body } = await post('/v1/payments/keysend', { nodeId: '02ab', amountMsat: 1000, timeoutSeconds: 1.5, extra: 1 });
    expect(status).toBe(400);
    const { problems } = body.details;
    expect(problems.map((problem: { field: string }) => problem.field).sort()).toEqual(['', 'amountMsat', 'nodeId', 'timeoutSeconds']);
    expect(body.message).toContain('amountMsat: expected millisatoshi as a decimal string');
    expect(body.message).toContain('"extra"');
  });

  it.each([
    '/v1/invoices?limit=0',
    '/v1/invoices?limit=1001',
    '/v1/invoices?limit=1e2',
    '/v1/invoices?limit=-1',
    '/v1/invoices?limit=',
    '/v1/invoices?limit=1&limit=2',
    '/v1/invoices?limit[$gt]=1',
    '/v1/invoices?constructor=1',
    '/v1/invoices?__proto__=1',
    '/v1/invoices?hasOwnProperty=x',
    '/v1/channels?closed=yes',
    '/v1/channels/..%2F..%2Fetc',
    '/v1/channels/%00',
    '/v1/channels/%zz',
    `/v1/channels/${'a'.repeat(5_000)}`,
    '/v1/payments/abcd',
    '/v1/info?x=1',
  ])('refuses %s', async (path) => {
    await start();
    const { status, body } = await ask('GET', path);
    expect([status, body.code]).toEqual([400, 'invalid_request']);
    expect(fake.calls).toEqual([]);
  });

  it('refuses a POST with a query, and a field both in path and body', async () => {
    await start();
    expect((await post('/v1/wallet/addresses?x=1', {})).status).toBe(400);
    expect((await post('/v1/channels/1x2x3/close', { channel: '1x2x4' })).body.message).toContain('path only');
  });

  it('knows no other routes, and says where they are described', async () => {
    await start();
    for (const [method, path] of [
      ['GET', '/'],
      ['GET', '/v1/nothing'],
      ['PUT', '/v1/info'],
      ['OPTIONS', '/v1/info'],
    ] as const) {
      const { status, body } = await ask(method, path);
      expect([status, body.code, body.hint]).toEqual([404, 'unknown_route', expect.stringContaining('/openapi.json')]);
    }
  });

  it('answers any JSON as any input with an answer or a typed refusal, never with an internal error', async () => {
    await start();
    const anything = fc.oneof(fc.json(), fc.record({ nodeId: fc.jsonValue(), amountMsat: fc.jsonValue(), channel: fc.jsonValue() }).map((value) => JSON.stringify(value)));
    const paths = methodNames.filter((name) => contract[name].http.method === 'POST').map((name) => contract[name].http.path.replace(/\{\w+\}/, '1x2x3'));
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...paths), anything, async (path, body) => {
        const answer = await ask('POST', path, { body });
        expect([200, 400], answer.body.message).toContain(answer.status);
      }),
      { numRuns: 300 },
    );
  });

  it('survives what is no HTTP', async () => {
    await start();
    for (const bytes of ['\x00\x01\x02\r\n\r\n', 'GET / HTTP/1.1\r\nHost: \r\n\r\n', `GET /${'a'.repeat(100_000)} HTTP/1.1\r\n\r\n`]) {
      await new Promise<void>((resolve) => {
        const socket = connect({ host: '127.0.0.1', port: server?.port ?? 0 }, () => socket.end(bytes));
        socket.on('error', () => resolve()).on('close', () => resolve()).resume();
      });
    }
    expect((await ask('GET', '/v1/info')).status).toBe(200);
  });
});

describe('errors of the node', () => {
  it('keep code, message, details and hint, with amounts as text', async () => {
    await start({
      open: () => {
        throw new ApiError('refused', 'insufficient_funds', 'expected 100000 sat, got 5', { details: { availableSat: 5n }, hint: 'send some' });
      },
    });
    expect(await exampleRequest('open')).toMatchObject({
      status: 422,
      body: { code: 'insufficient_funds', message: 'expected 100000 sat, got 5', details: { availableSat: '5' }, hint: 'send some' },
    });
  });

  it.each([
    ['never_heard_of', 422, undefined],
    ['storage_full', 503, 'make room'],
    ['storage_io', 503, undefined],
    ['peer_unreachable', 503, 'see that the node runs'],
    ['insufficient_funds', 422, 'runnel newaddress'],
    ['invalid_address', 400, undefined],
  ])('of another part of the node are typed: %s is %i', async (code, expected, hint) => {
    await start({ route: () => Promise.reject(new RunnelError(code, 'it did not go')) });
    const { status, body } = await exampleRequest('route');
    expect(body).toEqual({ code, message: 'it did not go', details: {}, hint: hint === undefined ? undefined : expect.stringContaining(hint) });
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
    const { status, body } = await post('/v1/payments/keysend', { ...contract.keysend.example.input, timeoutSeconds: 7 });
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
    await start({ pay: () => Promise.resolve({ ...payment, status: 'failed' as const, failure: { code: 'no_route', message: 'none' } }) });
    expect(await exampleRequest('pay')).toMatchObject({ status: 200, body: { status: 'failed', failure: { code: 'no_route' } } });
  });
});

describe('the server', () => {
  it('says that a port is in use', async () => {
    await start();
    const { startApiServer } = await import('../../src/api/server.ts');
    await expect(
      startApiServer({ ...fakeNode(), token: TOKEN, port: server?.port ?? 0, version: '0' }),
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
      httpRequest({ host: '127.0.0.1', port: server?.port, path: '/openapi.json', agent }, (response) => response.resume().on('end', resolve)).end();
    });
    await server?.close();
    agent.destroy();
  });
});
