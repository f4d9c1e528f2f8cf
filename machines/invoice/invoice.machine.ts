import { not, setup, type StateValueFrom } from 'xstate';
import type { FailureMessage } from '../../protocols/onion/failures.ts';
import type { HtlcLocation } from '../forwarding/circuit.ts';
import { stepsOf, type ActorContext } from '../payment/stepping.ts';
import type { InvoiceData, InvoiceEffect, InvoiceEvent, InvoicePart, PartArrived } from './invoice.ts';
import { completesSet, isTooLate, MPP_TIMEOUT_MS, partFailure, totalMsatOf, unknownDetails } from './rules.ts';

const { step, always, reportUnexpected } = stepsOf<InvoiceData, InvoiceEffect, InvoiceEvent>();

const isSame = (a: HtlcLocation, b: HtlcLocation): boolean => a.channelIndex === b.channelIndex && a.id === b.id;
const without = (parts: readonly InvoicePart[], htlc: HtlcLocation) => parts.filter((part) => !isSame(part, htlc));

const failPart = (part: InvoicePart, failure: FailureMessage): InvoiceEffect => ({
  type: 'failPart',
  part: { channelIndex: part.channelIndex, id: part.id },
  failure,
});
const fulfillPart = ({ channelIndex, id }: HtlcLocation): InvoiceEffect => ({
  type: 'fulfillPart',
  part: { channelIndex, id },
});

type Ended = Extract<InvoiceEvent, { type: 'htlcEnded' }>;

/** What is left of what was received when a part ends otherwise than by our taking it. */
function receivedAfter({ parts, receivedMsat = 0n }: InvoiceData, { htlc, isPaid }: Ended): bigint {
  const amountMsat = parts.find((part) => isSame(part, htlc))?.amountMsat ?? 0n;
  return isPaid ? receivedMsat : receivedMsat - amountMsat;
}

const noParts = { parts: [], totalMsat: undefined, deadlineMs: undefined } as const;
const failAll = (parts: readonly InvoicePart[], failure: (part: InvoicePart) => FailureMessage) => ({
  data: noParts,
  effects: parts.map((part) => failPart(part, failure(part))),
});

const contradicts = ({ totalMsat }: InvoiceData, event: PartArrived): boolean =>
  totalMsat !== undefined && totalMsat !== totalMsatOf(event);

/**
 * An invoice, or a spontaneous payment: it holds the parts of a payment until all of them are there, and then takes all
 * or none (BOLT 4, Basic Multi-Part Payments).
 */
