import type { Clock } from '../../runtime/clock.ts';

const HALF_LIFE_MS = 60_000;
/** The third lie in short order is above it, as with the score that gossipsub keeps of its peers. */
const DISTRUSTED_ABOVE = 2.5;

/** How much a peer has lied of late: the number of its lies, which falls by half in a minute. */
export class LieCount {
  readonly #clock: Clock;
  #count = 0;
  #atMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#atMs = clock.now();
  }

  add(): void {
    this.#count = this.#now() + 1;
    this.#atMs = this.#clock.now();
  }

  /** Nothing of the peer's gossip is to be heard. */
  get isDistrusted(): boolean {
    return this.#now() > DISTRUSTED_ABOVE;
  }

  #now(): number {
    return this.#count * 0.5 ** ((this.#clock.now() - this.#atMs) / HALF_LIFE_MS);
  }
}
