import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiError } from '../../src/api/errors.ts';
import { ask, Listener, mesh, post, refusalOf, rig, startRig, stopRig } from './cluster-control-kit.ts';

const until = (check: () => unknown): Promise<unknown> => vi.waitFor(check, { timeout: 10_000, interval: 10 });
const statesIn = (answer: { body: unknown }): unknown =>
  (answer.body as { nodes: { name: string; state: string }[] }).nodes.map(({ name, state }) => `${name} ${state}`);

describe('who may meddle with a cluster', () => {
  beforeAll(async () => void (await startRig()));
  afterAll(stopRig);

  const paths = ['/cluster/mesh', '/nodes/alice/v1/info'];
  it.each(paths)('is none without the token: %s', async (path) => {
    const none = await ask('GET', path, { headers: { authorization: undefined } });
    expect([none.status, none.body.code, none.body.hint]).toEqual([401, 'token_missing', expect.stringContaining('open the link')]);
    const nodes = await ask('GET', path, { headers: { authorization: `Bearer ${rig.alice.api.token}` } });
    expect([nodes.status, nodes.body.code]).toEqual([401, 'token_wrong']);
    const inQuery = await ask('GET', `${path}?token=${rig.server.token}`, { headers: { authorization: undefined } });
    expect(inQuery.status).toBe(401);
    expect(rig.alice.calls('getinfo')).toEqual([]);
  });

  it.each(paths)('is no foreign page, and none that reached this machine by another name: %s', async (path) => {
    expect((await ask('GET', path, { headers: { origin: 'http://evil.example' } })).body.code).toBe('forbidden_origin');
    expect((await ask('GET', path, { headers: { host: `evil.example:${rig.server.port}` } })).body.code).toBe('forbidden_host');
    // Another port of this machine is another origin: a node's own API, say.
    const other = await ask('GET', path, { headers: { origin: `http://127.0.0.1:${rig.alice.apiPort}` } });
    expect([other.status, other.headers['access-control-allow-origin']]).toEqual([403, undefined]);
    expect(rig.alice.calls('getinfo')).toEqual([]);
  });

  it('is the page that it serves itself', async () => {
    const origin = `http://127.0.0.1:${rig.server.port}`;
    expect((await ask('GET', '/cluster/mesh', { headers: { origin } })).status).toBe(200);
    const { status, body, headers } = await ask('GET', '/dashboard.json', { headers: { authorization: undefined } });
    expect([status, body]).toEqual([200, { kind: 'cluster', version: '0.1.0' }]);
    expect(headers['content-security-policy']).toContain("default-src 'none'");
    expect(rig.server.link).toBe(`${origin}/#token=${rig.server.token}`);
  });
});

