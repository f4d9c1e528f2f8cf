import { fromString } from 'uint8arrays';
import { formatScid } from '../../../protocols/gossip/short-channel-id.ts';
import type { Currency } from '../../../protocols/invoice/prefix.ts';
import { formatMsat } from '../../api/amounts.ts';
import type { NodeApi, Output } from '../../api/contract.ts';
import { ApiError } from '../../api/errors.ts';
import type { NodeEvent } from '../../api/events.ts';
import { hexOf } from '../../channels/channel-store.ts';
import type { AttemptRecord, InvoiceRecord, LossNotice, PaymentRecord, PaymentsNotice } from '../../payments/records.ts';
import type { PaymentFailure, PaymentRoute } from '../../../machines/payment/payment.ts';
import type { Node } from '../node.ts';
import { learntView, type NodeName } from './learnt-view.ts';
import { aliasOf } from './shown-channel.ts';

type Methods = Pick<NodeApi, 'invoice' | 'invoices' | 'decode' | 'pay' | 'keysend' | 'payments' | 'payment' | 'route'>;
type PaymentView = Output<'payment'>;

/** BOLT 11's prefixes as bitcoind names the networks. */
const NETWORKS: Readonly<Record<Currency, string>> = { bc: 'main', tb: 'test', tbs: 'signet', bcrt: 'regtest' };

/** BOLT 11, "Human-Readable Part": the prefix of a network's invoices. */
export const currencyOf = (chainName: string): Currency =>
  chainName === 'main' ? 'bc' : chainName === 'regtest' ? 'bcrt' : chainName === 'signet' ? 'tbs' : 'tb';

/** Invoices, payments and routes through the API. */
export function paymentsApi(node: Node): Methods {
  const { payments } = node;
  const view = (payment: PaymentRecord): PaymentView => paymentView(payment, (nodeId) => aliasOf(node, nodeId) ?? nodeId.slice(0, 12));
  return {
    invoice: async ({ amountMsat, description, expirySeconds }) =>
      invoiceView(
        await payments.createInvoice({
          ...(amountMsat !== undefined && { amountMsat }),
          ...(description !== undefined && { description }),
          ...(expirySeconds !== undefined && { expirySeconds }),
        }),
      ),
    invoices: async ({ paymentHash, ...query }) => {
      if (paymentHash !== undefined) return { total: 1, invoices: [invoiceView(payments.getInvoice(bytes(paymentHash)))] };
      const { total, invoices } = payments.listInvoices(defined(query));
      return { total, invoices: invoices.map(invoiceView) };
    },
    decode: async ({ invoice: text }) => {
      const { isExpired, ...invoice } = payments.decode(text);
      return {
        network: NETWORKS[invoice.currency],
        payee: hexOf(invoice.payeeNodeId),
        paymentHash: hexOf(invoice.paymentHash),
        paymentSecret: hexOf(invoice.paymentSecret),
        ...(invoice.amountMsat !== undefined && { amountMsat: invoice.amountMsat }),
        ...(invoice.description !== undefined && { description: invoice.description }),
        ...(invoice.descriptionHash && { descriptionHash: hexOf(invoice.descriptionHash) }),
        createdAt: invoice.timestamp,
        expirySeconds: invoice.expirySeconds,
        expired: isExpired,
        minFinalCltvExpiryDelta: invoice.minFinalCltvExpiryDelta,
        features: hexOf(invoice.features),
        ...(invoice.paymentMetadata && { paymentMetadata: hexOf(invoice.paymentMetadata) }),
        fallbackAddresses: [...invoice.fallbackAddresses],
        routeHints: invoice.routeHints.map((hint) =>
          hint.map(({ nodeId, shortChannelId, feeBaseMsat, ...hop }) => ({
            ...hop,
            nodeId: hexOf(nodeId),
            shortChannelId: formatScid(shortChannelId),
            feeBaseMsat: BigInt(feeBaseMsat),
          })),
        ),
      };
    },
    pay: async (input) => view(await payments.pay(defined(input))),
    keysend: async (input) => view(await payments.keysend(defined(input))),
    payments: async (query) => {
      const { total, payments: list } = payments.listPayments(defined(query));
      return { total, payments: list.map(view) };
    },
    payment: async ({ paymentHash }) => view(payments.getPayment(bytes(paymentHash))),
    route: async (input) => {
      const result = payments.findRoute(defined(input));
      if (result.found) return routeView(result.route);
      throw new ApiError('refused', 'no_route', result.message, { details: { reason: result.reason, examined: result.examined, ruledOut: result.ruledOut } });
    },
  };
}

