import { fromString } from 'uint8arrays';
import type { PaymentFailure, PaymentRoute } from '../../../machines/payment/payment.ts';
import { formatScid } from '../../../protocols/gossip/short-channel-id.ts';
import type { Output } from '../../api/contract.ts';
import { hexOf } from '../../channels/channel-store.ts';
import type { AttemptRecord, InvoiceRecord, PaymentRecord, ProbeRecord } from '../../payments/records.ts';
import { learntView, type NodeName } from './learnt-view.ts';

type PaymentView = Output<'payment'>;
type RouteView = PaymentView['attempts'][number]['route'];

export function invoiceView(invoice: InvoiceRecord): Output<'invoice'> {
  const { paymentHash, status, invoice: text, description, amountMsat, createdAtMs, expiresAtMs, paidAtMs, receivedMsat, preimage } = invoice;
  return {
    paymentHash: hexOf(paymentHash),
    ...(text !== undefined && { invoice: text }),
    ...(description !== undefined && { description }),
    ...(amountMsat !== undefined && { amountMsat }),
    status,
    createdAt: seconds(createdAtMs),
    ...(expiresAtMs !== undefined && { expiresAt: seconds(expiresAtMs) }),
    ...(paidAtMs !== undefined && { paidAt: seconds(paidAtMs) }),
    ...(receivedMsat !== undefined && { receivedMsat }),
    ...(preimage && { preimage: hexOf(preimage) }),
  };
}

export function paymentView(payment: PaymentRecord, nameOf: NodeName): PaymentView {
  const { status, feeMsat, isKeysend, preimage, attempts } = payment;
  return {
    ...paymentFacts(payment),
    status,
    feeMsat,
    keysend: isKeysend,
    ...(preimage && { preimage: hexOf(preimage) }),
    attempts: attempts.map((attempt) => attemptView(attempt, nameOf)),
  };
}

/** What is told alike of a payment and of a probe. */
export function paymentFacts({ paymentHash, payee, amountMsat, invoice, description, createdAtMs, finishedAtMs, failure }: PaymentRecord | ProbeRecord) {
  return {
    paymentHash: hexOf(paymentHash),
    destination: payee,
    amountMsat,
    ...(invoice !== undefined && { invoice }),
    ...(description !== undefined && { description }),
    createdAt: seconds(createdAtMs),
    ...(finishedAtMs !== undefined && { finishedAt: seconds(finishedAtMs) }),
    ...(failure && { failure: failureView(failure) }),
  };
}

function attemptView({ status, route, failure, learnt }: AttemptRecord, nameOf: NodeName): PaymentView['attempts'][number] {
  const failedHop = failedHopOf(route, failure);
  return {
    status,
    route: routeView(route),
    ...(failure && { failure: failureView(failure) }),
    ...(failedHop !== undefined && { failedHop }),
    learnt: learnt.map((lesson) => learntView(lesson, nameOf)),
  };
}

/** The hop at whose end is the node that failed it. */
export function failedHopOf({ hops }: PaymentRoute, failure: PaymentFailure | undefined): number | undefined {
  const at = failure?.nodeId === undefined ? -1 : hops.findIndex(({ nodeId }) => nodeId === failure.nodeId);
  return at === -1 ? undefined : at;
}

export function failureView({ code, message, nodeId, shortChannelId }: PaymentFailure): NonNullable<PaymentView['failure']> {
  return { code, message, ...(nodeId !== undefined && { nodeId }), ...(shortChannelId !== undefined && { shortChannelId: formatScid(shortChannelId) }) };
}

/** A hop of the API is a channel: what it carries is what its end forwards and keeps. */
export function routeView({ hops, amountMsat, totalAmountMsat, totalFeeMsat, cltvExpiry }: PaymentRoute): RouteView {
  return {
    amountMsat,
    feeMsat: totalFeeMsat,
    totalMsat: totalAmountMsat,
    cltvExpiry,
    hops: hops.map((hop, index) => ({
      nodeId: hop.nodeId,
      shortChannelId: formatScid(hop.shortChannelId),
      amountMsat: hop.amountToForwardMsat + hop.feeMsat,
      feeMsat: hop.feeMsat,
      cltvExpiry: index === 0 ? cltvExpiry : (hops[index - 1]?.outgoingCltvExpiry ?? cltvExpiry),
    })),
  };
}

export const bytes = (hex: string): Uint8Array => fromString(hex, 'base16');
const seconds = (milliseconds: number): number => Math.floor(milliseconds / 1_000);

/** Without the properties that are undefined: what is left out has a default, what is undefined has none. */
export function defined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as { [K in keyof T]: Exclude<T[K], undefined> };
}
