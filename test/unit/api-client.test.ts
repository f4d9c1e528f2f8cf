import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { createClient, type Client } from '../../src/api/client.ts';
import { contract, methodNames, type Api } from '../../src/api/contract.ts';
import { ApiError } from '../../src/api/errors.ts';
import { eventTypes, type NodeEvent } from '../../src/api/events.ts';
import type { ApiServer } from '../../src/api/server.ts';
import { exampleOutput, fakeNode, serve, TOKEN, type FakeNode } from './api-fake-node.ts';

let server: ApiServer | undefined;
let fake: FakeNode;

async function start(overrides: Partial<Api> = {}): Promise<Client> {
  fake = fakeNode(overrides);
  server = await serve(fake);
  return createClient({ url: server.url, token: TOKEN });
}
afterEach(async () => {
  await server?.close();
  server = undefined;
});

const hash = '11'.repeat(32);
const nodeId = `02${hash}`;
const block = (height: number) => ({ type: 'block', timeMs: 1, height, hash }) as const satisfies NodeEvent;
const samples: readonly NodeEvent[] = [
  block(1),
  { type: 'output', timeMs: 1, channelId: hash, kind: 'htlc', outpoint: `${hash}:3`, state: 'claimable', amountSat: 5n },
  { type: 'backup', timeMs: 1, numChannels: 3 },
  { type: 'alarm', timeMs: 1, code: 'no_fee_coins', message: 'fund the wallet', raised: true, channelId: hash },
  { type: 'peer', timeMs: 1, nodeId, connected: false, reason: 'gone' },
  {
    type: 'channel',
    timeMs: 1,
    channelId: hash,
    nodeId,
    state: 'normal',
    stateValue: { a: 'b' },
    connection: 'online', localMsat: 1n, remoteMsat: 2n,
  },
  {
    type: 'htlc',
    timeMs: 1,
    channelId: hash,
    htlcId: 2n ** 63n,
    direction: 'offered',
    paymentHash: hash,
    amountMsat: 1n,
    state: 'SENT_ADD_HTLC',
  },
  {
    type: 'payment',
    timeMs: 1,
    paymentHash: hash,
    status: 'failed',
    amountMsat: 2n,
    feeMsat: 0n,
    attempt: 3,
    message: 'no route',
  },
  { type: 'probe', timeMs: 1, paymentHash: hash, status: 'arrived', amountMsat: 2n, attempt: 3 },
  { type: 'invoice', timeMs: 1, paymentHash: hash, status: 'paid', receivedMsat: 5n },
];

