import { once, setMaxListeners } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { fromString } from 'uint8arrays/from-string';
import { toString } from 'uint8arrays/to-string';
import { afterEach, describe, expect, it } from 'vitest';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import { fromHostPort } from '../../protocols/gossip/node-address.ts';
import type { StaticKey } from '../../protocols/noise/handshake.ts';
import { accept, dial, type SecureSocket } from '../../src/network/lightning/secure-socket.ts';
import type { NetworkLimits } from '../../src/network/limits.ts';
import { lightning, newKey, nodes, stopAll, type TestNode, until } from './network-node.ts';

const sockets: Socket[] = [];
const raws: SecureSocket[] = [];

const victim = async (limits: Partial<NetworkLimits> = {}): Promise<TestNode> => (await nodes(1, () => lightning({ limits })))[0]!;

const { signal } = new AbortController();
setMaxListeners(0, signal);
const keyOf = (secret: Uint8Array): StaticKey => ({ publicKey: secp256k1.publicKey(secret), ecdh: (other) => secp256k1.ecdh(other, secret) });
const idOf = ({ publicKey }: StaticKey): string => toString(publicKey, 'hex');

/** A TCP connection to the victim, from any of this machine's addresses, that says what it likes. */
async function open(target: TestNode, localAddress = '127.0.0.1'): Promise<Socket> {
  const { host, port } = fromHostPort(target.address)!;
  const socket = connect({ host, port, localAddress });
  socket.on('error', () => {});
  socket.resume();
  sockets.push(socket);
  await once(socket, 'connect');
  return socket;
}

const isOpen = (socket: Socket): boolean => !socket.closed && !socket.readableEnded;

interface Raw extends SecureSocket {
  readonly id: string;
  send(...messages: Uint8Array[]): void;
}

/** A peer that has made the handshake and then does as it pleases. */
async function raw(target: TestNode, secret = newKey()): Promise<Raw> {
  const key = keyOf(secret);
  const secure = await dial(target.id, fromString(target.id, 'hex'), fromHostPort(target.address)!, { key, signal });
  raws.push(secure);
  return { ...secure, id: idOf(key), send: (...messages) => secure.pipe.send(secure.codec.encode(messages)) };
}

/** Resolves when the victim has ended the connection. */
function ended({ pipe }: Raw): Promise<void> {
  return new Promise((resolve) => {
    pipe.listen({ onData: () => {}, onDrain: () => {}, onRemoteClose: () => pipe.abort(), onEnd: () => resolve() });
  });
}

const reasons = (node: TestNode): string[] => node.events.map((event) => event.replace(/[0-9a-f]{66} /, ''));

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const { pipe } of raws.splice(0)) pipe.abort();
  await stopAll();
});

describe('a stranger', () => {
  it('that holds all places for handshakes gives way to one from another host, not to more of its own', async () => {
    const node = await victim({ maxInboundPerSecond: 1_000, handshakeTimeoutMs: 60_000 });
    const storm: Socket[] = [];
    for (let i = 0; i < 64; i++) storm.push(await open(node, '127.0.0.2'));
    const more = await open(node, '127.0.0.2');
    await until(() => expect(isOpen(more)).toBe(false));
    expect(storm.filter(isOpen)).toHaveLength(64);
    const honest = await raw(node);
    await until(() => expect(node.events).toEqual([`+${honest.id} in`]));
    expect(storm.map(isOpen)).toEqual([false, ...storm.slice(1).map(() => true)]);
  });
});

describe('a node that has all the links it wants', () => {
  it('takes one that comes again, and no other', async () => {
    const node = await victim({ maxConnections: 2 });
    const secret = newKey();
    const first = await raw(node, secret);
    await raw(node);
    await until(() => expect(node.events).toHaveLength(2));
    await raw(node, secret);
    await until(() => expect(reasons(node).slice(2)).toEqual(['-connection_lost: the peer made another connection', '+in']));
    const third = await raw(node);
    await ended(third);
    expect(node.events.slice(2).every((event) => event.includes(first.id))).toBe(true);
  });
});

describe('a link that takes the place of another', () => {
  /** The peer comes while it is dialled; `afterTurns` microtasks after the dial is done the node hangs up on it. */
  async function crossed(afterTurns: number): Promise<string[]> {
    const peerSecret = newKey();
    const peerKey = keyOf(peerSecret);
    const secret = newKey();
    let uses = 0;
    const key: StaticKey = {
      ...keyOf(secret),
      ecdh(other) {
        // Act two is read with the second use, act one of the peer's own dial with the first.
        if (++uses === 2) void hangUp();
        return keyOf(secret).ecdh(other);
      },
    };
    const [node] = (await nodes(1, () => lightning({ key }, secret))) as [TestNode];
    async function hangUp(): Promise<void> {
      for (let turn = 0; turn < afterTurns; turn++) await Promise.resolve();
      await node.network.disconnect(idOf(peerKey), 'enough');
    }
    const { promise: comes, resolve } = Promise.withResolvers<Socket>();
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, resolve).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const dialled = node.network.connect(idOf(peerKey), `127.0.0.1:${(server.address() as AddressInfo).port}`);
    dialled.catch(() => {});
    const socket = await comes;
    server.close();
    await raw(node, peerSecret);
    await until(() => expect(node.events).toHaveLength(1));
    raws.push(await accept(socket, { key: peerKey, signal }));
    await dialled.catch(() => {});
    await until(() => expect(node.events.some((event) => event.endsWith('enough') || event.includes('another'))).toBe(true));
    return node.events.map((event) => event.slice(0, 1));
  }

  it('is told after the end of that, whatever the moment', async () => {
    const orders: string[] = [];
    for (let turns = 0; turns < 16; turns++) orders.push((await crossed(turns)).join(''));
    for (const order of orders) expect(order).toMatch(/^(\+-)*\+?$/);
    expect(new Set(orders).size).toBeGreaterThan(1);
  });
});

describe('a peer that takes nothing', () => {
  it('is hung up on once too much waits for it, which is told after the call that was too much', async () => {
    const node = await victim({ maxQueuedBytes: 1_000_000 });
    const peer = await raw(node);
    await until(() => expect(node.events).toHaveLength(1));
    let calls = 0;
    const during: number[] = [];
    while (node.events.length === 1 && calls < 1_000) {
      node.network.send(peer.id, [new Uint8Array(60_000)]);
      during.push(node.events.length);
      if (++calls % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(reasons(node)[1]).toMatch(/^-outgoing_queue_full/);
    expect(new Set(during)).toEqual(new Set([1]));
  });
});
