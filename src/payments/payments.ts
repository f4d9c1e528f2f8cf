import { equals } from 'uint8arrays';
import type { HtlcLocation } from '../../machines/forwarding/circuit.ts';
import type { ReturnCode } from '../../machines/channel/effects.ts';
import type { HtlcDetails, HtlcRemoval } from '../../machines/htlc/htlc.machine.ts';
import type { PaymentEffect, PaymentEvent, PaymentFailure, PaymentPart } from '../../machines/payment/payment.ts';
import { sha256 } from '../../protocols/crypto/hash.ts';
import { RunnelError } from '../../protocols/errors.ts';
import { withLesson, type AttemptOutcome, type Lesson } from '../routing/lesson.ts';
import type { NoRoute } from '../routing/no-route.ts';
import type { RouteRequest } from '../routing/request.ts';
import type { FoundSplit } from '../routing/split.ts';
import type { Clock, RandomBytes } from '../runtime/clock.ts';
import type { ChannelDirectory } from './directory.ts';
import { PaymentError } from './errors.ts';
import { hashKey } from './invoice-store.ts';
import {
  livePayment,
  newPayment,
  referenceOf,
  storedPayment,
  type LivePart,
  type LivePayment,
} from './live-payment.ts';
import { LivePayments } from './live-payments.ts';
import { htlcKey, type Outlet } from './outlet.ts';
import { isUnknownToPayee, notSent, notTaken, readPartFailure, type PartReport } from './part-failure.ts';
import { makePartOnion } from './part-onion.ts';
import { outstanding, requestForRest } from './rest.ts';
import type { PaymentPlan } from './payment-request.ts';
import { noticeOf } from './payment-record.ts';
import type { PartSecrets, PaymentStore } from './payment-store.ts';
import type { PaymentsNotice, UnexpectedEvent } from './records.ts';

/** What the payments ask of the router. */
export interface PaymentRouter {
  findSplit(request: RouteRequest, maxParts: number): FoundSplit | NoRoute;
  reportOutcome(outcome: AttemptOutcome): Lesson;
}

export interface PaymentsOptions {
  readonly store: PaymentStore;
  readonly outlet: Outlet;
  readonly directory: ChannelDirectory;
  readonly router: PaymentRouter;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  /** This node will not pay itself after all; may be told more than once. */
  readonly onCircleFailed: (paymentHash: Uint8Array) => void;
  readonly publish: (notice: PaymentsNotice) => void;
  readonly onUnexpected: (unexpected: UnexpectedEvent) => void;
}

/** The payments of this node that are on their way. */
export class Payments {
  readonly #options: PaymentsOptions;
  readonly #live = new LivePayments();
  readonly #touched = new Set<LivePayment>();

  constructor(options: PaymentsOptions) {
    this.#options = options;
    this.#load();
  }

  get size(): number {
    return this.#live.size;
  }

