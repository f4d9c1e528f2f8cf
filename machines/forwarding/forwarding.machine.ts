import { not, setup, type StateValueFrom } from 'xstate';
import { failureFromMalformed } from '../../protocols/onion/failures.ts';
import { stepsOf, type ActorContext } from '../payment/stepping.ts';
import type { CircuitData, CircuitEffect, CircuitEvent, CircuitFailure } from './circuit.ts';
import { forwardingFailure } from './rules.ts';

const { step, always, reportUnexpected } = stepsOf<CircuitData, CircuitEffect, CircuitEvent>();

type EventOf<T extends CircuitEvent['type']> = Extract<CircuitEvent, { type: T }>;

const ruleBroken = ({ incoming, outgoing }: CircuitData, { channel, blockHeight }: EventOf<'forward'>) =>
  forwardingFailure(incoming, outgoing, channel, blockHeight);

const fail = (failure: CircuitFailure) => ({
  data: { failure },
  effects: [{ type: 'failIncoming', failure } as const],
});

const known = (paymentPreimage: Uint8Array) => ({ paymentPreimage, failure: undefined });

/** BOLT 2, "Removing an HTLC": what our peer could not read, we report for it; all else is passed on as it came. */
function failureOf({ removal }: EventOf<'htlcFailed'>): CircuitFailure {
  if (removal.kind === 'failed') return { by: 'downstream', reason: removal.reason };
  return { by: 'us', failure: failureFromMalformed(removal.failureCode, removal.sha256OfOnion) };
}

/**
 * BOLT 5, "HTLC Output Handling", and BOLT 2, "Message Retransmission": nobody downstream has a word of its own on it.
 */
function ownFailure({ code, channelUpdate }: EventOf<'htlcReturned'>): CircuitFailure {
  return { by: 'us', failure: code === 'permanent_channel_failure' ? { type: code } : { type: code, channelUpdate } };
}

/**
 * A forwarding circuit: it links an HTLC that we received with the one that we offer for it, so that the one is settled
 * exactly as the other was, once. One actor a forward.
 */
