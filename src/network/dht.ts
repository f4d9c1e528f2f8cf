import type { PeerId } from '@libp2p/interface';
import { kadDHT, passthroughMapper } from '@libp2p/kad-dht';
import type { KadDHT, KadDHTComponents } from '@libp2p/kad-dht';
import type { Multiaddr } from '@multiformats/multiaddr';
import { KAD_PROTOCOL } from '../../protocols/ids.ts';

/**
 * kad-dht for one purpose: to find the addresses of a node id. Every node serves it, on private networks too, and
 * keeps no records for others.
 */
export function dhtService(components: KadDHTComponents): KadDHT {
  const { peerId, privateKey, registrar, addressManager, peerStore, connectionManager } = components;
  const { events, logger, ping } = components;
  return kadDHT({ protocol: KAD_PROTOCOL, clientMode: false, peerInfoMapper: passthroughMapper })({
    peerId,
    privateKey,
    registrar,
    addressManager,
    peerStore,
    connectionManager,
    events,
    logger,
    ping,
    datastore: noRecords,
  });
}

/** The addresses that the DHT has of a peer, not from our own memory but from others; none when it is not found. */
export async function findAddresses(dht: KadDHT, peerId: PeerId, signal: AbortSignal): Promise<readonly Multiaddr[]> {
  try {
    for await (const event of dht.findPeer(peerId, { signal, useCache: false })) {
      if (event.name === 'FINAL_PEER') return event.peer.multiaddrs;
    }
  } catch {
    // Not found, or not in time: both mean that there is no address to try.
  }
  return [];
}

/**
 * A store that forgets everything. The DHT stores what peers ask it to (provider records without any bound), and a
 * node needs none of it: addresses of peers are in the peer store.
 */
const noRecords: KadDHTComponents['datastore'] = {
  has: async () => false,
  put: async (key) => key,
  get: async (key) => {
    throw Object.assign(new Error(`${key.toString()} is not stored`), { name: 'NotFoundError' });
  },
  delete: async () => {},
  async *putMany(source) {
    for await (const { key } of source) yield key;
  },
  async *getMany() {},
  async *deleteMany(source) {
    yield* source;
  },
  async *query() {},
  async *queryKeys() {},
  batch: () => ({ put: () => {}, delete: () => {}, commit: async () => {} }),
};
