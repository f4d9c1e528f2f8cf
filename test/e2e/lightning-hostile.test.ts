import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import fc from 'fast-check';
import { fromString } from 'uint8arrays/from-string';
import { afterEach, describe, expect, it } from 'vitest';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import { initiate, type StaticKey } from '../../protocols/noise/handshake.ts';
import { encodeMessage } from '../../protocols/wire/messages.ts';
import { NetworkError } from '../../src/network/errors.ts';
import { accept } from '../../src/network/lightning/secure-socket.ts';
import { SessionCipher } from '../../src/network/lightning/session-cipher.ts';
import { endAll, ended, idOf, isOpen, keyOf, open, raw, raws, reasons, signal, victim, type Raw } from './lightning-raw.ts';
import { bytes, chainHash, lightning, newKey, nodes, type TestNode, until } from './network-node.ts';

afterEach(endAll);

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

  it('is told nothing when its handshake fails, at whatever act', async () => {
    const node = await victim();
    const actOne = (secret = newKey()): Uint8Array => initiate(keyOf(secret), fromString(node.id, 'hex'), newKey()).actOne;
    const spoilt = (at: number, act = actOne()): Uint8Array => act.map((byte, index) => (index === at ? byte ^ 1 : byte));
    const elsewhere = initiate(keyOf(newKey()), secp256k1.publicKey(newKey()), newKey()).actOne;
    for (const act of [spoilt(0), spoilt(1), spoilt(40), spoilt(49), elsewhere, new Uint8Array(50), new Uint8Array(5_000).fill(9)]) {
      const socket = await open(node);
      const heard: Uint8Array[] = [];
      socket.on('data', (data: Uint8Array) => heard.push(data));
      socket.write(act);
      await until(() => expect(isOpen(socket)).toBe(false));
      expect(heard).toEqual([]);
    }
    // Act three: nothing after act two.
    for (const actThree of [new Uint8Array(66), new Uint8Array(66).fill(7), new Uint8Array(200)]) {
      const socket = await open(node);
      let heard = 0;
      socket.on('data', (data: Uint8Array) => (heard += data.length));
      socket.write(actOne());
      await until(() => expect(heard).toBe(50));
      socket.write(actThree);
      await until(() => expect(isOpen(socket)).toBe(false));
      expect(heard).toBe(50);
    }
    expect(node.events).toEqual([]);
  });

  it('has so long for its handshake, however slowly it goes on', async () => {
    const node = await victim({ handshakeTimeoutMs: 300 });
    const socket = await open(node);
    const { actOne } = initiate(keyOf(newKey()), fromString(node.id, 'hex'), newKey());
    for (const byte of actOne.subarray(0, 49)) {
      if (!isOpen(socket)) break;
      socket.write(Uint8Array.of(byte));
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await until(() => expect(isOpen(socket)).toBe(false));
  });

  it('that says no more after its handshake has a link no longer than that', async () => {
    const node = await victim();
    const socket = await open(node);
    socket.pause();
    const { actOne, readActTwo } = initiate(keyOf(newKey()), fromString(node.id, 'hex'), newKey());
    socket.write(actOne);
    await until(() => expect(socket.readableLength).toBe(50));
    socket.end(readActTwo(new Uint8Array(socket.read(50) as Uint8Array)).actThree);
    await until(() => expect(reasons(node)).toEqual(['+in', expect.stringMatching(/^-closed_by_peer/)]));
  });

  it('gets no link as the node itself', async () => {
    const secret = newKey();
    const [node] = (await nodes(1, () => lightning({}, secret))) as [TestNode];
    await ended(await raw(node, secret));
    expect(node.events).toEqual([]);
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

describe('a peer that has a link', () => {
  /** Sends to a new victim what is made of its ciphertexts; resolves with the messages heard when the link has ended. */
  async function send(...make: ((peer: Raw) => Uint8Array)[]): Promise<{ heard: Uint8Array[]; reason: string }> {
    const node = await victim();
    const peer = await raw(node);
    for (const data of make.map((one) => one(peer))) peer.pipe.send(data);
    await until(() => expect(node.events).toHaveLength(2));
    return { heard: node.messages, reason: reasons(node)[1]! };
  }
  const message = (number: number): Uint8Array => bytes(1, number, 2, 3);
  const sealed = (number: number) => (peer: Raw): Uint8Array => peer.codec.encode([message(number)]);
  const malformed = /^-malformed_frame/;
  const spoilt = (at: number) => (peer: Raw): Uint8Array => sealed(2)(peer).map((byte, index) => (index === at ? byte ^ 1 : byte));

  it.each([0, 5, 17, 18, 37])('is cut off for a ciphertext with byte %s changed, and heard until then', async (at) => {
    expect(await send(sealed(1), spoilt(at), sealed(3))).toEqual({ heard: [message(1)], reason: expect.stringMatching(malformed) as string });
  });

  it('is cut off for a ciphertext that it sends twice, or leaves out, or has swapped', async () => {
    let first: Uint8Array;
    const twice = await send((peer) => (first = sealed(1)(peer)), () => first);
    const without = await send(sealed(1), (peer) => (sealed(2)(peer), sealed(3)(peer)));
    const swapped = await send((peer) => ((first = sealed(1)(peer)), sealed(2)(peer)), () => first);
    for (const { reason } of [twice, without, swapped]) expect(reason).toMatch(malformed);
    expect([twice, without, swapped].map(({ heard }) => heard.length)).toEqual([1, 1, 0]);
  });

  it('is cut off for lengths that no message has', async () => {
    for (const length of [0, 1]) {
      const node = await victim();
      const key = keyOf(newKey());
      const socket = await open(node);
      socket.pause();
      const { actOne, readActTwo } = initiate(key, fromString(node.id, 'hex'), newKey());
      socket.write(actOne);
      await until(() => expect(socket.readableLength).toBe(50));
      const { actThree, session } = readActTwo(new Uint8Array(socket.read(50) as Uint8Array));
      const cipher = new SessionCipher(session.chainingKey, session.sendingKey);
      const payload = new Uint8Array(length).fill(1);
      socket.write(Buffer.concat([actThree, cipher.encrypt(bytes(0, length)), cipher.encrypt(payload)]));
      await until(() => expect(reasons(node)[1]).toMatch(malformed));
      expect(node.messages).toEqual([]);
    }
  });

  it('is cut off for a key that it does not rotate', async () => {
    const node = await victim();
    const peer = await raw(node);
    const many = Array.from({ length: 500 }, (_, number) => message(number & 0xff));
    peer.send(...many);
    await until(() => expect(node.messages).toEqual(many));
    // Nonce 0 of the first key, again.
    const { codec } = await raw(node);
    peer.pipe.send(codec.encode([message(1)]));
    await until(() => expect(node.events.filter((event) => event.startsWith(`-${peer.id} malformed_frame`))).toHaveLength(1));
    expect(node.messages).toHaveLength(500);
  });

  it('that stops in the middle of a message leaves nothing behind', async () => {
    const node = await victim();
    const peer = await raw(node);
    peer.pipe.send(sealed(1)(peer).subarray(0, 25));
    await until(() => expect(node.events).toHaveLength(1));
    await peer.pipe.close(1_000);
    await until(() => expect(reasons(node)[1]).toMatch(/^-closed_by_peer/));
    expect(node.messages).toEqual([]);
  });
});

describe('gossip of a peer', () => {
  it('cannot upset a node with any bytes at all, whatever it is being asked', async () => {
    const node = await victim({ maxInboundPerSecond: 1_000, syncIdleTimeoutMs: 20, gossipFlushMs: 5 });
    node.handlers.onSyncRequest = async function* (_, request) {
      if (request.length % 2 === 0) throw new Error(`no query: ${String.fromCharCode(0, 9, 233)}`);
      yield request;
    };
    const types = [256, 257, 258, 261, 262, 263, 264, 265].map((type) => bytes(type >> 8, type & 0xff));
    const message = fc.tuple(fc.constantFrom(...types), fc.uint8Array({ maxLength: 300 })).map(([type, rest]) => Uint8Array.from([...type, ...rest]));
    const query = encodeMessage({ type: 'query_short_channel_ids', chainHash, shortChannelIds: [1n] });
    await fc.assert(
      fc.asyncProperty(fc.array(message, { maxLength: 20 }), fc.boolean(), async (messages, isAsked) => {
        const peer = await raw(node);
        await until(() => expect(node.events.at(-1)).toBe(`+${peer.id} in`));
        node.network.startGossip(peer.id, 1);
        const asked = (async () => {
          for await (const answer of node.network.requestSync(peer.id, query)) if (answer.length > 100) return;
        })().catch((error: unknown) => expect(error).toBeInstanceOf(NetworkError));
        if (isAsked) await new Promise((resolve) => setImmediate(resolve));
        peer.send(...messages);
        peer.pipe.send(peer.codec.encode([bytes(3, 1)]));
        await until(() => expect(node.messages.at(-1)).toEqual(bytes(3, 1)));
        node.messages.length = 0;
        await asked;
        await peer.pipe.close(100).catch(() => {});
        peer.pipe.abort();
        await until(() => expect(node.events.at(-1)).toMatch(`-${peer.id}`));
      }),
      { numRuns: 40 },
    );
  });
});

describe('a node that stops', () => {
  it('waits neither for handshakes that are under way, nor dials, nor peers that take nothing', async () => {
    const node = await victim({ handshakeTimeoutMs: 600_000, connectTimeoutMs: 600_000 });
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const dialled = node.network.connect(idOf(keyOf(newKey())), `127.0.0.1:${(silent.address() as AddressInfo).port}`);
    const given = expect(dialled).rejects.toMatchObject({ code: 'peer_unreachable' });
    const strangers = [await open(node), await open(node)];
    const peer = await raw(node);
    await until(() => expect(node.events).toHaveLength(1));
    node.network.send(peer.id, Array.from({ length: 100 }, () => new Uint8Array(60_000)));
    await node.network.stop();
    await given;
    silent.close();
    await until(() => expect(strangers.map(isOpen)).toEqual([false, false]));
    expect(reasons(node)).toEqual(['+in', '-stopped']);
    await expect(open(node)).rejects.toThrow();
  });
});
