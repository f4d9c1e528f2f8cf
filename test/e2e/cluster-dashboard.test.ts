/** The cluster's dashboard as a browser meets it: its control server over three nodes that are processes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { z } from 'zod';
import { meshSchema, type ControlMessage, type Mesh } from '../../src/cluster/control/contract.ts';
import { startDashboard, type Dashboard } from '../../src/cluster/dashboard.ts';
import { SeededRandom } from '../../src/cluster/seeded-random.ts';
import { Traffic } from '../../src/cluster/traffic.ts';
import { startTestCluster, type TestCluster } from '../harness/cluster.ts';

const TIMEOUT_MS = 120_000;
const [alice, bob, carol] = [0, 1, 2];
const edges = [
  { opener: alice, accepter: bob, capacitySat: 1_000_000n },
  { opener: bob, accepter: carol, capacitySat: 1_000_000n },
  { opener: alice, accepter: carol, capacitySat: 1_000_000n },
];

let cluster: TestCluster;
let dashboard: Dashboard;
let traffic: Traffic;
let logs: string;
let stream: WebSocket;
const messages: ControlMessage[] = [];

beforeAll(async () => {
  cluster = await startTestCluster(3, edges);
  logs = mkdtempSync(join(tmpdir(), 'runnel-dashboard-'));
  traffic = new Traffic(cluster.nodes, new SeededRandom('test'));
  dashboard = await startDashboard({ cluster, edges, traffic, blockIntervalSeconds: 0, port: 0, logPath: join(logs, 'log') });
  dashboard.control.setReady();
  const { host, hash } = new URL(dashboard.link);
  stream = new WebSocket(`ws://${host}/cluster/events`, ['runnel', `token.${hash.slice('#token='.length)}`]);
  stream.on('message', (data) => messages.push(JSON.parse(String(data)) as ControlMessage));
  await vi.waitFor(() => expect(messages.length).toBeGreaterThan(0));
}, 240_000);

afterAll(async () => {
  stream?.terminate();
  traffic?.set(0);
  await dashboard?.close();
  await cluster?.stop();
  if (logs !== undefined) rmSync(logs, { recursive: true });
});

async function ask(method: string, path: string, body?: unknown): Promise<{ status: number; json: unknown }> {
  const { origin, hash } = new URL(dashboard.link);
  const response = await fetch(`${origin}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${hash.slice('#token='.length)}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, json: await response.json() };
}

/** Does something to the mesh, and resolves with what it is then. */
async function act(path: string, body: unknown = {}): Promise<Mesh> {
  const { status, json } = await ask('POST', `/cluster/${path}`, body);
  expect([path, status, json]).toEqual([path, 200, expect.anything()]);
  return meshSchema.parse(json);
}

const stateOf = (mesh: Mesh | undefined, name: string): unknown => mesh?.nodes.find((node) => node.name === name)?.state;
const lastMesh = (): Mesh | undefined => messages.flatMap((message) => ('mesh' in message ? [message.mesh] : [])).at(-1);
const events = (node: string, type: string) =>
  messages.flatMap((message) => ('event' in message && message.node === node && message.event.type === type ? [message.event] : []));

const until = (check: () => unknown): Promise<unknown> => vi.waitFor(check, { timeout: TIMEOUT_MS, interval: 50 });

const paymentSchema = z.object({
  status: z.string(),
  attempts: z.array(z.object({ status: z.string(), route: z.object({ hops: z.array(z.unknown()) }) })),
});

/** Alice pays Carol through the proxy; resolves with how many hops it took, or with why it failed. */
async function pay(): Promise<number | string> {
  const { json: invoice } = await ask('POST', '/nodes/carol/v1/invoices', { amountMsat: '50000000', description: 'coffee' });
  const paid = await ask('POST', '/nodes/alice/v1/payments', { ...z.object({ invoice: z.string() }).parse(invoice), timeoutSeconds: 5 });
  if (paid.status !== 200) return z.object({ code: z.string() }).parse(paid.json).code;
  const { status, attempts } = paymentSchema.parse(paid.json);
  return attempts.find((attempt) => attempt.status === 'succeeded')?.route.hops.length ?? status;
}

/** Which of a node's channels can be used, by its peer's name. */
async function online(node: string): Promise<unknown[]> {
  const { json } = await ask('GET', `/nodes/${node}/v1/channels`);
  const { channels } = z.object({ channels: z.array(z.object({ nodeId: z.string(), connection: z.string() })) }).parse(json);
  const nameOf = (id: string): unknown => cluster.nodes.find((other) => other.id === id)?.name;
  return channels.flatMap(({ nodeId, connection }) => (connection === 'online' ? [nameOf(nodeId)] : [])).sort();
}

