import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fromString } from 'uint8arrays';
import { decodeMessage, encodeMessage, MESSAGE_TYPE_NUMBERS, type Message } from '../../protocols/wire/messages.ts';
import { initFeatures } from '../../src/node/features.ts';
import { ALL_CHANNELS } from '../../protocols/wire/bolt1.ts';
import { defaultPeerTiming, PeerError, PeerManager } from '../../src/peers/peer-manager.ts';
import { PeerStore } from '../../src/peers/peer-store.ts';
import { VirtualClock } from '../../src/runtime/virtual-clock.ts';
import { openDatabase } from '../../src/storage/database.ts';
import { REGTEST_CHAIN_HASH } from '../harness/channel-pair.ts';
import { FakeNetwork, noteLog, settled } from './node-kit.ts';
import { anyMessage } from './wire-arbitraries.ts';

const alice = '02'.padEnd(66, 'a');
const bob = '03'.padEnd(66, 'b');
const networks = [REGTEST_CHAIN_HASH];
const init: Message = { type: 'init', globalfeatures: new Uint8Array(), features: initFeatures, networks };

/** Whatever nobody handles ends the daemon. */
const unhandled: unknown[] = [];
const note = (error: unknown): void => void unhandled.push(error);
beforeEach(() => {
  unhandled.length = 0;
  process.on('unhandledRejection', note);
});
afterEach(async () => {
  await new Promise((resolve) => setImmediate(resolve));
  process.off('unhandledRejection', note);
  expect(unhandled).toEqual([]);
});

function setUp(database = openDatabase({ path: ':memory:' })) {
  const clock = new VirtualClock();
  const network = new FakeNetwork();
  const log: string[] = [];
  const { logger, lines } = noteLog();
  const store = new PeerStore(database);
  const manager = new PeerManager({
    network,
    clock,
    logger,
    store,
    features: initFeatures,
    chainHash: REGTEST_CHAIN_HASH,
    handlers: {
      onPeerUp: (nodeId) => log.push(`up ${nodeId.at(-1)}`),
      onPeerDown: (nodeId) => log.push(`down ${nodeId.at(-1)}`),
      onMessage: (nodeId, message) => log.push(`${message.type} of ${nodeId.at(-1)}`),
    },
  });
  const link = (nodeId: string, inbound = true): void => {
    manager.linkUp(nodeId, { inbound, address: `/memory/${nodeId.at(-1)}` });
  };
  const say = (nodeId: string, message: Message): void => manager.message(nodeId, encodeMessage(message));
  return {
    manager, network, clock, log, lines, store, database, link, say,
    meet: (nodeId: string, inbound = true): void => {
      link(nodeId, inbound);
      say(nodeId, init);
    },
    /** What was sent since the last call. */
    sent: (): Message[] => network.sent.splice(0).map(({ bytes }) => decodeMessage(bytes)),
  };
}

