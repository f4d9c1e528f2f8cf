import {
  createCircuit,
  restoreCircuit,
  type CircuitData,
  type CircuitEffect,
  type CircuitEvent,
  type CircuitFailure,
  type HtlcLocation,
  type OutgoingHtlc,
} from '../../machines/forwarding/circuit.ts';
import type { CircuitState } from '../../machines/forwarding/forwarding.machine.ts';
import { GIVE_UP_BLOCKS } from '../../machines/forwarding/rules.ts';
import type { ReturnCode } from '../../machines/channel/effects.ts';
import type { HtlcDetails, HtlcRemoval } from '../../machines/htlc/htlc.machine.ts';
import { sha256 } from '../../protocols/crypto/hash.ts';
import { wrapErrorPacket } from '../../protocols/onion/error-packet.ts';
import type { ForwardPayload } from '../../protocols/onion/payload.ts';
import { equals } from 'uint8arrays';
import type { Clock } from '../runtime/clock.ts';
import { forwardRecord, type CircuitStore, type StoredCircuit } from './circuit-store.ts';
import type { ChannelDirectory } from './directory.ts';
import { LiveActor } from './live-actor.ts';
import { htlcKey, type Outlet } from './outlet.ts';
import type { PaymentsNotice, UnexpectedEvent } from './records.ts';

interface LiveCircuit extends Omit<StoredCircuit, 'state' | 'data'> {
  readonly key: string;
  readonly actor: LiveActor<CircuitEvent, CircuitEffect, CircuitState, CircuitData>;
  finishedAtMs: number | undefined;
}

/** An HTLC to be forwarded: what came, what its onion asks for, and the onion for the next node. */
export interface ForwardRequest {
  readonly channelIndex: number;
  readonly htlc: HtlcDetails;
  readonly payload: ForwardPayload;
  readonly nextOnion: Uint8Array;
  readonly sharedSecret: Uint8Array;
}

export interface CircuitsOptions {
  readonly store: CircuitStore;
  readonly outlet: Outlet;
  readonly directory: ChannelDirectory;
  readonly clock: Clock;
  readonly publish: (notice: PaymentsNotice) => void;
  readonly onUnexpected: (unexpected: UnexpectedEvent) => void;
}

const REFERENCE = 'forward/';

/** The forwarding circuits that are not over: as many as there are HTLCs in our channels at most. */
export class Circuits {
  readonly #options: CircuitsOptions;
  readonly #byIncoming = new Map<string, LiveCircuit>();
  readonly #byOutgoing = new Map<string, LiveCircuit>();
  readonly #touched = new Set<LiveCircuit>();
  /** Those that wait for an answer within the turn. */
  readonly #asking = new Set<LiveCircuit>();

  constructor(options: CircuitsOptions) {
    this.#options = options;
    this.#load();
  }

  get size(): number {
    return this.#byIncoming.size;
  }

