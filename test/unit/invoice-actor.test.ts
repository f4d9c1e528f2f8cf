import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import {
  createInvoiceActor,
  restoreInvoice,
  type InvoiceData,
  type InvoiceEffect,
  type InvoiceEvent,
  type InvoicePart,
  type PartArrived,
} from '../../machines/invoice/invoice.ts';
import { invoiceMachine, type InvoiceState } from '../../machines/invoice/invoice.machine.ts';
import { MPP_TIMEOUT_MS, partFailure } from '../../machines/invoice/rules.ts';
import { ignored, reactionOf, unanswered, type Reaction } from './payment-chart-fixtures.ts';

const HEIGHT = 800;
const NOW = 1_000_000;
const secret = new Uint8Array(32).fill(7);

const invoice: InvoiceData = {
  paymentHash: new Uint8Array(32),
  paymentSecret: secret,
  amountMsat: 1_000n,
  minFinalCltvExpiryDelta: 24,
  expiresAtMs: NOW + 5_000,
  parts: [],
  totalMsat: undefined,
  deadlineMs: undefined,
  receivedMsat: undefined,
  paidAtMs: undefined,
};

const part = (id: bigint, amountMsat: bigint, cltvExpiry = HEIGHT + 30): InvoicePart => ({
  channelIndex: 1,
  id,
  amountMsat,
  cltvExpiry,
  amtToForwardMsat: amountMsat,
});

const arrival = (id: bigint, amountMsat: bigint, changes: Partial<PartArrived> = {}): PartArrived => ({
  type: 'partArrived',
  part: part(id, amountMsat),
  amtToForwardMsat: amountMsat,
  outgoingCltvValue: HEIGHT + 30,
  payment: { paymentSecret: secret, totalMsat: 1_000n },
  blockHeight: HEIGHT,
  nowMs: NOW,
  ...changes,
});

const payment = (totalMsat: bigint, paymentSecret = secret) => ({ payment: { paymentSecret, totalMsat } });
const details = { type: 'incorrect_or_unknown_payment_details', htlcMsat: 1_000n, height: HEIGHT };

describe('what the payee checks of a part', () => {
  const failure = (changes: Partial<PartArrived> = {}, of: Partial<InvoiceData> = {}) =>
    partFailure({ ...invoice, ...of }, arrival(0n, 1_000n, changes));

  it('takes what the invoice asks for, and up to twice as much', () => {
    expect(failure()).toBeUndefined();
    expect(failure(payment(2_000n))).toBeUndefined();
    expect(failure({ part: part(0n, 1_000n, HEIGHT + 24), outgoingCltvValue: HEIGHT + 24 })).toBeUndefined();
    expect(failure(payment(1n), { amountMsat: undefined })).toBeUndefined();
    expect(failure({ payment: undefined }, { paymentSecret: undefined, amountMsat: undefined })).toBeUndefined();
  });

  it('refuses what it does not know, and tells no more than that', () => {
    expect(failure({ payment: undefined })).toEqual(details);
    expect(failure(payment(1_000n, new Uint8Array(32)))).toEqual(details);
    expect(failure(payment(999n))).toEqual(details);
    expect(failure(payment(2_001n))).toEqual(details);
    expect(failure({ nowMs: NOW + 5_000 })).toEqual(details);
    expect(failure({ part: part(0n, 1_000n, HEIGHT + 23), outgoingCltvValue: HEIGHT + 23 })).toEqual(details);
    expect(failure(payment(0n), { amountMsat: undefined })).toEqual(details);
  });

  it('tells who does not know the secret nothing by which to find out the payee', () => {
    const wrong = payment(1_000n, new Uint8Array(32));
    expect(failure({ ...wrong, amtToForwardMsat: 1_001n })).toEqual(details);
    expect(failure({ ...wrong, outgoingCltvValue: HEIGHT + 1_000 })).toEqual(details);
    expect(failure({ payment: undefined, outgoingCltvValue: HEIGHT + 1_000 })).toEqual(details);
  });

  it('tells what the hop before it changed', () => {
    const late = failure({ part: part(0n, 1_000n, HEIGHT + 29) });
    expect(late).toEqual({ type: 'final_incorrect_cltv_expiry', cltvExpiry: HEIGHT + 29 });
    expect(failure({ part: part(0n, 999n) })).toEqual({
      type: 'final_incorrect_htlc_amount',
      incomingHtlcAmtMsat: 999n,
    });
  });
});