describe('the client', () => {
  it.each(methodNames)('%s: gives the node its input and returns its output, amounts as bigint', async (name) => {
    const client = await start();
    const input = contract[name].input.parse(contract[name].example.input);
    const output = await (client[name] as (input: unknown) => Promise<unknown>)(input);
    expect(fake.calls).toEqual([{ name, input }]);
    expect(output).toEqual(exampleOutput(name));
  });

  it('needs no input where none is needed, and leaves out what is undefined', async () => {
    const client = await start();
    expect((await client.balance()).channels.localMsat).toBe(98_995_500n);
    await client.invoice({ amountMsat: 5n, description: undefined });
    await client.channels({ closed: true, nodeId: undefined });
    expect(fake.calls.slice(1).map((call) => call.input)).toEqual([{ amountMsat: 5n }, { closed: true }]);
  });

  it('refuses what the node would refuse, before it asks', async () => {
    const client = await start();
    await expect(client.keysend({ nodeId: '02', amountMsat: 1n })).rejects.toMatchObject(
      { kind: 'invalid', code: 'invalid_request' },
    );
    await expect(client.keysend({ nodeId, amountMsat: -1n })).rejects.toMatchObject({ kind: 'invalid' });
    expect(fake.calls).toEqual([]);
  });

  it("gives the node's errors as they are", async () => {
    const client = await start({
      channel: () => Promise.reject(
        new ApiError('notFound', 'unknown_channel', 'no channel 1x2x3', { details: { n: 1n }, hint: 'list them' }),
      ),
    });
    const error = await client.channel({ channel: '1x2x3' }).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({
      kind: 'notFound',
      code: 'unknown_channel',
      message: 'no channel 1x2x3',
      details: { n: '1' },
      hint: 'list them',
    });
  });

  it('tells a wrong token', async () => {
    await start();
    const client = createClient({ url: server?.url ?? '', token: 'b2'.repeat(32) });
    await expect(client.getinfo()).rejects.toMatchObject({ kind: 'unauthorized', code: 'token_wrong' });
    await expect(client.events()).rejects.toMatchObject({ kind: 'unauthorized', code: 'token_wrong' });
  });

  it('tells that no node answers', async () => {
    await start();
    const url = server?.url ?? '';
    await server?.close();
    const client = createClient({ url, token: TOKEN });
    await expect(client.getinfo()).rejects.toMatchObject(
      { code: 'unreachable', url, message: `no node answers at ${url}` },
    );
    await expect(client.events()).rejects.toMatchObject({ code: 'unreachable' });
  });

  it('can be cancelled', async () => {
    const client = await start({ route: () => new Promise(() => {}) });
    const controller = new AbortController();
    const answer = client.route({ nodeId, amountMsat: 1n }, controller.signal);
    controller.abort();
    await expect(answer).rejects.toMatchObject({ name: 'AbortError' });
    // The request is still in the node's hands: the server of this test must not wait for it.
    void server?.close();
    server = undefined;
  });

  describe('before something that is no Runnel node', () => {
    let other: Server | undefined;
    afterEach(() => other?.close());

    async function answering(status: number, body: string): Promise<Client> {
      const server = createServer(
        (_, response) => response.writeHead(status, { location: 'http://evil.example/' }).end(body),
      );
      other = server;
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return createClient({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, token: TOKEN });
    }

    it.each([
      [200, '<html>'],
      [200, '{"nodeId":5}'],
      [404, 'not found'],
      [500, '{"error":"x"}'],
    ])('says so (%i %s)', async (status, body) => {
      const client = await answering(status, body);
      await expect(client.getinfo()).rejects.toMatchObject({ code: 'bad_answer' });
    });

    it('does not carry the token where it is sent on to', async () => {
      const client = await answering(302, '');
      await expect(client.getinfo()).rejects.toMatchObject({ code: 'unreachable' });
    });

    it('gets no events', async () => {
      const client = await answering(200, '');
      await expect(client.events()).rejects.toMatchObject({ code: 'bad_answer' });
    });
  });
});