describe('the mesh', () => {
  beforeEach(async () => void (await startRig()));
  afterEach(stopRig);

  it('is told whole', async () => {
    expect(await mesh()).toEqual({
      phase: 'ready',
      nodes: [
        { name: 'alice', nodeId: rig.alice.id, state: 'up', apiPort: rig.alice.apiPort },
        { name: 'bob', nodeId: rig.bob.id, state: 'up', apiPort: rig.bob.apiPort },
      ],
      links: [{ a: 'alice', b: 'bob', isCut: false }],
      blockHeight: 100,
      chain: 'embedded',
      blockIntervalSeconds: 5,
      traffic: { perSecond: 0, succeeded: 0, failed: 0 },
    });
  });

  it('answers what was done to it', async () => {
    expect(statesIn(await post('/cluster/nodes/bob/kill'))).toEqual(['alice up', 'bob down']);
    expect(statesIn(await ask('POST', '/cluster/nodes/bob/restart'))).toEqual(['alice up', 'bob up']);
    expect(statesIn(await post('/cluster/nodes/bob/stop'))).toEqual(['alice up', 'bob down']);
    expect(rig.bob.commands).toEqual(['restart', 'kill', 'restart', 'stop']);
    expect((await post('/cluster/mine', { blocks: 7 })).body.blockHeight).toBe(107);
    expect(rig.mined).toEqual([7]);
  });

  it('says what keeps a node from starting', async () => {
    rig.bob.restart = () => Promise.reject(new ApiError('refused', 'process_failed', 'bob ended with exit status 1'));
    const { status, body } = await post('/cluster/nodes/bob/restart');
    expect([status, body]).toEqual([422, { code: 'process_failed', message: 'bob ended with exit status 1', details: {} }]);
  });

  it('leaves alone what is not ready: payments that are to be checked to the msat', async () => {
    await stopRig();
    await startRig({ isReady: false });
    expect((await mesh()).phase).toBe('preparing');
    for (const [path, body] of [
      ['/cluster/nodes/bob/kill', {}],
      ['/cluster/links/cut', { a: 'alice', b: 'bob' }],
      ['/cluster/links/mend', { a: 'alice', b: 'bob' }],
      ['/cluster/mine', { blocks: 1 }],
      ['/cluster/traffic', { perSecond: 1 }],
      ['/nodes/alice/v1/wallet/addresses', {}],
    ] as const) {
      const { status, body: error } = await post(path, body);
      expect([path, status, error.code]).toEqual([path, 409, 'cluster_preparing']);
    }
    expect((await ask('DELETE', `/nodes/alice/v1/peers/${rig.bob.id}`)).status).toBe(409);
    expect((await ask('GET', '/nodes/alice/v1/info')).status).toBe(200);
    rig.control.setReady();
    expect((await post('/cluster/mine', { blocks: 1 })).body.phase).toBe('ready');
  });

  it('has its payments for show, and counts them', async () => {
    expect((await post('/cluster/traffic', { perSecond: 100 })).body.traffic.perSecond).toBe(100);
    await until(async () => expect((await mesh()).traffic.succeeded).toBeGreaterThan(3));
    expect((await post('/cluster/traffic', { perSecond: 0 })).body.traffic).toMatchObject({ perSecond: 0, failed: 0 });
    expect([...rig.alice.calls('pay', 'keysend'), ...rig.bob.calls('pay', 'keysend')].length).toBeGreaterThan(3);
  });
});

describe('what is asked of a mesh', () => {
  beforeAll(async () => void (await startRig()));
  afterAll(stopRig);

  it.each([
    ['/cluster/nodes/nobody/kill', {}, 404, 'unknown_node'],
    ['/cluster/nodes/__proto__/kill', {}, 400, 'invalid_request'],
    ['/cluster/nodes/..%2Fbob/kill', {}, 400, 'invalid_request'],
    ['/cluster/nodes/bob/kill', { name: 'alice' }, 400, 'invalid_request'],
    ['/cluster/nodes/bob/kill', { force: true }, 400, 'invalid_request'],
    ['/cluster/nodes/bob/kill?x=1', {}, 400, 'invalid_request'],
    ['/cluster/nodes/bob/kill', [], 400, 'invalid_request'],
    ['/cluster/nodes/bob/explode', {}, 404, 'unknown_route'],
    ['/cluster/links/cut', { a: 'alice' }, 400, 'invalid_request'],
    ['/cluster/links/cut', { a: 'alice', b: 'alice' }, 400, 'invalid_request'],
    ['/cluster/links/cut', { a: 'alice', b: 'carol' }, 404, 'unknown_node'],
    ['/cluster/links/mend', { a: ['alice'], b: 'bob' }, 400, 'invalid_request'],
    ['/cluster/mine', { blocks: 0 }, 400, 'invalid_request'],
    ['/cluster/mine', { blocks: 201 }, 400, 'invalid_request'],
    ['/cluster/mine', { blocks: 1.5 }, 400, 'invalid_request'],
    ['/cluster/mine', { blocks: '1' }, 400, 'invalid_request'],
    ['/cluster/mine', {}, 400, 'invalid_request'],
    ['/cluster/traffic', { perSecond: -1 }, 400, 'invalid_request'],
    ['/cluster/traffic', { perSecond: 101 }, 400, 'invalid_request'],
    ['/cluster/traffic', { perSecond: null }, 400, 'invalid_request'],
  ])('refuses %s with %j', async (path, body, status, code) => {
    const before = await mesh();
    const answer = await post(path, body);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
    expect(await mesh()).toEqual(before);
  });
});

