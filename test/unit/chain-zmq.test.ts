import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import fc from 'fast-check';
import { concat, fromString } from 'uint8arrays';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { endpointOf, zmqBlockNotices } from '../../src/chain/block-notices.ts';
import type { ChainRpc } from '../../src/chain/chain.ts';
import { ChainRpcError, ChainUnavailableError } from '../../src/chain/errors.ts';
import { subscribe } from '../../src/chain/zmq.ts';
import { OPENING, SubscriberReader, ZmqError, subscription } from '../../src/chain/zmtp.ts';
import { VirtualClock } from '../../src/runtime/virtual-clock.ts';

const ascii = (text: string): Uint8Array => fromString(text, 'latin1');
const frame = (flags: number, body: Uint8Array): Uint8Array => concat([Uint8Array.of(flags, body.length), body]);

/** What libzmq 4.3 writes first: version 3.1. */
const greeting = concat([
  Uint8Array.of(0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 1), ascii('NULL'.padEnd(20, '\0')), new Uint8Array(32),
]);
const ready = frame(4, concat([ascii('\x05READY\x0bSocket-Type'), Uint8Array.of(0, 0, 0, 3), ascii('PUB')]));
const notice = concat([
  frame(1, ascii('hashblock')), frame(1, new Uint8Array(32).fill(7)), frame(0, Uint8Array.of(1, 0, 0, 0)),
]);

/** What a reader is told by these bytes, in these pieces. */
function read(...pieces: readonly Uint8Array[]): string[] {
  const told: string[] = [];
  const reader = new SubscriberReader('hashblock', () => told.push('ready'), () => told.push('message'));
  for (const piece of pieces) reader.push(piece);
  return told;
}

