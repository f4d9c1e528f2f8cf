import { vi } from 'vitest';
import { toString } from 'uint8arrays';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import { createLibp2pNetwork } from '../../src/network/libp2p-network.ts';
import { LightningNetwork, type LightningNetworkOptions } from '../../src/network/lightning/lightning-network.ts';
import type { Libp2pNetworkOptions } from '../../src/network/libp2p-network.ts';
import type { GossipVerdict, Network, NetworkHandlers } from '../../src/network/network.ts';

export const chainHash = new Uint8Array(32).fill(6);
let nextKey = 1;

const libp2p = (options: Partial<Libp2pNetworkOptions> = {}): Network =>
  createLibp2pNetwork({ privateKey: newKey(), listen: ['/ip4/127.0.0.1/tcp/0'], chainHash, ...options });

/** A Lightning node's network, which listens on a free port and knows no addresses. */
export function lightning(options: Partial<LightningNetworkOptions> = {}, privateKey = newKey()): Network {
  const publicKey = secp256k1.publicKey(privateKey);
  const key = { publicKey, ecdh: (other: Uint8Array) => secp256k1.ecdh(other, privateKey) };
  return new LightningNetwork({ nodeId: toString(publicKey, 'hex'), key, listen: ['127.0.0.1:0'], chainHash, findAddresses: () => [], ...options });
}

/** Each makes another node's network. */
export const transports = { libp2p: () => libp2p(), 'BOLT 8': () => lightning() };

/** Another one each time, however many a property asks for. */
export function newKey(): Uint8Array {
  const key = new Uint8Array(32);
  new DataView(key.buffer).setUint32(28, nextKey++);
  return key;
}

/** A node in this process that writes down what its network tells it. */
export class TestNode {
  readonly network: Network;
  readonly events: string[] = [];
  /** Where peers that dialled this one say that they are. */
  readonly said = new Map<string, string>();
  readonly messages: Uint8Array[] = [];
  readonly gossip: string[] = [];
  verdict: GossipVerdict = 'accept';
  handlers: Partial<NetworkHandlers> = {};

  constructor(network: Network | Partial<Libp2pNetworkOptions> = {}) {
    this.network = 'nodeId' in network ? network : libp2p(network);
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
      onPeerAddress: (peer, address) => void this.said.set(peer, address),
      onPeerDisconnected: (peer, reason) => this.events.push(`-${peer} ${reason}`),
      onMessage: (peer, message) => {
        this.messages.push(message);
        return this.handlers.onMessage?.(peer, message);
      },
      onGossip: async (message, from) => {
        this.gossip.push(`${message.join('.')} from ${from}`);
        return this.handlers.onGossip?.(message, from) ?? this.verdict;
      },
      onGossipDistrusted: (peer) => {
        this.events.push(`?${peer}`);
        return this.handlers.onGossipDistrusted?.(peer) ?? true;
      },
      onSyncRequest: (from, request) => this.handlers.onSyncRequest!(from, request),
    });
    return this;
  }
}

/** For a peer that believes everybody. */
export const nobody = { isDistrusted: () => false, isRefused: () => false };

const running: TestNode[] = [];

/** Started nodes, each with another key; `stopAll` stops them. */
export async function nodes(
  count: number,
  network?: (index: number) => Network | Partial<Libp2pNetworkOptions>,
): Promise<TestNode[]> {
  const created: TestNode[] = [];
  for (let index = 0; index < count; index++) {
    const node = await new TestNode(network?.(index)).start();
    running.push(node);
    created.push(node);
  }
  return created;
}

export const until = (assertion: () => void): Promise<void> => vi.waitFor(assertion, { timeout: 20_000, interval: 5 });

export const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

/** Stops every node that `nodes` has started. */
export async function stopAll(): Promise<void> {
  await Promise.all(running.splice(0).map((node) => node.network.stop()));
}

/** What an assertion on a rejected promise matches. */
export const code = (expected: string): { code: string } => ({ code: expected });

/** Messages that carry their number. */
export function numbered(count: number, size: number, from = 0): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => {
    const message = new Uint8Array(size).fill(i & 0xff);
    new DataView(message.buffer).setUint32(2, from + i);
    return message;
  });
}

export const numberOf = (message: Uint8Array): number => new DataView(message.buffer).getUint32(2);
