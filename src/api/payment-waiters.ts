import type { Clock } from '../runtime/clock.ts';
import type { NodeEvents } from './events.ts';

/** A payment or a probe, as far as its waiters look at it. */
export interface Underway {
  readonly paymentHash: string;
  readonly status: string;
}

/**
 * Holds the calls that started a payment or a probe until it ends, their time is up, the caller is gone or the server
 * closes; each then answers with what is known of it. One subscription serves them all.
 */
export class PaymentWaiters {
  readonly #waiting = new Map<string, Set<() => void>>();
  readonly #unsubscribe: () => void;
  readonly #clock: Clock;
  #closed = false;

  constructor(events: NodeEvents, clock: Clock) {
    this.#clock = clock;
    this.#unsubscribe = events.subscribe((event) => {
      if ((event.type === 'payment' || event.type === 'probe') && event.status !== 'inFlight') this.#wake(event.paymentHash);
    });
  }

  /** What was begun as it ended, or as `look` finds it when `timeoutMs` have passed or `signal` aborts. */
  async settled<T extends Underway>(begun: T, look: () => Promise<T>, timeoutMs: number, signal: AbortSignal): Promise<T> {
    if (begun.status !== 'inFlight' || this.#closed || signal.aborted) return begun;
    const { paymentHash } = begun;
    let stop = (): void => {};
    const woken = new Promise<void>((resolve) => {
      stop = resolve;
    });
    const waiters = this.#waiting.get(paymentHash) ?? new Set();
    this.#waiting.set(paymentHash, waiters.add(stop));
    const cancelTimer = this.#clock.setTimer(timeoutMs, stop);
    signal.addEventListener('abort', stop);
    try {
      // It may have ended before we listened.
      const now = await look();
      if (now.status !== 'inFlight') return now;
      await woken;
      return signal.aborted ? now : await look();
    } finally {
      cancelTimer();
      signal.removeEventListener('abort', stop);
      waiters.delete(stop);
      if (waiters.size === 0 && this.#waiting.get(paymentHash) === waiters) this.#waiting.delete(paymentHash);
    }
  }

  /** Lets every call answer now. */
  close(): void {
    this.#closed = true;
    this.#unsubscribe();
    for (const paymentHash of this.#waiting.keys()) this.#wake(paymentHash);
  }

  #wake(paymentHash: string): void {
    for (const stop of this.#waiting.get(paymentHash) ?? []) stop();
  }
}
