import type { Clock } from '../runtime/clock.ts';
import { BoundedMap } from '../runtime/bounded-map.ts';
import type { NodeId } from './network.ts';

export interface LiarsOptions {
  readonly clock: Clock;
  /** Called once for each peer that is not heard any more, within `lied`. */
  onDistrusted(nodeId: NodeId): void;
}

interface Liar {
  readonly lies: number;
  readonly toldAtMs: number;
  /** Until when it is not heard. */
  readonly deafUntilMs: number;
  readonly isRefused: boolean;
}

/** Peers remembered: a liar may have as many keys as it likes, and those that it no longer uses are forgotten first. */
const MAX_LIARS = 10_000;
/** Lies count for less and less. */
const HALF_LIFE_MS = 60_000;
/** Three within half a minute, or a few more over a longer time. */
const TOO_MANY_LIES = 2.6;
const DEAF_MS = 10 * 60_000;

/**
 * Who told what is false, and whose gossip is therefore not heard for ten minutes. It outlasts connections: gossipsub
 * itself starts a peer that comes back with a clean score, so that a liar had only to dial again.
 */
export class Liars {
  readonly #options: LiarsOptions;
  readonly #liars = new BoundedMap<NodeId, Liar>(MAX_LIARS);

  constructor(options: LiarsOptions) {
    this.#options = options;
  }

  lied(nodeId: NodeId): void {
    const now = this.#options.clock.now();
    const known = this.#liars.get(nodeId);
    const lies = (known === undefined ? 0 : known.lies * 0.5 ** ((now - known.toldAtMs) / HALF_LIFE_MS)) + 1;
    const wasDistrusted = this.isDistrusted(nodeId);
    const isDistrusted = wasDistrusted || lies > TOO_MANY_LIES;
    this.#liars.set(nodeId, {
      lies, toldAtMs: now, deafUntilMs: isDistrusted ? now + DEAF_MS : 0, isRefused: wasDistrusted && this.isRefused(nodeId),
    });
    if (isDistrusted && !wasDistrusted) this.#options.onDistrusted(nodeId);
  }

  /** Nothing that it tells is heard. */
  isDistrusted(nodeId: NodeId): boolean {
    return (this.#liars.get(nodeId)?.deafUntilMs ?? 0) > this.#options.clock.now();
  }

  /** No connection with it is wanted, for as long as it is distrusted. */
  isRefused(nodeId: NodeId): boolean {
    return this.isDistrusted(nodeId) && this.#liars.get(nodeId)?.isRefused === true;
  }

  refuse(nodeId: NodeId, isRefused: boolean): void {
    const known = this.#liars.get(nodeId);
    if (known !== undefined) this.#liars.set(nodeId, { ...known, isRefused });
  }
}
