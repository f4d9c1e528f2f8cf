import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fromString } from 'uint8arrays/from-string';
import { afterEach, describe, expect, it } from 'vitest';
import { peerIdFromNodeId } from '../../protocols/ids.ts';
import { createLibp2pNetwork } from '../../src/network/libp2p-network.ts';
import type { Libp2pNetworkOptions } from '../../src/network/libp2p-network.ts';
import type { Network } from '../../src/network/network.ts';
import { TestNode, bytes, chainHash, code, lightning, newKey, nodes, numberOf, numbered, stopAll, transports, until } from './network-node.ts';

afterEach(stopAll);

describe.each(Object.entries(transports))('links over %s', (_, network) => {
  it('connects by address, carries messages both ways, and hangs up after what was sent', async () => {
    const [alice, bob] = (await nodes(2, network)) as [TestNode, TestNode];
    await alice.network.connect(bob.id, bob.address);
    expect(alice.events).toEqual([`+${bob.id} out`]);
    alice.network.send(bob.id, [bytes(0, 1), bytes(0, 2)]);
    await until(() => expect(bob.events).toHaveLength(1));
    bob.network.send(alice.id, [bytes(1, 1)]);
    await until(() => expect([alice.messages.length, bob.messages.length]).toEqual([1, 2]));
    expect(bob.messages).toEqual([bytes(0, 1), bytes(0, 2)]);
    expect(bob.events).toEqual([`+${alice.id} in`]);
    await alice.network.connect(bob.id);
    expect(alice.events).toHaveLength(1);

    bob.network.send(alice.id, numbered(1_000, 100));
    const left = bob.network.disconnect(alice.id, 'enough');
    expect(bob.events).toHaveLength(1);
    bob.network.send(alice.id, [bytes(1, 9)]);
    await left;
    await until(() => expect(alice.events).toHaveLength(2));
    expect(alice.messages.slice(1).map(numberOf)).toEqual(numbered(1_000, 6).map(numberOf));
    expect(alice.events[1]).toMatch(`-${bob.id} closed_by_peer`);
    expect(bob.events[1]).toBe(`-${alice.id} enough`);
    await alice.network.connect(bob.id, bob.address);
    expect(alice.events[2]).toBe(`+${bob.id} out`);
    await until(() => expect(bob.events).toHaveLength(3));
    await bob.network.stop();
    expect(bob.events.slice(2)).toEqual([`+${alice.id} in`, `-${alice.id} stopped`]);
    await until(() => expect(alice.events).toHaveLength(4));
  });

  it('carries a burst in order both ways', async () => {
    const [alice, bob] = (await nodes(2, network)) as [TestNode, TestNode];
    await alice.network.connect(bob.id, bob.address);
    await until(() => expect(bob.events).toHaveLength(1));
    for (let from = 0; from < 5_000; from += 50) {
      alice.network.send(bob.id, numbered(50, 1_400, from));
      bob.network.send(alice.id, numbered(50, 300, from));
    }
    await until(() => expect([alice.messages.length, bob.messages.length]).toEqual([5_000, 5_000]));
    const expected = numbered(5_000, 6).map(numberOf);
    expect(bob.messages.map(numberOf)).toEqual(expected);
    expect(alice.messages.map(numberOf)).toEqual(expected);
    const largest = new Uint8Array(65_535).fill(3);
    alice.network.send(bob.id, Array<Uint8Array>(20).fill(largest));
    await until(() => expect(bob.messages).toHaveLength(5_020));
    expect(bob.messages.at(-1)).toEqual(largest);
    // A message that no BOLT allows cannot be sent, nor left out: the link ends.
    alice.network.send(bob.id, [new Uint8Array(65_536)]);
    expect(alice.events).toHaveLength(1);
    await until(() => expect(alice.events[1]).toMatch('bad_outgoing_message'));
  });

  it('waits for a busy receiver, and gives up a peer that stays busy', async () => {
    const [alice, bob] = (await nodes(2, network)) as [TestNode, TestNode];
    let release = (): void => {};
    bob.handlers.onMessage = () => new Promise((resolve) => (release = resolve));
    await alice.network.connect(bob.id, bob.address);
    alice.network.send(bob.id, numbered(4_000, 1_000));
    await until(() => expect(bob.messages).toHaveLength(1));
    // These find the stream full and wait in the link.
    alice.network.send(bob.id, numbered(1_000, 100, 4_000));
    release();
    await until(() => expect(bob.messages).toHaveLength(2));
    expect(alice.events).toHaveLength(1);
    bob.handlers = {};
    release();
    await until(() => expect(bob.messages).toHaveLength(5_000));
    expect(bob.messages.map(numberOf)).toEqual(numbered(5_000, 6).map(numberOf));

    bob.handlers.onMessage = () => new Promise(() => {});
    for (let sent = 0; sent < 20 && alice.events.length === 1; sent++) {
      alice.network.send(bob.id, numbered(1_000, 1_000));
      // Time enough for a receiver that takes all it is sent.
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(alice.events[1]).toMatch('outgoing_queue_full');
    expect(bob.messages).toHaveLength(5_001);
  });

  it('ends a link whose receiver fails', async () => {
    const [alice, bob] = (await nodes(2, network)) as [TestNode, TestNode];
    bob.handlers.onMessage = () => {
      throw new Error('a mistake');
    };
    await alice.network.connect(bob.id, bob.address);
    alice.network.send(bob.id, [bytes(0, 1), bytes(0, 2)]);
    await until(() => expect(bob.events[1]).toMatch('handler_failed: a mistake'));
    await until(() => expect(alice.events[1]).toMatch(/connection_lost|closed_by_peer/));
    expect(bob.messages).toHaveLength(1);
  });
});

describe('a network over libp2p', () => {
  it('is told by those who dial it where they can be dialled', async () => {
    const [alice, bob, carol] = (await nodes(3, (index) =>
      index === 2 ? { announce: ['/dns4/carol.example/tcp/9736', '/ip4/127.0.0.1/tcp/9736'] } : {},
    )) as [TestNode, TestNode, TestNode];
    await alice.network.connect(bob.id, bob.address);
    await carol.network.connect(bob.id, bob.address);
    await until(() => expect([bob.said.get(alice.id), bob.said.get(carol.id)]).toEqual([alice.address, '/ip4/127.0.0.1/tcp/9736']));
    expect(alice.said.size + carol.said.size).toBe(0);
  });

  it('makes one link of dials that cross, without a word of the other', async () => {
    const pairs = await nodes(8);
    for (let i = 0; i < pairs.length; i += 2) {
      const [left, right] = [pairs[i]!, pairs[i + 1]!];
      for (let round = 0; round < 3; round++) {
        await Promise.all([
          left.network.connect(right.id, right.address),
          right.network.connect(left.id, left.address),
          left.network.connect(right.id, right.address),
        ]);
        left.network.send(right.id, [bytes(7, round)]);
        right.network.send(left.id, [bytes(8, round)]);
        await until(() => expect([left.messages.length, right.messages.length]).toEqual([round + 1, round + 1]));
        expect(left.events).toHaveLength(2 * round + 1);
        expect(right.events).toHaveLength(2 * round + 1);
        await left.network.disconnect(right.id, 'next round');
        await until(() => expect(right.events).toHaveLength(2 * round + 2));
      }
    }
  });

  it('says why it cannot connect', async () => {
    const [alice, bob, carol] = (await nodes(3)) as [TestNode, TestNode, TestNode];
    const connect = (id: string, address?: string): Promise<void> => alice.network.connect(id, address);
    await expect(connect(carol.id, bob.address)).rejects.toMatchObject(code('peer_identity_mismatch'));
    const named = `${bob.address}/p2p/${peerIdFromNodeId(fromString(bob.id, 'hex')).toString()}`;
    await expect(connect(carol.id, named)).rejects.toMatchObject(code('peer_identity_mismatch'));
    await expect(connect(bob.id, '/ip4/127.0.0.1/tcp/1')).rejects.toMatchObject(code('peer_unreachable'));
    await expect(connect(bob.id, 'localhost:9735')).rejects.toMatchObject(code('invalid_address'));
    // Sockets of this machine are not for peers to name.
    const path = join(mkdtempSync(join(tmpdir(), 'runnel-unix-')), 'socket');
    let opened = 0;
    const local = createServer(() => opened++).listen(path);
    await once(local, 'listening');
    await expect(connect(bob.id, `/unix/${encodeURIComponent(path)}`)).rejects.toMatchObject(code('peer_unreachable'));
    expect(opened).toBe(0);
    local.close();
    rmSync(dirname(path), { recursive: true });
    await expect(connect(bob.id.toUpperCase(), bob.address)).rejects.toMatchObject(code('invalid_address'));
    await expect(connect('02abcd', bob.address)).rejects.toMatchObject(code('invalid_address'));
    await expect(connect(alice.id, bob.address)).rejects.toMatchObject(code('peer_is_self'));
    expect([...alice.events, ...bob.events]).toEqual([]);
    await connect(bob.id, named);
    expect(alice.events).toEqual([`+${bob.id} out`]);
    await alice.network.stop();
    await expect(connect(bob.id, named)).rejects.toMatchObject(code('network_stopped'));
  });

  it('says why it cannot start', async () => {
    const [alice] = (await nodes(1)) as [TestNode];
    const start = (options: Partial<Libp2pNetworkOptions>): Promise<TestNode> => new TestNode(options).start();
    await expect(start({ listen: [alice.address] })).rejects.toMatchObject(code('listen_failed'));
    await expect(start({ listen: ['nonsense'] })).rejects.toMatchObject(code('invalid_config'));
    for (const bootstrap of [{ nodeId: alice.id.toUpperCase() }, { address: 'nonsense' }]) {
      const peer = { nodeId: alice.id, address: alice.address, ...bootstrap };
      await expect(start({ bootstrap: [peer] })).rejects.toMatchObject(code('invalid_config'));
    }
    for (const privateKey of [new Uint8Array(32), new Uint8Array(31).fill(1), new Uint8Array(64).fill(1)]) {
      expect(() => createLibp2pNetwork({ privateKey, listen: [], chainHash })).toThrow(
        expect.objectContaining(code('invalid_config')),
      );
    }
  });
});

describe('a network over BOLT 8', () => {
  it('says why it cannot connect', async () => {
    const [alice, bob, carol] = (await nodes(3, () => lightning())) as [TestNode, TestNode, TestNode];
    const connect = (id: string, address?: string): Promise<void> => alice.network.connect(id, address);
    await expect(connect(carol.id, bob.address)).rejects.toMatchObject(code('peer_identity_mismatch'));
    await expect(connect(bob.id, '127.0.0.1:1')).rejects.toMatchObject(code('peer_unreachable'));
    for (const address of ['nowhere', '127.0.0.1:0', `${'a'.repeat(56)}.onion:9735`, '/ip4/127.0.0.1/tcp/9735']) {
      await expect(connect(bob.id, address)).rejects.toMatchObject(code('invalid_address'));
    }
    await expect(connect('02abcd', bob.address)).rejects.toMatchObject(code('invalid_address'));
    await expect(connect(`02${'0'.repeat(64)}`, bob.address)).rejects.toMatchObject(code('invalid_address'));
    await expect(connect(alice.id, bob.address)).rejects.toMatchObject(code('peer_is_self'));
    await expect(connect(bob.id)).rejects.toMatchObject(code('peer_unknown_address'));
    expect([...alice.events, ...bob.events]).toEqual([]);
    await alice.network.stop();
    await expect(connect(bob.id, bob.address)).rejects.toMatchObject(code('network_stopped'));
  });

  it('says why it cannot start', async () => {
    const [alice] = (await nodes(1, () => lightning())) as [TestNode];
    await expect(new TestNode(lightning({ listen: [alice.address] })).start()).rejects.toMatchObject(code('listen_failed'));
    expect(() => lightning({ listen: ['nonsense'] })).toThrow(expect.objectContaining(code('invalid_config')));
  });

  it('makes one link of dials that cross', async () => {
    for (let round = 0; round < 10; round++) {
      const [left, right] = (await nodes(2, () => lightning())) as [TestNode, TestNode];
      await Promise.all([left.network.connect(right.id, right.address), right.network.connect(left.id, left.address)]);
      // What is sent meanwhile may be lost with the link that loses.
      await until(() => {
        left.network.send(right.id, [bytes(7, round)]);
        right.network.send(left.id, [bytes(8, round)]);
        expect([left.messages.length > 0, right.messages.length > 0]).toEqual([true, true]);
      });
      for (const { events } of [left, right]) {
        expect(events.length % 2).toBe(1);
        expect(events.length).toBeLessThanOrEqual(3);
      }
      const before = [...left.events, ...right.events];
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect([...left.events, ...right.events]).toEqual(before);
    }
  });

  it('finds peers where they announce to be, and takes a peer in that has lost its link', async () => {
    const [bob] = (await nodes(1, () => lightning())) as [TestNode];
    const key = newKey();
    const here = (): Network => lightning({ findAddresses: () => ['127.0.0.1:1', bob.address] }, key);
    const [alice, again] = (await nodes(2, here)) as [TestNode, TestNode];
    await alice.network.connect(bob.id);
    await until(() => expect(bob.events).toHaveLength(1));
    await again.network.connect(bob.id);
    await until(() => expect(bob.events).toEqual([`+${alice.id} in`, `-${alice.id} connection_lost: the peer made another connection`, `+${alice.id} in`]));
    await until(() => expect(alice.events).toHaveLength(2));
    expect(again.events).toHaveLength(1);
  });
});

describe('finding peers', () => {
  it('connects by node id alone where the DHT knows the address, and says when it does not', async () => {
    const [hub] = (await nodes(1)) as [TestNode];
    const bootstrap = [{ nodeId: hub.id, address: hub.address }];
    const [alice, bob] = (await nodes(2, () => ({ bootstrap }))) as [TestNode, TestNode];
    const connect = (): Promise<string> => alice.network.connect(bob.id).then(() => 'up', () => 'down');
    await expect.poll(connect, { timeout: 20_000 }).toBe('up');
    expect(alice.events[0]).toMatch(`+${bob.id}`);
    const nobody = new TestNode().id;
    await expect(alice.network.connect(nobody)).rejects.toMatchObject(code('peer_unknown_address'));
  });
});
