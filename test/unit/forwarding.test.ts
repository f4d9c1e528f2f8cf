import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import {
  createCircuit,
  restoreCircuit,
  type CircuitData,
  type CircuitEffect,
  type CircuitEvent,
} from '../../machines/forwarding/circuit.ts';
import { forwardingMachine, type CircuitState } from '../../machines/forwarding/forwarding.machine.ts';
import {
  forwardingFailure,
  forwardingFeeMsat,
  MIN_OUTGOING_BLOCKS,
  type OutgoingChannel,
} from '../../machines/forwarding/rules.ts';
import { BADONION } from '../../protocols/onion/failures.ts';
import { ignored, reactionOf, unanswered, type Reaction } from './payment-chart-fixtures.ts';

const HEIGHT = 1_000;
const update = Uint8Array.of(1, 2, 3);

const channel: OutgoingChannel = {
  channelIndex: 7,
  policy: {
    feeBaseMsat: 1_000,
    feeProportionalMillionths: 100,
    cltvExpiryDelta: 40,
    htlcMinimumMsat: 10n,
    htlcMaximumMsat: 5_000_000n,
  },
  olderFees: [],
  isDisabled: false,
  isUsable: true,
  channelUpdate: update,
};

/** 1,000,000 msat forwarded at a fee of 1,100. */
const incoming = { amountMsat: 1_001_100n, cltvExpiry: 1_140 };
const outgoing = { amountMsat: 1_000_000n, cltvExpiry: 1_100 };

describe('what is checked before an HTLC is forwarded', () => {
  const failure = (changes: { incoming?: object; outgoing?: object; channel?: object } = {}) =>
    forwardingFailure(
      { ...incoming, ...changes.incoming },
      { ...outgoing, ...changes.outgoing },
      { ...channel, ...changes.channel },
      HEIGHT,
    );

  it('lets pass what keeps every rule to the msat and to the block', () => {
    expect(forwardingFeeMsat(1_000_000n, channel.policy)).toBe(1_100n);
    expect(failure()).toBeUndefined();
    expect(failure({ incoming: { amountMsat: 2_000_000n, cltvExpiry: HEIGHT + 2016 } })).toBeUndefined();
    expect(
      failure({
        incoming: { cltvExpiry: HEIGHT + MIN_OUTGOING_BLOCKS + 40 },
        outgoing: { cltvExpiry: HEIGHT + MIN_OUTGOING_BLOCKS },
      }),
    ).toBeUndefined();
    expect(failure({ incoming: { amountMsat: 1_010n }, outgoing: { amountMsat: 10n } })).toBeUndefined();
  });

  it('names what is wrong, with the data that the failure asks for', () => {
    expect(forwardingFailure(incoming, outgoing, undefined, HEIGHT)).toEqual({ type: 'unknown_next_peer' });
    expect(failure({ outgoing: { amountMsat: 9n } })).toEqual({
      type: 'amount_below_minimum',
      htlcMsat: 9n,
      channelUpdate: update,
    });
    expect(failure({ incoming: { amountMsat: 1_001_099n } })).toEqual({
      type: 'fee_insufficient',
      htlcMsat: 1_001_099n,
      channelUpdate: update,
    });
    expect(failure({ incoming: { cltvExpiry: 1_139 } })).toEqual({
      type: 'incorrect_cltv_expiry',
      cltvExpiry: 1_100,
      channelUpdate: update,
    });
    const older = [{ feeBaseMsat: 900, feeProportionalMillionths: 100 }, { feeBaseMsat: 2_000, feeProportionalMillionths: 0 }];
    expect(failure({ incoming: { amountMsat: 1_001_000n }, channel: { olderFees: older } })).toBeUndefined();
    expect(failure({ incoming: { amountMsat: 1_000_999n }, channel: { olderFees: older } })).toMatchObject({ type: 'fee_insufficient' });
    const soon = { cltvExpiry: HEIGHT + MIN_OUTGOING_BLOCKS - 1 };
    expect(failure({ outgoing: soon })).toEqual({ type: 'expiry_too_soon', channelUpdate: update });
    expect(failure({ channel: { isDisabled: true, isUsable: false } })).toEqual({
      type: 'channel_disabled',
      disabledFlags: 0,
      channelUpdate: update,
    });
    expect(failure({ incoming: { cltvExpiry: HEIGHT + 2017 } })).toEqual({ type: 'expiry_too_far' });
    expect(failure({ channel: { isUsable: false } })).toEqual({
      type: 'temporary_channel_failure',
      channelUpdate: update,
    });
    const large = { incoming: { amountMsat: 9_000_000n }, outgoing: { amountMsat: 5_000_001n } };
    expect(failure(large)).toEqual({ type: 'temporary_channel_failure', channelUpdate: update });
  });

  it('never lets an HTLC pass for less than its fee, nor with less time than its delta', () => {
    const amount = fc.bigInt({ min: 0n, max: 10_000_000n });
    const expiry = fc.integer({ min: 0, max: 4_000 });
    fc.assert(
      fc.property(
        amount,
        amount,
        expiry,
        expiry,
        fc.integer({ min: 0, max: 5_000 }),
        fc.integer({ min: 0, max: 1_000_000 }),
        (a, b, x, y, feeBaseMsat, ppm) => {
          const policy = { ...channel.policy, feeBaseMsat, feeProportionalMillionths: ppm };
          const passes =
            forwardingFailure(
              { amountMsat: a, cltvExpiry: x },
              { amountMsat: b, cltvExpiry: y },
              { ...channel, policy },
              HEIGHT,
            ) === undefined;
          if (passes) {
            expect(a - b).toBeGreaterThanOrEqual(BigInt(feeBaseMsat));
            expect((a - b - BigInt(feeBaseMsat)) * 1_000_000n).toBeGreaterThan(b * BigInt(ppm) - 1_000_000n);
            expect(x - y).toBeGreaterThanOrEqual(40);
          }
        },
      ),
    );
  });
});

