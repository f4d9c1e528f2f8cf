import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fastify, type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addDashboard } from '../../src/dashboard/serve.ts';
import { ask, start, stop } from './api-http.ts';

describe('the files of the dashboard', () => {
  let folder: string;
  let app: FastifyInstance;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'runnel-dashboard-'));
    for (const name of ['assets', 'charts']) mkdirSync(join(folder, name));
    writeFileSync(join(folder, 'index.html'), '<!doctype html><title>Runnel</title>');
    writeFileSync(join(folder, 'assets', 'index-abc.js'), 'let a;');
    writeFileSync(join(folder, 'charts', 'htlc.json'), '{}');
    writeFileSync(join(folder, 'secret'), 'not for the public');
    app = fastify();
    app.setNotFoundHandler((_, reply) => reply.code(404).send({ code: 'unknown_route' }));
    await addDashboard(app, { kind: 'cluster', version: '1.2.3', folder });
  });
  afterEach(async () => {
    await app.close();
    rmSync(folder, { recursive: true });
  });

  it.each([
    ['/', 'text/html', 'public, max-age=0'],
    ['/assets/index-abc.js', 'javascript', 'public, max-age=31536000, immutable'],
    ['/charts/htlc.json', 'application/json', 'public, max-age=0'],
    ['/dashboard.json', 'application/json', 'no-store'],
  ])('%s comes with headers that let nothing in from elsewhere', async (url, type, cache) => {
    const { statusCode, headers } = await app.inject({ url });
    expect(statusCode).toBe(200);
    expect(headers['content-type']).toContain(type);
    expect(headers).toMatchObject({
      'cache-control': cache,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-resource-policy': 'same-origin',
      'cross-origin-opener-policy': 'same-origin',
    });
    const policy = String(headers['content-security-policy']).split('; ');
    expect(policy).toEqual(
      expect.arrayContaining(["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"]),
    );
    expect(policy.join()).not.toContain('unsafe');
    expect(headers['access-control-allow-origin']).toBeUndefined();
  });

  it('tells what it is served by', async () => {
    expect((await app.inject({ url: '/dashboard.json' })).json()).toEqual({ kind: 'cluster', version: '1.2.3' });
  });

  it.each(['/secret', '/assets/../secret', '/assets/..%2fsecret', '/assets/%2e%2e/secret', '/charts/..\\secret', '/assets/', '/charts/x'])(
    '%s is no file of it',
    async (url) => {
      const { statusCode, body } = await app.inject({ url });
      expect(statusCode).toBeGreaterThanOrEqual(400);
      expect(body).not.toContain('not for the public');
    },
  );
});

describe("the node's server", () => {
  afterEach(stop);

  it('gives the page without a token, and nothing else', async () => {
    await start();
    const headers = { authorization: undefined };
    expect(await ask('GET', '/dashboard.json', { headers })).toMatchObject({ status: 200, body: { kind: 'node' } });
    expect(await ask('GET', '/v1/info', { headers })).toMatchObject({ status: 401 });
    expect(await ask('GET', '/index.html', { headers })).toMatchObject({ status: 401 });
  });

  it('answers what is no file of the dashboard as the API does', async () => {
    await start();
    for (const path of ['/index.html', '/assets/none.js', '/charts/none.json', '/nowhere']) {
      expect(await ask('GET', path)).toMatchObject({ status: 404, body: { code: 'unknown_route' } });
    }
  });

  it('gives it to no other host name and no foreign page', async () => {
    await start();
    expect((await ask('GET', '/dashboard.json', { headers: { host: 'evil.example' } })).status).toBe(403);
    expect((await ask('GET', '/dashboard.json', { headers: { origin: 'http://evil.example' } })).status).toBe(403);
  });
});