describe('the stream of events', () => {
  it('gives events of every type, in order, as the node told them', async () => {
    const client = await start();
    expect(samples.map((sample) => sample.type).sort()).toEqual([...eventTypes].sort());
    const events = await client.events();
    for (const sample of samples) fake.events.publish(sample);
    const seen: NodeEvent[] = [];
    for await (const event of events) {
      seen.push(event);
      if (seen.length === samples.length) break;
    }
    expect(seen).toEqual(samples);
  });

  it('gives only the types asked for', async () => {
    const client = await start();
    const events = await client.events(['invoice', 'peer']);
    for (const sample of samples) fake.events.publish(sample);
    expect([(await events.next()).value?.type, (await events.next()).value?.type]).toEqual(['peer', 'invoice']);
    events.close();
  });

  it('gives each of several clients every event', async () => {
    const client = await start();
    const streams = await Promise.all([client.events(), client.events(), client.events(['block'])]);
    fake.events.publish(block(7));
    for (const stream of streams) expect((await stream.next()).value).toEqual(block(7));
    for (const stream of streams) stream.close();
  });

  it('ends when it is closed, also while it is read', async () => {
    const client = await start();
    const events = await client.events();
    const next = events.next();
    events.close();
    expect(await next).toEqual({ done: true, value: undefined });
    expect(await events.next()).toEqual({ done: true, value: undefined });
  });

  it('throws when the node stops, after the events that came before', async () => {
    const client = await start();
    const events = await client.events();
    fake.events.publish(block(1));
    await server?.close();
    expect((await events.next()).value).toEqual(block(1));
    await expect(events.next()).rejects.toMatchObject(
      { code: 'stream_closed', message: expect.stringContaining('stopping') },
    );
  });

  it('refuses types that there are not', async () => {
    const client = await start();
    await expect(client.events(['blocks' as never])).rejects.toMatchObject(
      { kind: 'invalid', message: expect.stringContaining('got blocks') },
    );
  });

  it('survives an event that is against its schema, and logs it', async () => {
    const client = await start();
    const events = await client.events();
    fake.events.publish({ ...block(1), height: -1 });
    fake.events.publish(block(2));
    expect((await events.next()).value).toEqual(block(2));
    expect(fake.log).toContain('against its schema');
    events.close();
  });

  function webSocket(
    options: { path?: string; protocols?: string[]; headers?: Record<string, string> },
  ): Promise<WebSocket> {
    const url = `${server?.url.replace('http', 'ws')}${options.path ?? '/v1/events'}`;
    const socket = new WebSocket(url, options.protocols ?? [], { headers: options.headers });
    return new Promise((resolve, reject) => {
      socket.on('open', () => resolve(socket));
      socket.on('error', reject);
    });
  }

  it('takes the token as a subprotocol, as a browser must give it', async () => {
    await start();
    const socket = await webSocket({ protocols: ['runnel', `token.${TOKEN}`], headers: { origin: server?.url ?? '' } });
    expect(socket.protocol).toBe('runnel');
    const message = new Promise((resolve) => socket.on('message', (data) => resolve(String(data))));
    fake.events.publish(block(3));
    expect(await message).toBe(JSON.stringify(block(3)));
    socket.terminate();
  });

  it.each([
    ['no token', {}, '401'],
    ['a wrong token', { protocols: ['runnel', `token.${'00'.repeat(32)}`] }, '401'],
    ['a foreign page', { headers: { authorization: `Bearer ${TOKEN}`, origin: 'http://evil.example' } }, '403'],
    ['a rebound name', { headers: { authorization: `Bearer ${TOKEN}`, host: 'evil.example' } }, '403'],
    ['another path', { path: '/v1/info', headers: { authorization: `Bearer ${TOKEN}` } }, '404'],
    ['an unknown query', { path: '/v1/events?all=1', headers: { authorization: `Bearer ${TOKEN}` } }, '400'],
  ])('refuses %s', async (_, options, status) => {
    await start();
    await expect(webSocket(options)).rejects.toThrow(status);
  });

  it('takes 64 clients and no more, until one leaves', async () => {
    const client = await start();
    const streams = await Promise.all(Array.from({ length: 64 }, () => client.events(['block'])));
    await expect(client.events()).rejects.toMatchObject({ kind: 'unavailable', code: 'too_many_clients' });
    for (const stream of streams) stream.close();
    let again: Awaited<ReturnType<Client['events']>> | undefined;
    while (again === undefined) again = await client.events().catch(() => undefined);
    again.close();
  });

  it('closes on a client that talks', async () => {
    await start();
    const socket = await webSocket({ headers: { authorization: `Bearer ${TOKEN}` } });
    const closed = new Promise((resolve) => socket.on('close', resolve));
    socket.send('hello');
    expect(await closed).toBe(1008);
  });

  it('closes on a client that does not read, and holds nothing more for it', async () => {
    await start();
    const lazy = await webSocket({ headers: { authorization: `Bearer ${TOKEN}` } });
    const closed = new Promise((resolve) => lazy.on('close', resolve));
    lazy.pause();
    const reason = 'x'.repeat(60_000);
    for (let i = 0; i < 2_000 && !fake.log.includes('read too slowly'); i += 1) {
      fake.events.publish({ type: 'peer', timeMs: 1, nodeId, connected: true, reason });
      if (i % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(fake.log).toContain('read too slowly');
    lazy.resume();
    expect(await closed).toBe(1013);
  });
});