const preimage = new Uint8Array(32).fill(9);
const reason = new Uint8Array(292).fill(5);

const data: CircuitData = {
  incoming: { channelIndex: 3, id: 11n, ...incoming },
  outgoing: { shortChannelId: 5n, channelIndex: 7, id: undefined, ...outgoing },
  paymentHash: new Uint8Array(32),
  paymentPreimage: undefined,
  failure: undefined,
};

const dataIn: Record<CircuitState, CircuitData> = {
  received: data,
  offering: data,
  offered: { ...data, outgoing: { ...data.outgoing, id: 4n } },
  settling: { ...data, outgoing: { ...data.outgoing, id: 4n }, paymentPreimage: preimage },
  failing: { ...data, failure: { by: 'downstream', reason } },
  settled: { ...data, outgoing: { ...data.outgoing, id: 4n }, paymentPreimage: preimage },
  stranded: { ...data, outgoing: { ...data.outgoing, id: 4n } },
  failed: { ...data, failure: { by: 'downstream', reason } },
  lost: { ...data, outgoing: { ...data.outgoing, id: 4n }, paymentPreimage: preimage },
};

const events = {
  forward: { type: 'forward', onionRoutingPacket: new Uint8Array(1366), channel, blockHeight: HEIGHT },
  forwardWrong: { type: 'forward', onionRoutingPacket: new Uint8Array(1366), channel: undefined, blockHeight: HEIGHT },
  htlcReceived: { type: 'htlcReceived' },
  htlcOffered: { type: 'htlcOffered', id: 4n },
  htlcRefused: { type: 'htlcRefused', channelUpdate: update },
  htlcFulfilled: { type: 'htlcFulfilled', paymentPreimage: preimage },
  htlcFailed: { type: 'htlcFailed', removal: { kind: 'failed', reason } },
  htlcMalformed: {
    type: 'htlcFailed',
    removal: { kind: 'malformed', sha256OfOnion: new Uint8Array(32), failureCode: BADONION | 0x4000 | 5 },
  },
  htlcWithdrawn: { type: 'htlcReturned', code: 'temporary_channel_failure', channelUpdate: update },
  htlcTimedOut: { type: 'htlcReturned', code: 'permanent_channel_failure', channelUpdate: update },
  htlcPaid: { type: 'htlcEnded', isPaid: true },
  htlcUnpaid: { type: 'htlcEnded', isPaid: false },
} as const satisfies Record<string, CircuitEvent>;

