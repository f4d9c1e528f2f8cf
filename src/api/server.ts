/** The daemon's HTTP API on 127.0.0.1: the contract's methods as routes, the stream of events, and the dashboard. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { addDashboard } from '../dashboard/serve.ts';
import type { Logger } from '../logging.ts';
import { systemClock, type Clock } from '../runtime/clock.ts';
import { contract, methodNames, type Api, type MethodName } from './contract.ts';
import { ApiError, invalidRequest, problemsOf, type InputProblem } from './errors.ts';
import { EventStream } from './event-stream.ts';
import type { NodeEvents } from './events.ts';
import type { RunningNode } from './facade.ts';
import { createHttpServer } from './http-server.ts';
import { pathFields, type MethodSpec } from './method.ts';
import { describeApi } from './openapi.ts';
import { PaymentWaiters, type Underway } from './payment-waiters.ts';
import { fieldOf, jsonFromText } from './text-input.ts';

const PAY_TIMEOUT_SECONDS = 60;
const EVENTS_PATH = '/v1/events';
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
  readonly metrics: RunningNode['metrics'];
  readonly token: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly version: string;
  readonly logger: Logger;
  readonly clock?: Clock;
}

/** Starts to answer. Throws `ApiError` (`port_in_use`, or `listen_failed`) where it cannot listen. */
export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const { api, events, token, logger, clock = systemClock } = options;
  const routeHint = 'GET /openapi.json describes those that there are';
  const server = createHttpServer({ token, routeHint, portFlag: '--api-port', logger, clock });
  const { app } = server;
  const waiters = new PaymentWaiters(events, clock);
  for (const name of methodNames) addRoute(app, name, api, waiters);
  const description = describeApi(options.version);
  app.get('/openapi.json', { config: { public: true } }, async () => description);
  app.get('/metrics', async (_, reply) => {
    const { contentType, text } = await options.metrics();
    return reply.header('Content-Type', contentType).send(text);
  });
  await addDashboard(app, { kind: 'node', version: options.version });
  server.addStream(EVENTS_PATH, new EventStream(events, logger));

  const close = async (): Promise<void> => {
    waiters.close();
    await server.close();
  };
  try {
    const port = await server.listen(options.port);
    return { port, url: `http://127.0.0.1:${port}`, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Those that answer once what they begin has ended, and how that is looked at. */
const awaited: Partial<Record<MethodName, (api: Api, paymentHash: string) => Promise<Underway>>> = {
  pay: lookAtPayment,
  keysend: lookAtPayment,
  rebalance: lookAtPayment,
  probe: lookAtProbe,
};

function lookAtPayment(api: Api, paymentHash: string): Promise<Underway> {
  return api.payment({ paymentHash });
}

async function lookAtProbe(api: Api, paymentHash: string): Promise<Underway> {
  const { probes: [probe] } = await api.probes({ paymentHash });
  if (probe === undefined) throw new ApiError('notFound', 'probe_unknown', `no probe has the payment hash ${paymentHash}`);
  return probe;
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
      const look = awaited[name];
      if (look !== undefined) {
        const begun = output as Underway;
        const { timeoutSeconds = PAY_TIMEOUT_SECONDS } = input as { timeoutSeconds?: number };
        const gone = new AbortController();
        reply.raw.once('close', () => gone.abort());
        output = await waiters.settled(begun, () => look(api, begun.paymentHash), timeoutSeconds * 1_000 + PAY_GRACE_MS, gone.signal);
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
  const problems: InputProblem[] = [];
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
  throw invalidRequest([...problems, ...(result.error === undefined ? [] : problemsOf(result.error))]);
}
