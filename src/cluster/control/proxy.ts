/** The API of each node under `/nodes/{name}/v1/…`, with the node's token, which no browser ever sees. */
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Transform, pipeline, type Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { contract, methodNames } from '../../api/contract.ts';
import { ApiError } from '../../api/errors.ts';
import type { MethodSpec } from '../../api/method.ts';
import type { ClusterControl } from './control.ts';
import type { ControlledNode } from './controlled-node.ts';

/** The node has a limit for each method: nothing above the largest can be meant for it. */
const BODY_LIMIT_BYTES = Math.max(
  65_536,
  ...methodNames.map((name) => (contract[name] as MethodSpec).http.bodyLimitBytes ?? 0),
);
/** Of a request's and an answer's headers, those that say what the body is: nothing else passes. */
const REQUEST_HEADERS = ['content-type', 'content-length', 'transfer-encoding', 'accept'] as const;
const ANSWER_HEADERS = ['content-type', 'content-length'] as const;
const SOCKETS_PER_NODE = 32;

/** Adds the routes; what it returns ends the connections to the nodes. */
export async function addProxy(app: FastifyInstance, control: ClusterControl): Promise<() => void> {
  const agent = new Agent({ keepAlive: true, maxSockets: SOCKETS_PER_NODE });
  await app.register(async (scope) => {
    // Bodies pass through as they come: what they mean is the node's to judge.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_, payload, done) => done(null, payload));
    scope.route<{ Params: { name: string } }>({
      method: ['GET', 'POST', 'DELETE'],
      url: '/nodes/:name/v1/*',
      exposeHeadRoute: false,
      handler: async (request, reply) => {
        const node = control.node(request.params.name);
        if (request.method !== 'GET') control.assertReady();
        assertUp(node);
        if (Number(request.headers['content-length'] ?? 0) > BODY_LIMIT_BYTES) throw tooLarge();
        const answer = await passOn(node, pathOf(request), agent, request, reply);
        for (const name of ANSWER_HEADERS) {
          const value = answer.headers[name];
          if (value !== undefined) void reply.header(name, value);
        }
        void reply.header('x-content-type-options', 'nosniff');
        return reply.code(answer.statusCode ?? 502).send(answer);
      },
    });
  });
  return () => agent.destroy();
}

function assertUp({ name, state }: ControlledNode): void {
  if (state === 'up') return;
  if (state === 'starting') throw new ApiError('unavailable', 'node_starting', `${name} is starting`, { hint: 'try again in a moment' });
  throw new ApiError('unavailable', 'node_down', `${name} does not run`, { hint: `restart ${name} first` });
}

/**
 * What is asked of the node, as it came: what is not written as the API's own paths are, such as with `..` or an encoded
 * slash, is refused rather than understood.
 */
function pathOf({ raw }: FastifyRequest): string {
  const match = /^\/nodes\/[^/?]+(\/v1(?:\/[\w.~:%@!$&'()*+,;=-]+)+)(\?[^#]*)?$/.exec(raw.url ?? '');
  const [, path = '', query = ''] = match ?? [];
  const isPlain = (segment: string | undefined): boolean => segment !== undefined && !/^\.{1,2}$|[/\\]/.test(segment);
  if (match === null || !path.slice(1).split('/').map(decoded).every(isPlain)) {
    throw new ApiError('invalid', 'invalid_request', "expected a path of the node's API, such as /nodes/alice/v1/info");
  }
  return path + query;
}

function decoded(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

/** Resolves with the node's answer once it begins. The request to the node ends with the one of the client. */
function passOn(
  { name, api }: ControlledNode,
  path: string,
  agent: Agent,
  { raw, body }: FastifyRequest,
  reply: FastifyReply,
): Promise<IncomingMessage> {
  const headers: Record<string, string> = { authorization: `Bearer ${api.token}` };
  for (const header of REQUEST_HEADERS) {
    const value = raw.headers[header];
    if (value !== undefined && body !== undefined) headers[header] = value;
  }
  const { hostname, port } = new URL(api.url);
  return new Promise((resolve, reject) => {
    const upstream = httpRequest({ host: hostname, port, method: raw.method, path, headers, agent }, resolve);
    upstream.on('error', (error) => {
      if (error instanceof ApiError) reject(error);
      const message = `the connection to ${name} was lost before it answered`;
      reject(new ApiError('unavailable', 'node_lost', message, { hint: `see whether ${name} still runs`, cause: error }));
    });
    const { socket } = raw;
    reply.raw.once('close', () => {
      upstream.destroy();
      // What is left of a body that nobody reads would keep the connection for ever.
      if (!raw.complete) socket.destroy();
    });
    if (body === undefined) upstream.end();
    else {
      pipeline(body as Readable, limited(), upstream, (error) => {
        if (error !== undefined && error !== null) reject(error);
      });
    }
  });
}

/** Passes on a body as far as one may be long. */
function limited(): Transform {
  let size = 0;
  return new Transform({
    transform(chunk: Buffer, _, done) {
      size += chunk.length;
      if (size <= BODY_LIMIT_BYTES) done(null, chunk);
      else done(tooLarge());
    },
  });
}

function tooLarge(): ApiError {
  return new ApiError('tooLarge', 'request_too_large', `expected a body of at most ${BODY_LIMIT_BYTES} bytes, got more`);
}