const held = { ...invoice, parts: [part(1n, 400n)], totalMsat: 1_000n, deadlineMs: NOW + MPP_TIMEOUT_MS };
const paid = { ...invoice, totalMsat: 1_000n, receivedMsat: 1_000n, paidAtMs: NOW };

const dataIn: Record<InvoiceState, InvoiceData> = {
  open: invoice,
  collecting: held,
  settling: { ...paid, parts: [part(1n, 400n)] },
  lost: { ...invoice, totalMsat: undefined },
  paid,
  expired: invoice,
  cancelled: invoice,
};

const htlc = { channelIndex: 1, id: 1n };
const events = {
  whole: arrival(5n, 1_000n),
  some: arrival(5n, 500n),
  rest: arrival(5n, 600n),
  wrong: arrival(5n, 1_000n, { payment: undefined }),
  contradicting: arrival(5n, 600n, payment(1_100n)),
  tooLate: arrival(5n, 600n, { blockHeight: HEIGHT + 10, part: part(5n, 600n, HEIGHT + 40) }),
  htlcReceived: { type: 'htlcReceived', htlc },
  htlcPaid: { type: 'htlcEnded', htlc, isPaid: true },
  htlcUnpaid: { type: 'htlcEnded', htlc, isPaid: false },
  otherEnded: { type: 'htlcEnded', htlc: { channelIndex: 2, id: 1n }, isPaid: true },
  mppTimeout: { type: 'mppTimeout' },
  blockHeight: { type: 'blockHeight', blockHeight: HEIGHT + 9 },
  expiringHeight: { type: 'blockHeight', blockHeight: HEIGHT + 10 },
  expire: { type: 'expire' },
  cancel: { type: 'cancel', blockHeight: HEIGHT },
} as const satisfies Record<string, InvoiceEvent>;

const reject = (state: InvoiceState): Reaction => ({ to: state, effects: ['failPart'] });
const rejectAll = (state: InvoiceState) =>
  Object.fromEntries(
    ['whole', 'some', 'rest', 'wrong', 'contradicting', 'tooLate'].map((name) => [name, reject(state)]),
  );
const noHeights = (state: InvoiceState) => ({ blockHeight: ignored(state), expiringHeight: ignored(state) });

