import { not, setup, type StateValueFrom } from 'xstate';
import type { PartOutcome, PaymentData, PaymentEffect, PaymentEvent, PaymentFailure, PaymentPart } from './payment.ts';
import { stepsOf, type ActorContext } from './stepping.ts';

const { step, always, reportUnexpected } = stepsOf<PaymentData, PaymentEffect, PaymentEvent>();

type PartFailed = Extract<PaymentEvent, { type: 'partFailed' }>;

const changePart = (parts: readonly PaymentPart[], number: number, change: Partial<PaymentPart>): PaymentPart[] =>
  parts.map((part) => (part.number === number ? { ...part, ...change } : part));

const ended = (parts: readonly PaymentPart[], number: number, outcome: PartOutcome) =>
  changePart(parts, number, { outcome });

const isTimeUp = ({ deadlineMs }: PaymentData, { nowMs }: PartFailed): boolean => nowMs >= deadlineMs;

/** Why the payment ends with this part: what the part failed of, unless it was we who would not go on. */
function reasonToEnd(data: PaymentData, event: PartFailed): PaymentFailure {
  const { failure, mayRetry } = event;
  if (!mayRetry) return failure;
  const last = `last failure: ${failure.message}`;
  if (isTimeUp(data, event)) return { ...failure, code: 'timeout', message: `the time to try is up (${last})` };
  return { ...failure, code: 'attempts_exhausted', message: `gave up after ${data.parts.length} attempts (${last})` };
}

/** What is said of a part that has ended already. */
const stale = { guard: not('isOutstanding'), actions: 'reportUnexpected' } as const;
const retry = { guard: 'mayRetry', target: 'routing', actions: ['notePartFailure', 'findRoute'] } as const;
const end = { target: 'failed', actions: ['notePartFailure', 'noteEnd'] } as const;

/**
 * A payment that this node makes: it finds a way, sends, waits, and learns from what comes back. One actor a payment
 * hash, so that none is paid twice. (It sends one part at a time.)
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
      'part' in event &&
      context.data.parts.some(({ number, outcome }) => number === event.part && outcome === undefined),
    mayRetry: ({ context: { data }, event }) =>
      event.type === 'partFailed' && event.mayRetry && !isTimeUp(data, event) && data.parts.length < data.maxAttempts,
  },
  actions: {
    findRoute: always(() => ({ effects: [{ type: 'findRoute' }] })),
    sendPart: step('routeFound', ({ parts }, { route }) => {
      const part: PaymentPart = { number: parts.length, route, htlc: undefined, outcome: undefined };
      return { data: { parts: [...parts, part] }, effects: [{ type: 'sendPart', part }] };
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
    noteEnd: step('partFailed', (data, event) => ({ data: { failure: reasonToEnd(data, event) } })),
    noteNoRoute: step('noRoute', (_data, { failure }) => ({ data: { failure } })),
    reportUnexpected,
  },
}).createMachine({
  id: 'payment',
  description: 'A payment that this node makes: it finds a way, sends, waits, and learns from what comes back.',
  context: ({ input }) => input,
  initial: 'routing',
  on: { '*': { actions: 'reportUnexpected' } },
  states: {
    routing: {
      description:
        'BOLT 4, Packet Construction: nothing is out; a way to the payee is looked for, other than those that failed.',
      on: {
        search: { actions: 'findRoute' },
        routeFound: { target: 'sending', actions: 'sendPart' },
        noRoute: { target: 'failed', actions: 'noteNoRoute' },
      },
    },
    sending: {
      description:
        'BOLT 2, Adding an HTLC: our first channel is asked for an HTLC; its answer comes within the same turn.',
      on: {
        htlcOffered: [stale, { target: 'waiting', actions: 'noteHtlc' }],
        partFailed: [stale, retry, end],
      },
    },
    waiting: {
      description:
        'BOLT 2, Forwarding HTLCs: the HTLC stands until it comes back fulfilled or failed; it cannot be taken back.',
      on: {
        htlcOffered: {},
        htlcFulfilled: [stale, { target: 'succeeded', actions: 'notePreimage' }],
        partFailed: [stale, retry, end],
      },
    },
    succeeded: {
      description: 'BOLT 11: the preimage is the proof of payment.',
      tags: ['finished'],
      on: { htlcFulfilled: {} },
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
