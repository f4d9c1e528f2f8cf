import { connect as connectSocket } from 'node:net';
import type { Connection, Libp2p, Stream } from '@libp2p/interface';
import { generateKeyPair } from '@libp2p/crypto/keys';
import { multiaddr } from '@multiformats/multiaddr';
import fc from 'fast-check';
import { toString as bytesToString } from 'uint8arrays/to-string';
import { afterEach, describe, expect, it } from 'vitest';
import { CHANNEL_PROTOCOL, GOSSIP_SYNC_PROTOCOL, gossipTopic } from '../../protocols/ids.ts';
import { createNode, nodeKey } from '../../src/network/create-node.ts';
import type { NodeServices } from '../../src/network/create-node.ts';
import { encodeFrames } from '../../src/network/framing.ts';
import { defaultNetworkLimits } from '../../src/network/limits.ts';
import { encodeAnswer, encodeHello } from '../../src/network/link-handshake.ts';
import type { NetworkLimits } from '../../src/network/limits.ts';
import type { TestNode } from './network-node.ts';
import { bytes, chainHash, code, newKey, nobody, nodes, stopAll, until } from './network-node.ts';

type RawNode = Libp2p<NodeServices>;

const raws: RawNode[] = [];

/** A peer that speaks libp2p but does as it pleases on our protocols. */
async function rawNode(privateKey = nodeKey(newKey())): Promise<RawNode> {
  const listen = ['/ip4/127.0.0.1/tcp/0'];
  const topic = gossipTopic(chainHash);
  const raw = await createNode({ privateKey, listen, announce: [], topic, limits: defaultNetworkLimits, liars: nobody });
  await raw.start();
  raws.push(raw);
  return raw;
}

const idOf = (raw: RawNode): string => bytesToString(raw.peerId.publicKey!.raw, 'hex');
const addressOf = (raw: RawNode): string => raw.getMultiaddrs()[0]!.toString();
const hello = (sequence: number): Uint8Array => encodeFrames([encodeHello(BigInt(sequence))]);

async function victim(limits: Partial<NetworkLimits> = {}): Promise<TestNode> {
  return (await nodes(1, () => ({ limits })))[0]!;
}

/** Opens a channel stream to the victim and sends raw bytes on it. */
async function open(raw: RawNode, target: TestNode, ...chunks: Uint8Array[]): Promise<[Stream, Connection]> {
  const connection = await raw.dial(multiaddr(target.address));
  const stream = await connection.newStream(CHANNEL_PROTOCOL);
  for (const chunk of chunks) stream.send(chunk);
  return [stream, connection];
}

const reasons = (node: TestNode): string[] => node.events.map((event) => event.replace(/[0-9a-f]{66} /, ''));

afterEach(async () => {
  await Promise.all(raws.splice(0).map((raw) => raw.stop()));
  await stopAll();
});

describe('a peer that opens a channel stream and breaks the rules', () => {
  it('is heard when it keeps them, a byte at a time', async () => {
    const [node, raw] = [await victim(), await rawNode()];
    const [stream] = await open(raw, node);
    for (const byte of [...hello(1), ...encodeFrames([bytes(0, 16, 9), bytes(0, 18)])]) stream.send(bytes(byte));
    await until(() => expect(node.messages).toEqual([bytes(0, 16, 9), bytes(0, 18)]));
    expect(node.events).toEqual([`+${idOf(raw)} in`]);
  });

  it('is cut off for a hello that is none', async () => {
    const [node, raw] = [await victim(), await rawNode()];
    const [, connection] = await open(raw, node, encodeFrames([bytes(1, 2, 3)]));
    await until(() => expect(connection.status).not.toBe('open'));
    expect(node.events).toEqual([]);
  });

  it('is cut off for a malformed frame, and what came before it is heard', async () => {
    const [node, raw] = [await victim(), await rawNode()];
    const malformed = bytes(0, 1, 7);
    const [, connection] = await open(raw, node, hello(1), encodeFrames([bytes(0, 16)]), malformed, bytes(0, 2, 0, 18));
    await until(() => expect(reasons(node)[1]).toMatch('-malformed_frame'));
    expect(node.messages).toEqual([bytes(0, 16)]);
    await until(() => expect(connection.status).not.toBe('open'));
  });

  it('ends its link when it ends its stream in the middle of a message', async () => {
    const [node, raw] = [await victim(), await rawNode()];
    const [stream] = await open(raw, node, hello(1), bytes(0, 5, 1, 2));
    await until(() => expect(node.events).toHaveLength(1));
    await stream.close();
    await until(() => expect(reasons(node)[1]).toMatch('-closed_by_peer'));
    expect(node.messages).toEqual([]);
  });

  it('is not waited for when it says nothing, and has few streams', async () => {
    const [node, raw] = [await victim({ handshakeTimeoutMs: 1_000 }), await rawNode()];
    const [first, connection] = await open(raw, node);
    const streams = [first];
    for (let i = 0; i < 4; i++) streams.push(await connection.newStream(CHANNEL_PROTOCOL));
    const stillOpen = (): number => streams.filter(({ status }) => status === 'open').length;
    await until(() => expect(stillOpen()).toBe(2));
    await until(() => expect(stillOpen()).toBe(0));
    expect(node.events).toEqual([]);
  });

  it('keeps its link against a hello from before it, and replaces it with one from after it', async () => {
    const [node, raw] = [await victim(), await rawNode()];
    const [, connection] = await open(raw, node, hello(5));
    await until(() => expect(node.events).toHaveLength(1));
    const stale = await connection.newStream(CHANNEL_PROTOCOL);
    const answers: Uint8Array[] = [];
    stale.addEventListener('message', ({ data }) => answers.push(data.subarray().slice()));
    stale.send(hello(5));
    await until(() => expect(answers[0]?.[2]).toBe(0));
    expect(node.events).toHaveLength(1);
    await stale.close();
    const fresh = await connection.newStream(CHANNEL_PROTOCOL);
    fresh.send(hello(6));
    fresh.send(encodeFrames([bytes(0, 18)]));
    await until(() => expect(node.messages).toEqual([bytes(0, 18)]));
    expect(reasons(node)).toEqual(['+in', '-connection_lost: the peer opened another link', '+in']);
    expect(connection.status).toBe('open');
  });

  it('cannot upset a node with any bytes at all', async () => {
    const node = await victim({ maxInboundPerSecond: 1_000 });
    const raw = await rawNode();
    const garbage = fc.array(fc.uint8Array({ maxLength: 2_000 }), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(garbage, fc.boolean(), async (chunks, greet) => {
        const before = node.events.length;
        const [stream] = await open(raw, node, ...(greet ? [hello(Date.now())] : []), ...chunks);
        await stream.close().catch(() => {});
        await until(() => expect(stream.status).not.toBe('open'));
        const events = (): string[] => node.events.slice(before).map((event) => event.slice(0, 1));
        await until(() => expect(events()).toEqual(greet ? ['+', '-'] : []));
      }),
      { numRuns: 25 },
    );
    const [honest] = (await nodes(1)) as [TestNode];
    await honest.network.connect(node.id, node.address);
    expect(node.events.at(-1)).toBe(`+${honest.id} in`);
  });
});

