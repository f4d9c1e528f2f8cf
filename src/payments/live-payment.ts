import {
  createPayment,
  restorePayment,
  type PaymentData,
  type PaymentEffect,
  type PaymentEvent,
  type PaymentPart,
} from '../../machines/payment/payment.ts';
import type { PaymentState } from '../../machines/payment/payment.machine.ts';
import type { Learnt } from '../routing/lesson.ts';
import { hashKey } from './invoice-store.ts';
import { LiveActor } from './live-actor.ts';
import type { PaymentPlan } from './payment-request.ts';
import type { PartSecrets, PaymentSearch, StoredPayment } from './payment-store.ts';

/** A payment in memory: its actor, and what its chart must not know. */
export interface LivePayment extends Omit<StoredPayment, 'state' | 'data'> {
  readonly key: string;
  readonly actor: LiveActor<PaymentEvent, PaymentEffect, PaymentState, PaymentData>;
  readonly partSecrets: Map<number, PartSecrets>;
  readonly learnt: Map<number, readonly Learnt[]>;
  search: PaymentSearch;
  finishedAtMs: number | undefined;
  /** As they are on disk; undefined for a payment that is not there, or is to take the place of one that failed. */
  savedParts: readonly PaymentPart[] | undefined;
}

/** One HTLC of a payment in memory. */
export interface LivePart {
  readonly payment: LivePayment;
  readonly part: PaymentPart;
}

/** A new payment, which waits for `search`. */
export function newPayment(plan: PaymentPlan, createdAtMs: number): LivePayment {
  const { purpose, paymentHash, amountMsat, deadlineMs, maxAttempts, ...rest } = plan;
  const data: PaymentData = {
    purpose,
    paymentHash,
    amountMsat,
    maxAttempts,
    deadlineMs,
    parts: [],
    paymentPreimage: undefined,
    failure: undefined,
  };
  return {
    ...rest,
    key: hashKey(paymentHash),
    actor: new LiveActor((emit) => createPayment(data, emit)),
    createdAtMs,
    finishedAtMs: undefined,
    partSecrets: new Map(),
    learnt: new Map(),
    savedParts: undefined,
  };
}

/** A payment as it was saved. */
export function livePayment({ state, data, ...rest }: StoredPayment): LivePayment {
  const actor = new LiveActor((emit: (effect: PaymentEffect) => void) => restorePayment(state, data, emit));
  return {
    ...rest,
    key: hashKey(data.paymentHash),
    actor: actor.markSaved(),
    partSecrets: new Map(rest.partSecrets),
    learnt: new Map(rest.learnt),
    savedParts: data.parts,
  };
}

/** A payment as it is to be saved. */
export function storedPayment(payment: LivePayment): StoredPayment {
  const { actor, payee, isKeysend, invoice, description, createdAtMs, finishedAtMs, search, partSecrets, learnt } =
    payment;
  return {
    state: actor.state,
    data: actor.data,
    payee,
    isKeysend,
    invoice,
    description,
    createdAtMs,
    finishedAtMs,
    search,
    partSecrets,
    learnt,
  };
}

const REFERENCE = /^pay\/([0-9a-f]{64})\/(\d+)$/;

/** By what a channel's answer is known to be for this part. */
export const referenceOf = ({ key }: LivePayment, { number }: PaymentPart): string => `pay/${key}/${number}`;

/** The payment's key and the part's number in a reference; undefined for one of another's. */
export function parseReference(reference: string): { readonly key: string; readonly number: number } | undefined {
  const [, key, number] = REFERENCE.exec(reference) ?? [];
  return key === undefined ? undefined : { key, number: Number(number) };
}
