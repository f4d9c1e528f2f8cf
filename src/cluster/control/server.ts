/** The cluster's control server on 127.0.0.1: one dashboard, and one API, for the whole mesh. */
import { randomBytes } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { invalidRequest, problemsOf } from '../../api/errors.ts';
import { createHttpServer } from '../../api/http-server.ts';
import { addDashboard } from '../../dashboard/serve.ts';
import type { Logger } from '../../logging.ts';
import { linkInput, mineInput, nodeInput, trafficInput, type Mesh } from './contract.ts';
import type { ClusterControl } from './control.ts';
import { MessageStream } from './message-stream.ts';
import { addProxy } from './proxy.ts';

export interface ControlServerOptions {
  readonly control: ClusterControl;
  /** 0 takes any free port. */
  readonly port: number;
  readonly version: string;
  readonly logger: Logger;
}

export interface ControlServer {
  readonly port: number;
  /** Whoever has it may do with the cluster as they like. */
  readonly token: string;
  /** The dashboard's address with the token in it. */
  readonly link: string;
  close(): Promise<void>;
}

/** Starts to answer, with a token of its own. Throws `ApiError` where it cannot listen. */
export async function startControlServer({ control, port: wanted, version, logger }: ControlServerOptions): Promise<ControlServer> {
  const token = randomBytes(32).toString('hex');
  const server = createHttpServer({
    token,
    tokenHint: 'open the link that the cluster printed, which has the token in it',
    routeHint: 'there are /cluster/mesh, /cluster/events, and /nodes/<name>/v1/… for what each node answers',
    portFlag: '--dashboard-port',
    logger,
  });
  const { app } = server;

  /** A route that does something and answers what the mesh is then. */
  const post = <Schema extends z.ZodType>(path: string, schema: Schema, act: (input: z.output<Schema>) => unknown): void => {
    app.post(path, async (request): Promise<Mesh> => {
      await act(inputOf(schema, request));
      return control.mesh();
    });
  };
  app.get('/cluster/mesh', () => control.mesh());
  post('/cluster/nodes/:name/kill', nodeInput, ({ name }) => control.command(name, 'kill'));
  post('/cluster/nodes/:name/stop', nodeInput, ({ name }) => control.command(name, 'stop'));
  post('/cluster/nodes/:name/restart', nodeInput, ({ name }) => control.command(name, 'restart'));
  post('/cluster/links/cut', linkInput, ({ a, b }) => control.cut(a, b));
  post('/cluster/links/mend', linkInput, ({ a, b }) => control.mend(a, b));
  post('/cluster/mine', mineInput, ({ blocks }) => control.mine(blocks));
  post('/cluster/traffic', trafficInput, ({ perSecond }) => control.setTraffic(perSecond));
  await addDashboard(app, { kind: 'cluster', version });
  const closeProxy = await addProxy(app, control);
  server.addStream('/cluster/events', new MessageStream(control, logger));

  const close = async (): Promise<void> => {
    closeProxy();
    await server.close();
  };
  try {
    const port = await server.listen(wanted);
    return { port, token, link: `http://127.0.0.1:${port}/#token=${token}`, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** From path, query and body together; nothing may stand in two of them. Throws `ApiError` that names what is wrong. */
function inputOf<Schema extends z.ZodType>(schema: Schema, request: FastifyRequest): z.output<Schema> {
  const body = request.body ?? {};
  if (typeof body !== 'object' || Array.isArray(body)) {
    throw invalidRequest([{ field: '', message: 'expected a JSON object as the body' }]);
  }
  const inPath = request.params as Record<string, string>;
  const twice = Object.keys(inPath).filter((name) => Object.hasOwn(body, name));
  const problems = twice.map((field) => ({ field, message: 'expected in the path only, got it twice' }));
  if (Object.keys(request.query as object).length > 0) {
    problems.push({ field: '', message: 'expected the input in the body, got a query' });
  }
  const result = schema.safeParse({ ...body, ...inPath });
  if (result.success && problems.length === 0) return result.data;
  throw invalidRequest([...problems, ...(result.error === undefined ? [] : problemsOf(result.error))]);
}
