/** Invoices, payments and routes for people. */
import type { Output } from '../api/client.ts';
import { formatMsat } from '../api/amounts.ts';
import { harmless, list, section, table, time } from './text.ts';

type Payment = Output<'payment'>;

const anyOr = (amountMsat: bigint | undefined): string => (amountMsat === undefined ? 'any' : formatMsat(amountMsat));

export function renderInvoice(invoice: Output<'invoice'>): string {
  return list({
    invoice: invoice.invoice,
    'payment hash': invoice.paymentHash,
    'amount (sat)': anyOr(invoice.amountMsat),
    description: invoice.description,
    status: invoice.status,
    expires: time(invoice.expiresAt),
  });
}

export function renderInvoices({ invoices, total }: Output<'invoices'>): string {
  const rows = invoices.map((invoice) => [
    invoice.paymentHash,
    invoice.status,
    anyOr(invoice.amountMsat),
    invoice.receivedMsat === undefined ? undefined : formatMsat(invoice.receivedMsat),
    time(invoice.createdAt),
    invoice.description,
  ]);
  const titles = ['PAYMENT HASH', 'STATUS', 'SAT', 'RECEIVED', 'CREATED', 'DESCRIPTION'];
  return withTotal(table(titles, rows, 'No invoices; `runnel invoice <amount in sat>` makes one.'), rows.length, total);
}

export function renderDecoded(decoded: Output<'decode'>): string {
  const hints = decoded.routeHints.map(
    (hops) => hops.map((hop) => `${hop.nodeId} over ${hop.shortChannelId}`).join(', then '),
  );
  return list({
    payee: decoded.payee,
    'amount (sat)': anyOr(decoded.amountMsat),
    description: decoded.description,
    'description hash': decoded.descriptionHash,
    'payment hash': decoded.paymentHash,
    network: decoded.network,
    created: time(decoded.createdAt),
    expires: `${time(decoded.createdAt + decoded.expirySeconds)}${decoded.expired ? ' (expired)' : ''}`,
    'final CLTV delta': decoded.minFinalCltvExpiryDelta,
    'payment secret': decoded.paymentSecret,
    features: decoded.features,
    'fallback addresses': decoded.fallbackAddresses.join(' '),
    ...Object.fromEntries(hints.map((hint, index) => [`route hint ${index + 1}`, hint])),
  });
}

export function renderPayment(payment: Payment): string {
  const head = list({
    'payment hash': payment.paymentHash,
    status: payment.status,
    'paid to': payment.destination,
    'amount (sat)': formatMsat(payment.amountMsat),
    'fee (sat)': formatMsat(payment.feeMsat),
    description: payment.description,
    preimage: payment.preimage,
    created: time(payment.createdAt),
    finished: time(payment.finishedAt),
    failure: payment.failure?.message,
  });
  const attempts = payment.attempts.map((attempt, index) => {
    const outcome = attempt.failure === undefined ? attempt.status : `${attempt.status}: ${attempt.failure.message}`;
    const learnt = attempt.learnt.map(({ text }) => harmless(`- ${text}`));
    const body = [renderHops(attempt.route.hops, attempt.failedHop), ...(learnt.length === 0 ? [] : ['learnt:', ...learnt])];
    return section(`attempt ${index + 1}, ${outcome}`, body.join('\n'));
  });
  return [head, ...attempts].join('\n\n');
}

export function renderPayments({ payments, total }: Output<'payments'>): string {
  const rows = payments.map((payment) => [
    payment.paymentHash,
    payment.status,
    formatMsat(payment.amountMsat),
    formatMsat(payment.feeMsat),
    payment.attempts.length,
    time(payment.createdAt),
    payment.failure?.code,
  ]);
  const titles = ['PAYMENT HASH', 'STATUS', 'SAT', 'FEE', 'ATTEMPTS', 'CREATED', 'FAILURE'];
  return withTotal(table(titles, rows, 'No payments; `runnel pay <invoice>` makes one.'), rows.length, total);
}

export function renderRoute(route: Output<'route'>): string {
  const head = list({
    'amount (sat)': formatMsat(route.amountMsat),
    'fee (sat)': formatMsat(route.feeMsat),
    'total (sat)': formatMsat(route.totalMsat),
    'first expiry': route.cltvExpiry,
  });
  return `${head}\n\n${renderHops(route.hops)}`;
}

/** `failedHop`: the hop at whose end the payment failed. */
function renderHops(hops: Output<'route'>['hops'], failedHop?: number): string {
  return table(
    ['CHANNEL', 'SAT', 'FEE', 'EXPIRY', 'TO NODE'],
    hops.map((hop, index) => [
      hop.shortChannelId,
      formatMsat(hop.amountMsat),
      formatMsat(hop.feeMsat),
      hop.cltvExpiry,
      index === failedHop ? `${hop.nodeId} (failed it)` : hop.nodeId,
    ]),
    'no hops',
  );
}

export function withTotal(text: string, shown: number, total: number): string {
  return shown < total ? `${text}\n\n${shown} of ${total}; --limit and --offset show others` : text;
}
