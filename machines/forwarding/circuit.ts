import { createActor, type ActorRefFrom } from 'xstate';
import type { FailureMessage } from '../../protocols/onion/failures.ts';
import type { ReturnCode } from '../channel/effects.ts';
import type { HtlcRemoval } from '../htlc/htlc.machine.ts';
import type { Unexpected } from '../payment/stepping.ts';
import { forwardingMachine, type CircuitState } from './forwarding.machine.ts';
import type { HtlcTerms, OutgoingChannel } from './rules.ts';

/** An HTLC of one of our channels. */
export interface HtlcLocation {
  readonly channelIndex: number;
  readonly id: bigint;
}

export interface OutgoingHtlc extends HtlcTerms {
  /** As the onion names the channel. */
  readonly shortChannelId: bigint;
  /** Undefined where the onion names a channel that is not ours. */
  readonly channelIndex: number | undefined;
  /** Known once the channel has offered it, unless it withdrew it: then the number goes to another. */
  readonly id: bigint | undefined;
}

/**
 * Why the incoming HTLC fails: by this node's word, or by that of a node further on, whose error packet is passed back
 * (BOLT 4).
 */
export type CircuitFailure =
  { readonly by: 'us'; readonly failure: FailureMessage } | { readonly by: 'downstream'; readonly reason: Uint8Array };

/** All that a circuit remembers beside its chart's state: plain data, one row on disk. */
export interface CircuitData {
  readonly incoming: HtlcLocation & HtlcTerms;
  readonly outgoing: OutgoingHtlc;
  readonly paymentHash: Uint8Array;
  readonly paymentPreimage: Uint8Array | undefined;
  readonly failure: CircuitFailure | undefined;
}

export type CircuitEvent =
  /** The incoming HTLC is irrevocably committed, and its onion names the next channel. */
  | {
      readonly type: 'forward';
      /** As it is to go on. */
      readonly onionRoutingPacket: Uint8Array;
      readonly channel: OutgoingChannel | undefined;
      readonly blockHeight: number;
    }
  /** The incoming channel says again that it holds the HTLC, and that nothing was decided about it. */
  | { readonly type: 'htlcReceived' }
  | { readonly type: 'htlcOffered'; readonly id: bigint }
  /** The outgoing channel refused, or lost, what it was asked for: no HTLC was sent. */
  | { readonly type: 'htlcRefused'; readonly channelUpdate: Uint8Array }
  | { readonly type: 'htlcFulfilled'; readonly paymentPreimage: Uint8Array }
  | { readonly type: 'htlcFailed'; readonly removal: Exclude<HtlcRemoval, { kind: 'fulfilled' }> }
  /** The outgoing HTLC came to nothing without the peer's word: it was withdrawn, or the chain has given it back. */
  | { readonly type: 'htlcReturned'; readonly code: ReturnCode; readonly channelUpdate: Uint8Array }
  /** The outgoing HTLC waits on chain, and the incoming one is about to take its own channel there, which has no other fault. */
  | { readonly type: 'incomingExpires' }
  /** The incoming HTLC is gone for good; `isPaid`: to us. */
  | { readonly type: 'htlcEnded'; readonly isPaid: boolean };

/**
 * What a circuit wants done. The hub adds what only it knows: references, and the secrets that error packets are made
 * with.
 */
export type CircuitEffect =
  | {
      readonly type: 'offerHtlc';
      readonly channelIndex: number;
      readonly amountMsat: bigint;
      readonly cltvExpiry: number;
      readonly onionRoutingPacket: Uint8Array;
    }
  | { readonly type: 'fulfillIncoming'; readonly paymentPreimage: Uint8Array }
  | { readonly type: 'failIncoming'; readonly failure: CircuitFailure }
  | Unexpected;

export type CircuitActor = ActorRefFrom<typeof forwardingMachine>;

/** A new circuit: its first event is `forward`. */
export function createCircuit(data: CircuitData, emit: (effect: CircuitEffect) => void): CircuitActor {
  return createActor(forwardingMachine, { input: { data, emit } }).start();
}

/** A circuit as it was saved. */
export function restoreCircuit(
  state: CircuitState,
  data: CircuitData,
  emit: (effect: CircuitEffect) => void,
): CircuitActor {
  const snapshot = forwardingMachine.resolveState({ value: state, context: { data, emit } });
  return createActor(forwardingMachine, { snapshot, input: { data, emit } }).start();
}