/** Every answer of the chart; what is not listed is not answered. */
const answers: Record<CircuitState, Partial<Record<keyof typeof events, Reaction>>> = {
  received: {
    forward: { to: 'offering', effects: ['offerHtlc'] },
    forwardWrong: { to: 'failing', effects: ['failIncoming'] },
  },
  offering: {
    htlcReceived: ignored('offering'),
    htlcOffered: ignored('offered'),
    htlcRefused: { to: 'failing', effects: ['failIncoming'] },
  },
  offered: {
    htlcReceived: ignored('offered'),
    htlcFulfilled: { to: 'settling', effects: ['fulfillIncoming'] },
    htlcFailed: { to: 'failing', effects: ['failIncoming'] },
    htlcMalformed: { to: 'failing', effects: ['failIncoming'] },
    htlcWithdrawn: { to: 'failing', effects: ['failIncoming'] },
    htlcTimedOut: { to: 'failing', effects: ['failIncoming'] },
    htlcUnpaid: ignored('stranded'),
  },
  settling: {
    htlcReceived: { to: 'settling', effects: ['fulfillIncoming'] },
    htlcFulfilled: ignored('settling'),
    htlcFailed: ignored('settling'),
    htlcMalformed: ignored('settling'),
    htlcWithdrawn: ignored('settling'),
    htlcTimedOut: ignored('settling'),
    htlcPaid: ignored('settled'),
    htlcUnpaid: ignored('lost'),
  },
  failing: {
    htlcReceived: { to: 'failing', effects: ['failIncoming'] },
    htlcFulfilled: { to: 'settling', effects: ['fulfillIncoming'] },
    htlcFailed: ignored('failing'),
    htlcMalformed: ignored('failing'),
    htlcWithdrawn: ignored('failing'),
    htlcTimedOut: ignored('failing'),
    htlcPaid: ignored('failed'),
    htlcUnpaid: ignored('failed'),
  },
  stranded: {
    htlcReceived: ignored('stranded'),
    htlcFulfilled: ignored('lost'),
    htlcFailed: ignored('failed'),
    htlcMalformed: ignored('failed'),
    htlcWithdrawn: ignored('failed'),
    htlcTimedOut: ignored('failed'),
    htlcPaid: ignored('stranded'),
    htlcUnpaid: ignored('stranded'),
  },
  settled: { htlcFulfilled: ignored('settled') },
  failed: { htlcFulfilled: ignored('lost') },
  lost: { htlcFulfilled: ignored('lost') },
};

const begun = () =>
  reactionOf<CircuitEvent, CircuitEffect>((emit) => createCircuit(data, emit), events.forward);

