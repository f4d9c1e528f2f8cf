import type { Connection, PeerStore } from '@libp2p/interface';
import { CODE_P2P, CODE_TCP } from '@multiformats/multiaddr';
import type { Multiaddr } from '@multiformats/multiaddr';

/**
 * Where the peer at the other end of a connection says, over its own signature, that it can be dialled: without its id. Of several, the one on the
 * host that it comes from, since that host is known to be it; undefined where it has said none.
 */
export async function saidAddress(peerStore: Pick<PeerStore, 'get'>, connection: Connection): Promise<string | undefined> {
  const said = await certified(peerStore, connection);
  const host = hostOf(connection.remoteAddr);
  const chosen = said.find((address) => hostOf(address) === host) ?? said[0];
  return chosen?.decapsulateCode(CODE_P2P).toString();
}

async function certified(peerStore: Pick<PeerStore, 'get'>, { remotePeer }: Connection): Promise<Multiaddr[]> {
  try {
    const { addresses } = await peerStore.get(remotePeer);
    return addresses.filter(({ isCertified }) => isCertified).map(({ multiaddr }) => multiaddr).filter(isTcp);
  } catch {
    // Not in the store.
    return [];
  }
}

const hostOf = (address: Multiaddr): string | undefined => address.getComponents()[0]?.value;
/** A host and a port, which is all that this node can dial. */
const isTcp = (address: Multiaddr): boolean => {
  const components = address.getComponents().filter(({ code }) => code !== CODE_P2P);
  return components.length === 2 && components[1]?.code === CODE_TCP;
};