describe('a peer that is called and breaks the rules', () => {
  const answering = async (answer: (stream: Stream) => void): Promise<[TestNode, RawNode]> => {
    const raw = await rawNode();
    await raw.handle(CHANNEL_PROTOCOL, answer);
    return [await victim({ connectTimeoutMs: 700 }), raw];
  };
  const cases: Record<string, (stream: Stream) => void> = {
    'answers with something else': (stream) => void stream.send(encodeFrames([bytes(1, 2, 3)])),
    'answers with a malformed frame': (stream) => void stream.send(bytes(0, 0)),
    'never answers': () => {},
    'hangs up': (stream) => void stream.close(),
    'resets the stream': (stream) => stream.abort(new Error('no')),
    'refuses, and never calls itself': (stream) => {
      stream.send(encodeFrames([encodeAnswer({ taken: false, sequence: 1n })]));
    },
  };

  it.each(Object.entries(cases))('and %s', async (_, answer) => {
    const [node, raw] = await answering(answer);
    await expect(node.network.connect(idOf(raw), addressOf(raw))).rejects.toMatchObject(code('stream_failed'));
    expect(node.events).toEqual([]);
  });

  it('and does not know the protocol', async () => {
    const [node, raw] = [await victim(), await rawNode()];
    await expect(node.network.connect(idOf(raw), addressOf(raw))).rejects.toMatchObject(code('stream_failed'));
  });

  it('and takes the link, then sends nonsense', async () => {
    const [node, raw] = await answering((stream) => {
      stream.send(encodeFrames([encodeAnswer({ taken: true, sequence: 1n }), bytes(0, 18)]));
      stream.send(bytes(0, 1));
    });
    await node.network.connect(idOf(raw), addressOf(raw));
    await until(() => expect(reasons(node)[1]).toMatch('-malformed_frame'));
    expect(node.messages).toEqual([bytes(0, 18)]);
  });
});

describe('a stranger', () => {
  it('gets no connection without a node key', async () => {
    const node = await victim();
    const raw = await rawNode(await generateKeyPair('Ed25519'));
    const dialled = raw.dial(multiaddr(node.address)).then((connection) => connection.newStream(CHANNEL_PROTOCOL));
    await expect(dialled).rejects.toThrow();
    expect(node.events).toEqual([]);
  });

  it('gets no sync stream without a link', async () => {
    const node = await victim();
    const raw = await rawNode();
    const connection = await raw.dial(multiaddr(node.address));
    const stream = await connection.newStream(GOSSIP_SYNC_PROTOCOL);
    await until(() => expect(stream.status).not.toBe('open'));
  });

  it('that does not speak libp2p does no harm', async () => {
    const node = await victim();
    const { host, port } = { host: '127.0.0.1', port: Number(node.address.split('/').at(-1)) };
    for (let i = 0; i < 5; i++) {
      const socket = connectSocket({ host, port });
      socket.on('error', () => {});
      socket.end(Buffer.alloc(5_000, i * 37));
    }
    const [honest] = (await nodes(1)) as [TestNode];
    await honest.network.connect(node.id, node.address);
    expect(node.events).toEqual([`+${honest.id} in`]);
  });
});
