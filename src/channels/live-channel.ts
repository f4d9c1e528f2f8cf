import { channelMachine } from '../../machines/channel/channel.machine.ts';
import { createChannel, restoreChannel, type ChannelActor, type ChannelSnapshot, type ChannelStateValue } from '../../machines/channel/channel.ts';
import type { ChannelData } from '../../machines/channel/data.ts';
import type { ChannelEffect } from '../../machines/channel/effects.ts';
import type { ExternalChannelEvent } from '../../machines/channel/events.ts';
import type { ChannelPolicy } from '../../machines/channel/policy.ts';
import type { HtlcTable } from '../../machines/htlc/htlc-table.ts';
import { RunnelError } from '../../protocols/errors.ts';
import { encodeMessage } from '../../protocols/wire/messages.ts';
import { wireMessage, type ChannelKeys } from '../runtime/channel-wire.ts';
import { GENESIS, hashEntry, type ChainedEntry, type JournalEntry } from './journal.ts';

/** A machine threw, which none should: the channel is frozen and comes back from disk. */
export class ChannelFaultError extends RunnelError {
  readonly channelIndex: number;

  constructor(channelIndex: number, cause: unknown) {
    super('channel_fault', `channel ${channelIndex} is frozen: ${cause instanceof Error ? cause.message : String(cause)}`, { channelIndex }, { cause });
    this.channelIndex = channelIndex;
  }
}

/** What one event made a channel want: the effects in their order, each with the wire bytes that it became, if any. */
export interface Outcome {
  readonly effects: readonly { readonly effect: ChannelEffect; readonly bytes: Uint8Array | undefined }[];
}

/** The effects whose wire messages a replay without secrets cannot make again: their bytes stand in the journal. */
const signerMade: ReadonlySet<ChannelEffect['type']> = new Set([
  'sendSigned',
  'sendRevocation',
  'sendReady',
  'sendClosingSigned',
  'sendAnnouncementSignatures',
]);

/** The states of the chart's lifecycle, without those inside them. */
export type Lifecycle = keyof UnionToIntersection<Exclude<ChannelStateValue['lifecycle'], string>> | Extract<ChannelStateValue['lifecycle'], string>;

type UnionToIntersection<U> = (U extends unknown ? (value: U) => void : never) extends (value: infer I) => void ? I : never;

interface JournalHead {
  length: number;
  hash: Uint8Array;
}

/** One channel in memory: its actor, its keys, and the journal entries of the present turn. */
export class LiveChannel {
  readonly index: number;
  readonly keys: ChannelKeys;
  #actor: ChannelActor;
  #fault: unknown;
  #effects: ChannelEffect[] = [];
  #entries: JournalEntry[] = [];
  #head: JournalHead;

  private constructor(index: number, keys: ChannelKeys, head: JournalHead, start: (emit: (effect: ChannelEffect) => void) => ChannelActor) {
    this.index = index;
    this.keys = keys;
    this.#head = head;
    this.#actor = start((effect) => void this.#effects.push(effect));
    this.#actor.subscribe({ error: (error) => void (this.#fault = error) });
  }

  static create(data: ChannelData, keys: ChannelKeys, policy: ChannelPolicy): LiveChannel {
    return new LiveChannel(data.channelIndex, keys, { length: 0, hash: GENESIS }, (emit) => createChannel(data, environment(keys, policy, emit)));
  }

  static restore(snapshot: ChannelSnapshot, keys: ChannelKeys, policy: ChannelPolicy, head: Readonly<JournalHead> | undefined): LiveChannel {
    const from = head ?? { length: 0, hash: GENESIS };
    return new LiveChannel(snapshot.data.channelIndex, keys, { ...from }, (emit) => restoreChannel(snapshot, environment(keys, policy, emit)));
  }

  get data(): ChannelData {
    return this.#actor.getSnapshot().context.data;
  }

  get htlcs(): HtlcTable {
    return this.#actor.getSnapshot().context.htlcs;
  }

  get value(): ChannelStateValue {
    return this.#actor.getSnapshot().value as ChannelStateValue;
  }

  /** The first step of the lifecycle's path, as `opening` or `normal`. */
  get lifecycle(): Lifecycle {
    const { lifecycle } = this.value;
    return (typeof lifecycle === 'string' ? lifecycle : Object.keys(lifecycle)[0]) as Lifecycle;
  }

  /** Connected, reestablished and in its normal state: it takes HTLCs. */
  get isUsable(): boolean {
    return this.lifecycle === 'normal' && this.value.connection === 'online';
  }

  /** What is ready to be signed waits for the end of the turn. */
  get isReadyToSign(): boolean {
    return this.value.remoteCommitment === 'readyToSign' && this.value.connection === 'online';
  }

  /** Gives the event to the chart and notes it in the journal. Throws `ChannelFaultError` if the machine threw. */
  send(event: ExternalChannelEvent, wire: Uint8Array | undefined, time: number): Outcome {
    const before = this.value;
    this.#effects = [];
    this.#actor.send(event);
    if (this.#fault !== undefined) throw new ChannelFaultError(this.index, this.#fault);
    const effects = this.#effects.map((effect) => {
      const message = wireMessage(effect, this.data, this.keys);
      return { effect, bytes: message && encodeMessage(message) };
    });
    const transitions: Record<string, unknown> = {};
    for (const [region, state] of Object.entries(this.value)) {
      if (state !== before[region as keyof typeof before]) transitions[region] = state;
    }
    this.#entries.push({
      sequence: this.#head.length + this.#entries.length,
      time,
      event: event.type === 'message' ? { type: 'message', name: event.message.type } : event,
      wire,
      signed: effects.flatMap(({ effect, bytes }) => (bytes !== undefined && signerMade.has(effect.type) ? [bytes] : [])),
      transitions,
      htlcs: {},
      stateHash: undefined,
    });
    return { effects };
  }

  /** The turn's entries, chained; the last one carries the hash of the row that is written with it. */
  takeEntries(stateHash: Uint8Array, htlcs: Readonly<Record<string, string>>): ChainedEntry[] {
    const last = this.#entries.length - 1;
    const chained = this.#entries.map((entry, index): ChainedEntry => {
      const whole = index === last ? { ...entry, htlcs, stateHash } : entry;
      this.#head = { length: this.#head.length + 1, hash: hashEntry(this.#head.hash, whole) };
      return { entry: whole, hash: this.#head.hash };
    });
    this.#entries = [];
    return chained;
  }

  /** Whether the peer may still send something for it that must not be answered with "unknown channel". */
  get isEnded(): boolean {
    return this.lifecycle === 'closed' || this.lifecycle === 'abandoned';
  }
}

function environment(keys: ChannelKeys, policy: ChannelPolicy, emit: (effect: ChannelEffect) => void) {
  return { policy, localPoint: (n: number) => keys.channel.perCommitmentPoint(n), emit };
}

/** The chart's regions, for whoever shows them. */
export const channelRegions = Object.keys(channelMachine.states);
