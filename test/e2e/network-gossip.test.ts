import type { Libp2p } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import { toString as bytesToString } from 'uint8arrays/to-string';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { CHANNEL_PROTOCOL, GOSSIP_SYNC_PROTOCOL, gossipTopic } from '../../protocols/ids.ts';
import { createNode, nodeKey } from '../../src/network/create-node.ts';
import type { NodeServices } from '../../src/network/create-node.ts';
import { NetworkError } from '../../src/network/errors.ts';
import { encodeFrames } from '../../src/network/framing.ts';
import { Liars } from '../../src/network/liars.ts';
import { defaultNetworkLimits } from '../../src/network/limits.ts';
import { encodeHello } from '../../src/network/link-handshake.ts';
import { nodeIdOf } from '../../src/network/node-ids.ts';
import { VirtualClock } from '../../src/runtime/virtual-clock.ts';
import { bytes, chainHash, code, newKey, nobody, nodes, numberOf, numbered, stopAll, until } from './network-node.ts';
import type { TestNode } from './network-node.ts';

const topic = gossipTopic(chainHash);
const raws: Libp2p<NodeServices>[] = [];

/** A peer that speaks gossipsub on the topic but does as it pleases; it has a link to the target, unless told otherwise. */
async function rawPeer(target: TestNode, { linked = true } = {}): Promise<Libp2p<NodeServices>> {
  const privateKey = nodeKey(newKey());
  const raw = await createNode({ privateKey, listen: [], announce: [], topic, limits: defaultNetworkLimits, liars: nobody });
  await raw.start();
  raws.push(raw);
  raw.services.pubsub.subscribe(topic);
  const connection = await raw.dial(multiaddr(target.address));
  if (!linked) return raw;
  const stream = await connection.newStream(CHANNEL_PROTOCOL);
  stream.send(encodeFrames([encodeHello(1n)]));
  return raw;
}

let published = 0;

/** Publishes messages that nobody has seen until one has the wanted effect: gossip streams take a moment to stand. */
async function publishUntil(publish: (message: Uint8Array) => unknown, effect: () => boolean): Promise<void> {
  await expect
    .poll(
      () => {
        published += 1;
        void publish(bytes(1, published >> 8, published & 0xff));
        return effect();
      },
      { timeout: 15_000, interval: 50 },
    )
    .toBe(true);
}

/** Two nodes that know each other through the one in the middle only; they cannot be dialled, not by the DHT either. */
async function line(): Promise<[TestNode, TestNode, TestNode]> {
  const middle = 1;
  const made = await nodes(3, (index) => (index === middle ? {} : { listen: [] }));
  const [alice, bob, carol] = made as [TestNode, TestNode, TestNode];
  await alice.network.connect(bob.id, bob.address);
  await carol.network.connect(bob.id, bob.address);
  await publishUntil((message) => alice.network.publishGossip(message), () => carol.gossip.length > 0);
  await publishUntil((message) => carol.network.publishGossip(message), () => alice.gossip.length > 0);
  return [alice, bob, carol];
}

afterEach(async () => {
  await Promise.all(raws.splice(0).map((raw) => raw.stop()));
  await stopAll();
});

