import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import {
  createPayment,
  restorePayment,
  type PaymentData,
  type PaymentEvent,
  type PaymentPart,
  type PaymentPurpose,
  type PaymentRoute,
} from '../../machines/payment/payment.ts';
import { paymentMachine, type PaymentState } from '../../machines/payment/payment.machine.ts';
import { ignored, reactionOf, unanswered, type Reaction } from './payment-chart-fixtures.ts';

const route: PaymentRoute = {
  hops: [],
  amountMsat: 1_000n,
  totalAmountMsat: 1_010n,
  totalFeeMsat: 10n,
  cltvExpiry: 500,
  totalCltvDelta: 40,
};
const failure = { code: 'temporary_channel_failure', message: 'no' };
const preimage = new Uint8Array(32).fill(1);
const htlc = { channelIndex: 2, id: 9n };
const DEADLINE = 10_000;

const payment: PaymentData = {
  purpose: 'payment',
  paymentHash: new Uint8Array(32),
  amountMsat: 1_000n,
  maxAttempts: 3,
  deadlineMs: DEADLINE,
  parts: [],
  paymentPreimage: undefined,
  failure: undefined,
};
const part = (changes: Partial<PaymentPart> = {}): PaymentPart => ({
  number: 0,
  route,
  htlc: undefined,
  outcome: undefined,
  ...changes,
});

const dataIn: Record<PaymentState, PaymentData> = {
  routing: payment,
  failing: { ...payment, parts: [part({ htlc }), part({ number: 1, htlc, outcome: { kind: 'failed', failure } })], failure },
  settling: { ...payment, parts: [part({ htlc }), part({ number: 1, htlc, outcome: { kind: 'succeeded' } })], paymentPreimage: preimage },
  sending: { ...payment, parts: [part()] },
  waiting: { ...payment, parts: [part({ htlc })] },
  succeeded: { ...payment, parts: [part({ htlc, outcome: { kind: 'succeeded' } })], paymentPreimage: preimage },
  failed: { ...payment, parts: [part({ htlc, outcome: { kind: 'failed', failure } })], failure },
  probed: { ...payment, purpose: 'probe', parts: [part({ htlc, outcome: { kind: 'arrived' } })] },
};

const failed = (changes: object = {}) =>
  ({ type: 'partFailed', part: 0, failure, mayRetry: true, isUnknownToPayee: false, nowMs: 0, ...changes }) as const;
const events = {
  search: { type: 'search' },
  routesFound: { type: 'routesFound', routes: [route] },
  noRoute: { type: 'noRoute', failure },
  htlcOffered: { type: 'htlcOffered', part: 0, htlc },
  htlcFulfilled: { type: 'htlcFulfilled', part: 0, paymentPreimage: preimage },
  failedForNow: failed(),
  failedForGood: failed({ mayRetry: false }),
  failedLate: failed({ nowMs: DEADLINE }),
  unknownToPayee: failed({ mayRetry: false, isUnknownToPayee: true, nowMs: DEADLINE }),
  staleOffered: { type: 'htlcOffered', part: 4, htlc },
  staleFulfilled: { type: 'htlcFulfilled', part: 4, paymentPreimage: preimage },
  staleFailed: failed({ part: 4 }),
} as const satisfies Record<string, PaymentEvent>;

const failures = {
  failedForNow: { to: 'routing', effects: ['findRoutes'] },
  failedForGood: ignored('failed'),
  failedLate: ignored('failed'),
  unknownToPayee: ignored('failed'),
};

/** Every answer of the chart; what is not listed is not answered. */
const answers: Record<PaymentState, Partial<Record<keyof typeof events, Reaction>>> = {
  routing: {
    search: { to: 'routing', effects: ['findRoutes'] },
    routesFound: { to: 'sending', effects: ['sendPart'] },
    noRoute: ignored('failed'),
  },
  sending: { ...failures, htlcOffered: ignored('waiting'), htlcFulfilled: ignored('succeeded') },
  failing: {
    htlcOffered: ignored('failing'),
    htlcFulfilled: ignored('succeeded'),
    failedForNow: ignored('failed'),
    failedForGood: ignored('failed'),
    failedLate: ignored('failed'),
    unknownToPayee: ignored('failed'),
  },
  settling: {
    htlcOffered: ignored('settling'),
    htlcFulfilled: ignored('succeeded'),
    failedForNow: ignored('succeeded'),
    failedForGood: ignored('succeeded'),
    failedLate: ignored('succeeded'),
    unknownToPayee: ignored('succeeded'),
  },
  waiting: {
    ...failures,
    htlcOffered: ignored('waiting'),
    staleOffered: ignored('waiting'),
    htlcFulfilled: ignored('succeeded'),
  },
  succeeded: { htlcFulfilled: ignored('succeeded'), staleFulfilled: ignored('succeeded') },
  failed: { htlcFulfilled: ignored('succeeded'), staleFulfilled: ignored('succeeded') },
  probed: {},
};

