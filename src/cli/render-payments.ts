/** Invoices, payments and routes for people. */
import type { Output } from '../api/client.ts';
import { formatMsat } from '../amounts.ts';
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
  return withAttempts(payment, payment.failure?.message);
}

/** Of one that was just made: why it failed is said as an error. */
export const renderOutcome = (payment: Payment): string => withAttempts(payment);

function withAttempts(payment: Payment, failure?: string): string {
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
    failure,
  });
  const attempts = payment.attempts.map((attempt, index) => {
    const outcome = attempt.failure === undefined ? attempt.status : `${attempt.status}: ${attempt.failure.message}`;
    const learnt = attempt.learnt.map(({ text }) => harmless(`- ${text}`));
    const body = [renderHops(attempt.route.hops, attempt.failedHop), ...(learnt.length === 0 ? [] : ['learnt:', ...learnt])];
    return section(`attempt ${index + 1}, ${formatMsat(attempt.route.amountMsat)} sat, ${outcome}`, body.join('\n'));
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

type Weighed = Output<'route'>['routes'][number];

export function renderRoutes({ routes, parts, weights }: Output<'route'>): string {
  const title = (index: number): string => (parts ? `part ${index + 1} of ${routes.length}` : `route ${index + 1}`);
  const shown = routes.map((route, index) => (routes.length === 1 ? renderRoute(route) : section(title(index), renderRoute(route))));
  if (routes.some(({ reasons }) => reasons !== undefined)) shown.push(renderWeights(weights));
  return shown.join('\n\n');
}

function renderRoute(route: Weighed): string {
  const head = list({
    'amount (sat)': formatMsat(route.amountMsat),
    'fee (sat)': formatMsat(route.feeMsat),
    'total (sat)': formatMsat(route.totalMsat),
    'score (sat)': formatMsat(route.costMsat),
    chance: percent(route.chancePpm),
    'first expiry': route.cltvExpiry,
  });
  return [head, renderHops(route.hops), ...(route.reasons === undefined ? [] : [renderReasons(route.reasons)])].join('\n\n');
}

/** What the score is made of. */
function renderReasons(reasons: NonNullable<Weighed['reasons']>): string {
  return table(
    ['WHY', 'FEE (SAT)', 'LOCK (SAT)', 'RISK (SAT)', 'CHANCE', 'BALANCE BELIEVED (SAT)', 'KNOWN BY'],
    reasons.map((reason) => [
      reason.shortChannelId,
      formatMsat(reason.feeMsat),
      formatMsat(reason.lockPriceMsat),
      formatMsat(reason.riskPriceMsat),
      percent(reason.chancePpm),
      `${formatMsat(reason.atLeastMsat)} to ${formatMsat(reason.lessThanMsat - 1n)}`,
      reason.learned ? 'attempts' : 'its capacity',
    ]),
    'Only our own channel: no fee, no lock, no risk.',
  );
}

const renderWeights = ({ attemptCostMsat, attemptCostPpm, timeValuePpb }: Output<'route'>['weights']): string =>
  `Weights: a failed attempt ${formatMsat(attemptCostMsat)} sat and ${attemptCostPpm} millionths of the amount; ` +
  `a block of lock ${timeValuePpb} billionths (--attempt-cost, --attempt-ppm, --time-ppb).`;

const percent = (ppm: number): string => `${(ppm / 10_000).toFixed(2)} %`;

/** `failedHop`: the hop at whose end the payment failed. */
export function renderHops(hops: Weighed['hops'], failedHop?: number): string {
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