/** What the log says of money that is lost, or may be. */
export const lossMessage = ({ paymentHash, amountMsat, reason, isCertain }: LossNotice): string =>
  `${isCertain ? 'lost' : 'at risk'}: ${formatMsat(amountMsat)} sat of payment ${hexOf(paymentHash)}: ${reason}`;

/** What the payments tell, as the API's listeners hear it; forwards and losses are not among it. */
export function paymentsEvent(notice: PaymentsNotice, timeMs: number): NodeEvent | undefined {
  switch (notice.type) {
    case 'payment': {
      const { paymentHash, status, amountMsat, feeMsat, attempts, failure } = notice.payment;
      const message = failure?.message ?? attempts.at(-1)?.failure?.message;
      const last = attempts.at(-1);
      const failedHop = last && failedHopOf(last.route, last.failure);
      return {
        type: 'payment',
        timeMs,
        paymentHash: hexOf(paymentHash),
        status,
        amountMsat,
        feeMsat,
        attempt: attempts.length,
        ...(message !== undefined && { message }),
        ...(last && { route: last.route.hops.map(({ nodeId, shortChannelId }) => ({ nodeId, shortChannelId: formatScid(shortChannelId) })) }),
        ...(failedHop !== undefined && { failedHop }),
      };
    }
    case 'invoice': {
      const { paymentHash, status, receivedMsat } = notice.invoice;
      return { type: 'invoice', timeMs, paymentHash: hexOf(paymentHash), status, ...(receivedMsat !== undefined && { receivedMsat }) };
    }
    case 'forward':
    case 'loss':
    case 'lossAverted':
      return undefined;
  }
}

function invoiceView(invoice: InvoiceRecord): Output<'invoice'> {
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

function paymentView(payment: PaymentRecord, nameOf: NodeName): PaymentView {
  const { paymentHash, status, payee, amountMsat, feeMsat, isKeysend, invoice, description, createdAtMs, finishedAtMs, preimage, failure, attempts } = payment;
  return {
    paymentHash: hexOf(paymentHash),
    status,
    destination: payee,
    amountMsat,
    feeMsat,
    keysend: isKeysend,
    ...(invoice !== undefined && { invoice }),
    ...(description !== undefined && { description }),
    createdAt: seconds(createdAtMs),
    ...(finishedAtMs !== undefined && { finishedAt: seconds(finishedAtMs) }),
    ...(preimage && { preimage: hexOf(preimage) }),
    ...(failure && { failure: failureView(failure) }),
    attempts: attempts.map((attempt) => attemptView(attempt, nameOf)),
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
function failedHopOf({ hops }: PaymentRoute, failure: PaymentFailure | undefined): number | undefined {
  const at = failure?.nodeId === undefined ? -1 : hops.findIndex(({ nodeId }) => nodeId === failure.nodeId);
  return at === -1 ? undefined : at;
}

function failureView({ code, message, nodeId, shortChannelId }: PaymentFailure): NonNullable<PaymentView['failure']> {
  return { code, message, ...(nodeId !== undefined && { nodeId }), ...(shortChannelId !== undefined && { shortChannelId: formatScid(shortChannelId) }) };
}

/** A hop of the API is a channel: what it carries is what its end forwards and keeps. */
function routeView({ hops, amountMsat, totalAmountMsat, totalFeeMsat, cltvExpiry }: PaymentRoute): Output<'route'> {
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

const bytes = (hex: string): Uint8Array => fromString(hex, 'base16');
const seconds = (milliseconds: number): number => Math.floor(milliseconds / 1_000);

/** Without the properties that are undefined: what is left out has a default, what is undefined has none. */
function defined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as { [K in keyof T]: Exclude<T[K], undefined> };
}
