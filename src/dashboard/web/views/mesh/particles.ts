/** What runs along channels for a moment: HTLCs on their way out, and their settlement on its way back. */
import type { PlacedChannel } from './layout.ts';

export interface Particle {
  readonly channel: PlacedChannel;
  /** From the channel's source to its target. */
  readonly isForward: boolean;
  /** A settlement or failure that comes back. */
  readonly isReturn: boolean;
  readonly startMs: number;
}

const MOST = 250;
const DURATION_MS = 650;

export class Particles {
  readonly #all: Particle[] = [];

  get isEmpty(): boolean {
    return this.#all.length === 0;
  }

  /** Beyond what an eye can follow, it is not shown. */
  add(particle: Particle): void {
    if (this.#all.length < MOST) this.#all.push(particle);
  }

  /** Those on their way at this time, with how far they have come; those that have arrived are forgotten. */
  *at(nowMs: number): Generator<{ readonly particle: Particle; readonly progress: number }> {
    let kept = 0;
    for (const particle of this.#all) {
      const progress = (nowMs - particle.startMs) / DURATION_MS;
      if (progress >= 1) continue;
      this.#all[kept++] = particle;
      if (progress >= 0) yield { particle, progress };
    }
    this.#all.length = kept;
  }

  clear(): void {
    this.#all.length = 0;
  }
}
