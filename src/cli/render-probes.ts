/** Probes for people. */
import type { Output } from '../api/client.ts';
import { formatMsat } from '../amounts.ts';
import { renderHops, withTotal } from './render-payments.ts';
import { harmless, list, section, table, time } from './text.ts';

type Probe = Output<'probe'>;

const ANSWERS: Readonly<Record<Probe['status'], string>> = { arrived: 'yes', failed: 'no', inFlight: 'not known yet' };

/** Of one that was just made: why it did not arrive, or who holds it, is said as an error. */
export const renderProbeOutcome = (probe: Probe): string => withAttempts(probe, {});

const renderProbe = (probe: Probe): string => withAttempts(probe, { reason: probe.failure?.message, held: probe.held?.text });

function withAttempts(probe: Probe, more: Readonly<Record<string, string | undefined>>): string {
  const { status, route, feeMsat, cltvExpiryDelta, attempts } = probe;
  const head = list({
    'would arrive': ANSWERS[status],
    'to node': probe.destination,
    'amount (sat)': formatMsat(probe.amountMsat),
    'fee (sat)': feeMsat === undefined ? undefined : formatMsat(feeMsat),
    'time lock (blocks)': cltvExpiryDelta,
    hops: route?.hops.length,
    attempts: attempts.length,
    description: probe.description,
    'payment hash': `${probe.paymentHash} (random)`,
    created: time(probe.createdAt),
    finished: time(probe.finishedAt),
    ...more,
  });
  const shown = attempts.map(({ text, route: { hops }, failedHop, learnt }, index) => {
    const lessons = learnt.map((lesson) => harmless(`- ${lesson.text}`));
    const body = [renderHops(hops, failedHop), ...(lessons.length === 0 ? [] : ['learnt:', ...lessons])];
    return section(`attempt ${index + 1}: ${text}`, body.join('\n'));
  });
  return [head, ...shown].join('\n\n');
}

export function renderProbes({ probes, total }: Output<'probes'>): string {
  const [only] = probes;
  if (total === 1 && only !== undefined) return renderProbe(only);
  const rows = probes.map((probe) => [
    probe.paymentHash,
    ANSWERS[probe.status],
    formatMsat(probe.amountMsat),
    probe.feeMsat === undefined ? undefined : formatMsat(probe.feeMsat),
    probe.attempts.length,
    time(probe.createdAt),
    probe.destination.slice(0, 12),
  ]);
  const titles = ['PAYMENT HASH', 'WOULD ARRIVE', 'SAT', 'FEE', 'ATTEMPTS', 'CREATED', 'TO NODE'];
  return withTotal(table(titles, rows, 'No probes; `runnel probe <node id or invoice> [amount in sat]` makes one.'), rows.length, total);
}