/** Every answer of the chart; what is not listed is not answered. */
const answers: Record<InvoiceState, Partial<Record<keyof typeof events, Reaction>>> = {
  open: {
    whole: { to: 'settling', effects: ['fulfillPart'] },
    some: { to: 'collecting', effects: ['setTimer'] },
    rest: { to: 'collecting', effects: ['setTimer'] },
    wrong: reject('open'),
    contradicting: { to: 'collecting', effects: ['setTimer'] },
    tooLate: { to: 'collecting', effects: ['setTimer'] },
    mppTimeout: ignored('open'),
    ...noHeights('open'),
    expire: ignored('expired'),
    cancel: ignored('cancelled'),
  },
  collecting: {
    whole: { to: 'settling', effects: ['clearTimer', 'fulfillPart', 'fulfillPart'] },
    some: ignored('collecting'),
    rest: { to: 'settling', effects: ['clearTimer', 'fulfillPart', 'fulfillPart'] },
    wrong: reject('collecting'),
    contradicting: { to: 'open', effects: ['clearTimer', 'failPart', 'failPart'] },
    tooLate: { to: 'open', effects: ['clearTimer', 'failPart', 'failPart'] },
    htlcReceived: ignored('collecting'),
    htlcPaid: { to: 'open', effects: ['clearTimer'] },
    htlcUnpaid: { to: 'open', effects: ['clearTimer'] },
    mppTimeout: { to: 'open', effects: ['clearTimer', 'failPart'] },
    blockHeight: ignored('collecting'),
    expiringHeight: { to: 'open', effects: ['clearTimer', 'failPart'] },
    expire: ignored('collecting'),
    cancel: { to: 'cancelled', effects: ['clearTimer', 'failPart'] },
  },
  settling: {
    ...rejectAll('settling'),
    htlcReceived: { to: 'settling', effects: ['fulfillPart'] },
    htlcPaid: ignored('paid'),
    htlcUnpaid: ignored('paid'),
    mppTimeout: ignored('settling'),
    ...noHeights('settling'),
    expire: ignored('settling'),
    cancel: ignored('settling'),
  },
  paid: {
    ...rejectAll('paid'),
    mppTimeout: ignored('paid'),
    ...noHeights('paid'),
    expire: ignored('paid'),
    cancel: ignored('paid'),
  },
  lost: {
    ...rejectAll('lost'),
    mppTimeout: ignored('lost'),
    ...noHeights('lost'),
    expire: ignored('lost'),
    cancel: ignored('lost'),
  },
  expired: { ...rejectAll('expired'), ...noHeights('expired'), expire: ignored('expired'), cancel: ignored('expired') },
  cancelled: {
    ...rejectAll('cancelled'),
    ...noHeights('cancelled'),
    expire: ignored('cancelled'),
    cancel: ignored('cancelled'),
  },
};