  /**
   * Begins a payment. One that succeeded before is not made again, and one that failed is forgotten for the new one.
   * Throws `PaymentError` `payment_in_flight`.
   */
  pay(plan: PaymentPlan): void {
    const { paymentHash } = plan;
    const key = hashKey(paymentHash);
    if (this.#live.has(key)) {
      const message = `a payment of the payment hash ${key} is on its way`;
      throw new PaymentError('payment_in_flight', message, { paymentHash: key });
    }
    if (this.#options.store.get(paymentHash)?.state === 'succeeded') return;
    const payment = newPayment(plan, this.#options.clock.now());
    this.#live.add(payment);
    this.#send(payment, { type: 'search' });
  }

  /** The answer to what was asked under `reference`; false if it was not a payment that asked. */
  offered(reference: string, htlc: HtlcLocation): boolean {
    const found = this.#live.byReference(reference);
    if (found === undefined) return false;
    this.#offered(found, htlc);
    return true;
  }

  refused(reference: string, code: string, reason: string): boolean {
    const found = this.#live.byReference(reference);
    if (found === undefined) return false;
    this.#failed(found, notSent(found.part.route, code, reason));
    return true;
  }

  fulfilled(htlc: HtlcLocation, paymentPreimage: Uint8Array): boolean {
    const found = this.#live.byHtlc(htlc) ?? this.#failedBefore(htlc, sha256(paymentPreimage));
    if (found === undefined) return false;
    this.#learn(found, { type: 'settled', route: found.part.route });
    this.#send(found.payment, { type: 'htlcFulfilled', part: found.part.number, paymentPreimage });
    return true;
  }

  failed(htlc: HtlcLocation, removal: Exclude<HtlcRemoval, { kind: 'fulfilled' }>): boolean {
    const found = this.#live.byHtlc(htlc);
    if (found === undefined) return false;
    const { payment, part } = found;
    const { sharedSecrets = [] } = payment.partSecrets.get(part.number) ?? {};
    this.#failed(
      found,
      readPartFailure(part.route, sharedSecrets, removal, payment.search.request.policyOverrides ?? []),
    );
    return true;
  }

  returned(htlc: HtlcLocation, code: ReturnCode): boolean {
    const found = this.#live.byHtlc(htlc);
    if (found === undefined) return false;
    this.#failed(found, notTaken(found.part.route, code));
    return true;
  }

  /**
   * At the beginning of a turn: whoever asked in an earlier one and was not answered. A part is told by its onion, which
   * no other HTLC has, whether its channel has offered it; a payment that looked for a way looks again.
   */
  reconcile(): void {
    for (const payment of this.#live.asking()) {
      if (payment.actor.state === 'routing') this.#send(payment, { type: 'search' });
      else this.#reconcileParts(payment);
    }
  }

  persist(): void {
    const { store, clock } = this.#options;
    for (const payment of this.#touched) {
      const { actor } = payment;
      if (actor.isFinished) {
        payment.finishedAtMs ??= clock.now();
        this.#live.remove(payment);
      }
      if (!actor.isChanged) continue;
      if (payment.savedParts === undefined) store.delete(actor.data.paymentHash);
      store.save(storedPayment(payment), payment.savedParts ?? []);
      payment.savedParts = actor.markSaved().data.parts;
    }
    this.#touched.clear();
  }

  reset(): void {
    this.#live.clear();
    this.#touched.clear();
    this.#load();
  }

  #load(): void {
    for (const row of this.#options.store.inFlight()) this.#live.add(livePayment(row));
  }

  /** The part of a payment that failed, since the chain had given its HTLC back: for good as it seemed. */
  #failedBefore(htlc: HtlcLocation, paymentHash: Uint8Array): LivePart | undefined {
    const row = this.#options.store.get(paymentHash);
    if (row?.state !== 'failed') return undefined;
    const part = row.data.parts.find((candidate) => candidate.htlc && htlcKey(candidate.htlc) === htlcKey(htlc));
    return part && { payment: livePayment(row), part };
  }

