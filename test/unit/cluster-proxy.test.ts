import { createServer, request as httpRequest, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { TOKEN } from './api-fake-node.ts';
import { ask, post, rig, startRig, stopRig } from './cluster-control-kit.ts';

beforeAll(async () => void (await startRig()));
afterAll(stopRig);

describe('a node behind the control server', () => {
  it('answers as it does itself: queries, bodies, deletions, refusals', async () => {
    expect((await ask('GET', '/nodes/alice/v1/info')).body.alias).toBe('alice');
    const paid = await post('/nodes/bob/v1/payments/keysend', { nodeId: rig.alice.id, amountMsat: '1000' });
    expect([paid.status, paid.body.keysend]).toEqual([200, true]);
    expect(rig.bob.calls('keysend')).toEqual([{ nodeId: rig.alice.id, amountMsat: 1_000n }]);
    await ask('GET', '/nodes/alice/v1/invoices?limit=3&status=paid');
    expect(rig.alice.calls('invoices')).toEqual([{ limit: 3, status: 'paid' }]);
    expect((await ask('DELETE', `/nodes/alice/v1/peers/${rig.bob.id}?force=true`)).status).toBe(200);
    expect(rig.alice.calls('disconnect')).toEqual([{ nodeId: rig.bob.id, force: true }]);
    expect((await ask('POST', '/nodes/alice/v1/wallet/addresses')).status).toBe(200);
    const refused = await post('/nodes/alice/v1/payments', { invoice: 5 });
    expect([refused.status, refused.body.code]).toEqual([400, 'invalid_request']);
    expect((await ask('GET', '/nodes/alice/v1/nothing')).body.code).toBe('unknown_route');
    const noJson = await ask('POST', '/nodes/alice/v1/payments', { body: '{', headers: { 'content-type': 'text/plain' } });
    expect(noJson.status).toBe(400);
  });

  it.each([
    '/nodes/alice/v1/../v1/info',
    '/nodes/alice/v1/..',
    '/nodes/alice/v1/%2e%2e/openapi.json',
    '/nodes/alice/v1/.%2E/openapi.json',
    '/nodes/alice/v1/./info',
    '/nodes/alice/v1/channels/..%2f..%2fopenapi.json',
    '/nodes/alice/v1/channels%2fx',
    '/nodes/alice/v1/channels/..%5cx',
    '/nodes/alice/v1//info',
    '/nodes/alice/v1/',
    '/nodes/alice/v1/info%',
    '/nodes/alice/v1/%c3%28',
    '/nodes/alice/v1/info#x',
    '/nodes/alice/v1/info\\x',
    '/nodes/alice/v1/<script>',
  ])('is asked nothing that is no path of its API: %s', async (path) => {
    const before = rig.alice.fake.calls.length;
    const { status, body } = await ask('GET', path);
    expect([status, body.code]).toEqual([400, 'invalid_request']);
    expect(rig.alice.fake.calls).toHaveLength(before);
  });

  it.each([
    ['/nodes/alice/openapi.json', 'unknown_route'],
    ['/nodes/alice/v2/info', 'unknown_route'],
    ['/nodes/alice/v1', 'unknown_route'],
    ['/nodes//v1/info', 'unknown_node'],
    ['/nodes/../v1/info', 'unknown_node'],
    ['/nodes/carol/v1/info', 'unknown_node'],
    ['/nodes/__proto__/v1/info', 'unknown_node'],
    ['/nodes/alice%2f..%2fbob/v1/info', 'unknown_node'],
    [`/nodes/127.0.0.1:${9_735}/v1/info`, 'unknown_node'],
  ])('is found by its name alone: %s', async (path, code) => {
    const { status, body } = await ask('GET', path);
    expect([status, body.code]).toEqual([404, code]);
  });

  it('is not asked with other methods', async () => {
    for (const method of ['PUT', 'PATCH', 'OPTIONS', 'TRACE']) {
      expect((await ask(method, '/nodes/alice/v1/info')).status, method).toBe(404);
    }
  });
});

/** A node's API in the place of Bob's, that sees and answers raw HTTP. */
describe('what passes through', () => {
  let node: Server | undefined;
  afterEach(() => {
    node?.closeAllConnections();
    node?.close();
    node = undefined;
  });

  async function serveRaw(handler: (request: IncomingMessage, response: ServerResponse) => void): Promise<void> {
    const server = createServer(handler);
    node = server;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    rig.bob.api = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, token: TOKEN };
  }

  it('is no header but those that describe a body, and never a token', async () => {
    let seen: IncomingMessage['headers'] = {};
    await serveRaw((request, response) => {
      seen = request.headers;
      response.setHeader('set-cookie', `token=${TOKEN}`);
      response.setHeader('access-control-allow-origin', '*');
      response.setHeader('x-own', TOKEN);
      response.setHeader('content-type', 'application/json; charset=utf-8');
      response.end('{}');
    });
    const { headers } = await ask('POST', '/nodes/bob/v1/stop', {
      body: '{}',
      headers: {
        cookie: 'a=b',
        'x-forwarded-for': '10.0.0.1',
        'x-own': 'x',
        origin: `http://127.0.0.1:${rig.server.port}`,
        'sec-websocket-protocol': `token.${rig.server.token}`,
      },
    });
    expect(seen).toEqual({
      authorization: `Bearer ${TOKEN}`,
      host: new URL(rig.bob.api.url).host,
      'content-type': 'application/json',
      'content-length': '2',
      connection: 'keep-alive',
    });
    expect(headers['content-type']).toBe('application/json; charset=utf-8');
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(JSON.stringify(headers)).not.toMatch(new RegExp(`${TOKEN}|set-cookie|x-own|allow-origin`));
  });

  it('is a body as large as a backup, and none larger, however it comes', async () => {
    let received = 0;
    await serveRaw((request, response) => {
      received = 0;
      request.on('data', (chunk: Buffer) => (received += chunk.length)).on('end', () => response.end(`{"received":${received}}`));
      request.on('error', () => {});
    });
    const large = 'x'.repeat(1_000_000);
    expect((await ask('POST', '/nodes/bob/v1/backup/verify', { body: large })).body).toEqual({ received: 1_000_000 });
    const told = await ask('POST', '/nodes/bob/v1/backup/verify', {
      body: large,
      headers: { 'content-length': '40000000', connection: 'close' },
    });
    expect([told.status, told.body.code]).toEqual([413, 'request_too_large']);
    // One that does not say how long it is.
    const endless = await new Promise<string>((resolve) => {
      const options = { host: '127.0.0.1', port: rig.server.port, method: 'POST', path: '/nodes/bob/v1/backup/verify' };
      const headers = { authorization: `Bearer ${rig.server.token}`, 'content-type': 'application/json' };
      const request = httpRequest({ ...options, headers }, (response) => {
        resolve(String(response.statusCode));
        request.destroy();
      });
      request.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
      const write = (): void => {
        while (!request.destroyed && request.write(large));
        request.once('drain', write);
      };
      write();
    });
    expect(endless).toMatch(/413|ECONNRESET|EPIPE/);
    expect(received).toBeLessThan(64_000_000);
  });

  it('is an answer as it comes, held back where nobody reads it', async () => {
    let sent = 0;
    let isBlocked = false;
    await serveRaw((_, response) => {
      const chunk = Buffer.alloc(65_536, 'x');
      const write = (): void => {
        while (!response.destroyed) {
          sent += chunk.length;
          if (!response.write(chunk)) {
            isBlocked = true;
            response.once('drain', write);
            return;
          }
        }
      };
      write();
    });
    const reading = httpRequest({
      host: '127.0.0.1',
      port: rig.server.port,
      path: '/nodes/bob/v1/journal',
      headers: { authorization: `Bearer ${rig.server.token}` },
    });
    const response = await new Promise<IncomingMessage>((resolve) => reading.on('response', resolve).end());
    response.pause();
    let before = -1;
    await vi.waitFor(
      () => {
        const moved = sent !== before;
        before = sent;
        expect([isBlocked, moved]).toEqual([true, false]);
      },
      { timeout: 20_000, interval: 200 },
    );
    // What the sockets of the machine hold, and not all that there is.
    expect(sent).toBeLessThan(64 * 2 ** 20);
    reading.on('error', () => {}).destroy();
  });

  it('ends where the client has gone: the node works for nobody', async () => {
    let gone = false;
    let asked = (): void => {};
    const isAsked = new Promise<void>((resolve) => (asked = resolve));
    await serveRaw((_, response) => {
      response.once('close', () => (gone = true));
      asked();
    });
    const request = httpRequest({
      host: '127.0.0.1',
      port: rig.server.port,
      path: '/nodes/bob/v1/payments',
      headers: { authorization: `Bearer ${rig.server.token}` },
    });
    request.on('error', () => {}).end();
    await isAsked;
    request.destroy();
    await vi.waitFor(() => expect(gone).toBe(true), { timeout: 10_000 });
  });

  it('is an error where the node dies before it answers, and a broken answer where it dies within it', async () => {
    await serveRaw((request, response) => {
      if (request.url === '/v1/info') request.socket.destroy();
      else {
        response.writeHead(200, { 'content-length': 100 });
        response.write('{"half":', () => request.socket.destroy());
      }
    });
    const { status, body } = await ask('GET', '/nodes/bob/v1/info');
    expect([status, body.code, body.hint]).toEqual([503, 'node_lost', expect.stringContaining('bob')]);
    await expect(ask('GET', '/nodes/bob/v1/graph')).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  it('is nothing where two lengths are told, which two servers might understand in two ways', async () => {
    let asked = 0;
    await serveRaw((_, response) => {
      asked++;
      response.end('{}');
    });
    const smuggled = [
      'POST /nodes/bob/v1/stop HTTP/1.1',
      `Host: 127.0.0.1:${rig.server.port}`,
      `Authorization: Bearer ${rig.server.token}`,
      'Content-Type: application/json',
      'Content-Length: 4',
      'Transfer-Encoding: chunked',
      '',
      '0',
      '',
      'GET /nodes/bob/v1/info HTTP/1.1',
      '',
      '',
    ].join('\r\n');
    const answer = await new Promise<string>((resolve, reject) => {
      let text = '';
      const socket = connect(rig.server.port, '127.0.0.1', () => socket.write(smuggled));
      socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      socket.on('error', reject).on('close', () => resolve(text));
    });
    expect(answer).toMatch(/^HTTP\/1\.1 400/);
    expect(asked).toBe(0);
  });
});

describe('a node that does not run', () => {
  it('is said not to, with what to do', async () => {
    await rig.bob.restart();
    await rig.bob.kill();
    const { status, body } = await ask('GET', '/nodes/bob/v1/info');
    expect([status, body]).toEqual([
      503,
      { code: 'node_down', message: 'bob does not run', details: {}, hint: 'restart bob first' },
    ]);
    rig.bob.state = 'starting';
    expect((await ask('GET', '/nodes/bob/v1/info')).body.code).toBe('node_starting');
    await rig.bob.restart();
    expect((await ask('GET', '/nodes/bob/v1/info')).status).toBe(200);
  });
});