export const invoiceMachine = setup({
  types: {
    context: {} as ActorContext<InvoiceData, InvoiceEffect>,
    events: {} as InvoiceEvent,
    input: {} as ActorContext<InvoiceData, InvoiceEffect>,
    tags: {} as 'finished',
  },
  guards: {
    isUnacceptable: ({ context, event }) =>
      event.type === 'partArrived' && partFailure(context.data, event) !== undefined,
    contradictsTotal: ({ context, event }) => event.type === 'partArrived' && contradicts(context.data, event),
    completesSet: ({ context, event }) => event.type === 'partArrived' && completesSet(context.data, event),
    isTooLate: ({ context, event }) =>
      (event.type === 'partArrived' || event.type === 'blockHeight') &&
      context.data.parts.some((part) => isTooLate(part, event.blockHeight)),
    isPart: ({ context, event }) =>
      event.type === 'htlcEnded' && context.data.parts.some((part) => isSame(part, event.htlc)),
    isLastPart: ({ context, event }) =>
      event.type === 'htlcEnded' &&
      context.data.parts.length > 0 &&
      without(context.data.parts, event.htlc).length === 0,
    leavesNothing: ({ context, event }) =>
      event.type === 'htlcEnded' &&
      without(context.data.parts, event.htlc).length === 0 &&
      receivedAfter(context.data, event) === 0n,
  },
  actions: {
    rejectPart: step('partArrived', (data, event) => ({
      effects: [failPart(event.part, partFailure(data, event) ?? unknownDetails(event.part, event.blockHeight))],
    })),
    holdPart: step('partArrived', (data, event) => ({
      data: {
        parts: [...data.parts, event.part],
        totalMsat: totalMsatOf(event),
        deadlineMs: data.deadlineMs ?? event.nowMs + MPP_TIMEOUT_MS,
      },
    })),
    takeAll: step('partArrived', ({ parts: held }, event) => {
      const parts = [...held, event.part];
      return {
        data: {
          parts,
          totalMsat: totalMsatOf(event),
          deadlineMs: undefined,
          receivedMsat: parts.reduce((sum, part) => sum + part.amountMsat, 0n),
          paidAtMs: event.nowMs,
        },
        effects: parts.map(fulfillPart),
      };
    }),
    failSetWithPart: step('partArrived', ({ parts }, event) =>
      failAll([...parts, event.part], (part) => unknownDetails(part, event.blockHeight)),
    ),
    failSet: step(['blockHeight', 'cancel'], ({ parts }, { blockHeight }) =>
      failAll(parts, (part) => unknownDetails(part, blockHeight)),
    ),
    giveUpSet: step('mppTimeout', ({ parts }) => failAll(parts, () => ({ type: 'mpp_timeout' }))),
    dropPart: step('htlcEnded', ({ parts }, { htlc }) => ({ data: { parts: without(parts, htlc) } })),
    closePart: step('htlcEnded', (data, event) => ({
      data: { parts: without(data.parts, event.htlc), receivedMsat: receivedAfter(data, event) },
    })),
    forgetPayment: always(() => ({ data: { ...noParts, receivedMsat: undefined, paidAtMs: undefined } })),
    dropLastPart: always(() => ({ data: noParts })),
    fulfillAgain: step('htlcReceived', ({ parts }, { htlc }) => ({
      effects: parts.filter((part) => isSame(part, htlc)).map(fulfillPart),
    })),
    setTimer: always(({ deadlineMs }) =>
      deadlineMs === undefined ? {} : { effects: [{ type: 'setTimer', atMs: deadlineMs }] },
    ),
    clearTimer: always(() => ({ effects: [{ type: 'clearTimer' }] })),
    reportUnexpected,
  },
}).createMachine({
  id: 'invoice',
  description: 'An invoice, or a spontaneous payment: the parts are held until all of them are there, and then all are taken, or none.',
  context: ({ input }) => input,
  initial: 'open',
  on: {
    partArrived: { actions: 'rejectPart' },
    blockHeight: {},
    '*': { actions: 'reportUnexpected' },
  },
  states: {
    open: {
      description: 'BOLT 11: it can be paid, and nothing of it has come.',
      on: {
        partArrived: [
          { guard: 'isUnacceptable', actions: 'rejectPart' },
          { guard: 'completesSet', target: 'settling', actions: 'takeAll' },
          { target: 'collecting', actions: 'holdPart' },
        ],
        mppTimeout: {},
        expire: 'expired',
        cancel: 'cancelled',
      },
    },
    collecting: {
      description:
        'BOLT 4, Basic Multi-Part Payments: some parts are held for a minute, until the rest comes; none is taken yet.',
      entry: 'setTimer',
      exit: 'clearTimer',
      on: {
        partArrived: [
          { guard: 'isUnacceptable', actions: 'rejectPart' },
          { guard: 'contradictsTotal', target: 'open', actions: 'failSetWithPart' },
          { guard: 'isTooLate', target: 'open', actions: 'failSetWithPart' },
          { guard: 'completesSet', target: 'settling', actions: 'takeAll' },
          { actions: 'holdPart' },
        ],
        htlcReceived: {},
        htlcEnded: [
          { guard: 'isLastPart', target: 'open', actions: 'dropLastPart' },
          { guard: 'isPart', actions: 'dropPart' },
          { actions: 'reportUnexpected' },
        ],
        mppTimeout: { target: 'open', actions: 'giveUpSet' },
        blockHeight: { guard: 'isTooLate', target: 'open', actions: 'failSet' },
        expire: {},
        cancel: { target: 'cancelled', actions: 'failSet' },
      },
    },
    settling: {
      description:
        'BOLT 4, Basic Multi-Part Payments: all of it is there, and every part is fulfilled, whatever else happens.',
      on: {
        htlcReceived: { actions: 'fulfillAgain' },
        htlcEnded: [
          { guard: not('isPart'), actions: 'reportUnexpected' },
          { guard: 'leavesNothing', target: 'lost', actions: 'forgetPayment' },
          { guard: 'isLastPart', target: 'paid', actions: 'closePart' },
          { actions: 'closePart' },
        ],
        mppTimeout: {},
        expire: {},
        cancel: {},
      },
    },
    lost: {
      description:
        'BOLT 5, HTLC Output Handling: it was taken, and the chain gave all of it back: nothing came. ' +
        'Its preimage may be known by now, so that nobody may pay it any more.',
      tags: ['finished'],
      on: { mppTimeout: {}, expire: {}, cancel: {} },
    },
    paid: {
      description: 'BOLT 4, Failure Messages: it was paid; whoever pays again is refused.',
      tags: ['finished'],
      on: { mppTimeout: {}, expire: {}, cancel: {} },
    },
    expired: {
      description: 'BOLT 11, Payer / Payee Requirements: its time is over, and no payment for it is accepted.',
      tags: ['finished'],
      on: { expire: {}, cancel: {} },
    },
    cancelled: {
      description: 'BOLT 4, Failure Messages: we no longer want it; its payment hash counts as unknown.',
      tags: ['finished'],
      on: { expire: {}, cancel: {} },
    },
  },
});

export type InvoiceState = StateValueFrom<typeof invoiceMachine>;
