import { and, not, setup, type StateValueFrom } from 'xstate';
import type { PartOutcome, PaymentData, PaymentEffect, PaymentEvent, PaymentFailure, PaymentPart } from './payment.ts';
import { stepsOf, type ActorContext } from './stepping.ts';

const { step, always, reportUnexpected } = stepsOf<PaymentData, PaymentEffect, PaymentEvent>();

type PartFailed = Extract<PaymentEvent, { type: 'partFailed' }>;

const changePart = (parts: readonly PaymentPart[], number: number, change: Partial<PaymentPart>): PaymentPart[] =>
  parts.map((part) => (part.number === number ? { ...part, ...change } : part));

const ended = (parts: readonly PaymentPart[], number: number, outcome: PartOutcome) =>
  changePart(parts, number, { outcome });

/** Those that are out, or asked for. */
const outstanding = ({ parts }: PaymentData): PaymentPart[] => parts.filter(({ outcome }) => outcome === undefined);

/** Whether the part of an event is the only one of these. */
const isLast = (parts: readonly PaymentPart[], event: PaymentEvent): boolean =>
  'part' in event && parts.every(({ number }) => number === event.part);

const isTimeUp = ({ deadlineMs }: PaymentData, { nowMs }: PartFailed): boolean => nowMs >= deadlineMs;

/** Why the payment ends with this part: what the part failed of, unless it was we who would not go on. */
function reasonToEnd(data: PaymentData, event: PartFailed): PaymentFailure {
  const { failure, mayRetry } = event;
  if (!mayRetry) return failure;
  const last = `last failure: ${failure.message}`;
  if (isTimeUp(data, event)) return { ...failure, code: 'timeout', message: `the time to try is up (${last})` };
  return { ...failure, code: 'attempts_exhausted', message: `gave up after ${data.parts.length} attempts (${last})` };
}

/** That no way is left is not the whole truth where ways were tried: what ended the last of them. */
function afterAttempts({ parts }: PaymentData, failure: PaymentFailure): PaymentFailure {
  const last = parts.findLast(({ outcome }) => outcome?.kind === 'failed')?.outcome;
  return last?.kind === 'failed' ? { ...failure, message: `${failure.message} (last failure: ${last.failure.message})` } : failure;
}

/** What is said of a part that has ended already. */
const stale = { guard: not('isOutstanding'), actions: 'reportUnexpected' } as const;

/** The preimage is known: the payee has got all parts, and takes each. */
const fulfilled = [
  stale,
  { guard: 'isLastOutstanding', target: 'succeeded', actions: 'notePreimage' },
  { target: 'settling', actions: 'notePreimage' },
] as const;

/** A part that failed for good ends the payment, once the others have come back; one that came to the payee answers a probe. */
const end = [
  { guard: and(['isProbeAnswered', 'isLastOutstanding']), target: 'probed', actions: 'noteArrival' },
  { guard: and([not('mayRetry'), 'isLastOutstanding']), target: 'failed', actions: ['notePartFailure', 'noteEnd'] },
  { guard: not('mayRetry'), target: 'failing', actions: ['notePartFailure', 'noteEnd'] },
] as const;

/**
 * A payment that this node makes: it finds ways for one part or several, sends them, waits, and learns from what comes
 * back; what failed is sent anew in other parts, while the rest stands. One actor a payment hash, so that none is paid
 * twice. A probe is one that nobody can settle: it goes the same way, and has an end of its own.
 */