describe('a connection', () => {
  it('says init first, and is up once both have', () => {
    const { manager, log, link, say, sent } = setUp();
    link(alice);
    expect(sent()).toEqual([{ ...init }]);
    expect(manager.isUp(alice)).toBe(false);
    say(alice, init);
    expect(manager.isUp(alice)).toBe(true);
    expect(log).toEqual(['up a']);
    say(alice, { type: 'warning', channelId: ALL_CHANNELS, data: new Uint8Array() });
    manager.linkDown(alice, 'gone');
    expect(log).toEqual(['up a', 'warning of a', 'down a']);
  });

  it('sends to peers that are up, and to nobody else', () => {
    const { manager, network, link, meet } = setUp();
    link(alice);
    meet(bob);
    network.sent.length = 0;
    manager.send(alice, [Uint8Array.of(1)]);
    manager.send(bob, [Uint8Array.of(2), Uint8Array.of(3)]);
    manager.send(bob, []);
    expect(network.sent.map(({ bytes }) => [...bytes])).toEqual([[2], [3]]);
  });

  it('ends when init does not come in time, or a ping is not answered', () => {
    const { network, clock, link, meet } = setUp();
    link(alice);
    meet(bob);
    clock.advance(defaultPeerTiming.initTimeoutMs);
    expect(network.disconnects).toEqual([{ nodeId: alice, reason: 'the peer did not send init in time' }]);
    const { lastingMs, pingIntervalMs, pongTimeoutMs } = defaultPeerTiming;
    clock.advance(lastingMs + pingIntervalMs + pongTimeoutMs - clock.now());
    expect(network.disconnects.at(-1)).toEqual({ nodeId: bob, reason: 'the peer did not answer a ping' });
  });

  it('takes no notice of links and messages once the node stops', () => {
    const { manager, clock, meet, link, log, network } = setUp();
    meet(alice);
    manager.want(alice);
    manager.stop();
    link(bob);
    manager.linkDown(alice, 'stopped');
    expect(log).toEqual(['up a', 'down a']);
    expect(clock.pending).toBe(0);
    expect(network.dials).toEqual([]);
  });
});