  #send(payment: LivePayment, event: PaymentEvent): void {
    this.#touch(payment);
    for (const effect of payment.actor.send(event)) this.#perform(payment, effect);
    this.#live.index(payment);
    const { state, data } = payment.actor;
    if (state === 'failed' && payment.search.request.circular === true) this.#options.onCircleFailed(data.paymentHash);
  }

  #touch(payment: LivePayment): void {
    const { outlet, publish } = this.#options;
    if (this.#touched.has(payment)) return;
    this.#touched.add(payment);
    const before = payment.actor.isChanged ? undefined : payment.actor.data;
    outlet.afterCommit(() => {
      if (payment.actor.data !== before) publish(noticeOf(storedPayment(payment)));
    });
  }

  #perform(payment: LivePayment, effect: PaymentEffect): void {
    switch (effect.type) {
      case 'findRoutes':
        this.#send(payment, this.#search(payment));
        return;
      case 'sendPart':
        this.#sendPart(payment, effect.part);
        return;
      case 'unexpected':
        this.#options.onUnexpected({
          actor: 'payment',
          key: payment.key,
          state: payment.actor.state,
          event: effect.event,
        });
    }
  }

  #search({ search, actor }: LivePayment): PaymentEvent {
    const { router, directory } = this.#options;
    try {
      // Expiries count from the height of this attempt, not of the first.
      const request = { ...requestForRest(search.request, actor.data), blockHeight: directory.blockHeight() };
      const result = router.findSplit(request, Math.max(1, search.maxParts - outstanding(actor.data).length));
      if (result.found) return { type: 'routesFound', routes: result.parts.map(({ route }) => route) };
      return { type: 'noRoute', failure: { code: 'no_route', message: result.message } };
    } catch (error) {
      // An invoice may ask for what no route can give, such as a time lock of 2^32 blocks.
      if (!(error instanceof RunnelError)) throw error;
      return { type: 'noRoute', failure: { code: error.code, message: error.message } };
    }
  }

  #sendPart(payment: LivePayment, part: PaymentPart): void {
    if (payment.actor.state !== 'sending') {
      this.#notSent({ payment, part }, { code: 'not_sent', message: 'another part of the payment failed for good' });
      return;
    }
    const { outlet, directory, randomBytes } = this.#options;
    const { paymentHash } = payment.actor.data;
    const { hops, totalAmountMsat: amountMsat, cltvExpiry } = part.route;
    const channel = directory.byShortChannelId(hops[0]?.shortChannelId ?? 0n);
    if (channel === undefined) {
      this.#failed(
        { payment, part },
        notSent(part.route, 'channel_unknown', 'the route begins with a channel that is gone'),
      );
      return;
    }
    try {
      const { channelIndex } = channel;
      const { amountMsat: totalMsat } = payment.actor.data;
      const { packet, ...secrets } = makePartOnion(part.route, { ...payment.search.details, totalMsat }, paymentHash, randomBytes);
      payment.partSecrets.set(part.number, { ...secrets, channelIndex });
      const reference = referenceOf(payment, part);
      outlet.offerHtlc(channelIndex, {
        reference,
        amountMsat,
        paymentHash,
        cltvExpiry,
        onionRoutingPacket: packet,
      });
    } catch (error) {
      if (!(error instanceof RunnelError)) throw error;
      this.#notSent({ payment, part }, error);
    }
  }

  #offered({ payment, part }: LivePart, { channelIndex, id }: HtlcLocation): void {
    this.#send(payment, { type: 'htlcOffered', part: part.number, htlc: { channelIndex, id } });
  }

  #failed(found: LivePart, { outcome, failure }: PartReport): void {
    const lesson = this.#learn(found, outcome);
    const { search } = found.payment;
    found.payment.search = { ...search, request: withLesson(search.request, lesson) };
    this.#partFailed(found, { failure, mayRetry: lesson.retry, isUnknownToPayee: isUnknownToPayee(outcome) });
  }

  /** No channel was asked for it, and none will be. */
  #notSent(found: LivePart, { code, message }: Pick<PaymentFailure, 'code' | 'message'>): void {
    this.#partFailed(found, { failure: { code, message, isLocal: true }, mayRetry: false, isUnknownToPayee: false });
  }

  /** A part that seemed to have failed for good may be settled in the end: then both have taught. */
  #learn({ payment, part }: LivePart, outcome: AttemptOutcome): Lesson {
    const lesson = this.#options.router.reportOutcome(outcome);
    payment.learnt.set(part.number, [...(payment.learnt.get(part.number) ?? []), ...lesson.learnt]);
    return lesson;
  }

  #partFailed(
    { payment, part }: LivePart,
    how: Pick<Extract<PaymentEvent, { type: 'partFailed' }>, 'failure' | 'mayRetry' | 'isUnknownToPayee'>,
  ): void {
    this.#send(payment, { type: 'partFailed', part: part.number, ...how, nowMs: this.#options.clock.now() });
  }

  #reconcileParts(payment: LivePayment): void {
    for (const part of payment.actor.data.parts) {
      if (part.outcome !== undefined || part.htlc !== undefined) continue;
      const secrets = payment.partSecrets.get(part.number);
      const htlc = secrets && this.#findOffered(secrets);
      if (htlc !== undefined) this.#offered({ payment, part }, htlc);
      else this.#failed({ payment, part }, notSent(part.route, 'htlc_lost', 'it did not answer'));
    }
  }

  #findOffered({ channelIndex, onionHash }: PartSecrets): HtlcLocation | undefined {
    const isOurs = ({ onionRoutingPacket }: HtlcDetails): boolean => equals(sha256(onionRoutingPacket), onionHash);
    const found = this.#options.directory.offeredHtlcs(channelIndex).find(isOurs);
    return found && { channelIndex, id: found.id };
  }
}