export const forwardingMachine = setup({
  types: {
    context: {} as ActorContext<CircuitData, CircuitEffect>,
    events: {} as CircuitEvent,
    input: {} as ActorContext<CircuitData, CircuitEffect>,
    tags: {} as 'finished',
  },
  guards: {
    breaksRule: ({ context, event }) => event.type === 'forward' && ruleBroken(context.data, event) !== undefined,
    isPaid: ({ event }) => event.type === 'htlcEnded' && event.isPaid,
  },
  actions: {
    refuse: step('forward', (data, event) => {
      const failure = ruleBroken(data, event);
      return failure === undefined ? {} : fail({ by: 'us', failure });
    }),
    offer: step('forward', ({ outgoing: { amountMsat, cltvExpiry } }, { channel, onionRoutingPacket }) =>
      channel === undefined
        ? {}
        : {
            effects: [
              { type: 'offerHtlc', channelIndex: channel.channelIndex, amountMsat, cltvExpiry, onionRoutingPacket },
            ],
          },
    ),
    noteOffered: step('htlcOffered', ({ outgoing }, { id }) => ({ data: { outgoing: { ...outgoing, id } } })),
    failTemporarily: step('htlcRefused', (_data, { channelUpdate }) =>
      fail({ by: 'us', failure: { type: 'temporary_channel_failure', channelUpdate } }),
    ),
    passFailureBack: step('htlcFailed', (_data, event) => fail(failureOf(event))),
    failReturned: step('htlcReturned', ({ outgoing }, event) => {
      const failed = fail(ownFailure(event));
      if (event.code === 'permanent_channel_failure') return failed;
      // One that was withdrawn never was, and its number goes to another.
      return { ...failed, data: { ...failed.data, outgoing: { ...outgoing, id: undefined } } };
    }),
    giveUp: always(() => fail({ by: 'us', failure: { type: 'permanent_channel_failure' } })),
    notePreimage: step('htlcFulfilled', (_data, { paymentPreimage }) => ({ data: known(paymentPreimage) })),
    passPreimageBack: step('htlcFulfilled', (_data, { paymentPreimage }) => ({
      data: known(paymentPreimage),
      effects: [{ type: 'fulfillIncoming', paymentPreimage }],
    })),
    fulfillAgain: always(({ paymentPreimage }) =>
      paymentPreimage === undefined ? {} : { effects: [{ type: 'fulfillIncoming', paymentPreimage }] },
    ),
    failAgain: always(({ failure }) => (failure === undefined ? {} : { effects: [{ type: 'failIncoming', failure }] })),
    reportUnexpected,
  },
}).createMachine({
  id: 'forwarding',
  description: 'A forward: the HTLC that we received is settled exactly as the one that we offer for it, once.',
  context: ({ input }) => input,
  initial: 'received',
  on: { '*': { actions: 'reportUnexpected' } },
  states: {
    received: {
      description:
        'BOLT 2, Forwarding HTLCs: the incoming HTLC is irrevocably committed; nothing is offered for it yet.',
      on: {
        forward: [
          { guard: 'breaksRule', target: 'failing', actions: 'refuse' },
          { target: 'offering', actions: 'offer' },
        ],
      },
    },
    offering: {
      description:
        'BOLT 2, Adding an HTLC: the outgoing channel is asked for an HTLC; its answer comes within the same turn.',
      on: {
        htlcReceived: {},
        htlcOffered: { target: 'offered', actions: 'noteOffered' },
        htlcRefused: { target: 'failing', actions: 'failTemporarily' },
      },
    },
    offered: {
      description:
        'BOLT 2, Forwarding HTLCs: the outgoing HTLC stands; until it is settled, the incoming one must stand too.',
      on: {
        htlcReceived: {},
        htlcFulfilled: { target: 'settling', actions: 'passPreimageBack' },
        htlcFailed: { target: 'failing', actions: 'passFailureBack' },
        htlcReturned: { target: 'failing', actions: 'failReturned' },
        // Once it has expired it is lost whatever we do: the channel upstream need not be lost with it.
        incomingExpires: { target: 'failing', actions: 'giveUp' },
        htlcEnded: { guard: not('isPaid'), target: 'stranded' },
      },
    },
    settling: {
      description: 'BOLT 2, Forwarding HTLCs: the preimage is known; the incoming HTLC is fulfilled, come what may.',
      on: {
        htlcReceived: { actions: 'fulfillAgain' },
        htlcFulfilled: {},
        htlcFailed: {},
        htlcReturned: {},
        htlcEnded: [{ guard: 'isPaid', target: 'settled' }, { target: 'lost' }],
      },
    },
    failing: {
      description:
        'BOLT 2, Forwarding HTLCs: nothing stands downstream, for good; the incoming HTLC is failed. ' +
        'BOLT 5, HTLC Output Handling: a preimage that the chain gives after all, by a reorg deeper than what was ' +
        'waited for, is used if it can be.',
      on: {
        htlcReceived: { actions: 'failAgain' },
        htlcFulfilled: { target: 'settling', actions: 'passPreimageBack' },
        htlcFailed: {},
        htlcReturned: {},
        htlcEnded: 'failed',
      },
    },
    stranded: {
      description:
        'BOLT 2, cltv_expiry_delta Selection: the chain gave the incoming HTLC back while the outgoing one stands: ' +
        'if that one is paid, we have paid it.',
      on: {
        htlcReceived: {},
        htlcFulfilled: { target: 'lost', actions: 'notePreimage' },
        htlcFailed: 'failed',
        htlcReturned: 'failed',
        htlcEnded: {},
      },
    },
    settled: {
      description: 'BOLT 2, Normal Operation: both HTLCs are paid; the fee is ours.',
      tags: ['finished'],
      on: { htlcFulfilled: {} },
    },
    failed: {
      description:
        'BOLT 2, Normal Operation: neither HTLC was paid. ' +
        '(Only a reorg deeper than what was waited for can change that.)',
      tags: ['finished'],
      on: { htlcFulfilled: { target: 'lost', actions: 'notePreimage' } },
    },
    lost: {
      description:
        'BOLT 2, cltv_expiry_delta Selection: the outgoing HTLC was paid and the incoming one was not: a loss.',
      tags: ['finished'],
      on: { htlcFulfilled: {} },
    },
  },
});

export type CircuitState = StateValueFrom<typeof forwardingMachine>;
