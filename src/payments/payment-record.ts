import type { PaymentPart } from '../../machines/payment/payment.ts';
import type { Learnt } from '../routing/lesson.ts';
import type { StoredPayment } from './payment-store.ts';
import type { AttemptRecord, PaymentRecord, PaymentsNotice, ProbeAttemptRecord, ProbeRecord } from './records.ts';

type Stored = Omit<StoredPayment, 'search' | 'partSecrets'>;

/** A payment as others see it. */
export function paymentRecord(payment: Stored): PaymentRecord {
  const { state, data, isKeysend, learnt } = payment;
  const attempts = data.parts.map((part) => attemptOf(part, learnt.get(part.number)));
  return {
    ...common(payment),
    status: state === 'succeeded' || state === 'failed' ? state : 'inFlight',
    feeMsat: attempts.reduce((sum, { status, route }) => (status === 'failed' ? sum : sum + route.totalFeeMsat), 0n),
    isKeysend,
    preimage: data.paymentPreimage,
    attempts,
  };
}

/** A probe as others see it. */
export function probeRecord(probe: Stored): ProbeRecord {
  const { state, data, learnt } = probe;
  return {
    ...common(probe),
    status: state === 'probed' ? 'arrived' : state === 'failed' ? 'failed' : 'inFlight',
    attempts: data.parts.map((part) => probeAttemptOf(part, learnt.get(part.number))),
  };
}

/** What is told of either. */
export const noticeOf = (stored: Stored): PaymentsNotice =>
  stored.data.purpose === 'probe' ? { type: 'probe', probe: probeRecord(stored) } : { type: 'payment', payment: paymentRecord(stored) };

function common({ data, payee, invoice, description, createdAtMs, finishedAtMs }: Stored) {
  const { paymentHash, amountMsat, failure } = data;
  return { paymentHash, payee, amountMsat, invoice, description, createdAtMs, finishedAtMs, failure };
}

function attemptOf({ route, outcome }: PaymentPart, learnt: readonly Learnt[] = []): AttemptRecord {
  return {
    status: outcome === undefined ? 'inFlight' : outcome.kind === 'succeeded' ? 'succeeded' : 'failed',
    route,
    failure: outcome?.kind === 'failed' ? outcome.failure : undefined,
    learnt,
  };
}

function probeAttemptOf({ route, htlc, outcome }: PaymentPart, learnt: readonly Learnt[] = []): ProbeAttemptRecord {
  const failure = outcome?.kind === 'failed' ? outcome.failure : undefined;
  const ended = failure?.isLocal === true ? 'notSent' : failure === undefined ? 'arrived' : 'stopped';
  return { status: outcome === undefined ? 'inFlight' : ended, route, htlc, failure, learnt };
}
