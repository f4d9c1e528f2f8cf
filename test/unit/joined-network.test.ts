import { beforeEach, describe, expect, it } from 'vitest';
import { toString } from 'uint8arrays';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import { decodeGossip, type GossipOf } from '../../protocols/gossip/gossip-message.ts';
import { NetworkError } from '../../src/network/errors.ts';
import { joinNetworks } from '../../src/network/joined-network.ts';
import { LightningNetwork } from '../../src/network/lightning/lightning-network.ts';
import type { Network, NetworkHandlers } from '../../src/network/network.ts';
import { CHAIN_HASH, keysOf, nodeAnnouncement } from '../harness/graph-gossip.ts';

const self = keysOf(1);
const peer = keysOf(2).nodeId;
const info = { inbound: true, address: 'somewhere' };

/** A network that tells what the test says, and writes down what it is told. */
class Scripted implements Network {
  readonly nodeId = self.nodeId;
  readonly calls: string[] = [];
  handlers!: NetworkHandlers;
  onStart = async (): Promise<void> => {};
  onConnect = async (): Promise<void> => {};

  async start(handlers: NetworkHandlers): Promise<void> {
    this.handlers = handlers;
    await this.onStart();
  }

  stop = (): Promise<void> => Promise.resolve();
  listenAddresses = (): readonly string[] => [];
  connect = (): Promise<void> => this.onConnect();

  disconnect(nodeId: string): Promise<void> {
    this.calls.push('disconnect');
    this.handlers.onPeerDisconnected(nodeId, 'hung up');
    return Promise.resolve();
  }

  send = (): unknown => this.calls.push('send');
  startGossip = (): void => {};
  publishGossip = (): Promise<void> => Promise.resolve();
  tellGossip = (): unknown => this.calls.push('tell');
  distrustGossip = (): unknown => this.calls.push('distrust');
  async *requestSync(): AsyncGenerator<Uint8Array> {}
}

let mesh: Scripted;
let lightning: Scripted;
let joined: Network;
let told: string[];

const handlers: NetworkHandlers = {
  onPeerConnected: () => void told.push('+'),
  onPeerAddress: (_, address) => void told.push(address),
  onPeerDisconnected: () => void told.push('-'),
  onMessage: (_, message) => void told.push(message.join('.')),
  onGossip: () => Promise.resolve('accept'),
  onGossipDistrusted: () => true,
  async *onSyncRequest() {},
};

beforeEach(async () => {
  told = [];
  [mesh, lightning] = [new Scripted(), new Scripted()];
  joined = joinNetworks(mesh, lightning);
  await joined.start(handlers);
});

describe('a peer with links over both networks', () => {
  it('is heard over the mesh, whichever came first', async () => {
    lightning.handlers.onPeerConnected(peer, info);
    await lightning.handlers.onMessage(peer, Uint8Array.of(1));
    mesh.handlers.onPeerConnected(peer, info);
    await lightning.handlers.onMessage(peer, Uint8Array.of(2));
    await mesh.handlers.onMessage(peer, Uint8Array.of(3));
    lightning.handlers.onPeerConnected(peer, info);
    await lightning.handlers.onMessage(peer, Uint8Array.of(4));
    mesh.handlers.onPeerAddress(peer, '/said');
    lightning.handlers.onPeerAddress(peer, 'not heard');
    joined.send(peer, []);
    expect(told).toEqual(['+', '1', '-', '+', '3', '/said']);
    expect([mesh.calls, lightning.calls]).toEqual([['send'], ['disconnect', 'disconnect']]);
    mesh.handlers.onPeerDisconnected(peer, 'gone');
    lightning.handlers.onPeerConnected(peer, info);
    expect(told.slice(6)).toEqual(['-', '+']);
  });

  it('is connected where the one that was dialled has lost to the other', async () => {
    lightning.onConnect = () => {
      mesh.handlers.onPeerConnected(peer, info);
      lightning.handlers.onPeerConnected(peer, info);
      return Promise.reject(new NetworkError('stream_failed', 'it ended at once'));
    };
    await joined.connect(peer, '203.0.113.5:9735');
    expect(told).toEqual(['+']);
  });
});

it('a liar is remembered though it has hung up, over whichever network it lied', () => {
  joined.distrustGossip(peer);
  expect([mesh.calls, lightning.calls]).toEqual([['distrust'], ['distrust']]);
  lightning.handlers.onPeerConnected(peer, info);
  joined.distrustGossip(peer);
  expect([mesh.calls, lightning.calls]).toEqual([['distrust'], ['distrust', 'distrust']]);
});

it('what the mesh tells before Lightning runs, or after it has stopped, is judged all the same', async () => {
  const key = { publicKey: self.publicKey, ecdh: (other: Uint8Array) => secp256k1.ecdh(other, new Uint8Array(32).fill(1)) };
  const real = new LightningNetwork({ nodeId: toString(self.publicKey, 'hex'), key, listen: [], chainHash: CHAIN_HASH, findAddresses: () => [] });
  const both = joinNetworks(mesh, real);
  const verdicts: string[] = [];
  const hear = async (): Promise<void> => void verdicts.push(await mesh.handlers.onGossip(nodeAnnouncement(self), peer));
  mesh.onStart = hear;
  await both.start(handlers);
  await hear();
  await both.stop();
  await hear();
  both.tellGossip({
    gossip: decodeGossip(nodeAnnouncement(self)) as GossipOf<'node_announcement'>, from: peer, isFirst: false, introduction: () => undefined,
  });
  expect(verdicts).toEqual(['accept', 'accept', 'accept']);
});