describe("a ZeroMQ publisher's bytes", () => {
  it('are read in pieces of any length', () => {
    const all = concat([greeting, ready, notice, notice]);
    expect(read(all)).toEqual(['ready', 'message', 'message']);
    expect(read(...Array.from(all, (byte) => Uint8Array.of(byte)))).toEqual(['ready', 'message', 'message']);
    fc.assert(
      fc.property(fc.array(fc.nat(all.length)), (cuts) => {
        const places = [0, ...cuts.toSorted((a, b) => a - b), all.length];
        const pieces = places.slice(1).map((end, i) => all.subarray(places[i], end));
        expect(read(...pieces)).toEqual(['ready', 'message', 'message']);
      }),
    );
  });

  it('of other topics, other commands and empty frames mean nothing', () => {
    const other = concat([frame(1, ascii('hashblocks')), frame(0, new Uint8Array(32)), frame(0, new Uint8Array())]);
    const ping = frame(4, ascii('\x04PING\0\0'));
    expect(read(greeting, ready, other, ping, notice)).toEqual(['ready', 'message']);
  });

  const changed = (place: number, byte: number): Uint8Array => {
    const bytes = Uint8Array.from(greeting);
    bytes[place] = byte;
    return bytes;
  };
  it.each<[string, RegExp, readonly Uint8Array[]]>([
    ['another signature', /did not greet/, [changed(0, 0xfe)]],
    ['HTTP', /did not greet/, [ascii(`HTTP/1.1 400 Bad Request\r\n${'x'.repeat(64)}`)]],
    ['an old version', /version 1/, [changed(10, 1)]],
    ['another mechanism', /another mechanism/, [concat([greeting.subarray(0, 12), ascii('CURVE'.padEnd(52, '\0'))])]],
    ['a message before READY', /before it was ready/, [greeting, notice]],
    ['another command first', /another command/, [greeting, frame(4, ascii('\x05HELLO'))]],
    ['an error', /refused/, [greeting, frame(4, ascii('\x05ERROR\x02no'))]],
    ['an error later', /refused/, [greeting, ready, frame(4, ascii('\x05ERROR\x02no'))]],
    ['a long frame', /longer than 255/, [greeting, ready, Uint8Array.of(2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)]],
    ['a command that goes on', /flags 5/, [greeting, Uint8Array.of(5, 0)]],
    ['unknown flags', /flags 128/, [greeting, ready, Uint8Array.of(128, 0)]],
    ['a message without end', /more than 8 frames/, [greeting, ready, ...Array.from({ length: 9 }, () => frame(1, ascii('hashblock')))]],
  ])('that are %s end it', (_name, why, pieces) => {
    expect(() => read(...pieces)).toThrow(why);
    expect(() => read(...pieces)).toThrow(ZmqError);
  });

  it('are nothing that breaks it, whatever they are', () => {
    const start = fc.constantFrom(new Uint8Array(), greeting, concat([greeting, ready]));
    fc.assert(
      fc.property(start, fc.uint8Array({ maxLength: 600 }), (known, bytes) => {
        try {
          read(known, bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(ZmqError);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

/** A publisher that does what the test says on each connection. */
class Publisher {
  readonly server: Server;
  readonly sockets: Socket[] = [];
  received = new Uint8Array();

  constructor(onConnection: (socket: Socket) => void) {
    this.server = createServer((socket) => {
      this.sockets.push(socket);
      socket.on('data', (bytes) => (this.received = concat([this.received, bytes])));
      socket.on('error', () => {});
      onConnection(socket);
    });
    opened.push(this);
  }

  async listen(): Promise<number> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return (this.server.address() as AddressInfo).port;
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
  }
}

const opened: Publisher[] = [];
afterEach(() => {
  for (const publisher of opened.splice(0)) publisher.close();
});

describe('a subscription', () => {
  it('greets, subscribes and hears', async () => {
    const publisher = new Publisher((socket) => socket.write(concat([greeting, ready])));
    const port = await publisher.listen();
    const told: string[] = [];
    const end = subscribe({
      host: '127.0.0.1', port, topic: 'hashblock',
      onReady: () => told.push('ready'),
      onMessage: () => told.push('message'),
      onEnd: ({ message }) => told.push(message),
    });
    await vi.waitFor(() => expect(publisher.received).toEqual(concat([OPENING, subscription('hashblock')])));
    publisher.sockets[0]!.write(notice);
    await vi.waitFor(() => expect(told).toEqual(['ready', 'message']));
    end();
    await vi.waitFor(() => expect(publisher.sockets[0]!.destroyed).toBe(true));
    expect(told).toEqual(['ready', 'message']);
  });

  it.each<[string, (socket: Socket) => void, RegExp]>([
    ['nonsense', (socket) => socket.write('x'.repeat(1_000)), /did not greet/],
    ['nothing and goes', (socket) => socket.end(), /closed the connection/],
    ['half a greeting and breaks off', (socket) => socket.write(greeting.subarray(0, 30), () => socket.resetAndDestroy()), /ECONNRESET|closed/],
  ])('to somebody who says %s ends, once', async (_what, onConnection, why) => {
    const port = await new Publisher(onConnection).listen();
    const ends: Error[] = [];
    subscribe({ host: '127.0.0.1', port, topic: 'x', onReady: () => {}, onMessage: () => {}, onEnd: (error) => ends.push(error) });
    await vi.waitFor(() => expect(ends.length).toBe(1));
    expect(ends[0]).toBeInstanceOf(ZmqError);
    expect(ends[0]!.message).toMatch(why);
    await new Promise((go) => setTimeout(go, 50));
    expect(ends.length).toBe(1);
  });

  it('to nobody ends', async () => {
    const publisher = new Publisher(() => {});
    const port = await publisher.listen();
    publisher.close();
    const why = await new Promise<Error>((onEnd) =>
      void subscribe({ host: '127.0.0.1', port, topic: 'x', onReady: () => {}, onMessage: () => {}, onEnd }));
    expect(why.message).toMatch(/cannot be reached/);
  });
});

describe('notices of blocks', () => {
  it.each([
    ['tcp://127.0.0.1:28332', '127.0.0.1', '127.0.0.1:28332'],
    ['tcp://0.0.0.0:28332', '10.0.0.5', '10.0.0.5:28332'],
    ['tcp://*:28332', 'node.example', 'node.example:28332'],
    ['tcp://[::]:28332', '[fe80::1]', 'fe80::1:28332'],
    ['tcp://[::1]:28332', 'localhost', '::1:28332'],
    ['tcp://10.0.0.5:28332', '127.0.0.1', '10.0.0.5:28332'],
    ['tcp://127.0.0.1:28332', '10.0.0.5', undefined],
    ['tcp://localhost:28332', '10.0.0.5', undefined],
    ['tcp://10.0.0.5:0', '10.0.0.5', undefined],
    ['tcp://10.0.0.5:99999', '10.0.0.5', undefined],
    ['ipc:///tmp/zmq', '127.0.0.1', undefined],
    ['unix:/tmp/zmq', '127.0.0.1', undefined],
    ['tcp://10.0.0.5', '127.0.0.1', undefined],
    ['tcp://a b:28332', '127.0.0.1', undefined],
  ])('at %s with the RPC at %s are at %s', (address, rpcHost, expected) => {
    const endpoint = endpointOf(address, rpcHost);
    expect(endpoint && `${endpoint.host}:${endpoint.port}`).toBe(expected);
  });

  function listening(answer: () => unknown) {
    const clock = new VirtualClock();
    const seen = { asked: 0, changes: [] as (string | undefined)[], listening: [] as boolean[], blocks: 0 };
    const rpc: ChainRpc = {
      async call() {
        seen.asked += 1;
        const value = answer();
        if (value instanceof Error) throw value;
        return value;
      },
    };
    const notices = zmqBlockNotices({ rpc, rpcHost: '127.0.0.1', clock, onChange: (problem) => seen.changes.push(problem) });
    const stop = notices(() => (seen.blocks += 1), (isListening) => seen.listening.push(isListening));
    return { clock, seen, stop };
  }

  it('are looked for again where bitcoind has none, or is away', async () => {
    let answer: unknown = new ChainUnavailableError('away');
    const { clock, seen, stop } = listening(() => answer);
    await clock.run({ untilMs: clock.now() + 10_000 });
    expect(seen.asked).toBeGreaterThan(2);
    expect(seen.changes).toEqual([]);
    answer = [{ type: 'pubrawtx', address: 'tcp://127.0.0.1:1', hwm: 1_000 }];
    await clock.run({ untilMs: clock.now() + 300_000 });
    expect(seen.changes).toEqual([expect.stringMatching(/publishes no hashblock/)]);
    answer = new ChainRpcError(-32_601, 'Method not found');
    await clock.run({ untilMs: clock.now() + 300_000 });
    answer = [{ type: 'pubhashblock', address: 'ipc:///x' }];
    await clock.run({ untilMs: clock.now() + 300_000 });
    expect(seen.changes).toEqual([expect.anything(), expect.stringMatching(/ipc:\/\/\/x only/)]);
    expect(seen.listening).toEqual([]);
    const { asked } = seen;
    stop();
    await clock.run({ untilMs: clock.now() + 300_000 });
    expect(seen.asked).toBe(asked);
  });

  it('come again after the connection was lost', async () => {
    const publisher = new Publisher((socket) => socket.write(concat([greeting, ready])));
    const port = await publisher.listen();
    const { clock, seen, stop } = listening(() => [{ type: 'pubhashblock', address: `tcp://127.0.0.1:${port}` }]);
    await vi.waitFor(() => expect(seen.listening).toEqual([true]));
    publisher.sockets[0]!.write(notice);
    await vi.waitFor(() => expect(seen.blocks).toBe(1));
    publisher.sockets[0]!.destroy();
    await vi.waitFor(() => expect(seen.listening).toEqual([true, false]));
    clock.advance(1_000);
    await vi.waitFor(() => expect(seen.listening).toEqual([true, false, true]));
    expect(seen.changes).toEqual([undefined, expect.stringMatching(/closed the connection/), undefined]);
    stop();
  });
});