describe("a cluster's dashboard", () => {
  it('shows the mesh, and what happens in it', { timeout: TIMEOUT_MS }, async () => {
    const { json } = await ask('GET', '/cluster/mesh');
    const mesh = meshSchema.parse(json);
    expect(mesh.nodes).toEqual(cluster.nodes.map(({ name, id, apiPort }) => ({ name, nodeId: id, apiPort, state: 'up' })));
    expect(mesh.links.map(({ a, b, isCut }) => `${a} ${b} ${isCut}`)).toEqual(['alice bob false', 'bob carol false', 'alice carol false']);
    expect(mesh.blockHeight).toBe(await cluster.chain.height());
    expect(await pay()).toBe(1);
    await until(() => {
      expect(events('alice', 'payment').at(-1)).toMatchObject({ status: 'succeeded', amountMsat: '50000000' });
      expect(events('carol', 'invoice').at(-1)).toMatchObject({ status: 'paid', receivedMsat: '50000000' });
      expect(events('alice', 'htlc').length).toBeGreaterThan(1);
    });
    const { blockHeight } = await act('mine', { blocks: 3 });
    expect(blockHeight).toBe(mesh.blockHeight + 3);
    await until(() => {
      for (const { name } of cluster.nodes) expect(events(name, 'block').at(-1)).toMatchObject({ height: blockHeight });
      expect(lastMesh()?.blockHeight).toBe(blockHeight);
    });
  });

  it('kills a node and starts it again, which goes on where it was', { timeout: TIMEOUT_MS }, async () => {
    expect(stateOf(await act('nodes/bob/kill'), 'bob')).toBe('down');
    await until(() => expect(stateOf(lastMesh(), 'bob')).toBe('down'));
    expect((await ask('GET', '/nodes/bob/v1/info')).status).toBe(503);
    await until(() => expect(events('alice', 'peer').at(-1)).toMatchObject({ connected: false }));
    // Twice, as an impatient person does.
    const [mesh] = await Promise.all([act('nodes/bob/restart'), act('nodes/bob/restart')]);
    expect(stateOf(mesh, 'bob')).toBe('up');
    await until(() => expect(stateOf(lastMesh(), 'bob')).toBe('up'));
    await until(async () => expect(await online('bob')).toEqual(['alice', 'carol']));
  });

  it('shows a node that was stopped by its own API as down', { timeout: TIMEOUT_MS }, async () => {
    expect((await ask('POST', '/nodes/bob/v1/stop', {})).status).toBe(200);
    await until(() => expect(stateOf(lastMesh(), 'bob')).toBe('down'));
    expect(stateOf(await act('nodes/bob/restart'), 'bob')).toBe('up');
    expect(cluster.failed.map(({ name, hasStopped }) => [name, hasStopped])).toEqual([['bob', true]]);
    await until(async () => expect(await online('bob')).toEqual(['alice', 'carol']));
  });

  it('cuts links, around which payments find another way or none, and mends them', { timeout: TIMEOUT_MS }, async () => {
    const [ab, ac] = [{ a: 'alice', b: 'bob' }, { a: 'carol', b: 'alice' }];
    const mesh = await act('links/cut', ac);
    expect(mesh.links.filter(({ isCut }) => isCut)).toEqual([{ a: 'alice', b: 'carol', isCut: true }]);
    await until(async () => expect(await online('alice')).toEqual(['bob']));
    // Bob was away a moment ago: that his channels can be used again, alice learns by gossip.
    await until(async () => expect(await pay()).toBe(2));

    // A cut link stays cut, whatever its ends do.
    await act('nodes/carol/restart');
    await until(async () => expect(await online('carol')).toEqual(['bob']));
    await until(async () => expect(await pay()).toBe(2));

    await act('links/cut', ab);
    await until(async () => expect(await online('alice')).toEqual([]));
    expect(await pay()).toEqual(expect.stringMatching(/no_route|failed/));

    await act('links/mend', ac);
    await act('links/mend', ab);
    await until(async () => expect(await online('alice')).toEqual(['bob', 'carol']));
    await until(async () => expect(await pay()).toBe(1));
    expect(lastMesh()?.links.every(({ isCut }) => !isCut)).toBe(true);
  });

  it('has payments made for show', { timeout: TIMEOUT_MS }, async () => {
    await act('traffic', { perSecond: 10 });
    await until(() => expect(lastMesh()?.traffic).toMatchObject({ perSecond: 10, succeeded: expect.any(Number) }));
    await until(() => expect(lastMesh()?.traffic.succeeded).toBeGreaterThan(5));
    expect((await act('traffic', { perSecond: 0 })).traffic.perSecond).toBe(0);
  });
});