describe('a link', () => {
  const both = { a: 'alice', b: 'bob' };
  const isCut = (answer: { body: { links: { isCut: boolean }[] } }): unknown => answer.body.links.map((link) => link.isCut);
  const cutAt = (node: typeof rig.alice): unknown => node.calls('disconnect');
  beforeEach(async () => void (await startRig()));
  afterEach(stopRig);

  it('that is cut is refused by both ends, and mended by both', async () => {
    expect(isCut(await post('/cluster/links/cut', both))).toEqual([true]);
    expect(cutAt(rig.alice)).toEqual([{ nodeId: rig.bob.id, force: true, stay: true }]);
    expect(cutAt(rig.bob)).toEqual([{ nodeId: rig.alice.id, force: true, stay: true }]);
    expect(isCut(await post('/cluster/links/mend', { a: 'bob', b: 'alice' }))).toEqual([false]);
    expect(rig.alice.calls('connect')).toEqual([{ nodeId: rig.bob.id, address: rig.bob.address }]);
    expect(rig.bob.calls('connect')).toEqual([{ nodeId: rig.alice.id, address: rig.alice.address }]);
    // A second time there is nothing to mend.
    await post('/cluster/links/mend', both);
    expect(rig.alice.calls('connect')).toHaveLength(1);
  });

  it('stays cut over a restart of an end, and for one that was down', async () => {
    await post('/cluster/nodes/bob/kill');
    await post('/cluster/links/cut', both);
    expect([cutAt(rig.alice), cutAt(rig.bob)]).toEqual([[expect.anything()], []]);
    await post('/cluster/nodes/bob/restart');
    await until(() => expect(cutAt(rig.bob)).toHaveLength(1));
    await post('/cluster/nodes/bob/restart');
    await until(() => expect(cutAt(rig.bob)).toHaveLength(2));
    expect((await mesh()).links).toEqual([{ ...both, isCut: true }]);
  });

  it('that is mended while an end is down is mended there once it is up', async () => {
    await post('/cluster/links/cut', both);
    await post('/cluster/nodes/alice/kill');
    await post('/cluster/nodes/bob/kill');
    expect(isCut(await post('/cluster/links/mend', both))).toEqual([false]);
    await post('/cluster/nodes/bob/restart');
    await until(() => expect(rig.bob.calls('connect')).toHaveLength(1));
    expect(cutAt(rig.bob)).toHaveLength(1);
  });

  it('may be cut between any two nodes, and is cut and mended in the order in which it was asked', async () => {
    const answers = await Promise.all(
      ['cut', 'mend', 'cut', 'mend', 'cut'].map((what) => post(`/cluster/links/${what}`, both)),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect(isCut({ body: await mesh() })).toEqual([true]);
    const last = rig.alice.fake.calls.filter(({ name }) => name === 'disconnect' || name === 'connect').at(-1);
    expect(last?.name).toBe('disconnect');
  });

  it('that does not come to be mended says why', async () => {
    await stopRig();
    const refuse = (): never => {
      throw new ApiError('unavailable', 'peer_unreachable', 'nobody there');
    };
    await startRig({ overrides: { connect: refuse } });
    await post('/cluster/links/cut', both);
    const { status, body } = await post('/cluster/links/mend', both);
    expect([status, body.code]).toEqual([503, 'peer_unreachable']);
  });
});

describe('a stream', () => {
  beforeAll(async () => void (await startRig()));
  afterAll(stopRig);

  it.each([
    ['without a token', '/cluster/events', ['runnel'], 401],
    ["with a node's token", '/cluster/events', ['runnel', `token.${'a1'.repeat(32)}`], 401],
    ['elsewhere', '/cluster/mesh', undefined, 404],
    ["as a node's", '/nodes/alice/v1/events', undefined, 404],
    ['with a query', '/cluster/events?types=block', undefined, 400],
  ])('is refused %s', async (_, path, protocols, status) => {
    expect(await refusalOf(new Listener(path, protocols))).toBe(status);
  });

  it('says that it wants an upgrade', async () => {
    expect((await ask('GET', '/cluster/events')).body.code).toBe('upgrade_required');
  });
});

describe('the stream', () => {
  beforeEach(async () => void (await startRig()));
  afterEach(stopRig);
  const block = (height: number) => ({ type: 'block', timeMs: 1, height, hash: '00'.repeat(32) }) as const;

  it('begins with the mesh, and tells the events of every node as it told them, with amounts as text', async () => {
    const listener = await Listener.open();
    await until(() => expect(listener.meshes).toHaveLength(1));
    expect(listener.meshes[0]).toMatchObject({ links: [{ a: 'alice', b: 'bob' }] });
    const payment = { type: 'payment', timeMs: 2, paymentHash: '11'.repeat(32), status: 'succeeded', attempt: 1 } as const;
    await until(() => {
      // Until the server listens to them.
      rig.alice.fake.events.publish({ ...payment, amountMsat: 5n, feeMsat: 1n });
      rig.bob.fake.events.publish(block(107));
      expect(listener.events).toEqual(
        expect.arrayContaining([
          { node: 'alice', event: { ...payment, amountMsat: '5', feeMsat: '1' } },
          { node: 'bob', event: block(107) },
        ]),
      );
    });
  });

  it('tells the mesh when it changes, and only then', async () => {
    const listener = await Listener.open();
    await rig.bob.kill();
    await until(() => expect(listener.meshes.at(-1)?.nodes[1]?.state).toBe('down'));
    await rig.bob.restart();
    await until(() => expect(listener.meshes.at(-1)?.nodes[1]).toMatchObject({ state: 'up', apiPort: rig.bob.apiPort }));
    await post('/cluster/links/cut', { a: 'alice', b: 'bob' });
    await until(() => expect(listener.meshes.at(-1)?.links[0]?.isCut).toBe(true));
    await post('/cluster/mine', { blocks: 2 });
    await until(() => expect(listener.meshes.at(-1)?.blockHeight).toBe(102));
    const told = listener.meshes.map((told) => JSON.stringify(told));
    expect(new Set(told).size).toBe(told.length);
  });

  it('follows a node that is restarted: what it tells after it is said to be up is heard', async () => {
    const listener = await Listener.open();
    await rig.bob.kill();
    await until(() => expect(listener.meshes.at(-1)?.nodes[1]?.state).toBe('down'));
    await rig.bob.restart();
    await until(() => expect(listener.meshes.at(-1)?.nodes[1]?.state).toBe('up'));
    rig.bob.fake.events.publish(block(200));
    rig.alice.fake.events.publish(block(201));
    await until(() =>
      expect(listener.events).toEqual([
        { node: 'bob', event: block(200) },
        { node: 'alice', event: block(201) },
      ]),
    );
  });

  it('takes no messages', async () => {
    const listener = await Listener.open();
    listener.socket.send('{"kill":"bob"}');
    expect(await listener.closed).toBe(1008);
  });

  it('leaves behind whoever reads too slowly, and goes on for the others', async () => {
    const [slow, quick] = [await Listener.open(), await Listener.open()];
    slow.socket.pause();
    const message = 'x'.repeat(10_000);
    let told = 0;
    const tell = async (): Promise<void> => {
      for (let index = 0; index < 100; index++) {
        rig.alice.fake.events.publish({ type: 'alarm', timeMs: told++, code: 'loud', message, raised: true });
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    };
    await vi.waitFor(
      async () => {
        await tell();
        expect(rig.log).toContain('read too slowly');
      },
      { timeout: 20_000, interval: 0 },
    );
    await until(() => expect(quick.events.length).toBeGreaterThan(100));
    slow.socket.resume();
    expect(await slow.closed).toBe(1013);
    expect(quick.socket.readyState).toBe(quick.socket.OPEN);
  });

  it('ends with the cluster', async () => {
    const listener = await Listener.open();
    await rig.server.close();
    expect(await listener.closed).toBe(1001);
  });
});