export const paymentMachine = setup({
  types: {
    context: {} as ActorContext<PaymentData, PaymentEffect>,
    events: {} as PaymentEvent,
    input: {} as ActorContext<PaymentData, PaymentEffect>,
    tags: {} as 'finished',
  },
  guards: {
    isOutstanding: ({ context, event }) =>
      'part' in event && outstanding(context.data).some(({ number }) => number === event.part),
    isLastOutstanding: ({ context, event }) => isLast(outstanding(context.data), event),
    isLastUnanswered: ({ context, event }) => isLast(outstanding(context.data).filter(({ htlc }) => htlc === undefined), event),
    isAnythingMissing: ({ context: { data } }) =>
      outstanding(data).reduce((sum, { route }) => sum + route.amountMsat, 0n) < data.amountMsat,
    isNothingOut: ({ context: { data } }) => outstanding(data).length === 0,
    isProbeAnswered: ({ context: { data }, event }) =>
      data.purpose === 'probe' && event.type === 'partFailed' && event.isUnknownToPayee,
    mayRetry: ({ context: { data }, event }) =>
      event.type === 'partFailed' && event.mayRetry && !isTimeUp(data, event) && data.parts.length < data.maxAttempts,
  },
  actions: {
    findRoutes: always(() => ({ effects: [{ type: 'findRoutes' }] })),
    sendParts: step('routesFound', ({ parts }, { routes }) => {
      const added = routes.map(
        (route, index): PaymentPart => ({ number: parts.length + index, route, htlc: undefined, outcome: undefined }),
      );
      return { data: { parts: [...parts, ...added] }, effects: added.map((part) => ({ type: 'sendPart', part })) };
    }),
    noteHtlc: step('htlcOffered', ({ parts }, { part, htlc }) => ({
      data: { parts: changePart(parts, part, { htlc }) },
    })),
    notePreimage: step('htlcFulfilled', ({ parts }, { part, paymentPreimage }) => ({
      data: { paymentPreimage, failure: undefined, parts: ended(parts, part, { kind: 'succeeded' }) },
    })),
    notePartFailure: step('partFailed', ({ parts }, { part, failure }) => ({
      data: { parts: ended(parts, part, { kind: 'failed', failure }) },
    })),
    noteArrival: step('partFailed', ({ parts }, { part }) => ({ data: { parts: ended(parts, part, { kind: 'arrived' }) } })),
    noteEnd: step('partFailed', (data, event) => ({ data: { failure: reasonToEnd(data, event) } })),
    noteNoRoute: step('noRoute', (data, { failure }) => ({ data: { failure: afterAttempts(data, failure) } })),
    reportUnexpected,
  },
}).createMachine({
  id: 'payment',
  description: 'A payment that this node makes: it finds ways, sends, waits, and learns from what comes back.',
  context: ({ input }) => input,
  initial: 'routing',
  on: { '*': { actions: 'reportUnexpected' } },
  states: {
    routing: {
      description:
        'BOLT 4, Basic Multi-Part Payments: ways to the payee are looked for, for all that is not out, other than those that failed.',
      on: {
        search: { actions: 'findRoutes' },
        routesFound: { target: 'sending', actions: 'sendParts' },
        noRoute: [
          { guard: 'isNothingOut', target: 'failed', actions: 'noteNoRoute' },
          { target: 'failing', actions: 'noteNoRoute' },
        ],
        htlcFulfilled: fulfilled,
        partFailed: [stale, ...end, { actions: 'notePartFailure' }],
      },
    },
    sending: {
      description:
        'BOLT 2, Adding an HTLC: our channels are asked for an HTLC each; their answers come within the same turn.',
      on: {
        htlcOffered: [
          stale,
          { guard: not('isLastUnanswered'), actions: 'noteHtlc' },
          { guard: 'isAnythingMissing', target: 'routing', actions: ['noteHtlc', 'findRoutes'] },
          { target: 'waiting', actions: 'noteHtlc' },
        ],
        htlcFulfilled: fulfilled,
        partFailed: [
          stale,
          ...end,
          { guard: 'isLastUnanswered', target: 'routing', actions: ['notePartFailure', 'findRoutes'] },
          { actions: 'notePartFailure' },
        ],
      },
    },
    waiting: {
      description:
        'BOLT 2, Forwarding HTLCs: the HTLCs stand until they come back fulfilled or failed; they cannot be taken back.',
      on: {
        htlcOffered: {},
        htlcFulfilled: fulfilled,
        partFailed: [stale, ...end, { target: 'routing', actions: ['notePartFailure', 'findRoutes'] }],
      },
    },
    failing: {
      description:
        'BOLT 4, Basic Multi-Part Payments: nothing more is sent; the payee, who does not get all, gives back the parts that are out.',
      on: {
        htlcOffered: [stale, { actions: 'noteHtlc' }],
        htlcFulfilled: fulfilled,
        partFailed: [stale, { guard: 'isLastOutstanding', target: 'failed', actions: 'notePartFailure' }, { actions: 'notePartFailure' }],
      },
    },
    settling: {
      description: 'BOLT 11: the preimage is the proof of payment; the other parts that are out are taken with it.',
      on: {
        htlcOffered: [stale, { actions: 'noteHtlc' }],
        htlcFulfilled: fulfilled,
        partFailed: [
          stale,
          { guard: 'isLastOutstanding', target: 'succeeded', actions: 'notePartFailure' },
          { actions: 'notePartFailure' },
        ],
      },
    },
    succeeded: {
      description: 'BOLT 11: the preimage is the proof of payment, and nothing is out.',
      tags: ['finished'],
      on: { htlcFulfilled: {} },
    },
    probed: {
      description:
        'BOLT 4, Failure Messages, incorrect_or_unknown_payment_details: a probe came to the payee, who knows of no payment of ' +
        'its random hash; a payment would have come as far. Nothing is out, and nothing was paid.',
      tags: ['finished'],
    },
    failed: {
      description:
        'BOLT 4, Receiving Failure Codes: nothing is out, and nothing more is tried. ' +
        '(Only a reorg deeper than what was waited for brings the preimage of an HTLC that the chain had given back.)',
      tags: ['finished'],
      on: { htlcFulfilled: { target: 'succeeded', actions: 'notePreimage' } },
    },
  },
});

export type PaymentState = StateValueFrom<typeof paymentMachine>;
