import { KEEP_ALIVE, type PeerId, type PeerStore } from '@libp2p/interface';
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
    peerStore: keepingNobody(peerStore),
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
 * A peer store in which kad-dht marks nobody to be kept connected. libp2p dials whoever is marked at once, each time it is lost: one that
 * hangs up as soon as it has been dialled is dialled some 25 times a second, without end. Coming back to a peer is the peer machine's business.
 */
function keepingNobody(peerStore: PeerStore): PeerStore {
  const merge: PeerStore['merge'] = (peerId, data, options) => {
    const tags = Object.entries(data.tags ?? {}).filter(([name]) => !name.startsWith(KEEP_ALIVE));
    return peerStore.merge(peerId, { ...data, ...(data.tags && { tags: Object.fromEntries(tags) }) }, options);
  };
  return new Proxy(peerStore, {
    get: (target, name) => {
      const value: unknown = name === 'merge' ? merge : Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
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
