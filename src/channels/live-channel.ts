import { toString } from 'uint8arrays';
import { channelMachine } from '../../machines/channel/channel.machine.ts';
import { createChannel, restoreChannel, snapshotOf, type ChannelActor, type ChannelSnapshot, type ChannelStateValue } from '../../machines/channel/channel.ts';
import { negotiated, type ChannelEnvironment } from '../../machines/channel/context.ts';
import type { ChannelData } from '../../machines/channel/data.ts';
import type { ChannelEffect } from '../../machines/channel/effects.ts';
import type { ExternalChannelEvent } from '../../machines/channel/events.ts';
import type { ChannelPolicy } from '../../machines/channel/policy.ts';
import { localCommitment } from '../../machines/channel/requests.ts';
import { secretStoreOf } from '../../machines/commitment/secrets.ts';
import type { HtlcTable } from '../../machines/htlc/htlc-table.ts';
import type { Claim, CommitmentBump } from '../../machines/onchain/claim.ts';
import { bumpOf, claimsOf } from '../../machines/onchain/claims.ts';
import { RunnelError } from '../../protocols/errors.ts';
import { encodeMessage } from '../../protocols/wire/messages.ts';
import type { NodeId } from '../network/network.ts';
import { signedCommitment, wireMessage, type ChannelKeys } from '../runtime/channel-wire.ts';
import { pointsOf, repeatedSignature } from './checkpoint.ts';
import { changedRegions, entryText, GENESIS, hashEntry, type ChainedEntry, type Checkpoint, type JournalEntry, type JournalEvent, type JournalHead } from './journal.ts';

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
  /** It changed nothing and asked for nothing, as a warning: it leaves no trace, or a peer could fill the disk with them. */
  readonly isInert: boolean;
  readonly effects: readonly { readonly effect: ChannelEffect; readonly bytes: Uint8Array | undefined }[];
}

/** What an entry holds beside its event. */
type Noted = Partial<Pick<JournalEntry, 'wire' | 'signed' | 'points' | 'transitions'>>;

/** The effects whose wire messages a replay without secrets cannot make again: their bytes stand in the journal. */
export const signerMade: ReadonlySet<ChannelEffect['type']> = new Set([
  'sendSigned',
  'sendRevocation',
  'sendReady',
  'sendClosingSigned',
  'sendAnnouncementSignatures',
]);

/** The states of the chart's lifecycle, without those inside them. */
export type Lifecycle = keyof UnionToIntersection<Exclude<ChannelStateValue['lifecycle'], string>> | Extract<ChannelStateValue['lifecycle'], string>;

/** The first step of the lifecycle's path, as `opening` or `normal`. */
export const lifecycleOf = ({ lifecycle }: ChannelStateValue): Lifecycle =>
  (typeof lifecycle === 'string' ? lifecycle : Object.keys(lifecycle)[0]) as Lifecycle;

type UnionToIntersection<U> = (U extends unknown ? (value: U) => void : never) extends (value: infer I) => void ? I : never;

/** One channel in memory: its actor, its keys, and the journal entries of the present turn. */
export class LiveChannel {
  readonly index: number;
  /** The peer's. */
  readonly nodeId: NodeId;
  readonly keys: ChannelKeys;
  readonly #policy: ChannelPolicy;
  readonly #actor: ChannelActor;
  #fault: unknown;
  #effects: ChannelEffect[] = [];
  #points: Record<string, Uint8Array> = {};
  #entries: JournalEntry[] = [];
  #head: JournalHead;
  #isFromDisk: boolean;

  private constructor(
    { channelIndex, remoteNodeId }: ChannelData,
    keys: ChannelKeys,
    policy: ChannelPolicy,
    head: JournalHead | undefined,
    start: (environment: ChannelEnvironment) => ChannelActor,
  ) {
    this.index = channelIndex;
    this.nodeId = toString(remoteNodeId, 'base16');
    this.keys = keys;
    this.#policy = policy;
    this.#isFromDisk = head !== undefined;
    this.#head = head ?? { length: 0, hash: GENESIS, checkpoint: undefined };
    this.#actor = start({ policy, localPoint: (number) => this.#point(number), emit: (effect) => void this.#effects.push(effect) });
    this.#actor.subscribe({ error: (error) => void (this.#fault = error) });
  }

  static create(data: ChannelData, keys: ChannelKeys, policy: ChannelPolicy, time: number): LiveChannel {
    const channel = new LiveChannel(data, keys, policy, undefined, (environment) => createChannel(data, environment));
    channel.#note(time, { type: 'created', data, policy });
    return channel;
  }

  static restore(snapshot: ChannelSnapshot, keys: ChannelKeys, policy: ChannelPolicy, head: JournalHead): LiveChannel {
    return new LiveChannel(snapshot.data, keys, policy, head, (environment) => restoreChannel(snapshot, environment));
  }

  /** It came back from disk, and has yet to be told so: the first event that it gets must be `restored`. */
  get isFromDisk(): boolean {
    return this.#isFromDisk;
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
    return lifecycleOf(this.value);
  }

  /** Its funding stands in a block. A reorg may take it out again, and until it is back nobody can be held to anything. */
  get isConfirmed(): boolean {
    return this.data.confirmation !== undefined;
  }

  /** Connected, reestablished and in its normal state: it takes HTLCs. */
  get isUsable(): boolean {
    return this.lifecycle === 'normal' && this.value.connection === 'online' && this.isConfirmed;
  }

  /** What is ready to be signed waits for the end of the turn. */
  get isReadyToSign(): boolean {
    return this.value.remoteCommitment === 'readyToSign' && this.value.connection === 'online';
  }

