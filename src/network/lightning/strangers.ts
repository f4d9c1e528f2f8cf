import type { Socket } from 'node:net';
import { RateLimiter } from '../../runtime/rate-limiter.ts';
import type { Clock } from '../../runtime/clock.ts';

/** Connections of strangers whose handshake is under way. */
const MAX_STRANGERS = 64;
/** Hosts whose rate is watched. */
const MAX_HOSTS = 4_096;

/**
 * Connections whose other end has not said who it is: so many of one host in a second, and so many in all. Where these are too many, the oldest of the host
 * with most of them gives way to one of a host with fewer: nobody can keep everybody else from coming in.
 */
export class Strangers {
  /** In the order in which they came. */
  readonly #hosts = new Map<Socket, string>();
  readonly #perHost: RateLimiter;

  constructor(clock: Clock, perSecond: number) {
    this.#perHost = new RateLimiter(clock, { burst: perSecond, perSecond }, MAX_HOSTS);
  }

  /** Whether there is room for one more, which is made if need be; until `leaves` it counts. */
  comes(socket: Socket, address: string): boolean {
    const host = hostOf(address);
    if (!this.#perHost.take(host) || (this.#hosts.size >= MAX_STRANGERS && !this.#makeRoom(host))) return false;
    this.#hosts.set(socket, host);
    return true;
  }

  leaves(socket: Socket): void {
    this.#hosts.delete(socket);
  }

  /** Ends them all. */
  end(): void {
    for (const socket of this.#hosts.keys()) socket.destroy();
  }

  #makeRoom(host: string): boolean {
    const counts = new Map<string, number>();
    for (const other of this.#hosts.values()) counts.set(other, (counts.get(other) ?? 0) + 1);
    const [fullest, most] = [...counts].reduce((one, other) => (other[1] > one[1] ? other : one));
    if (most <= (counts.get(host) ?? 0) + 1) return false;
    const oldest = [...this.#hosts].find(([, other]) => other === fullest)?.[0];
    if (oldest === undefined) return false;
    oldest.destroy();
    this.leaves(oldest);
    return true;
  }
}

/** What one machine has at its disposal: an IPv4 address, however it is written, or the 64 bits of IPv6 that name a network. */
export function hostOf(address: string): string {
  const mapped = /^::ffff:([0-9.]+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!address.includes(':')) return address;
  const [head = '', tail] = address.replace(/%.*$/, '').split('::');
  const groups = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? [] : Array.from({ length: Math.max(0, 8 - groups.length - after.length) }, () => '0');
  return [...groups, ...zeros, ...after].slice(0, 4).join(':');
}
