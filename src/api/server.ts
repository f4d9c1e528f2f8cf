/** The daemon's HTTP API on 127.0.0.1: the contract's methods as routes, and the stream of events. */
import { STATUS_CODES, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { z } from 'zod';
import { RunnelError } from '../../protocols/errors.ts';
import type { Logger } from '../logging.ts';
import { systemClock, type Clock } from '../runtime/clock.ts';
import { contract, methodNames, type Api, type MethodName, type Output } from './contract.ts';
import { ApiError, errorKinds, hintOf, kindOf, kindOfStatus, type ErrorBody } from './errors.ts';
import { EventStream } from './event-stream.ts';
import type { NodeEvents } from './events.ts';
import { Guard } from './guard.ts';
import { pathFields, type MethodSpec } from './method.ts';
import { describeApi } from './openapi.ts';
import { PaymentWaiters } from './payment-waiters.ts';
import { fieldOf, jsonFromText } from './text-input.ts';

/** No request is larger than an invoice with some options. */
const BODY_LIMIT_BYTES = 65_536;
/** A request must have come whole by then. */
const REQUEST_TIMEOUT_MS = 10_000;
const PAY_TIMEOUT_SECONDS = 60;
const EVENTS_PATH = '/v1/events';
/** So long may requests in hand take once the server closes; then their connections end. */
const CLOSE_GRACE_MS = 5_000;
/** After the node has given up trying, the failure still has to come back. */
const PAY_GRACE_MS = 1_000;

export interface ApiServer {
  readonly port: number;
  readonly url: string;
  /**
   * Takes no more requests, lets those in hand answer (payments as they are) for some seconds, and closes the event
   * streams.
   */
  close(): Promise<void>;
}

export interface ApiServerOptions {
  readonly api: Api;
  readonly events: NodeEvents;
  readonly token: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly version: string;
  readonly logger: Logger;
  readonly clock?: Clock;
}

/** Starts to answer. Throws `ApiError` (`port_in_use`, or `listen_failed`) where it cannot listen. */
export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const { api, events, logger, clock = systemClock } = options;
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
    const hint = 'GET /openapi.json describes those that there are';
    throw new ApiError('notFound', 'unknown_route', `no method of the API answers ${asked}`, { hint });
  });

  const waiters = new PaymentWaiters(events, clock, (paymentHash) => api.payment({ paymentHash }));
  for (const name of methodNames) addRoute(app, name, api, waiters);
  const description = describeApi(options.version);
  app.get('/openapi.json', { config: { public: true } }, async () => description);

  const stream = new EventStream(events, logger);
  // With an upgrade it never comes here.
  app.get(EVENTS_PATH, (_, reply) => {
    void reply.header('Upgrade', 'websocket').header('Connection', 'Upgrade');
    const hint = 'connect a WebSocket, with the token as a header or as the subprotocol token.<token>';
    const message = `${EVENTS_PATH} is a stream: expected an upgrade to a WebSocket`;
    throw new ApiError('upgradeRequired', 'upgrade_required', message, { hint });
  });
  app.server.on('upgrade', (request, socket, head) => {
    socket.on('error', (error) => logger.debug({ err: error }, 'API: upgrade failed'));
    try {
      check(request, false);
      const url = new URL(request.url ?? '/', 'http://127.0.0.1');
      if (url.pathname !== EVENTS_PATH) {
        throw new ApiError(
          'notFound',
          'unknown_route',
          `no stream answers at ${url.pathname.slice(0, 100)}`,
        );
      }
      stream.accept(request, socket, head, url.searchParams);
    } catch (error) {
      refuseUpgrade(socket, error);
    }
  });

  try {
    await app.listen({ host: '127.0.0.1', port: options.port });
  } catch (error) {
    stream.close();
    waiters.close();
    throw listenError(error, options.port);
  }
  const { port } = app.server.address() as AddressInfo;
  guard = new Guard(options.token, port);
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    async close() {
      waiters.close();
      stream.close();
      const cancel = clock.setTimer(CLOSE_GRACE_MS, () => app.server.closeAllConnections());
      await app.close();
      cancel();
    },
  };
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Answered without a token. */
    public?: boolean;
  }
}

function addRoute(app: FastifyInstance, name: MethodName, api: Api, waiters: PaymentWaiters): void {
  const spec: MethodSpec = contract[name];
  const call = api[name] as (input: unknown) => Promise<unknown>;
  app.route({
    method: spec.http.method,
    url: spec.http.path.replace(/\{(\w+)\}/g, ':$1'),
    ...(spec.http.bodyLimitBytes !== undefined && { bodyLimit: spec.http.bodyLimitBytes }),
    async handler(request, reply) {
      const input = parseInput(spec, request);
      let output = await call(input);
      if (name === 'pay' || name === 'keysend') {
        const { timeoutSeconds = PAY_TIMEOUT_SECONDS } = input as { timeoutSeconds?: number };
        const gone = new AbortController();
        reply.raw.once('close', () => gone.abort());
        output = await waiters.settled(output as Output<'payment'>, timeoutSeconds * 1_000 + PAY_GRACE_MS, gone.signal);
      }
      return z.encode(spec.output, output);
    },
  });
}

/** The method's input from path, query and body. Throws `ApiError` that names every field that is wrong. */
function parseInput(spec: MethodSpec, request: FastifyRequest): unknown {
  const inPath = request.params as Record<string, string>;
  const fromText = (texts: Readonly<Record<string, unknown>>): [string, unknown][] =>
    Object.entries(texts).map(([name, text]) => {
      const schema = Object.hasOwn(spec.input.shape, name) ? spec.input.shape[name] : undefined;
      return [name, schema !== undefined && typeof text === 'string' ? jsonFromText(fieldOf(schema), text) : text];
    });
  const query = request.query as Record<string, unknown>;
  const rest = spec.http.method === 'POST' ? (request.body ?? {}) : Object.fromEntries(fromText(query));
  const problems: { field: string; message: string }[] = [];
  if (typeof rest !== 'object' || Array.isArray(rest)) {
    problems.push(
      { field: '', message: 'expected a JSON object as the body' },
    );
  }
  else if (spec.http.method === 'POST' && Object.keys(query).length > 0) {
    problems.push({ field: '', message: 'expected the input in the body, got a query' });
  }
  for (const field of pathFields(spec.http.path)) {
    if (Object.hasOwn(rest, field)) problems.push({ field, message: 'expected in the path only, got it twice' });
  }
  const result = z.safeDecode(spec.input, { ...rest, ...Object.fromEntries(fromText(inPath)) });
  if (result.success && problems.length === 0) return result.data;
  for (const issue of result.error?.issues ?? []) {
    problems.push(
      { field: issue.path.join('.'), message: issue.message },
    );
  }
  const message = problems.map(({ field, message }) => (field === '' ? message : `${field}: ${message}`)).join('; ');
  throw new ApiError('invalid', 'invalid_request', message, { details: { problems } });
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

function listenError(error: unknown, port: number): ApiError {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE') {
    return new ApiError(
      'conflict',
      'port_in_use',
      `port ${port} of 127.0.0.1 is in use`,
      { hint: 'give another with --api-port, or 0 for any free one', cause: error },
    );
  }
  return new ApiError(
    'unavailable',
    'listen_failed',
    `cannot listen at 127.0.0.1:${port}: ${message}`,
    { cause: error },
  );
}