describe('the chart of a payment', () => {
  const states = Object.keys(paymentMachine.states) as PaymentState[];
  const dataOf = (actor: { getSnapshot(): unknown }) =>
    (actor.getSnapshot() as { context: { data: PaymentData } }).context.data;

  for (const state of states) {
    it(`answers every event in ${state}`, () => {
      for (const [name, event] of Object.entries(events)) {
        const { to, effects } = reactionOf((emit) => restorePayment(state, dataIn[state], emit), event);
        expect({ to, effects }, name).toEqual(answers[state][name as keyof typeof events] ?? unanswered(state));
      }
    });
  }

  it('says of each state what it is', () => {
    for (const state of states) expect(paymentMachine.states[state]!.description).toMatch(/^BOLT \d+/);
  });

  it('keeps each attempt, and says why it ended', () => {
    const { actor } = reactionOf((emit) => createPayment(payment, emit), events.search as PaymentEvent);
    for (let attempt = 0; attempt < 3; attempt++) {
      actor.send({ type: 'routesFound', routes: [route] });
      actor.send({ type: 'htlcOffered', part: attempt, htlc: { channelIndex: 1, id: BigInt(attempt) } });
      actor.send(failed({ part: attempt }));
    }
    expect(String(actor.getSnapshot().value)).toBe('failed');
    const data = dataOf(actor);
    expect(data.parts.map(({ number, outcome }) => [number, outcome?.kind])).toEqual([
      [0, 'failed'],
      [1, 'failed'],
      [2, 'failed'],
    ]);
    expect(data.failure).toEqual({
      code: 'attempts_exhausted',
      message: 'gave up after 3 attempts (last failure: no)',
    });
  });

  it('tells the time being up from a refusal', () => {
    const after = (event: PaymentEvent) =>
      dataOf(reactionOf((emit) => restorePayment('waiting', dataIn.waiting, emit), event).actor).failure?.code;
    expect(after(events.failedLate)).toBe('timeout');
    expect(after(events.failedForGood)).toBe('temporary_channel_failure');
  });

  const routeOf = (amountMsat: bigint): PaymentRoute => ({ ...route, amountMsat, totalAmountMsat: amountMsat + 10n });
  const out = (data: PaymentData): readonly PaymentPart[] => data.parts.filter(({ outcome }) => outcome === undefined);
  const sumOut = (data: PaymentData): bigint => out(data).reduce((sum, { route: { amountMsat } }) => sum + amountMsat, 0n);

  it('sends what failed anew while the rest stands, and is settled once the last part is', () => {
    const { actor } = reactionOf((emit) => createPayment(payment, emit), events.search as PaymentEvent);
    const state = (): string => String(actor.getSnapshot().value);
    actor.send({ type: 'routesFound', routes: [routeOf(600n), routeOf(400n)] });
    actor.send({ type: 'htlcOffered', part: 0, htlc });
    expect(state()).toBe('sending');
    actor.send({ type: 'htlcOffered', part: 1, htlc: { ...htlc, id: 10n } });
    expect(state()).toBe('waiting');
    actor.send(failed({ part: 1 }));
    expect([state(), sumOut(dataOf(actor))]).toEqual(['routing', 600n]);
    actor.send({ type: 'routesFound', routes: [routeOf(400n)] });
    actor.send({ type: 'htlcOffered', part: 2, htlc: { ...htlc, id: 11n } });
    actor.send({ type: 'htlcFulfilled', part: 0, paymentPreimage: preimage });
    expect(state()).toBe('settling');
    actor.send({ type: 'htlcFulfilled', part: 2, paymentPreimage: preimage });
    expect(state()).toBe('succeeded');
    expect(dataOf(actor).parts.map(({ outcome }) => outcome?.kind)).toEqual(['succeeded', 'failed', 'succeeded']);
  });

  it('waits for the parts that are out before it has failed', () => {
    const { actor } = reactionOf((emit) => createPayment(payment, emit), events.search as PaymentEvent);
    actor.send({ type: 'routesFound', routes: [routeOf(600n), routeOf(400n)] });
    actor.send({ type: 'htlcOffered', part: 0, htlc });
    actor.send(failed({ part: 1, mayRetry: false }));
    expect(String(actor.getSnapshot().value)).toBe('failing');
    actor.send(failed({ part: 0, failure: { code: 'mpp_timeout', message: 'late' } }));
    expect(String(actor.getSnapshot().value)).toBe('failed');
    expect(dataOf(actor).failure).toEqual(failure);
  });

  it.each(['sending', 'waiting'] as const)('of a probe ends once the payee says that it knows of no such payment: %s', (state) => {
    const probe: PaymentData = { ...dataIn[state], purpose: 'probe' };
    const after = (event: PaymentEvent) => reactionOf((emit) => restorePayment(state, probe, emit), event);
    const { to, effects, actor } = after(events.unknownToPayee);
    expect({ to, effects }).toEqual(ignored('probed'));
    expect(dataOf(actor)).toMatchObject({ failure: undefined, paymentPreimage: undefined, parts: [{ outcome: { kind: 'arrived' } }] });
    expect(after(events.failedForNow).to).toBe('routing');
    expect(after(events.failedForGood).to).toBe('failed');
  });

  it('has never more out than it is to pay, and ends only when nothing is', () => {
    const anyEvent = fc.oneof(
      fc.constantFrom<PaymentEvent>(events.search, events.noRoute),
      fc.integer({ min: 1, max: 3 }).map((parts) => ({ type: 'routes', parts }) as const),
      fc
        .record({ part: fc.nat({ max: 5 }), mayRetry: fc.boolean(), isUnknownToPayee: fc.boolean() })
        .chain(({ part: number, mayRetry, isUnknownToPayee }) =>
          fc.constantFrom<PaymentEvent>(
            { type: 'htlcOffered', part: number, htlc },
            { type: 'htlcFulfilled', part: number, paymentPreimage: preimage },
            failed({ part: number, mayRetry: mayRetry && !isUnknownToPayee, isUnknownToPayee }),
          ),
        ),
    );
    fc.assert(
      fc.property(fc.constantFrom<PaymentPurpose>('payment', 'probe'), fc.array(anyEvent, { maxLength: 60 }), (purpose, sequence) => {
        const { actor } = reactionOf((emit) => createPayment({ ...payment, purpose, maxAttempts: 8 }, emit), events.search as PaymentEvent);
        for (const event of sequence) {
          const missing = payment.amountMsat - sumOut(dataOf(actor));
          if (event.type !== 'routes') actor.send(event);
          // As the router answers: all that is missing, in so many parts.
          else if (missing >= BigInt(event.parts)) {
            const share = missing / BigInt(event.parts);
            const amounts = Array.from({ length: event.parts }, (_, index) => (index === 0 ? missing - share * BigInt(event.parts - 1) : share));
            actor.send({ type: 'routesFound', routes: amounts.map(routeOf) });
          }
          const state = String(actor.getSnapshot().value) as PaymentState;
          const data = dataOf(actor);
          expect(sumOut(data)).toBeLessThanOrEqual(payment.amountMsat);
          if (state === 'waiting') expect(sumOut(data)).toBe(payment.amountMsat);
          if (state === 'succeeded' || state === 'failed' || state === 'probed') expect(out(data)).toEqual([]);
          if (state === 'probed') expect(purpose).toBe('probe');
          if (state === 'failing' || state === 'settling') expect(out(data).length).toBeGreaterThan(0);
          expect(data.paymentPreimage !== undefined).toBe(state === 'succeeded' || state === 'settling');
          expect(data.failure !== undefined).toBe(state === 'failed' || state === 'failing');
        }
      }),
      { numRuns: 500 },
    );
  });
});
