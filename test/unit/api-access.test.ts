import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { API_FILE, findApi, loadOrCreateToken, removeApiFile, TOKEN_FILE, writeApiFile } from '../../src/api/access.ts';
import { TOKEN } from './api-fake-node.ts';
import { ask, fake, server, start, stop } from './api-http.ts';

afterEach(stop);

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
    const { body } = await ask(
      'POST',
      '/v1/payments',
      { headers: { authorization: 'Bearer 00' }, body: 'x'.repeat(200_000) },
    );
    expect(body.code).toBe('token_wrong');
  });

  const hosts = ['evil.example', 'evil.example:PORT', '127.0.0.1', '127.0.0.1:1', '0.0.0.0:PORT', 'localhost.x.y:PORT'];
  it.each(hosts)(
    'refuses the host %j, which a rebound name would send',
    async (host) => {
      await start();
      const { status, body } = await ask(
        'GET',
        '/v1/info',
        { headers: { host: host.replace('PORT', String(server?.port)) } },
      );
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

  const origins = ['http://evil.example', 'null', 'https://127.0.0.1:PORT', 'http://127.0.0.1:1'];
  it.each(origins)('refuses the origin %s', async (origin) => {
    await start();
    const { status, body, headers } = await ask(
      'GET',
      '/v1/info',
      { headers: { origin: origin.replace('PORT', String(server?.port)) } },
    );
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

describe('the files by which clients find the daemon', () => {
  let dataDir: string;
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'runnel-access-'));
  });
  afterEach(() => rmSync(dataDir, { recursive: true }));

  it('give a token of 32 random bytes to its owner only, and keep it', () => {
    const token = loadOrCreateToken(dataDir);
    expect(token).toMatch(/^[0-9a-f]{64}$/);
    expect(statSync(join(dataDir, TOKEN_FILE)).mode & 0o777).toBe(0o600);
    expect(loadOrCreateToken(dataDir)).toBe(token);
    rmSync(join(dataDir, TOKEN_FILE));
    expect(loadOrCreateToken(dataDir)).not.toBe(token);
  });

  it('survive a crash while the token was written', () => {
    writeFileSync(join(dataDir, `${TOKEN_FILE}.new`), 'half', { mode: 0o644 });
    loadOrCreateToken(dataDir);
    expect(statSync(join(dataDir, TOKEN_FILE)).mode & 0o777).toBe(0o600);
  });

  it('are refused where others could have read the token, or where it is damaged', () => {
    loadOrCreateToken(dataDir);
    chmodSync(join(dataDir, TOKEN_FILE), 0o640);
    expect(() => loadOrCreateToken(dataDir)).toThrow('expected mode 600, got 640');
    chmodSync(join(dataDir, TOKEN_FILE), 0o600);
    writeFileSync(join(dataDir, TOKEN_FILE), '');
    expect(() => loadOrCreateToken(dataDir)).toThrow('expected 64 hex digits');
  });

  it('tell port and token while the daemon runs', () => {
    expect(findApi(dataDir)).toBeUndefined();
    const token = loadOrCreateToken(dataDir);
    expect(findApi(dataDir)).toBeUndefined();
    writeApiFile(dataDir, 4_321);
    expect(findApi(dataDir)).toEqual({ url: 'http://127.0.0.1:4321', token });
    expect(JSON.parse(readFileSync(join(dataDir, API_FILE), 'utf8'))).toMatchObject({ pid: process.pid });
    removeApiFile(dataDir);
    expect(findApi(dataDir)).toBeUndefined();
  });

  it.each(['', '{', '[]', '{"host":"evil.example","port":1,"pid":1}', '{"host":"127.0.0.1","port":0,"pid":1}'])(
    'send no client elsewhere: %s',
    (text) => {
      loadOrCreateToken(dataDir);
      writeFileSync(join(dataDir, API_FILE), text);
      expect(() => findApi(dataDir)).toThrow('expected host, port and pid');
    },
  );
});
