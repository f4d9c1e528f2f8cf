import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { RunnelError } from '../../../protocols/errors.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { EmbeddedChain } from './embedded-chain.ts';
import { handleBody } from './rpc/http-body.ts';

const COOKIE_FILE = '.cookie';
const PORT_FILE = 'rpcport';
const COOKIE_USER = '__cookie__';
/** A block is at most 8,000,000 hex digits. */
const MAX_BODY_BYTES = 16_000_000;
const REQUEST_TIMEOUT_MS = 30_000;
/** As bitcoind does, so that passwords cannot be tried quickly. */
const WRONG_PASSWORD_DELAY_MS = 250;
/** How long callers in the middle of a request may keep the server from ending. */
const CLOSE_GRACE_MS = 1_000;

/** Another process listens on the port. */
export class ChainPortInUseError extends RunnelError {
  constructor(port: number, cause: unknown) {
    const message = `port ${port} on 127.0.0.1 is in use: choose another, or 0 for any free one`;
    super('chain_port_in_use', message, { port }, { cause });
  }
}

export interface ChainServerOptions {
  readonly chain: EmbeddedChain;
  readonly clock: Clock;
  /** Where the cookie file and the port file go. */
  readonly folder: string;
  /** 0 has the system choose one. */
  readonly port: number;
  /** Called once when the `stop` call was answered. */
  readonly onStop?: () => void;
}

/** A running server. `close` ends it and removes its cookie and port files. */
export interface ChainServer {
  readonly port: number;
  readonly cookieFile: string;
  close(): Promise<void>;
}

/**
 * Serves bitcoind's JSON-RPC over HTTP on 127.0.0.1 for an embedded chain: POST, basic authentication by a cookie file
 * that only its owner can read, single calls and batches. The port stands in the folder's `rpcport` file once calls are
 * answered.
 */
export async function startChainServer(options: ChainServerOptions): Promise<ChainServer> {
  const { chain, clock, folder, port, onStop } = options;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const password = randomBytes(32).toString('hex');
  const cookie = `${COOKIE_USER}:${password}`;
  const expected = digest(`Basic ${Buffer.from(cookie).toString('base64')}`);
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.maxHeadersCount = 50;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.url !== '/') return reply(response, 404, '');
    if (request.method !== 'POST') return reply(response, 405, 'JSONRPC server handles only POST requests');
    const { authorization } = request.headers;
    if (authorization === undefined || !timingSafeEqual(digest(authorization), expected)) {
      if (authorization !== undefined) await delay(clock, WRONG_PASSWORD_DELAY_MS);
      response.setHeader('WWW-Authenticate', 'Basic realm="jsonrpc"');
      return reply(response, 401, '');
    }
    const body = await readBody(request);
    if (body === undefined) return reply(response, 413, `the body must be at most ${MAX_BODY_BYTES} bytes`);
    const { status, text, stop } = handleBody(chain, body);
    response.setHeader('Content-Type', 'application/json');
    if (stop) {
      response.setHeader('Connection', 'close');
      response.once('finish', () => onStop?.());
    }
    reply(response, status, text);
  }

  await listen(server, port);
  const address = server.address() as AddressInfo;
  const cookieFile = join(folder, COOKIE_FILE);
  const portFile = join(folder, PORT_FILE);
  replaceFile(cookieFile, cookie);
  replaceFile(portFile, `${address.port}\n`);
  return {
    port: address.port,
    cookieFile,
    async close() {
      rmSync(portFile, { force: true });
      rmSync(cookieFile, { force: true });
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
        clock.setTimer(CLOSE_GRACE_MS, () => server.closeAllConnections());
      });
    },
  };
}

/** The body as text; undefined as soon as it is too long. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request) {
    if (!(part instanceof Buffer)) throw new TypeError('a request body arrives in buffers');
    size += part.length;
    if (size > MAX_BODY_BYTES) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

function reply(response: ServerResponse, status: number, text: string): void {
  // What was not read of a refused body must not be taken for the next request.
  if (status !== 200 && !response.req.complete) response.setHeader('Connection', 'close');
  response.writeHead(status);
  response.end(text === '' ? '' : `${text}\n`);
}

/** Whoever sees the file sees all of it. */
function replaceFile(path: string, text: string): void {
  rmSync(`${path}.tmp`, { force: true });
  writeFileSync(`${path}.tmp`, text, { mode: 0o600, flag: 'wx' });
  renameSync(`${path}.tmp`, path);
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      reject(cause.code === 'EADDRINUSE' ? new ChainPortInUseError(port, cause) : cause);
    });
    server.listen(port, '127.0.0.1', resolve);
  });
}

function delay(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimer(ms, resolve);
  });
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
