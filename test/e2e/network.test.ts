import { afterEach, describe, expect, it, vi } from 'vitest';
import { createLibp2pNetwork } from '../../src/network/libp2p-network.ts';
import type { Libp2pNetworkOptions } from '../../src/network/libp2p-network.ts';
import type { GossipVerdict, Network, NetworkHandlers } from '../../src/network/network.ts';

const chainHash = new Uint8Array(32).fill(6);
let nextKey = 1;

/** A node in this process that writes down what its network tells it. */
class TestNode {
  readonly network: Network;
  readonly events: string[] = [];
  readonly messages: Uint8Array[] = [];
  readonly gossip: string[] = [];
  verdict: GossipVerdict = 'accept';
  handlers: Partial<NetworkHandlers> = {};

  constructor(options: Partial<Libp2pNetworkOptions> = {}) {
    const privateKey = new Uint8Array(32).fill(nextKey++);
    this.network = createLibp2pNetwork({ privateKey, listen: ['/ip4/127.0.0.1/tcp/0'], chainHash, ...options });
  }

  get id(): string {
    return this.network.nodeId;
  }

  get address(): string {
    return this.network.listenAddresses()[0]!;
  }

  async start(): Promise<this> {
    await this.network.start({
      onPeerConnected: (peer, { inbound }) => this.events.push(`+${peer} ${inbound ? 'in' : 'out'}`),
      onPeerDisconnected: (peer, reason) => this.events.push(`-${peer} ${reason}`),
      onMessage: (peer, message) => {
        this.messages.push(message);
        return this.handlers.onMessage?.(peer, message);
      },
      onGossip: async (message, from) => {
        this.gossip.push(`${message.join('.')} from ${from}`);
        return this.verdict;
      },
      onSyncRequest: (from, request) => this.handlers.onSyncRequest!(from, request),
    });
    return this;
  }
}

const running: TestNode[] = [];

async function nodes(count: number, options?: (index: number) => Partial<Libp2pNetworkOptions>): Promise<TestNode[]> {
  const created: TestNode[] = [];
  for (let index = 0; index < count; index++) {
    const node = await new TestNode(options?.(index)).start();
    running.push(node);
    created.push(node);
  }
  return created;
}

const until = (assertion: () => void): Promise<void> => vi.waitFor(assertion, { timeout: 20_000, interval: 5 });

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

afterEach(async () => {
  await Promise.all(running.splice(0).map((node) => node.network.stop()));
});

describe('links over libp2p', () => {
  it('connects by address and carries messages both ways', async () => {
    const [alice, bob] = (await nodes(2)) as [TestNode, TestNode];
    await alice.network.connect(bob.id, bob.address);
    expect(alice.events).toEqual([`+${bob.id} out`]);
    alice.network.send(bob.id, [bytes(0, 1), bytes(0, 2)]);
    bob.network.send(alice.id, [bytes(1, 1)]);
    await until(() => expect([alice.messages.length, bob.messages.length]).toEqual([1, 2]));
    expect(bob.messages).toEqual([bytes(0, 1), bytes(0, 2)]);
    expect(bob.events).toEqual([`+${alice.id} in`]);
    await alice.network.connect(bob.id);
    expect(alice.events).toHaveLength(1);
  });
});