  /** What of its ending on chain this node may take now. */
  get claims(): Claim[] {
    return claimsOf(this.#actor.getSnapshot().context);
  }

  /**
   * Our commitment, while it waits for a block: also where a reorg took out the peer's, which may not come back before the deadlines of its HTLCs.
   * Never before a block holds the funding, which may not be there at all: what waits with it is worth no fee.
   */
  get bump(): CommitmentBump | undefined {
    const { lifecycle } = this.value;
    const ending = typeof lifecycle === 'object' && 'closing' in lifecycle ? lifecycle.closing : undefined;
    const mayBeOurs = lifecycle === 'failed' || ending === 'local' || (typeof ending === 'object' && 'remote' in ending);
    const { context } = this.#actor.getSnapshot();
    const { data, htlcs, environment } = context;
    if (!mayBeOurs || !this.isConfirmed || data.fundingSpend !== undefined || data.localSignatures === undefined) return undefined;
    const request = localCommitment(negotiated(data), htlcs, environment.localPoint, 'latest');
    return bumpOf(context, signedCommitment(request, data.localSignatures.signature, this.keys));
  }

  /** Gives the event to the chart and notes it in the journal. Throws `ChannelFaultError` if the machine threw. */
  send(event: ExternalChannelEvent, wire: Uint8Array | undefined, time: number): Outcome {
    const before = this.#actor.getSnapshot();
    this.#effects = [];
    this.#points = {};
    this.#isFromDisk = false;
    this.#actor.send(event);
    if (this.#fault !== undefined) throw new ChannelFaultError(this.index, this.#fault);
    const effects = this.#effects.map((effect) => {
      const message = wireMessage(effect, this.data, this.keys);
      return { effect, bytes: message && encodeMessage(message) };
    });
    const transitions = changedRegions(before.value as ChannelStateValue, this.value);
    const isUnmoved = Object.keys(transitions).length === 0 && this.#actor.getSnapshot().context === before.context;
    if (isUnmoved && effects.length === 0) return { isInert: true, effects };
    this.#note(time, this.#journalEvent(event), {
      // Without the unknown records that it may carry (BOLT 1, "Type-Length-Value Format"): with those, a peer could fill the disk.
      wire: wire !== undefined && event.type === 'message' ? encodeMessage(event.message) : undefined,
      signed: effects.flatMap(({ effect, bytes }) => (bytes !== undefined && signerMade.has(effect.type) ? [bytes] : [])),
      points: this.#points,
      transitions,
    });
    return { isInert: false, effects };
  }

  /** The turn's entries, chained; the last one carries the hash of the row that is written with it. */
  takeEntries(stateHash: Uint8Array, htlcs: Readonly<Record<string, string>>): ChainedEntry[] {
    const last = this.#entries.length - 1;
    const chained = this.#entries.map((entry, index) => this.#chain(index === last ? { ...entry, htlcs, stateHash } : entry));
    this.#entries = [];
    return chained;
  }

  /** How many entries there are since the last checkpoint. */
  get entriesSinceCheckpoint(): number {
    return this.#head.length - (this.#head.checkpoint ?? 0);
  }

  /** A checkpoint that follows the turn's entries: what came before it may be dropped. */
  takeCheckpoint(stateHash: Uint8Array, time: number): ChainedEntry {
    const { data, htlcs, keys: { channel } } = this;
    const latest = data.localCommitmentNumber;
    const signature = repeatedSignature(data, htlcs);
    const message = signature && wireMessage(signature, data, this.keys);
    const event: Checkpoint = {
      type: 'checkpoint',
      previous: this.#head.hash,
      snapshot: snapshotOf(this.#actor),
      policy: this.#policy,
      revokedSecrets: secretStoreOf(latest, (number) => channel.perCommitmentSecret(number, latest)),
    };
    const signed = message === undefined ? [] : [encodeMessage(message)];
    const points = pointsOf(data, (number) => channel.perCommitmentPoint(number));
    return this.#chain({ ...this.#entryOf(time, event, { signed, points }), stateHash });
  }

  /** Whether the peer may still send something for it that must not be answered with "unknown channel". */
  get isEnded(): boolean {
    return this.lifecycle === 'closed' || this.lifecycle === 'abandoned';
  }

  /** The signer's answer to the machine, which a replay has only the journal to ask for. */
  #point(commitmentNumber: number): Uint8Array {
    const point = this.keys.channel.perCommitmentPoint(commitmentNumber);
    this.#points[commitmentNumber] = point;
    return point;
  }

  #chain(entry: JournalEntry): ChainedEntry {
    const hash = hashEntry(this.#head.hash, entryText(entry));
    const { sequence, event } = entry;
    this.#head = { length: sequence + 1, hash, checkpoint: event.type === 'checkpoint' ? sequence : this.#head.checkpoint };
    return { entry, hash };
  }

  #journalEvent(event: ExternalChannelEvent): JournalEvent {
    if (event.type === 'message') return { type: 'message', name: event.message.type };
    return event.type === 'restored' ? { type: 'restored', policy: this.#policy } : event;
  }

  #note(time: number, event: JournalEvent, what?: Noted): void {
    this.#entries.push(this.#entryOf(time, event, what));
  }

  #entryOf(time: number, event: JournalEvent, what?: Noted): JournalEntry {
    const sequence = this.#head.length + this.#entries.length;
    return { wire: undefined, signed: [], points: {}, transitions: {}, htlcs: {}, stateHash: undefined, ...what, sequence, time, event };
  }
}

/** The chart's regions, for whoever shows them. */
export const channelRegions = Object.keys(channelMachine.states);
