import { connect } from 'node:net';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { contract, methodNames } from '../../src/api/contract.ts';
import { ask, fake, post, server, start, stop } from './api-http.ts';

afterEach(stop);

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

  it.each([
    ['a base fee of more bits than a channel_update has', { feeBaseMsat: '4294967296' }],
    ['a fee above the amount', { feeProportionalMillionths: 1_000_001 }],
    ['a delta with which a forwarded HTLC can be lost', { cltvExpiryDelta: 33 }],
    ['a delta that no route can hold', { cltvExpiryDelta: 2_017 }],
    ['a fee that is fixed and follows the balance', { followBalance: true, minPpm: 1, maxPpm: 2, feeProportionalMillionths: 1 }],
    ['a range and nothing that keeps to it', { minPpm: 1, maxPpm: 2 }],
    ['a range above the amount', { followBalance: true, minPpm: 1, maxPpm: 1_000_001 }],
  ])('takes no policy with %s: it would be on disk before it is announced', async (_, input) => {
    await start();
    const { status, body } = await post('/v1/policy', input);
    expect([status, body.code]).toEqual([400, 'invalid_request']);
    expect(fake.calls).toEqual([]);
  });

  it('names every field that is wrong', async () => {
    await start();
    const { status, body } = await post(
      '/v1/payments/keysend',
      { nodeId: '02ab', amountMsat: 1000, timeoutSeconds: 1.5, extra: 1 },
    );
    expect(status).toBe(400);
    const { problems } = body.details;
    expect(problems.map((problem: { field: string }) => problem.field).sort()).toEqual(
      ['', 'amountMsat', 'nodeId', 'timeoutSeconds'],
    );
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
      ['POST', '/'],
      ['GET', '/index.html'],
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
    const value = fc.jsonValue();
    const fields = fc.record({ nodeId: value, amountMsat: value, channel: value });
    const anything = fc.oneof(fc.json(), fields.map((input) => JSON.stringify(input)));
    const paths = methodNames.filter((name) => contract[name].http.method === 'POST').map(
      (name) => contract[name].http.path.replace(/\{\w+\}/, '1x2x3'),
    );
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
    for (const bytes of [
      '\x00\x01\x02\r\n\r\n',
      'GET / HTTP/1.1\r\nHost: \r\n\r\n',
      `GET /${'a'.repeat(100_000)} HTTP/1.1\r\n\r\n`,
    ]) {
      await new Promise<void>((resolve) => {
        const socket = connect({ host: '127.0.0.1', port: server?.port ?? 0 }, () => socket.end(bytes));
        socket.on('error', () => resolve()).on('close', () => resolve()).resume();
      });
    }
    expect((await ask('GET', '/v1/info')).status).toBe(200);
  });
});
