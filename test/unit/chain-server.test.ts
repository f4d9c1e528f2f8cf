import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type Server, createServer } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type ChainServer, startChainServer } from '../../src/chain/embedded/server.ts';
import { ChainAnswerError, ChainRpcError, ChainUnavailableError } from '../../src/chain/errors.ts';
import { GOSSIP_CONNECTIONS, HttpChainRpc, type HttpRpcOptions } from '../../src/chain/rpc.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { TestChain, spend } from './chain-kit.ts';

let folder: string;
const clients: HttpChainRpc[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'runnel-chain-server-'));
});

afterEach(() => {
  for (const client of clients.splice(0)) client.close();
  rmSync(folder, { recursive: true, force: true });
});

function client(port: number, options: Partial<HttpRpcOptions> = {}): HttpChainRpc {
  const rpc = new HttpChainRpc({
    host: '127.0.0.1',
    port,
    credentials: { cookieFile: join(folder, '.cookie') },
    ...options,
  });
  clients.push(rpc);
  return rpc;
}

describe('the server', () => {
  const chain = TestChain.funded();
  let server: ChainServer;
  let stops: number;

  beforeEach(async () => {
    stops = 0;
    server = await startChainServer({ chain: chain.chain, clock: systemClock, folder, port: 0, onStop: () => stops++ });
  });

  afterEach(() => server.close());

  /** A request as it goes over the wire; the status, and the answer if it is JSON. */
  async function post(body: string, headers: Record<string, string> = { authorization: authorization() }) {
    const response = await fetch(`http://127.0.0.1:${server.port}/`, { method: 'POST', body, headers });
    const text = await response.text();
    return { status: response.status, text, json: /^[{[]/.test(text) ? JSON.parse(text) : undefined };
  }

  function authorization(): string {
    return `Basic ${Buffer.from(readFileSync(server.cookieFile, 'utf8')).toString('base64')}`;
  }

  it('answers a client that has its cookie', async () => {
    const rpc = client(server.port);
    expect(await rpc.call('getblockcount')).toBe(103);
    expect(await rpc.call('getblockhash', [103])).toBe(chain.tip);
    const transaction = spend([chain.fund()]);
    expect(await rpc.call('sendrawtransaction', [transaction.toHex()])).toBe(transaction.getId());
    expect(await rpc.call('gettxout', [transaction.getId(), 5])).toBe(null);
    await expect(rpc.call('getblockhash', [999])).rejects.toMatchObject({
      rpcCode: -8,
      message: 'Block height out of range',
    });
    await expect(rpc.call('nosuchcall')).rejects.toMatchObject({ rpcCode: -32601 });
    const many = await Promise.all(Array.from({ length: 103 }, (_, height) => rpc.call('getblockhash', [height])));
    expect(new Set(many).size).toBe(103);
  });

  it('keeps its cookie from others, says its port, and takes both away at the end', async () => {
    expect(statSync(server.cookieFile).mode & 0o777).toBe(0o600);
    expect(readFileSync(server.cookieFile, 'utf8')).toMatch(/^__cookie__:[0-9a-f]{64}$/);
    expect(readFileSync(join(folder, 'rpcport'), 'utf8')).toBe(`${server.port}\n`);
    await server.close();
    expect(existsSync(server.cookieFile)).toBe(false);
    expect(existsSync(join(folder, 'rpcport'))).toBe(false);
  });

  it('lets nobody in without it', async () => {
    const call = '{"method":"getblockcount"}';
    expect((await post(call, {})).status).toBe(401);
    const wrongCookie = `Basic ${Buffer.from('__cookie__:00').toString('base64')}`;
    const wrong = ['Basic', 'Basic !!!', wrongCookie, authorization().replace('Basic', 'Bearer')];
    const answers = await Promise.all(wrong.map((value) => post(call, { authorization: value })));
    expect(answers.map(({ status, text }) => [status, text])).toEqual(wrong.map(() => [401, '']));
    const stale = client(server.port, { credentials: { user: 'u', password: 'p' } });
    await expect(stale.call('getblockcount')).rejects.toThrow(/does not accept the credentials.*rpcuser/);
  });

  it('takes POST at / only', async () => {
    const get = await fetch(`http://127.0.0.1:${server.port}/`, { headers: { authorization: authorization() } });
    expect(get.status).toBe(405);
    const elsewhere = await fetch(`http://127.0.0.1:${server.port}/wallet`, { method: 'POST', body: '{}' });
    expect(elsewhere.status).toBe(404);
  });

  it('speaks JSON-RPC 1 and 2 as bitcoind does', async () => {
    const ok = await post('{"id":"a","method":"getblockcount","params":[]}');
    expect([ok.status, ok.json]).toEqual([200, { result: 103, error: null, id: 'a' }]);
    const two = await post('{"jsonrpc":"2.0","id":7,"method":"getblockcount"}');
    expect([two.status, two.json]).toEqual([200, { jsonrpc: '2.0', result: 103, id: 7 }]);
    const unknown = await post('{"id":1,"method":"nosuchcall"}');
    expect([unknown.status, unknown.json.error.code]).toEqual([404, -32601]);
    const unknownTwo = await post('{"jsonrpc":"2.0","id":1,"method":"nosuchcall"}');
    const notFound = { code: -32601, message: 'Method not found' };
    expect([unknownTwo.status, unknownTwo.json]).toEqual([200, { jsonrpc: '2.0', error: notFound, id: 1 }]);
    const failed = await post('{"id":1,"method":"getblockhash","params":[999]}');
    expect([failed.status, failed.json.error.code]).toEqual([500, -8]);
    const silent = await post('{"jsonrpc":"2.0","method":"getblockcount"}');
    expect([silent.status, silent.text]).toEqual([204, '']);
    const named = await post('{"id":1,"method":"getblockhash","params":{"height":103}}');
    expect(named.json.result).toBe(chain.tip);
  });

  it('answers batches, each call by itself', async () => {
    const { status, json } = await post(
      JSON.stringify([
        { id: 1, method: 'getblockcount' },
        { id: 2, method: 'getblockhash', params: [999] },
        { jsonrpc: '2.0', id: 3, method: 'getblockhash', params: [0] },
        { jsonrpc: '2.0', method: 'getblockcount' },
        5,
        { id: 6 },
      ]),
    );
    expect(status).toBe(200);
    expect(json).toEqual([
      { result: 103, error: null, id: 1 },
      { result: null, error: { code: -8, message: 'Block height out of range' }, id: 2 },
      { jsonrpc: '2.0', result: chain.call('getblockhash', 0), id: 3 },
      { result: null, error: { code: -32600, message: 'Invalid Request object' }, id: null },
      { result: null, error: { code: -32600, message: 'Missing method' }, id: null },
    ]);
    expect((await post('[]')).json).toEqual([]);
    const calls = Array.from({ length: 1_001 }, () => ({ id: 1, method: 'getblockcount' }));
    expect((await post(JSON.stringify(calls))).status).toBe(400);
  });

  it.each([
    ['', 500, -32700],
    ['{', 500, -32700],
    ['nonsense', 500, -32700],
    ['5', 500, -32700],
    ['null', 500, -32700],
    ['"getblockcount"', 500, -32700],
    ['{}', 400, -32600],
    ['{"method":5}', 400, -32600],
    ['{"method":"getblockcount","params":5}', 400, -32600],
    ['{"method":"getblockcount","jsonrpc":"3.0"}', 400, -32600],
    ['{"method":"getblockcount","jsonrpc":3}', 400, -32600],
    ['{"method":"__proto__"}', 404, -32601],
    ['{"method":"constructor"}', 404, -32601],
    ['\u0000\uffff', 500, -32700],
  ])('answers the body %j with an error', async (body, status, code) => {
    const answer = await post(body);
    expect([answer.status, answer.json.error.code]).toEqual([status, code]);
    expect((await post('{"method":"getblockcount"}')).json.result).toBe(103);
  });

  it('survives nesting, size and half requests', async () => {
    const deep = await post(`{"method":"getblockhash","params":${'['.repeat(50_000)}${']'.repeat(50_000)}}`);
    expect([400, 500]).toContain(deep.status);
    const large = await post('x'.repeat(16_000_001)).catch(() => ({ status: 413 }));
    expect(large.status).toBe(413);
    const socket = connect(server.port, '127.0.0.1');
    await once(socket, 'connect');
    socket.write(`POST / HTTP/1.1\r\nAuthorization: ${authorization()}\r\nContent-Length: 1000\r\n\r\n{"method":`);
    socket.destroy();
    const garbage = connect(server.port, '127.0.0.1');
    await once(garbage, 'connect');
    garbage.resume();
    garbage.end('\u0000\u0001\u0002 not http\r\n\r\n');
    await once(garbage, 'close');
    expect(await client(server.port).call('getblockcount')).toBe(103);
  });

  it('tells its owner of a stop call after answering it', async () => {
    expect(await client(server.port).call('stop')).toMatch(/stopping/);
    await expect.poll(() => stops).toBe(1);
  });

  it('says so if the port is taken', async () => {
    const other = { chain: chain.chain, clock: systemClock, folder: join(folder, 'other'), port: server.port };
    await expect(startChainServer(other)).rejects.toMatchObject({ code: 'chain_port_in_use' });
  });
});

describe('the client', () => {
  let server: Server | undefined;

  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
  });

  /** A server that answers whatever it is told to. */
  async function answering(status: number, body: string): Promise<number> {
    server = createServer((_, response) => response.writeHead(status).end(body));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }

  const credentials = { user: 'u', password: 'p' };

  it('says what to look at when nobody listens, or nobody wrote a cookie', async () => {
    const port = await answering(200, '');
    server!.close();
    await once(server!, 'close');
    const withPassword = client(port, { credentials });
    await expect(withPassword.call('getblockcount')).rejects.toThrow(/cannot be reached.*is it running/);
    await expect(withPassword.call('getblockcount')).rejects.toBeInstanceOf(ChainUnavailableError);
    const withCookie = client(port).call('getblockcount');
    await expect(withCookie).rejects.toThrow(/cookie file cannot be read.*is the backend running/);
  });

  it.each([
    [200, 'hello', ChainAnswerError],
    [200, '{"result":1,"error":"no"}', ChainAnswerError],
    [200, '[]', ChainAnswerError],
    [404, '<html>', ChainAnswerError],
    [500, '{"result":null,"error":{"code":-5,"message":"no"},"id":1}', ChainRpcError],
    [503, 'Work queue depth exceeded', ChainUnavailableError],
    [403, '', ChainUnavailableError],
    [500, '{"result":null,"error":{"code":-28,"message":"Loading block index…"},"id":1}', ChainUnavailableError],
  ])('makes a typed error of HTTP %i %j', async (status, body, type) => {
    const port = await answering(status, body);
    await expect(client(port, { credentials }).call('getblockcount')).rejects.toBeInstanceOf(type);
  });

  it('asks for hashes and outputs that are wanted at once in one request, each with its own answer', async () => {
    const chain = TestChain.funded();
    const real = await startChainServer({ chain: chain.chain, clock: systemClock, folder, port: 0 });
    const bodies: string[] = [];
    server = createServer(async (request, response) => {
      const body = (await request.toArray()).join('');
      bodies.push(body);
      const authorization = `Basic ${Buffer.from(readFileSync(real.cookieFile, 'utf8')).toString('base64')}`;
      const answer = await fetch(`http://127.0.0.1:${real.port}/`, { method: 'POST', body, headers: { authorization } });
      response.writeHead(answer.status).end(await answer.text());
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const rpc = client((server.address() as AddressInfo).port, { credentials });
    const heights = Array.from({ length: 103 }, (_, height) => height);
    const asked = [...heights, 5_000, 7].map((height) => rpc.call('getblockhash', [height]));
    const found = await Promise.allSettled(asked);
    expect(found.slice(0, 103)).toEqual(heights.map((height) => ({ status: 'fulfilled', value: chain.call('getblockhash', height) })));
    expect(found[103]).toMatchObject({ status: 'rejected', reason: { name: 'ChainRpcError', rpcCode: -8 } });
    expect(found[104]).toEqual(found[7]);
    // A hundred in one, the rest in another; what is asked for twice is asked once.
    expect(bodies.map((body) => JSON.parse(body).length).sort((a, b) => b - a)).toEqual([100, 4]);
    await real.close();
  });

  it.each([
    ['of one call', '[{"id":1,"result":"00"}]'],
    ['that is no list', '{"id":1,"result":"00"}'],
    ['of other calls', '[{"id":8,"result":"00"},{"id":9,"result":"00"}]'],
    ['of nothing', '[]'],
  ])('does not wait for ever after an answer %s to two', async (_, body) => {
    const rpc = client(await answering(200, body), { credentials });
    const [first, second] = await Promise.allSettled([rpc.call('getblockhash', [1]), rpc.call('getblockhash', [2])]);
    expect(second).toMatchObject({ status: 'rejected', reason: { name: 'ChainAnswerError' } });
    expect(first!.status).toBe(_ === 'of one call' ? 'fulfilled' : 'rejected');
  });

  it('answers what does not concern gossip while all of gossip\'s calls are held up', async () => {
    const held: string[] = [];
    const release: (() => void)[] = [];
    server = createServer(async (request, response) => {
      const { method } = JSON.parse((await request.toArray()).join(''));
      if (method === 'getblock') {
        held.push(method);
        await new Promise<void>((resolve) => release.push(resolve));
      }
      response.writeHead(200).end('{"result":7}');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const [gossip, others] = [client(port, { credentials, maxConnections: GOSSIP_CONNECTIONS }), client(port, { credentials })];
    const asked = Array.from({ length: 20 }, (_, i) => gossip.call('getblock', [`${i}`, 1]));
    await vi.waitFor(() => expect(held).toHaveLength(GOSSIP_CONNECTIONS));
    expect(await others.call('getblockcount')).toBe(7);
    // The rest waits on our side.
    expect(held).toHaveLength(GOSSIP_CONNECTIONS);
    const pump = setInterval(() => release.splice(0).forEach((next) => next()), 1);
    expect(await Promise.all(asked)).toEqual(Array.from({ length: 20 }, () => 7));
    clearInterval(pump);
  });

  it('gives up on a backend that does not answer', async () => {
    server = createServer(() => {});
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const impatient = client(port, { credentials, timeoutMs: 50 });
    await expect(impatient.call('getblockcount')).rejects.toThrow(/no answer within 50 ms/);
  });

  it('takes up a cookie that a restart of the backend wrote anew', async () => {
    const chain = TestChain.funded();
    const options = { chain: chain.chain, clock: systemClock, folder };
    const first = await startChainServer({ ...options, port: 0 });
    const rpc = client(first.port);
    expect(await rpc.call('getblockcount')).toBe(103);
    await first.close();
    await expect(rpc.call('getblockcount')).rejects.toBeInstanceOf(ChainUnavailableError);
    const second = await startChainServer({ ...options, port: first.port });
    expect(await rpc.call('getblockcount')).toBe(103);
    writeFileSync(second.cookieFile, '__cookie__:wrong');
    expect(await rpc.call('getblockcount')).toBe(103);
    await second.close();
  });
});
