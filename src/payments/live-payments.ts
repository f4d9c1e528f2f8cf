import type { HtlcLocation } from '../../machines/forwarding/circuit.ts';
import { parseReference, type LivePart, type LivePayment } from './live-payment.ts';
import { htlcKey } from './outlet.ts';
import { outstanding } from './rest.ts';

/** The payments in memory, found by what tells of them: their payment hash, a channel's answer, an HTLC. */
export class LivePayments {
  readonly #byKey = new Map<string, LivePayment>();
  readonly #byHtlc = new Map<string, LivePart>();
  readonly #asking = new Set<LivePayment>();

  get size(): number {
    return this.#byKey.size;
  }

  has(key: string): boolean {
    return this.#byKey.has(key);
  }

  add(payment: LivePayment): void {
    this.#byKey.set(payment.key, payment);
    this.index(payment);
  }

  /** Of one that has ended: no HTLC of it is out any more. */
  remove({ key }: LivePayment): void {
    this.#byKey.delete(key);
  }

  clear(): void {
    this.#byKey.clear();
    this.#byHtlc.clear();
    this.#asking.clear();
  }

  /** The part for which something was asked under this reference; undefined if it was another's, or is over. */
  byReference(reference: string): LivePart | undefined {
    const asked = parseReference(reference);
    const payment = asked && this.#byKey.get(asked.key);
    const part = asked && payment?.actor.data.parts[asked.number];
    return payment && part && { payment, part };
  }

  /** The part whose HTLC this is, as long as it is out. */
  byHtlc(htlc: HtlcLocation): LivePart | undefined {
    return this.#byHtlc.get(htlcKey(htlc));
  }

  /** Those that wait for an answer within the turn, now: who asks anew meanwhile is not among them. */
  asking(): readonly LivePayment[] {
    return [...this.#asking];
  }

  /** Knows a payment by the HTLCs that it has out now, and whether it waits for an answer; after each change of it. */
  index(payment: LivePayment): void {
    const { state, data } = payment.actor;
    // While a payment fails or settles, other parts of it may not have been answered yet.
    const isAsking = state === 'routing' || outstanding(data).some(({ htlc }) => htlc === undefined);
    if (isAsking) this.#asking.add(payment);
    else this.#asking.delete(payment);
    for (const part of data.parts) {
      if (part.htlc === undefined) continue;
      const key = htlcKey(part.htlc);
      const known = this.#byHtlc.get(key);
      if (part.outcome === undefined) this.#byHtlc.set(key, { payment, part });
      // The number of one that was withdrawn may be another's by now.
      else if (known?.payment === payment && known.part.number === part.number) this.#byHtlc.delete(key);
    }
  }
}
