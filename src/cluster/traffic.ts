/** Random small payments between a cluster's nodes, as many in a second as one wants to see. */
import type { NodeProcess } from './node-process.ts';
import { makePayment } from './payments.ts';
import type { SeededRandom } from './seeded-random.ts';

export const MAX_PER_SECOND = 100;
/** Payments that hang, as behind a node that was killed, must not pile up. */
const MAX_IN_FLIGHT = 64;
const PAYMENT_TIMEOUT_SECONDS = 20;
/** 100 to 5,000 sat, with a part of a satoshi. */
const [LEAST_MSAT, MOST_MSAT] = [100_000, 5_000_000];

export interface TrafficStatus {
  readonly perSecond: number;
  readonly succeeded: number;
  readonly failed: number;
}

type Party = Pick<NodeProcess, 'name' | 'id' | 'state' | 'client'>;

export class Traffic {
  readonly #nodes: readonly Party[];
  readonly #random: SeededRandom;
  readonly #listeners = new Set<() => void>();
  #timer: NodeJS.Timeout | undefined;
  #perSecond = 0;
  #inFlight = 0;
  #succeeded = 0;
  #failed = 0;

  constructor(nodes: readonly Party[], random: SeededRandom) {
    this.#nodes = nodes;
    this.#random = random;
  }

  get status(): TrafficStatus {
    return { perSecond: this.#perSecond, succeeded: this.#succeeded, failed: this.#failed };
  }

  /** Makes so many payments a second from now on; none for 0. */
  set(perSecond: number): void {
    if (perSecond === this.#perSecond) return;
    clearInterval(this.#timer);
    this.#perSecond = perSecond;
    if (perSecond > 0) this.#timer = setInterval(() => void this.#pay(), 1_000 / perSecond);
    this.#tell();
  }

  /** Tells of each change of the status, until what it returns is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async #pay(): Promise<void> {
    const up = this.#nodes.filter(({ state }) => state === 'up');
    const from = this.#random.pick(up);
    const to = this.#random.pick(up.filter((node) => node !== from));
    if (from === undefined || to === undefined || this.#inFlight >= MAX_IN_FLIGHT) return;
    const amountMsat = BigInt(LEAST_MSAT + this.#random.below(MOST_MSAT - LEAST_MSAT));
    const kind = this.#random.below(2) === 0 ? 'invoice' : 'keysend';
    this.#inFlight++;
    try {
      const { status } = await makePayment(from, to, { kind, amountMsat }, PAYMENT_TIMEOUT_SECONDS);
      if (status === 'succeeded') this.#succeeded++;
      else this.#failed++;
    } finally {
      this.#inFlight--;
      this.#tell();
    }
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
