import { formatScid } from '../../../protocols/gossip/short-channel-id.ts';
import type { Currency } from '../../../protocols/invoice/prefix.ts';
import { formatMsat } from '../../amounts.ts';
import type { NodeApi, Output } from '../../api/contract.ts';
import type { NodeEvent } from '../../api/events.ts';
import { hexOf } from '../../channels/channel-store.ts';
import type { LossNotice, PaymentRecord, PaymentsNotice, ProbeRecord } from '../../payments/records.ts';
import type { Node } from '../node.ts';
import { bytes, defined, failedHopOf, invoiceView, paymentView } from './payment-views.ts';
import { nodeName } from './shown-channel.ts';

type Methods = Pick<NodeApi, 'invoice' | 'invoices' | 'decode' | 'pay' | 'keysend' | 'payments' | 'payment'>;
type PaymentView = Output<'payment'>;

/** BOLT 11's prefixes as bitcoind names the networks. */
const NETWORKS: Readonly<Record<Currency, string>> = { bc: 'main', tb: 'test', tbs: 'signet', bcrt: 'regtest' };

/** BOLT 11, "Human-Readable Part": the prefix of a network's invoices. */
export const currencyOf = (chainName: string): Currency =>
  chainName === 'main' ? 'bc' : chainName === 'regtest' ? 'bcrt' : chainName === 'signet' ? 'tbs' : 'tb';

/** Invoices and payments through the API. */
export function paymentsApi(node: Node): Methods {
  const { payments } = node;
  const view = (payment: PaymentRecord): PaymentView => paymentView(payment, (nodeId) => nodeName(node, nodeId));
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
  };
}

/** What the log says of money that is lost, or may be. */
export const lossMessage = ({ paymentHash, amountMsat, reason, isCertain }: LossNotice): string =>
  `${isCertain ? 'lost' : 'at risk'}: ${formatMsat(amountMsat)} sat of payment ${hexOf(paymentHash)}: ${reason}`;

/** What the payments tell, as the API's listeners hear it; forwards and losses are not among it. */
export function paymentsEvent(notice: PaymentsNotice, timeMs: number): NodeEvent | undefined {
  switch (notice.type) {
    case 'payment': {
      const { paymentHash, status, amountMsat, feeMsat } = notice.payment;
      return { type: 'payment', timeMs, paymentHash: hexOf(paymentHash), status, amountMsat, feeMsat, ...lastAttempt(notice.payment) };
    }
    case 'probe': {
      const { paymentHash, status, amountMsat } = notice.probe;
      return { type: 'probe', timeMs, paymentHash: hexOf(paymentHash), status, amountMsat, ...lastAttempt(notice.probe) };
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

function lastAttempt({ attempts, failure }: PaymentRecord | ProbeRecord) {
  const last = attempts.at(-1);
  const message = failure?.message ?? last?.failure?.message;
  const failedHop = last && failedHopOf(last.route, last.failure);
  return {
    attempt: attempts.length,
    ...(message !== undefined && { message }),
    ...(last && { route: last.route.hops.map(({ nodeId, shortChannelId }) => ({ nodeId, shortChannelId: formatScid(shortChannelId) })) }),
    ...(failedHop !== undefined && { failedHop }),
  };
}