describe('gossip over libp2p', () => {
  it('passes on what is accepted, and not what is ignored or rejected', async () => {
    const [alice, bob, carol] = await line();
    const message = bytes(2, 1, 1);
    await alice.network.publishGossip(message);
    await alice.network.publishGossip(message);
    await until(() => expect(carol.gossip).toContain(`2.1.1 from ${bob.id}`));
    for (const [i, verdict] of (['ignore', 'reject'] as const).entries()) {
      bob.verdict = verdict;
      await alice.network.publishGossip(bytes(3, i));
      await until(() => expect(bob.gossip).toContain(`3.${i} from ${alice.id}`));
    }
    bob.verdict = 'accept';
    await bob.network.publishGossip(bytes(4, 4));
    await until(() => expect(carol.gossip).toContain(`4.4 from ${bob.id}`));
    expect(carol.gossip.filter((entry) => entry.startsWith('3.'))).toEqual([]);
    for (const node of [alice, bob, carol]) expect(new Set(node.gossip).size).toBe(node.gossip.length);
    expect(alice.gossip).not.toContain(`2.1.1 from ${bob.id}`);
  });

  it('passes on what came too early once it is published for all that', async () => {
    const [alice, bob, carol] = await line();
    bob.verdict = 'ignore';
    const message = bytes(9, 9, 9);
    await alice.network.publishGossip(message);
    await until(() => expect(bob.gossip).toContain(`9.9.9 from ${alice.id}`));
    bob.verdict = 'accept';
    await bob.network.publishGossip(message);
    await until(() => expect(carol.gossip).toContain(`9.9.9 from ${bob.id}`));
    // Nobody judges it twice.
    for (const node of [alice, bob, carol]) expect(new Set(node.gossip).size).toBe(node.gossip.length);
    expect(alice.gossip.filter((entry) => entry.startsWith('9.'))).toEqual([]);
  });

  it('stops listening to a peer whose messages are rejected time and again', async () => {
    const [alice, bob, carol] = await line();
    bob.verdict = 'reject';
    for (let i = 0; i < 200; i++) await alice.network.publishGossip(bytes(5, i));
    await until(() => expect(bob.gossip.some((entry) => entry.startsWith('5.0 '))).toBe(true));
    // A score is good for a second once it was found to be good.
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    const heard = bob.gossip.length;
    await alice.network.publishGossip(bytes(6, 1));
    await publishUntil((message) => carol.network.publishGossip(message), () => bob.gossip.length > heard);
    expect(bob.gossip.slice(heard).filter((entry) => entry.endsWith(alice.id))).toEqual([]);
  });

  it('has what could not be judged now judged when it comes from another', async () => {
    const [alice, bob, carol] = await line();
    bob.verdict = 'later';
    const message = bytes(7, 7, 7);
    await alice.network.publishGossip(message);
    await until(() => expect(bob.gossip).toContain(`7.7.7 from ${alice.id}`));
    bob.verdict = 'accept';
    await carol.network.publishGossip(message);
    await until(() => expect(bob.gossip).toContain(`7.7.7 from ${carol.id}`));
  });

  it('hears nothing more of a peer from the third lie on, however many are on their way', async () => {
    const [alice, bob] = await line();
    bob.verdict = 'reject';
    const before = bob.gossip.length;
    const lies = Array.from({ length: 100 }, (_, i) => bytes(5, i));
    await Promise.all(lies.map((lie) => alice.network.publishGossip(lie)));
    await until(() => expect(bob.events).toContain(`?${alice.id}`));
    await new Promise((resolve) => setTimeout(resolve, 200));
    // As many as are judged at once may have been taken up before the third was found to be one.
    expect(bob.gossip.length - before).toBeLessThanOrEqual(defaultNetworkLimits.gossipConcurrency);
  });

  it('tells of a peer that told what is false in another way, and hears nothing of it any more, not even when it comes back', async () => {
    const [alice, bob, carol] = await line();
    for (let lies = 0; lies < 3; lies++) bob.network.distrustGossip(alice.id);
    expect(bob.events).not.toContain(`?${alice.id}`);
    await until(() => expect(bob.events).toContain(`?${alice.id}`));
    expect(bob.events).not.toContain(`?${carol.id}`);
    await alice.network.disconnect(bob.id, 'to be forgiven');
    await until(() => expect(bob.events.at(-1)).toMatch(`-${alice.id}`));
    await alice.network.connect(bob.id, bob.address);
    await until(() => expect(bob.events.at(-1)).toMatch(`+${alice.id}`));
    for (let i = 0; i < 20; i++) {
      await alice.network.publishGossip(bytes(8, i));
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await publishUntil((message) => carol.network.publishGossip(message), () => bob.gossip.length > 0);
    expect(bob.gossip.filter((entry) => entry.startsWith('8.'))).toEqual([]);
  });

  it('does not storm a peer that hangs up on it with new connections, though kad-dht counts it among the closest', async () => {
    const [node] = (await nodes(1)) as [TestNode];
    node.handlers.onGossipDistrusted = () => false;
    const raw = await rawPeer(node);
    const peerId = raw.getPeers()[0]!;
    // kad-dht looks who is closest every five seconds.
    await vi.waitFor(async () => expect([...(await raw.peerStore.get(peerId)).tags.keys()]).toContain('kad-close'), { timeout: 15_000, interval: 100 });
    let connections = 0;
    raw.addEventListener('connection:open', () => connections++);
    for (let lies = 0; lies < 3; lies++) node.network.distrustGossip(nodeIdOf(raw.peerId.toString())!);
    await vi.waitFor(() => expect(raw.getConnections()).toEqual([]), { timeout: 5_000, interval: 5 });
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(connections).toBe(0);
  });

  it('is tried once by whoever is refused', async () => {
    const [alice, bob] = (await nodes(2)) as [TestNode, TestNode];
    bob.handlers.onGossipDistrusted = () => false;
    await alice.network.connect(bob.id, bob.address);
    for (let lies = 0; lies < 3; lies++) bob.network.distrustGossip(alice.id);
    await until(() => expect(alice.events.at(-1)).toMatch(`-${bob.id}`));
    const refusals = vi.spyOn(Liars.prototype, 'isRefused');
    await expect(alice.network.connect(bob.id, bob.address)).rejects.toBeInstanceOf(NetworkError);
    expect(refusals.mock.results.filter(({ value }) => value === true)).toHaveLength(1);
  });

  it('hangs up on a liar that is nothing else to it, and lets it in only by its own will', async () => {
    const [alice, bob, carol] = await line();
    bob.handlers.onGossipDistrusted = () => false;
    for (let lies = 0; lies < 3; lies++) bob.network.distrustGossip(alice.id);
    await until(() => expect(bob.events.at(-1)).toBe(`-${alice.id} its gossip is false`));
    await expect(alice.network.connect(bob.id, bob.address)).rejects.toBeInstanceOf(NetworkError);
    await carol.network.disconnect(bob.id, 'for now');
    await carol.network.connect(bob.id, bob.address);
    expect(bob.events.filter((event) => event.startsWith(`+${alice.id}`))).toHaveLength(1);
  });

  it('hangs up on a liar without a link', async () => {
    const [bob] = (await nodes(1)) as [TestNode];
    bob.handlers.onGossipDistrusted = () => false;
    const raw = await rawPeer(bob, { linked: false });
    bob.verdict = 'reject';
    await publishUntil((message) => raw.services.pubsub.publish(topic, message), () => bob.events.length > 0);
    await until(() => expect(raw.getConnections()).toEqual([]));
    await expect(raw.dial(multiaddr(bob.address)).then((connection) => connection.newStream(CHANNEL_PROTOCOL))).rejects.toThrow();
  });

  it('takes no message that BOLT 1 does not allow', async () => {
    const [node] = (await nodes(1)) as [TestNode];
    const raw = await rawPeer(node);
    await publishUntil((message) => raw.services.pubsub.publish(topic, message), () => node.gossip.length > 0);
    await raw.services.pubsub.publish(topic, new Uint8Array(65_536));
    await raw.services.pubsub.publish(topic, bytes(1));
    await raw.services.pubsub.publish(topic, new Uint8Array(65_535).fill(1));
    await until(() => expect(node.gossip.at(-1)).toMatch(/^1\.1\.1\.1\./));
    const lengths = node.gossip.map((entry) => entry.split(' ')[0]!.split('.').length);
    expect(lengths.filter((length) => length < 2 || length > 65_535)).toEqual([]);
    await expect(node.network.publishGossip(new Uint8Array(65_536))).rejects.toMatchObject(code('message_too_large'));
  });

  it('validates some messages at a time and lets a flood pass by', async () => {
    const limits = { gossipConcurrency: 3, maxGossipQueuePerPeer: 10 };
    const [node] = (await nodes(1, () => ({ limits }))) as [TestNode];
    const raw = await rawPeer(node);
    await publishUntil((message) => raw.services.pubsub.publish(topic, message), () => node.gossip.length > 0);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const before = node.gossip.length;
    let release = (): void => {};
    const gate = new Promise<void>((resolve) => (release = resolve));
    node.handlers.onGossip = async () => {
      await gate;
      return 'accept';
    };
    for (let i = 0; i < 500; i++) void raw.services.pubsub.publish(topic, bytes(8, i >> 8, i & 0xff));
    await until(() => expect(node.gossip.length - before).toBe(3));
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(node.gossip.length - before).toBe(3);
    release();
    await until(() => expect(node.gossip.length - before).toBe(10));
    const publish = (message: Uint8Array): unknown => raw.services.pubsub.publish(topic, message);
    await publishUntil(publish, () => node.gossip.length - before > 10);
  });

  it('comes back when its stream is lost while the peer stays connected', async () => {
    const clock = new VirtualClock(Date.now());
    const [node] = (await nodes(1, () => ({ clock }))) as [TestNode];
    const raw = await rawPeer(node);
    const heard: Uint8Array[] = [];
    raw.services.pubsub.addEventListener('message', ({ detail }) => heard.push(detail.data));
    await raw.dial(multiaddr(node.address), { force: true });
    expect(raw.getConnections()).toHaveLength(2);
    await publishUntil((message) => node.network.publishGossip(message), () => heard.length > 0);
    // What the new connection sets in motion is over.
    await new Promise((resolve) => setTimeout(resolve, 500));
    const streams = raw.getConnections().flatMap((connection) => connection.streams);
    for (const stream of streams) {
      if (stream.direction === 'inbound' && stream.protocol.startsWith('/meshsub/')) stream.abort(new Error('lost'));
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
    heard.length = 0;
    await node.network.publishGossip(bytes(9, 9));
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(heard).toEqual([]);
    await publishUntil(
      (message) => {
        clock.advance(10_000);
        return node.network.publishGossip(message);
      },
      () => heard.length > 0,
    );
    expect(node.events).toHaveLength(1);
  });
});

describe('sync over libp2p', () => {
  async function pair(limits = {}): Promise<[TestNode, TestNode]> {
    const [alice, bob] = (await nodes(2, () => ({ limits }))) as [TestNode, TestNode];
    await alice.network.connect(bob.id, bob.address);
    return [alice, bob];
  }

  /** Takes the answers to the end; returns the numbers they carry. */
  async function numbers(answers: AsyncIterable<Uint8Array>): Promise<number[]> {
    const found: number[] = [];
    for await (const answer of answers) found.push(numberOf(answer));
    return found;
  }

  it('yields all answers in order, large and small, both ways at once', async () => {
    const [alice, bob] = await pair();
    const asked: string[] = [];
    const serve = (name: string) =>
      async function* (from: string, request: Uint8Array): AsyncGenerator<Uint8Array> {
        asked.push(`${name} ${from} ${request.join('.')}`);
        for (let i = 0; i < 3_000; i++) yield* numbered(1, 6 + ((i * 37) % 2_000), i);
      };
    alice.handlers.onSyncRequest = serve('alice');
    bob.handlers.onSyncRequest = serve('bob');
    const request = (from: TestNode, to: TestNode): Promise<number[]> =>
      numbers(from.network.requestSync(to.id, bytes(1, 9)));
    const [fromBob, fromAlice] = await Promise.all([request(alice, bob), request(bob, alice)]);
    const expected = Array.from({ length: 3_000 }, (_, i) => i);
    expect(fromBob).toEqual(expected);
    expect(fromAlice).toEqual(expected);
    expect(asked.toSorted()).toEqual([`alice ${bob.id} 1.9`, `bob ${alice.id} 1.9`]);
    bob.handlers.onSyncRequest = async function* () {};
    expect(await request(alice, bob)).toEqual([]);
  });

  it('is no faster than the answers are taken, and ends when they are not wanted', async () => {
    const [alice, bob] = await pair();
    let served = 0;
    let ended = false;
    bob.handlers.onSyncRequest = async function* () {
      try {
        while (served < 2_000) {
          served += 1;
          yield* numbered(1, 10_000);
        }
      } finally {
        ended = true;
      }
    };
    for await (const answer of alice.network.requestSync(bob.id, bytes(0, 1))) {
      expect(answer).toHaveLength(10_000);
      let last = -1;
      await expect.poll(() => last === (last = served), { interval: 100 }).toBe(true);
      break;
    }
    expect(served).toBeLessThan(1_000);
    await until(() => expect(ended).toBe(true));
    expect(alice.events).toHaveLength(1);
  });

  it('fails when the peer is too long, too slow, unable or gone', async () => {
    const [alice, bob] = await pair({ maxSyncBytes: 5_000, syncIdleTimeoutMs: 300 });
    const sync = (): Promise<number[]> => numbers(alice.network.requestSync(bob.id, bytes(0, 1)));
    bob.handlers.onSyncRequest = async function* () {
      yield* numbered(60, 100);
    };
    await expect(sync()).rejects.toMatchObject(code('stream_failed'));
    bob.handlers.onSyncRequest = async function* () {
      await new Promise(() => {});
      yield bytes(0, 1);
    };
    await expect(sync()).rejects.toMatchObject(code('stream_failed'));
    bob.handlers.onSyncRequest = async function* () {
      yield* numbered(1, 100);
      throw new Error('the graph is not loaded');
    };
    await expect(sync()).rejects.toMatchObject(code('stream_failed'));
    bob.handlers.onSyncRequest = async function* () {
      yield* numbered(1, 100);
      void bob.network.stop();
      await new Promise((resolve) => setTimeout(resolve, 50));
    };
    await expect(sync()).rejects.toMatchObject(code('stream_failed'));
    await until(() => expect(alice.events).toHaveLength(2));
    await expect(sync()).rejects.toMatchObject(code('not_connected'));
  });

  it('survives peers that break the rules', async () => {
    const [node] = (await nodes(1, () => ({ limits: { syncIdleTimeoutMs: 300 } }))) as [TestNode];
    const raw = await rawPeer(node);
    await until(() => expect(node.events).toHaveLength(1));
    const rawId = bytesToString(raw.peerId.publicKey!.raw, 'hex');
    const garbage = [bytes(0, 0), bytes(0, 9, 1), new Uint8Array(2_000).fill(0)];
    for (const answer of garbage) {
      await raw.handle(
        GOSSIP_SYNC_PROTOCOL,
        (stream) => {
          stream.send(answer);
          void stream.close();
        },
        { force: true },
      );
      await expect(numbers(node.network.requestSync(rawId, bytes(0, 1)))).rejects.toMatchObject(code('stream_failed'));
    }
    let asked = 0;
    node.handlers.onSyncRequest = async function* () {
      asked += 1;
      yield* numbered(1, 100);
    };
    const [connection] = raw.getConnections();
    for (const request of [bytes(0, 0), encodeFrames([bytes(0, 1), bytes(0, 2)]), bytes(0, 5, 1), bytes()]) {
      const stream = await connection!.newStream(GOSSIP_SYNC_PROTOCOL);
      if (request.length > 0) stream.send(request);
      await stream.close();
      await until(() => expect(stream.status).not.toBe('open'));
    }
    expect(asked).toBe(0);
    expect(node.events).toHaveLength(1);
  });
});
