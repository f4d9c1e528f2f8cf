import type { Clock } from '../runtime/clock.ts';
import { RateLimiter } from '../runtime/rate-limiter.ts';
import type { NetworkLimits } from './limits.ts';

/** Hosts whose rate is watched. */
const MAX_HOSTS = 4_096;

/**
 * How many connections each host may make. A handshake takes some 7 ms, and before its end nobody can tell a liar that is let in no more from
 * anyone else: what one host may ask for must be little. A cluster on this machine comes from one host, too.
 */
export class InboundRate {
  readonly #ofThisMachine: RateLimiter;
  readonly #ofAnother: RateLimiter;

  constructor(clock: Clock, { maxInboundPerSecond, inboundPerHost }: Pick<NetworkLimits, 'maxInboundPerSecond' | 'inboundPerHost'>) {
    this.#ofThisMachine = new RateLimiter(clock, { burst: maxInboundPerSecond, perSecond: maxInboundPerSecond }, MAX_HOSTS);
    this.#ofAnother = new RateLimiter(clock, inboundPerHost, MAX_HOSTS);
  }

  /** Whether one more may come of an IP address; it counts. */
  admits(address: string): boolean {
    const host = hostOf(address);
    return (isThisMachine(address, host) ? this.#ofThisMachine : this.#ofAnother).take(host);
  }
}

const isThisMachine = (address: string, host: string): boolean => address === '::1' || host.startsWith('127.');

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
