import { networkInterfaces } from 'node:os';
import { fromHostPort, toHostPort } from '../../../protocols/gossip/node-address.ts';

/** The addresses at which a node can be dialled that listens at one: at `0.0.0.0` and `::` those of all interfaces. */
export function dialable(address: string): string[] {
  const parsed = fromHostPort(address);
  if (parsed === undefined || !(parsed.host === '0.0.0.0' || parsed.host === '::')) return [address];
  const interfaces = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  // What is on the link alone needs a zone that no address of ours can name.
  const isUsable = ({ family, scopeid }: (typeof interfaces)[number]): boolean => (family === 'IPv4' ? parsed.type === 'ipv4' : parsed.type === 'ipv6' && scopeid === 0);
  return interfaces.filter(isUsable).map(({ address: host }) => toHostPort({ ...parsed, host }));
}
