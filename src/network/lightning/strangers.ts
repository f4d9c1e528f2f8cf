import type { Socket } from 'node:net';
import { hostOf, type InboundRate } from '../inbound-rate.ts';

/** Connections of strangers whose handshake is under way. */
const MAX_STRANGERS = 64;

/**
 * Connections whose other end has not said who it is: so many of one host in a second, and so many in all. Where these are too many, the oldest of the host
 * with most of them gives way to one of a host with fewer: nobody can keep everybody else from coming in.
 */
export class Strangers {
  /** In the order in which they came. */
  readonly #hosts = new Map<Socket, string>();
  readonly #rate: InboundRate;

  constructor(rate: InboundRate) {
    this.#rate = rate;
  }

  /** Whether there is room for one more, which is made if need be; until `leaves` it counts. */
  comes(socket: Socket, address: string): boolean {
    const host = hostOf(address);
    if (!this.#rate.admits(address) || (this.#hosts.size >= MAX_STRANGERS && !this.#makeRoom(host))) return false;
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
