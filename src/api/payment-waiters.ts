import type { Clock } from '../runtime/clock.ts';
import type { Output } from './contract.ts';
import type { NodeEvents } from './events.ts';

type Payment = Output<'payment'>;

/**
 * Holds the calls that started a payment until the payment ends, their time is up, the caller is gone or the server
 * closes; each then answers with what is known of the payment. One subscription serves them all.
 */
export class PaymentWaiters {
  readonly #waiting = new Map<string, Set<() => void>>();
  readonly #unsubscribe: () => void;
  readonly #clock: Clock;
  readonly #look: (paymentHash: string) => Promise<Payment>;
  #closed = false;

  constructor(events: NodeEvents, clock: Clock, look: (paymentHash: string) => Promise<Payment>) {
    this.#clock = clock;
    this.#look = look;
    this.#unsubscribe = events.subscribe((event) => {
      if (event.type === 'payment' && event.status !== 'inFlight') this.#wake(event.paymentHash);
    });
  }

  /** The payment as it ended, or as it is when `timeoutMs` have passed or `signal` aborts. */
  async settled(payment: Payment, timeoutMs: number, signal: AbortSignal): Promise<Payment> {
    if (payment.status !== 'inFlight' || this.#closed || signal.aborted) return payment;
    const { paymentHash } = payment;
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
      const now = await this.#look(paymentHash);
      if (now.status !== 'inFlight') return now;
      await woken;
      return signal.aborted ? now : await this.#look(paymentHash);
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