describe('the chart of an invoice', () => {
  const states = Object.keys(invoiceMachine.states) as InvoiceState[];

  for (const state of states) {
    it(`answers every event in ${state}`, () => {
      for (const [name, event] of Object.entries(events)) {
        const { to, effects } = reactionOf<InvoiceEvent, InvoiceEffect>(
          (emit) => restoreInvoice(state, dataIn[state], emit),
          event,
        );
        expect({ to, effects }, name).toEqual(answers[state][name as keyof typeof events] ?? unanswered(state));
      }
    });
  }

  it('says of each state what it is', () => {
    for (const state of states) expect(invoiceMachine.states[state]!.description).toMatch(/^BOLT \d+/);
  });

  it('fails what it held when the time is up, and can be paid afterwards', () => {
    const { actor, emitted } = reactionOf((emit) => createInvoiceActor(invoice, emit), events.some as InvoiceEvent);
    actor.send({ type: 'mppTimeout' });
    actor.send(arrival(6n, 1_000n));
    expect(emitted).toEqual([
      { type: 'setTimer', atMs: NOW + MPP_TIMEOUT_MS },
      { type: 'clearTimer' },
      { type: 'failPart', part: { channelIndex: 1, id: 5n }, failure: { type: 'mpp_timeout' } },
      { type: 'fulfillPart', part: { channelIndex: 1, id: 6n } },
    ]);
  });

  describe('counts what the chain gave back of what it took as not received (BOLT 5, HTLC Output Handling)', () => {
    const ends = (unpaid: readonly bigint[]) => {
      const { actor } = reactionOf<InvoiceEvent, InvoiceEffect>(
        (emit) => createInvoiceActor(invoice, emit),
        arrival(1n, 400n),
      );
      actor.send(arrival(2n, 700n));
      for (const id of [1n, 2n]) {
        actor.send({ type: 'htlcEnded', htlc: { channelIndex: 1, id }, isPaid: !unpaid.includes(id) });
      }
      const { value, context } = actor.getSnapshot() as unknown as { value: string; context: { data: InvoiceData } };
      return [value, context.data.receivedMsat, context.data.parts.length];
    };

    it.each([
      [[], 'paid', 1_100n],
      [[1n], 'paid', 700n],
      [[2n], 'paid', 400n],
      [[1n, 2n], 'lost', undefined],
    ] as const)('unpaid parts %s: %s', (unpaid, state, receivedMsat) => {
      expect(ends(unpaid)).toEqual([state, receivedMsat, 0]);
    });

    it('and does not count a held part that ended towards the sum', () => {
      const { actor, emitted } = reactionOf<InvoiceEvent, InvoiceEffect>(
        (emit) => createInvoiceActor(invoice, emit),
        arrival(1n, 400n),
      );
      actor.send(arrival(2n, 300n));
      actor.send({ type: 'htlcEnded', htlc: { channelIndex: 1, id: 1n }, isPaid: false });
      actor.send(arrival(3n, 600n));
      expect(actor.getSnapshot().value).toBe('collecting');
      actor.send(arrival(4n, 100n));
      const taken = emitted.flatMap((effect) => (effect.type === 'fulfillPart' ? [effect.part.id] : []));
      expect(taken).toEqual([2n, 3n, 4n]);
    });
  });

  it('counts from the first part, whatever comes after it', () => {
    const { actor } = reactionOf((emit) => createInvoiceActor(invoice, emit), arrival(1n, 100n) as InvoiceEvent);
    actor.send(arrival(2n, 100n, { nowMs: NOW + 4_000 }));
    const { context } = actor.getSnapshot() as unknown as { context: { data: InvoiceData } };
    expect(context.data.deadlineMs).toBe(NOW + MPP_TIMEOUT_MS);
    expect(context.data.parts).toHaveLength(2);
  });

  it('takes all parts or none: none is both fulfilled and failed, and none is fulfilled before the sum is there', () => {
    const anyEvent = fc.oneof(
      fc
        .record({
          id: fc.bigInt({ min: 0n, max: 1_000n }),
          amount: fc.constantFrom(100n, 300n, 500n, 700n),
          total: fc.constantFrom(1_000n, 1_000n, 1_000n, 1_500n),
        })
        .map(({ id, amount, total }): InvoiceEvent => arrival(id, amount, payment(total))),
      fc.constantFrom<InvoiceEvent>(
        events.mppTimeout,
        events.blockHeight,
        events.expiringHeight,
        events.expire,
        events.cancel,
      ),
    );
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 25 }), (sequence) => {
        const seen = new Set<string>();
        const unique = sequence.filter((event) => {
          if (event.type !== 'partArrived') return true;
          const key = String(event.part.id);
          return !seen.has(key) && seen.add(key);
        });
        const { actor, emitted } = reactionOf<InvoiceEvent, InvoiceEffect>(
          (emit) => createInvoiceActor(invoice, emit),
          events.blockHeight,
        );
        for (const event of unique) actor.send(event);
        const ids = (type: string) =>
          emitted.filter((effect) => effect.type === type).map((effect) => ('part' in effect ? effect.part.id : -1n));
        const fulfilled = ids('fulfillPart');
        const failed = new Set(ids('failPart'));
        expect(fulfilled.filter((id) => failed.has(id))).toEqual([]);
        expect(new Set(fulfilled).size).toBe(fulfilled.length);
        const sum = unique.reduce(
          (total, event) =>
            event.type === 'partArrived' && fulfilled.includes(event.part.id) ? total + event.part.amountMsat : total,
          0n,
        );
        if (fulfilled.length > 0) expect(sum).toBeGreaterThanOrEqual(1_000n);
        const state = String(actor.getSnapshot().value);
        const outstanding = unique.filter(
          (event) => event.type === 'partArrived' && !fulfilled.includes(event.part.id) && !failed.has(event.part.id),
        );
        if (state !== 'collecting') expect(outstanding).toEqual([]);
      }),
    );
  });
});
