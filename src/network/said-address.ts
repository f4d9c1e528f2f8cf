import type { IdentifyResult } from '@libp2p/interface';
import { CODE_DNS, CODE_DNS4, CODE_DNS6, CODE_IP4, CODE_IP6, CODE_P2P, CODE_TCP } from '@multiformats/multiaddr';
import type { Multiaddr } from '@multiformats/multiaddr';

const NAMES: ReadonlySet<number> = new Set([CODE_DNS, CODE_DNS4, CODE_DNS6]);
const HOSTS: ReadonlySet<number> = new Set([...NAMES, CODE_IP4, CODE_IP6]);

/**
 * Where a peer says, over its own signature, that it can be dialled: a host and a port, without its id; undefined where it says nothing that is of
 * use. That is the host that it comes from, which is known to be it, or else a name: any other number may be of the inside of its own network, and
 * lead to a stranger in ours.
 */
export function saidAddress({ connection, signedPeerRecord }: Pick<IdentifyResult, 'connection' | 'signedPeerRecord'>): string | undefined {
  const said = (signedPeerRecord?.addresses ?? []).map((address) => withoutPeer(address)).filter(isHostAndPort);
  const from = hostOf(connection.remoteAddr);
  return (said.find((address) => hostOf(address) === from) ?? said.find((address) => NAMES.has(codesOf(address)[0] ?? 0)))?.toString();
}

const codesOf = (address: Multiaddr): number[] => address.getComponents().map(({ code }) => code);
const hostOf = (address: Multiaddr): string | undefined => address.getComponents()[0]?.value;
const withoutPeer = (address: Multiaddr): Multiaddr => (codesOf(address).at(-1) === CODE_P2P ? address.decapsulateCode(CODE_P2P) : address);

function isHostAndPort(address: Multiaddr): boolean {
  const [host = 0, port, ...rest] = codesOf(address);
  return HOSTS.has(host) && port === CODE_TCP && rest.length === 0;
}