describe('the chart of a forwarding circuit', () => {
  const states = Object.keys(forwardingMachine.states) as CircuitState[];

  for (const state of states) {
    it(`answers every event in ${state}`, () => {
      for (const [name, event] of Object.entries(events)) {
        const { to, effects } = reactionOf<CircuitEvent, CircuitEffect>(
          (emit) => restoreCircuit(state, dataIn[state], emit),
          event,
        );
        expect({ to, effects }, name).toEqual(answers[state][name as keyof typeof events] ?? unanswered(state));
      }
    });
  }

  it('says of each state what it is', () => {
    for (const state of states) expect(forwardingMachine.states[state]!.description).toMatch(/^BOLT \d+/);
  });

  it('passes the preimage back as it came, and a failure as it came', () => {
    const settled = reactionOf((emit) => restoreCircuit('offered', dataIn.offered, emit), events.htlcFulfilled);
    expect(settled.emitted).toEqual([{ type: 'fulfillIncoming', paymentPreimage: preimage }]);
    const failed = reactionOf((emit) => restoreCircuit('offered', dataIn.offered, emit), events.htlcFailed);
    expect(failed.emitted).toEqual([{ type: 'failIncoming', failure: { by: 'downstream', reason } }]);
  });

  it('reports in its own name what its peer could not read', () => {
    const { emitted } = reactionOf((emit) => restoreCircuit('offered', dataIn.offered, emit), events.htlcMalformed);
    expect(emitted).toEqual([
      {
        type: 'failIncoming',
        failure: { by: 'us', failure: { type: 'invalid_onion_hmac', sha256OfOnion: new Uint8Array(32) } },
      },
    ]);
  });

  it('reports in its own name what came to nothing in its own channel', () => {
    const after = (event: CircuitEvent) => reactionOf((emit) => restoreCircuit('offered', dataIn.offered, emit), event);
    const outgoingId = ({ actor }: ReturnType<typeof after>) =>
      (actor.getSnapshot() as unknown as { context: { data: CircuitData } }).context.data.outgoing.id;
    const withdrawn = after(events.htlcWithdrawn);
    const temporary = { type: 'temporary_channel_failure', channelUpdate: update };
    expect(withdrawn.emitted).toEqual([{ type: 'failIncoming', failure: { by: 'us', failure: temporary } }]);
    // Its number is another's from now on.
    expect(outgoingId(withdrawn)).toBeUndefined();
    const timedOut = after(events.htlcTimedOut);
    const permanent = { type: 'permanent_channel_failure' };
    expect(timedOut.emitted).toEqual([{ type: 'failIncoming', failure: { by: 'us', failure: permanent } }]);
    expect(outgoingId(timedOut)).toBe(4n);
  });

  it('offers what the onion asks for, from the channel that it names', () => {
    const { emitted } = reactionOf((emit) => createCircuit(data, emit), events.forward);
    expect(emitted).toEqual([
      {
        type: 'offerHtlc',
        channelIndex: 7,
        amountMsat: 1_000_000n,
        cltvExpiry: 1_100,
        onionRoutingPacket: new Uint8Array(1366),
      },
    ]);
  });

  it('settles its incoming HTLC one way only, in whatever order, unless the chain changes its mind', () => {
    const anyEvent = fc.constantFrom<CircuitEvent>(...Object.values(events));
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 30 }), (sequence) => {
        const { actor, emitted } = begun();
        for (const event of sequence) actor.send(event);
        const decided = emitted.map(({ type }) => type).filter((type) => type.endsWith('Incoming'));
        // A failure may be followed by a preimage, which is the better end; never the other way round.
        const firstPreimage = decided.indexOf('fulfillIncoming');
        if (firstPreimage >= 0) expect(decided.slice(firstPreimage)).not.toContain('failIncoming');
        expect(emitted.filter(({ type }) => type === 'offerHtlc')).toHaveLength(1);
        const state = String(actor.getSnapshot().value) as CircuitState;
        if (state === 'settled') expect(decided).toContain('fulfillIncoming');
      }),
    );
  });

  it('leaves nothing live once both its HTLCs have ended, in whatever order, and tells a loss from a failure', () => {
    const outgoingEnds = fc.constantFrom('htlcFulfilled', 'htlcFailed', 'htlcMalformed', 'htlcTimedOut');
    fc.assert(
      fc.property(outgoingEnds, fc.boolean(), fc.boolean(), fc.boolean(), (outgoingEnd, isPaidIn, isFirst, repeats) => {
        const { actor, emitted } = begun();
        actor.send(events.htlcOffered);
        const isPaidOut = outgoingEnd === 'htlcFulfilled';
        // Who has not given the preimage is not paid.
        const incomingEnd = isPaidIn && isPaidOut && !isFirst ? 'htlcPaid' : 'htlcUnpaid';
        for (const name of isFirst ? [incomingEnd, outgoingEnd] as const : [outgoingEnd, incomingEnd] as const) {
          actor.send(events[name]);
          if (repeats) actor.send(events[name === 'htlcFulfilled' ? name : 'htlcReceived']);
        }
        const state = String(actor.getSnapshot().value);
        if (!isPaidOut) expect(state).toBe('failed');
        else expect(state).toBe(incomingEnd === 'htlcPaid' ? 'settled' : 'lost');
        if (!repeats) expect(emitted.map(({ type }) => type)).not.toContain('unexpected');
      }),
    );
  });
});
