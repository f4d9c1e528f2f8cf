/** A cluster's control server before fake nodes and a fake chain, one a test, and requests to it as a stranger would make them. */
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { WebSocket } from 'ws';
import { createClient } from '../../src/api/client.ts';
import type { Api } from '../../src/api/contract.ts';
import type { ApiServer } from '../../src/api/server.ts';
import { meshSchema, type ControlMessage, type Mesh } from '../../src/cluster/control/contract.ts';
import { ClusterControl } from '../../src/cluster/control/control.ts';
import type { ControlledNode } from '../../src/cluster/control/controlled-node.ts';
import { startControlServer, type ControlServer } from '../../src/cluster/control/server.ts';
import type { NodeState } from '../../src/cluster/node-life.ts';
import { SeededRandom } from '../../src/cluster/seeded-random.ts';
import { Traffic } from '../../src/cluster/traffic.ts';
import { createLogger } from '../../src/logging.ts';
import { fakeNode, serve, TOKEN, type FakeNode } from './api-fake-node.ts';

/** A node whose process is a server in this one. */
export class FakeControlled implements ControlledNode {
  readonly name: string;
  readonly id: string;
  readonly address: string;
  readonly commands: string[] = [];
  readonly fake: FakeNode;
  api = { url: 'http://127.0.0.1:9', token: TOKEN };
  state: NodeState = 'down';
  #server: ApiServer | undefined;
  readonly #listeners = new Set<(state: NodeState) => void>();

  constructor(name: string, index: number, overrides: Partial<Api> = {}) {
    this.name = name;
    this.id = `02${String(index).padStart(2, '0').repeat(32)}`;
    this.address = `/ip4/127.0.0.1/tcp/${9_000 + index}`;
    this.fake = fakeNode(overrides);
  }

  get apiPort(): number {
    return Number(new URL(this.api.url).port);
  }

  get client(): ControlledNode['client'] {
    return createClient(this.api);
  }

  /** The calls that the node got, but for those of no interest. */
  calls(...names: string[]): unknown[] {
    return this.fake.calls.filter(({ name }) => names.includes(name)).map(({ input }) => input);
  }

  async restart(): Promise<void> {
    this.commands.push('restart');
    await this.end();
    this.#tell('starting');
    this.#server = await serve(this.fake);
    this.api = { url: this.#server.url, token: TOKEN };
    this.#tell('up');
  }

  async stop(): Promise<void> {
    this.commands.push('stop');
    await this.end();
  }

  async kill(): Promise<void> {
    this.commands.push('kill');
    await this.end();
  }

  /** As if its process had ended. */
  async end(): Promise<void> {
    this.#tell('down');
    await this.#server?.close();
    this.#server = undefined;
  }

  onChange(listener: (state: NodeState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #tell(state: NodeState): void {
    if (state === this.state) return;
    this.state = state;
    for (const listener of this.#listeners) listener(state);
  }
}

export interface Rig {
  readonly alice: FakeControlled;
  readonly bob: FakeControlled;
  readonly control: ClusterControl;
  readonly server: ControlServer;
  readonly traffic: Traffic;
  readonly mined: number[];
  log: string;
}

export let rig: Rig;

/** Alice and Bob, up and linked; ready to be meddled with. */
export async function startRig({ overrides = {} as Partial<Api>, isReady = true } = {}): Promise<Rig> {
  const [alice, bob] = [new FakeControlled('alice', 1, overrides), new FakeControlled('bob', 2, overrides)];
  await Promise.all([alice.restart(), bob.restart()]);
  const mined: number[] = [];
  const height = async (): Promise<number> => 100 + mined.reduce((sum, blocks) => sum + blocks, 0);
  const mine = async (blocks: number): Promise<void> => void mined.push(blocks);
  const traffic = new Traffic([alice, bob], new SeededRandom('test'));
  const made = { alice, bob, traffic, mined, log: '' } as Rig;
  const logger = createLogger({ level: 'debug', format: 'json' }, { write: (line) => void (made.log += line) });
  const control = new ClusterControl({
    nodes: [alice, bob],
    chain: { kind: 'embedded', mine, height },
    links: [[alice, bob]],
    traffic,
    blockIntervalSeconds: 5,
    logger,
  });
  if (isReady) control.setReady();
  await control.heard();
  const server = await startControlServer({ control, port: 0, version: '0.1.0', logger });
  rig = Object.assign(made, { control, server });
  return rig;
}

/** To be called after each test. */
export async function stopRig(): Promise<void> {
  rig.traffic.set(0);
  rig.control.close();
  await rig.server.close();
  await Promise.all([rig.alice.end(), rig.bob.end()]);
}

export interface Answer {
  readonly status: number;
  // oxlint-disable-next-line typescript/no-explicit-any -- what a stranger would see: JSON of no known shape
  readonly body: any;
  readonly headers: IncomingHttpHeaders;
}

/** Over node:http and not fetch, which would tidy the path up. */
export function ask(
  method: string,
  path: string,
  options: { headers?: Record<string, string | undefined>; body?: string | Uint8Array } = {},
): Promise<Answer> {
  const headers = {
    authorization: `Bearer ${rig.server.token}`,
    ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
    ...options.headers,
  };
  const given = Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined));
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: '127.0.0.1', port: rig.server.port, method, path, headers: given }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('error', reject).on('end', () => {
        // One that announced more than it sent is not waited for.
        if (!request.writableFinished || options.headers?.connection === 'close') request.destroy();
        resolve({ status: response.statusCode ?? 0, body: text === '' ? undefined : JSON.parse(text), headers: response.headers });
      });
    });
    request.on('error', reject);
    request.end(options.body);
  });
}

export const post = (path: string, body: unknown = {}): Promise<Answer> => ask('POST', path, { body: JSON.stringify(body) });

/** What the server answers for the mesh, which must be what it promises. */
export async function mesh(): Promise<Mesh> {
  const { status, body } = await ask('GET', '/cluster/mesh');
  if (status !== 200) throw new Error(JSON.stringify(body));
  return meshSchema.parse(body);
}

/** A listener to the stream of messages, as the dashboard is one. */
export class Listener {
  readonly messages: ControlMessage[] = [];
  readonly socket: WebSocket;
  readonly closed: Promise<number>;

  constructor(path = '/cluster/events', protocols: readonly string[] = ['runnel', `token.${rig.server.token}`]) {
    this.socket = new WebSocket(`ws://127.0.0.1:${rig.server.port}${path}`, [...protocols]);
    this.socket.on('message', (data) => this.messages.push(JSON.parse(String(data)) as ControlMessage));
    this.closed = new Promise((resolve) => this.socket.once('close', resolve));
  }

  static async open(): Promise<Listener> {
    const listener = new Listener();
    await new Promise((resolve, reject) => listener.socket.once('open', resolve).once('error', reject));
    return listener;
  }

  get meshes(): Mesh[] {
    return this.messages.flatMap((message) => ('mesh' in message ? [message.mesh] : []));
  }

  get events(): Extract<ControlMessage, { node: string }>[] {
    return this.messages.flatMap((message) => ('event' in message ? [message] : []));
  }
}

/** The status with which a server refuses an upgrade. */
export function refusalOf({ socket }: Listener): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    socket.once('unexpected-response', (_, response) => {
      resolve(response.statusCode);
      socket.terminate();
    });
    socket.once('open', () => reject(new Error('expected a refusal, got a stream'))).on('error', () => {});
  });
}