describe('bytes that are no message', () => {
  const hex = (text: string): Uint8Array => fromString(text, 'base16');
  const unknownEven = hex('1388');
  const cases: [string, Uint8Array][] = [
    ['nothing', new Uint8Array()],
    ['half a type', Uint8Array.of(0)],
    ['a type alone', hex('0010')],
    ['an unknown even type', unknownEven],
    ['a message cut short', encodeMessage(init).subarray(0, 20)],
    ['a length past the end', hex('0012000affff00')],
    ['a TLV record cut short', Uint8Array.from([...encodeMessage(init), 5, 200, 1])],
    ['an unknown even TLV record', Uint8Array.from([...encodeMessage(init), 6, 0])],
    ['TLV records out of order', Uint8Array.from([...encodeMessage(init), 1, 0])],
    ['too many bytes', new Uint8Array(65_536).fill(1)],
  ];

  it.each(cases)('%s: answered with a warning, and the connection ends', (_name, bytes) => {
    const { manager, network, meet, sent, log, say } = setUp();
    meet(alice);
    meet(bob);
    sent();
    manager.message(alice, bytes);
    expect(sent()).toEqual([{ type: 'warning', channelId: ALL_CHANNELS, data: expect.any(Uint8Array) }]);
    expect(network.disconnects.map(({ nodeId }) => nodeId)).toEqual([alice]);
    say(bob, { type: 'warning', channelId: ALL_CHANNELS, data: new Uint8Array() });
    expect(log.at(-1)).toBe('warning of b');
  });

  it('leaves unknown odd types alone', () => {
    const { manager, network, meet, sent } = setUp();
    meet(alice);
    sent();
    for (const type of [0x1389, 0xffff]) manager.message(alice, Uint8Array.from([type >> 8, type & 255, 1, 2, 3]));
    expect(sent()).toEqual([]);
    expect(network.disconnects).toEqual([]);
    expect(manager.isUp(alice)).toBe(true);
  });

  it('lives through whatever a peer sends, before init and after it', () => {
    const known = fc.constantFrom(...Object.values(MESSAGE_TYPE_NUMBERS));
    const typed = fc
      .tuple(known, fc.uint8Array({ maxLength: 400 }))
      .map(([type, rest]) => Uint8Array.from([type >> 8, type & 255, ...rest]));
    const damaged = fc
      .tuple(anyMessage, fc.nat(), fc.nat(255), fc.nat(20))
      .map(([message, at, byte, cut]) => {
        const bytes = encodeMessage(message);
        bytes[at % bytes.length] = byte;
        return bytes.subarray(0, Math.max(0, bytes.length - cut));
      });
    const bytes = fc.oneof(fc.uint8Array({ maxLength: 300 }), typed, damaged, anyMessage.map(encodeMessage));
    fc.assert(
      fc.property(fc.boolean(), fc.array(bytes, { maxLength: 8 }), (isUp, sequence) => {
        const { manager, network, link, meet, sent } = setUp();
        if (isUp) meet(alice);
        else link(alice);
        sent();
        for (const each of sequence) manager.message(alice, each);
        for (const message of sent()) expect(['pong', 'warning']).toContain(message.type);
        if (!isUp && network.disconnects.length === 0 && !manager.isUp(alice)) {
          expect(sequence.every((each) => each[1]! % 2 === 1)).toBe(true);
        }
        manager.linkDown(alice, 'done');
        expect(manager.list()).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });
});

describe('strangers', () => {
  it('leave nothing behind, however often they come', () => {
    const { manager, clock, database, meet, link } = setUp();
    for (let i = 0; i < 5_000; i++) {
      const nodeId = `02${i.toString(16).padStart(64, '0')}`;
      if (i % 2 === 0) meet(nodeId);
      else link(nodeId);
      manager.linkDown(nodeId, 'gone');
    }
    for (let i = 0; i < 5_000; i++) {
      meet(alice);
      manager.linkDown(alice, 'gone');
    }
    expect(manager.list()).toEqual([]);
    expect(clock.pending).toBe(0);
    expect(database.get<{ count: number }>('SELECT count(*) AS count FROM peers')?.count).toBe(0);
  });

  it('that are unwanted before they were reached leave nothing behind', async () => {
    const { manager, network, clock } = setUp();
    manager.want(alice);
    manager.unwant(alice);
    manager.want(bob);
    network.dials.at(-1)!.reject(new Error('nobody there'));
    await settled();
    manager.unwant(bob);
    network.dials[0]!.reject(new Error('nobody there'));
    await settled();
    manager.unwant('02'.padEnd(66, 'c'));
    expect(manager.list()).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it('keep one timer while they come and go, if they are wanted', () => {
    const { manager, clock, meet } = setUp();
    manager.want(alice);
    for (let i = 0; i < 2_000; i++) {
      meet(alice);
      manager.linkDown(alice, 'gone');
    }
    expect(clock.pending).toBe(1);
    expect(manager.list()).toHaveLength(1);
  });
});

describe('connect', () => {
  it('resolves once init is exchanged, and remembers where', async () => {
    const { manager, network, store, link, say } = setUp();
    const connected = manager.connect(alice, '/memory/a');
    expect(network.dials[0]).toMatchObject({ nodeId: alice, address: '/memory/a' });
    link(alice, false);
    network.dials[0]!.resolve();
    await settled();
    expect(store.address(alice)).toBeUndefined();
    say(alice, init);
    await connected;
    expect(store.address(alice)).toBe('/memory/a');
    await manager.connect(alice);
    expect(network.dials).toHaveLength(1);
  });

  it('fails where nobody answers, and keeps neither the peer nor the address', async () => {
    const { manager, network, store, clock } = setUp();
    const connecting = manager.connect(alice, '/memory/wrong');
    network.dials[0]!.reject(new Error('connection refused'));
    await expect(connecting).rejects.toThrow(/could not connect to 02a.*connection refused/);
    expect(store.address(alice)).toBeUndefined();
    expect(manager.list()).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it('fails in time even while the network still tries, and is not troubled by its failure later', async () => {
    const { manager, network, clock } = setUp();
    const connecting = manager.connect(alice);
    const caught = connecting.catch((error: unknown) => error);
    clock.advance(20_000);
    // Some time passes before the network gives up: nobody may be missing who listens.
    await new Promise((resolve) => setImmediate(resolve));
    expect(await caught).toMatchObject({ code: 'peer_unreachable' });
    network.dials[0]!.reject(new Error('late'));
    await settled();
    expect(manager.list()).toEqual([]);
  });

  it('fails at once when the peer hangs up during init', async () => {
    const { manager, network, link } = setUp();
    const connecting = manager.connect(alice);
    link(alice, false);
    manager.linkDown(alice, 'other chain');
    const message = expect.stringContaining('other chain');
    await expect(connecting).rejects.toMatchObject({ code: 'peer_refused', message });
    network.dials[0]!.resolve();
    await settled();
    expect(manager.list()).toEqual([]);
  });

  it('asked for by several at once ends for each of them', async () => {
    const { manager, network, link, meet } = setUp();
    const both = [manager.connect(alice), manager.connect(alice)];
    meet(alice, false);
    for (const dial of network.dials) dial.resolve();
    await Promise.all(both);
    manager.linkDown(alice, 'gone');
    const again = [manager.connect(alice), manager.connect(alice)];
    link(alice, false);
    manager.linkDown(alice, 'no');
    const results = await Promise.allSettled(again);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect((results[0] as PromiseRejectedResult).reason).toBeInstanceOf(PeerError);
  });
});

describe('a wanted peer', () => {
  it('is dialled where it was last, then wherever it may be found', async () => {
    const database = openDatabase({ path: ':memory:' });
    setUp(database).store.saveAddress(alice, '/memory/old');
    const { manager, network, clock } = setUp(database);
    manager.want(alice);
    expect(network.dials.at(-1)).toMatchObject({ nodeId: alice, address: '/memory/old' });
    network.dials.at(-1)!.reject(new Error('moved'));
    await settled();
    expect(network.dials.at(-1)).toMatchObject({ nodeId: alice, address: undefined });
    network.dials.at(-1)!.reject(new Error('not found'));
    await settled();
    clock.advance(defaultPeerTiming.firstRetryMs);
    expect(network.dials).toHaveLength(3);
    expect(network.dials.at(-1)).toMatchObject({ address: '/memory/old' });
  });

  it('that has only ever dialled us is dialled where it says that it is, after a restart too', async () => {
    const database = openDatabase({ path: ':memory:' });
    const before = setUp(database);
    before.meet(alice);
    before.manager.addressSaid(alice, '/memory/said');
    // Of a stranger nothing is kept.
    expect(before.store.saidAddress(alice)).toBeUndefined();
    before.manager.want(alice);
    expect(before.store.saidAddress(alice)).toBe('/memory/said');
    before.manager.addressSaid(alice, '/memory/moved');
    before.manager.addressSaid(bob, '/memory/nobody');

    const { manager, network } = setUp(database);
    manager.want(alice);
    expect([manager.address(alice), manager.saidAddress(alice)]).toEqual([undefined, '/memory/moved']);
    expect(network.dials.at(-1)).toMatchObject({ nodeId: alice, address: '/memory/moved' });
    network.dials.at(-1)!.reject(new Error('nobody there'));
    await settled();
    expect(network.dials.at(-1)).toMatchObject({ nodeId: alice, address: undefined });
    manager.want(bob);
    expect(network.dials.at(-1)).toMatchObject({ nodeId: bob, address: undefined });
  });

  it('is dialled where it was reached rather than where it says that it is, which may be the inside of its own network', async () => {
    const { manager, network, clock, store, meet } = setUp();
    store.saveAddress(alice, '/memory/reached');
    meet(alice);
    manager.addressSaid(alice, '/memory/said');
    manager.want(alice);
    manager.linkDown(alice, 'gone');
    expect(manager.address(alice)).toBe('/memory/reached');
    clock.advance(defaultPeerTiming.firstRetryMs);
    expect(network.dials.map(({ address }) => address)).toEqual(['/memory/reached']);
    network.dials[0]!.reject(new Error('moved'));
    await settled();
    expect(network.dials[1]).toMatchObject({ nodeId: alice, address: '/memory/said' });
    manager.linkUp(alice, { inbound: false, address: '/memory/said' });
    network.dials[1]!.resolve();
    expect(store.address(alice)).toBe('/memory/said');
  });

  it('is asked by the user where it was reached, or else where it says that it is; what is no address is not kept, and nothing of who is wanted no more', async () => {
    const { manager, network, store, meet } = setUp();
    meet(alice);
    manager.addressSaid(alice, '/memory/said');
    manager.addressSaid(alice, `/dns4/${'x'.repeat(600)}/tcp/9736`);
    manager.want(alice);
    expect(store.saidAddress(alice)).toBe('/memory/said');
    manager.unwant(alice);
    expect(store.saidAddress(alice)).toBeUndefined();
    manager.want(alice);
    expect(store.saidAddress(alice)).toBe('/memory/said');
    manager.linkDown(alice, 'gone');
    void manager.connect(alice).catch(() => {});
    expect(network.dials.at(-1)).toMatchObject({ nodeId: alice, address: '/memory/said' });
  });

  it('is not lost where its address cannot be saved', () => {
    const { manager, database, meet, lines, log } = setUp();
    meet(alice);
    manager.addressSaid(alice, '/memory/said');
    database.close();
    manager.want(alice);
    expect(lines.some((line) => line.includes('where a peer is could not be stored or read'))).toBe(true);
    expect(log).toEqual(['up a']);
  });

  it('is let in where what is stored of it cannot be read', () => {
    const { database, meet, lines, log } = setUp();
    database.close();
    meet(alice);
    expect(lines.some((line) => line.includes('where a peer is could not be stored or read'))).toBe(true);
    expect(log).toEqual(['up a']);
  });

  it('is not dialled by one who has hung up on it for good', async () => {
    const { manager, network, meet } = setUp();
    meet(alice);
    manager.want(alice);
    network.onDisconnect = async (nodeId, reason) => manager.linkDown(nodeId, reason);
    manager.unwant(alice);
    await settled();
    expect(network.dials).toEqual([]);
    expect(manager.list()).toEqual([]);
  });

  it('survives a network that fails to hang up', async () => {
    const { manager, network, meet, lines } = setUp();
    meet(alice);
    network.onDisconnect = () => Promise.reject(new Error('stuck'));
    manager.message(alice, new Uint8Array());
    await manager.disconnect(alice, 'asked to');
    expect(lines.filter((line) => line.includes('did not end in order'))).toHaveLength(2);
  });
});

describe('a peer that is kept apart', () => {
  it('is hung up for good, whatever wants it, until it is admitted', async () => {
    const { manager, network, clock, log, meet, link } = setUp();
    manager.want(alice);
    meet(alice);
    await manager.keepApart(alice);
    expect(manager.list()).toMatchObject([{ nodeId: alice, isConnected: false, isApart: true }]);
    expect(log).toEqual(['up a', 'down a']);
    expect(network.disconnects.map(({ nodeId }) => nodeId)).toEqual([alice]);
    manager.linkDown(alice, 'gone');
    manager.want(alice);
    const dials = network.dials.length;
    clock.advance(600_000);
    expect(network.dials).toHaveLength(dials);
    link(alice);
    expect(network.disconnects).toHaveLength(2);
    manager.linkDown(alice, 'gone');

    manager.admit(alice);
    clock.advance(defaultPeerTiming.firstRetryMs);
    expect(network.dials).toHaveLength(dials + 1);
    meet(alice);
    expect(manager.list()).toMatchObject([{ isConnected: true, isApart: false }]);
  });

  it('fails whoever waits for it to answer', async () => {
    const { manager, network } = setUp();
    const connecting = manager.connect(alice, '/memory/a');
    const failure = connecting.catch((error: unknown) => error);
    await settled();
    network.dials[0]?.resolve();
    await manager.keepApart(alice);
    expect(await failure).toMatchObject({ code: 'peer_refused' });
  });

  it('leaves nothing behind once a stranger is admitted', async () => {
    const { manager } = setUp();
    await manager.keepApart(bob);
    expect(manager.list()).toHaveLength(1);
    manager.admit(bob);
    expect(manager.list()).toEqual([]);
  });
});
