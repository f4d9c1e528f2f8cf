/**
 * What each HTTP server of Runnel's is: on 127.0.0.1 alone, with the guard before everything, errors of one form, and
 * WebSockets at the paths that are streams.
 */
import { STATUS_CODES, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { fastify, type FastifyInstance, type FastifyReply } from 'fastify';
import { RunnelError } from '../../protocols/errors.ts';
import type { Logger } from '../logging.ts';
import { systemClock, type Clock } from '../runtime/clock.ts';
import { ApiError, errorKinds, hintOf, kindOf, kindOfStatus, type ErrorBody } from './errors.ts';
import { Guard } from './guard.ts';

/** No request is larger than an invoice with some options. */
const BODY_LIMIT_BYTES = 65_536;
/** A request must have come whole by then. */
const REQUEST_TIMEOUT_MS = 10_000;
/** So long may requests in hand take once the server closes; then their connections end. */
const CLOSE_GRACE_MS = 5_000;

/** Something that WebSockets are opened to. */
export interface Stream {
  /** Takes over a request to upgrade. Throws `ApiError` for a query that is wrong, before anything is answered. */
  accept(request: IncomingMessage, socket: Duplex, head: Buffer, query: URLSearchParams): void;
  close(): void;
}

export interface HttpServerOptions {
  readonly token: string;
  /** What to do for whoever comes without it. */
  readonly tokenHint?: string;
  /** What to do for whoever asks for what there is not. */
  readonly routeHint: string;
  /** The option that chooses the port. */
  readonly portFlag: string;
  readonly logger: Logger;
  readonly clock?: Clock;
}

export interface HttpServer {
  /** For routes; those with `config: { public: true }` are answered without the token. */
  readonly app: FastifyInstance;
  /** Adds a stream, which the server closes with itself. */
  addStream(path: string, stream: Stream): void;
  /**
   * Starts to answer, at any free port where it is 0; resolves with the port. Throws `ApiError` (`port_in_use`, or
   * `listen_failed`) where it cannot listen.
   */
  listen(port: number): Promise<number>;
  /** Takes no more requests, lets those in hand answer for some seconds, and closes the streams. */
  close(): Promise<void>;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Answered without a token. */
    public?: boolean;
  }
}

export function createHttpServer(options: HttpServerOptions): HttpServer {
  const { token, tokenHint, routeHint, portFlag, logger, clock = systemClock } = options;
  const streams = new Map<string, Stream>();
  const app = fastify({
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 256 },
    // A path that cannot be read never gets as far as the error handler.
    frameworkErrors: (error, _, reply) => {
      const { status, body } = answerTo(error, () => {});
      void (reply as unknown as FastifyReply).code(status).send(body);
    },
  });
  let guard: Guard | undefined;
  const check = (request: IncomingMessage, isPublic: boolean): void => {
    if (guard === undefined) throw new ApiError('unavailable', 'starting', 'the API is starting');
    guard.checkOrigin(request);
    if (!isPublic) guard.checkToken(request);
  };
  app.removeContentTypeParser('text/plain');
  app.addHook('onRequest', async (request) => {
    check(request.raw, request.routeOptions.config.public === true);
  });
  app.setErrorHandler((error, request, reply) => {
    const { status, body } = answerTo(error, (unexpected) => {
      logger.error({ err: unexpected, method: request.method, route: request.routeOptions.url }, 'internal error');
    });
    return reply.code(status).send(body);
  });
  app.setNotFoundHandler((request) => {
    const asked = `${request.method} ${request.url.slice(0, 100)}`;
    throw new ApiError('notFound', 'unknown_route', `no method of the API answers ${asked}`, { hint: routeHint });
  });
  app.server.on('upgrade', (request, socket, head) => {
    socket.on('error', (error) => logger.debug({ err: error }, 'API: upgrade failed'));
    try {
      check(request, false);
      const url = new URL(request.url ?? '/', 'http://127.0.0.1');
      const stream = streams.get(url.pathname);
      if (stream === undefined) {
        throw new ApiError('notFound', 'unknown_route', `no stream answers at ${url.pathname.slice(0, 100)}`);
      }
      stream.accept(request, socket, head, url.searchParams);
    } catch (error) {
      refuseUpgrade(socket, error);
    }
  });
  return {
    app,
    addStream(path, stream) {
      streams.set(path, stream);
      // With an upgrade it never comes here.
      app.get(path, (_, reply) => {
        void reply.header('Upgrade', 'websocket').header('Connection', 'Upgrade');
        const hint = 'connect a WebSocket, with the token as a header or as the subprotocol token.<token>';
        const message = `${path} is a stream: expected an upgrade to a WebSocket`;
        throw new ApiError('upgradeRequired', 'upgrade_required', message, { hint });
      });
    },
    async listen(port) {
      try {
        await app.listen({ host: '127.0.0.1', port });
      } catch (error) {
        throw listenError(error, port, portFlag);
      }
      const address = app.server.address() as AddressInfo;
      guard = new Guard(token, address.port, tokenHint);
      return address.port;
    },
    async close() {
      for (const stream of streams.values()) stream.close();
      const cancel = clock.setTimer(CLOSE_GRACE_MS, () => app.server.closeAllConnections());
      await app.close();
      cancel();
    },
  };
}

/**
 * An error as status and body. What is no typed error is a bug: the caller learns only that, `onUnexpected` all of it.
 */
function answerTo(error: unknown, onUnexpected: (error: unknown) => void): { status: number; body: ErrorBody } {
  if (error instanceof RunnelError) {
    const { code, message, details } = error;
    return {
      status: errorKinds[kindOf(error)],
      body: { code, message, details: jsonSafe(details), hint: hintOf(error) },
    };
  }
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  if (typeof status === 'number' && status >= 400 && status < 500) {
    // Fastify's own: the body is no JSON, too large, or of another content type.
    const code = status === errorKinds.tooLarge ? 'request_too_large' : 'invalid_request';
    return { status: errorKinds[kindOfStatus(status)], body: { code, message: (error as Error).message, details: {} } };
  }
  onUnexpected(error);
  const message = 'the node could not answer because of a mistake in its program; its log tells more';
  return { status: errorKinds.internal, body: { code: 'internal_error', message, details: {} } };
}

/** Errors may carry amounts as bigint. */
function jsonSafe(details: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const text = JSON.stringify(details, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value));
  return JSON.parse(text) as Record<string, unknown>;
}

function refuseUpgrade(socket: Duplex, error: unknown): void {
  const { status, body } = answerTo(error, () => {});
  const json = JSON.stringify(body);
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(json)}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${json}`, () => socket.destroy());
}

function listenError(error: unknown, port: number, portFlag: string): ApiError {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE') {
    const hint = `give another with ${portFlag}, or 0 for any free one`;
    return new ApiError('conflict', 'port_in_use', `port ${port} of 127.0.0.1 is in use`, { hint, cause: error });
  }
  return new ApiError('unavailable', 'listen_failed', `cannot listen at 127.0.0.1:${port}: ${message}`, { cause: error });
}