  /** Links a received HTLC with one that is asked of the channel that its onion names. */
  forward({ channelIndex, htlc, payload, nextOnion, sharedSecret }: ForwardRequest): void {
    const { directory, clock } = this.#options;
    const channel = directory.byShortChannelId(payload.shortChannelId);
    const data: CircuitData = {
      incoming: { channelIndex, id: htlc.id, amountMsat: htlc.amountMsat, cltvExpiry: htlc.cltvExpiry },
      outgoing: {
        shortChannelId: payload.shortChannelId,
        channelIndex: channel?.channelIndex,
        id: undefined,
        amountMsat: payload.amtToForwardMsat,
        cltvExpiry: payload.outgoingCltvValue,
      },
      paymentHash: htlc.paymentHash,
      paymentPreimage: undefined,
      failure: undefined,
    };
    const circuit: LiveCircuit = {
      key: htlcKey(data.incoming),
      actor: new LiveActor((emit) => createCircuit(data, emit)),
      sharedSecret,
      onionHash: sha256(nextOnion),
      createdAtMs: clock.now(),
      finishedAtMs: undefined,
    };
    this.#byIncoming.set(circuit.key, circuit);
    this.#send(circuit, {
      type: 'forward',
      onionRoutingPacket: nextOnion,
      channel: channel && { ...channel, channelUpdate: this.#channelUpdate(data) },
      blockHeight: directory.blockHeight(),
    });
  }

  /** The channel says again that it holds the HTLC; false if no circuit knows it. */
  received(htlc: HtlcLocation): boolean {
    return this.#tell(this.#byIncoming.get(htlcKey(htlc)), { type: 'htlcReceived' });
  }

  /** The answer to what was asked under `reference`; false if it was not a circuit that asked. */
  offered(reference: string, { id }: HtlcDetails): boolean {
    return this.#tell(this.#byReference(reference), { type: 'htlcOffered', id });
  }

  refused(reference: string): boolean {
    const circuit = this.#byReference(reference);
    return (
      circuit !== undefined &&
      this.#tell(circuit, { type: 'htlcRefused', channelUpdate: this.#channelUpdate(circuit.actor.data) })
    );
  }

  fulfilled(htlc: HtlcLocation, paymentPreimage: Uint8Array): boolean {
    const circuit = this.#byOutgoing.get(htlcKey(htlc)) ?? this.#failedBefore(htlc);
    return this.#tell(circuit, { type: 'htlcFulfilled', paymentPreimage });
  }

  failed(htlc: HtlcLocation, removal: Exclude<HtlcRemoval, { kind: 'fulfilled' }>): boolean {
    return this.#tell(this.#byOutgoing.get(htlcKey(htlc)), { type: 'htlcFailed', removal });
  }

  returned(htlc: HtlcLocation, code: ReturnCode): boolean {
    const circuit = this.#byOutgoing.get(htlcKey(htlc));
    if (circuit === undefined) return false;
    return this.#tell(circuit, { type: 'htlcReturned', code, channelUpdate: this.#channelUpdate(circuit.actor.data) });
  }

  ended(htlc: HtlcLocation, removal: HtlcRemoval): boolean {
    const isPaid = removal.kind === 'fulfilled';
    return this.#tell(this.#byIncoming.get(htlcKey(htlc)), { type: 'htlcEnded', isPaid });
  }

  /**
   * The chain has come to this height. A peer that leaves an HTLC of ours on chain, too small to be worth the fee of taking
   * it back, must not bring the channel that it came from there as well.
   */
  blockHeight(height: number): void {
    const late = [...this.#byIncoming.values()].filter(
      ({ actor: { state, data } }) => state === 'offered' && height >= data.incoming.cltvExpiry - GIVE_UP_BLOCKS,
    );
    if (late.length === 0) return;
    const isOpen = new Map(Array.from(this.#options.directory.channels(), (each) => [each.channelIndex, !each.isDisabled]));
    for (const circuit of late) {
      const { incoming, outgoing } = circuit.actor.data;
      const isOutgoingOver = isOpen.get(outgoing.channelIndex ?? -1) === false;
      if (isOutgoingOver && isOpen.get(incoming.channelIndex) === true) this.#send(circuit, { type: 'incomingExpires' });
    }
  }

  /**
   * At the beginning of a turn: whoever asked in an earlier one and was not answered is told by the onion, which no other
   * HTLC has, whether the channel has offered it.
   */
  reconcile(): void {
    // Who asks anew on the way is not among them.
    const unanswered = [...this.#asking];
    for (const circuit of unanswered) {
      const { data } = circuit.actor;
      const offered = this.#options.directory.offeredHtlcs(data.outgoing.channelIndex ?? -1);
      const found = offered.find(({ onionRoutingPacket }) => equals(sha256(onionRoutingPacket), circuit.onionHash));
      if (found === undefined) this.#send(circuit, { type: 'htlcRefused', channelUpdate: this.#channelUpdate(data) });
      else this.#send(circuit, { type: 'htlcOffered', id: found.id });
    }
  }

  /** After a restart: what was at risk still is. */
  repeatWarnings(): void {
    for (const circuit of this.#byIncoming.values()) this.#options.outlet.afterCommit(() => this.#warn(circuit));
  }

  persist(): void {
    const { store, clock } = this.#options;
    for (const circuit of this.#touched) {
      const { actor } = circuit;
      if (actor.isFinished) {
        circuit.finishedAtMs ??= clock.now();
        this.#forget(circuit);
      }
      if (actor.isChanged) store.save(stored(circuit));
      actor.markSaved();
    }
    this.#touched.clear();
  }

  reset(): void {
    this.#byIncoming.clear();
    this.#byOutgoing.clear();
    this.#touched.clear();
    this.#asking.clear();
    this.#load();
  }

  #load(): void {
    for (const row of this.#options.store.live()) {
      const circuit = live(row);
      this.#byIncoming.set(circuit.key, circuit);
      this.#index(circuit);
    }
  }

  /** The circuit of an HTLC that the chain had given back, for good as it seemed. */
  #failedBefore({ channelIndex, id }: HtlcLocation): LiveCircuit | undefined {
    const row = this.#options.store.failedOver(channelIndex, id);
    return row && live(row);
  }

  #tell(circuit: LiveCircuit | undefined, event: CircuitEvent): boolean {
    if (circuit === undefined) return false;
    this.#send(circuit, event);
    return true;
  }

  #send(circuit: LiveCircuit, event: CircuitEvent): void {
    const { outlet } = this.#options;
    if (!this.#touched.has(circuit)) {
      this.#touched.add(circuit);
      const before = circuit.actor.state;
      outlet.afterCommit(() => {
        if (circuit.actor.state !== before) this.#publish(circuit, before);
      });
    }
    const { outgoing } = circuit.actor.data;
    for (const effect of circuit.actor.send(event)) this.#perform(circuit, effect);
    if (outgoing.id !== circuit.actor.data.outgoing.id) this.#forgetOutgoing(outgoing);
    this.#index(circuit);
  }

  #publish(circuit: LiveCircuit, before: CircuitState): void {
    const { publish } = this.#options;
    publish({ type: 'forward', forward: forwardRecord(stored(circuit)) });
    this.#warn(circuit);
    if (before === 'stranded' && circuit.actor.state === 'failed') publish({ type: 'lossAverted', key: REFERENCE + circuit.key });
  }

  /** Tells what is lost by it, or may be. */
  #warn({ key, actor: { state, data } }: LiveCircuit): void {
    const { publish } = this.#options;
    const loss = { type: 'loss', key: REFERENCE + key, paymentHash: data.paymentHash, amountMsat: data.outgoing.amountMsat } as const;
    if (state === 'stranded') {
      publish({ ...loss, isCertain: false, reason: 'the incoming HTLC of a forward ended on chain while the outgoing one still stands' });
    }
    if (state === 'lost') {
      publish({ ...loss, isCertain: true, reason: 'the outgoing HTLC of a forward was paid, the incoming one was not' });
    }
  }

  #perform(circuit: LiveCircuit, effect: CircuitEffect): void {
    const { outlet, onUnexpected } = this.#options;
    const { incoming, paymentHash } = circuit.actor.data;
    switch (effect.type) {
      case 'offerHtlc': {
        const { channelIndex, amountMsat, cltvExpiry, onionRoutingPacket } = effect;
        outlet.offerHtlc(channelIndex, {
          reference: REFERENCE + circuit.key,
          amountMsat,
          paymentHash,
          cltvExpiry,
          onionRoutingPacket,
        });
        return;
      }
      case 'fulfillIncoming':
        outlet.removeHtlc(incoming, { kind: 'fulfilled', paymentPreimage: effect.paymentPreimage });
        return;
      case 'failIncoming':
        this.#fail(circuit, effect.failure);
        return;
      case 'unexpected':
        onUnexpected({ actor: 'forwarding', key: circuit.key, state: circuit.actor.state, event: effect.event });
    }
  }

  /** BOLT 4, "Returning Errors": our own failure in a packet of our own, another's with our layer around it. */
  #fail({ actor, sharedSecret }: LiveCircuit, failure: CircuitFailure): void {
    const { outlet } = this.#options;
    const { incoming } = actor.data;
    if (failure.by === 'us') outlet.failHtlc(incoming, sharedSecret, failure.failure);
    else outlet.removeHtlc(incoming, { kind: 'failed', reason: wrapErrorPacket(sharedSecret, failure.reason) });
  }

  #channelUpdate({ outgoing: { channelIndex, shortChannelId } }: CircuitData): Uint8Array {
    return channelIndex === undefined
      ? new Uint8Array()
      : this.#options.directory.channelUpdate(channelIndex, shortChannelId);
  }

  #byReference(reference: string): LiveCircuit | undefined {
    return reference.startsWith(REFERENCE) ? this.#byIncoming.get(reference.slice(REFERENCE.length)) : undefined;
  }

  #index(circuit: LiveCircuit): void {
    if (circuit.actor.state === 'offering') this.#asking.add(circuit);
    else this.#asking.delete(circuit);
    const { channelIndex, id } = circuit.actor.data.outgoing;
    if (channelIndex !== undefined && id !== undefined) this.#byOutgoing.set(htlcKey({ channelIndex, id }), circuit);
  }

  #forget(circuit: LiveCircuit): void {
    this.#byIncoming.delete(circuit.key);
    this.#forgetOutgoing(circuit.actor.data.outgoing);
  }

  #forgetOutgoing({ channelIndex, id }: OutgoingHtlc): void {
    if (channelIndex !== undefined && id !== undefined) this.#byOutgoing.delete(htlcKey({ channelIndex, id }));
  }
}

/** A circuit as it was saved. */
function live({ state, data, ...rest }: StoredCircuit): LiveCircuit {
  const actor = new LiveActor((emit: (effect: CircuitEffect) => void) => restoreCircuit(state, data, emit));
  return { ...rest, key: htlcKey(data.incoming), actor: actor.markSaved() };
}

function stored({ actor, sharedSecret, onionHash, createdAtMs, finishedAtMs }: LiveCircuit): StoredCircuit {
  return { state: actor.state, data: actor.data, sharedSecret, onionHash, createdAtMs, finishedAtMs };
}
