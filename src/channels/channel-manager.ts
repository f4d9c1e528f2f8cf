import { Transaction } from 'bitcoinjs-lib';
import { equals } from 'uint8arrays';
import { newChannelData, type ChannelStateValue, type NewChannel } from '../../machines/channel/channel.ts';
import type { HtlcRow } from '../../machines/htlc/htlc-table.ts';
import type { AnnouncementSignatures, ChannelData } from '../../machines/channel/data.ts';
import { recoveredChannelData, type StaticChannel } from '../../machines/channel/recovering.ts';
import type { ChannelEffect, HtlcNotice } from '../../machines/channel/effects.ts';
import type { OutputHtlc } from '../../machines/onchain/output.ts';
import type { ChannelPolicy } from '../../machines/channel/policy.ts';
import type { Signer } from '../keys/signer-api.ts';
import { signedClosing, signedCommitment, type ChannelKeys } from '../runtime/channel-wire.ts';
import type { Clock } from '../runtime/clock.ts';
import type { NodeEvent, Turn, TurnParticipant } from '../runtime/turn.ts';
import { StorageError } from '../storage/database.ts';
import { ChannelStore, mustHaveJournal, mustLoad, rowText } from './channel-store.ts';
import { defaultJournalLimits, hashState, htlcChanges, type JournalLimits } from './journal.ts';
import { ChannelFaultError, LiveChannel, type Lifecycle } from './live-channel.ts';

export type ChannelTurnEvent = Extract<NodeEvent, { to: 'channel' }>;

/** Where a channel's effects go once the turn is on disk. None of these may throw. */
export interface ChannelWorld {
  send(nodeId: string, messages: readonly Uint8Array[]): void;
  disconnect(nodeId: string, reason: string): void;
  /** The funding transaction, which is ours. */
  broadcastFunding(transaction: Uint8Array): void;
  /** A mutual close or our commitment. */
  broadcastEnding(transaction: Transaction): void;
  /** The wallet makes the funding transaction and answers with `fundingReady` or `fundingUnavailable`. */
  fundChannel(channelIndex: number, request: Extract<ChannelEffect, { type: 'fundChannel' }>): void;
  releaseFunding(channelIndex: number): void;
  announce(channel: LiveChannel, shortChannelId: bigint, remote: AnnouncementSignatures): void;
  /** A turn touched the channel: what it was before, and the HTLCs that moved (undefined where one ended). */
  changed(channel: LiveChannel, before: ChannelStateValue, htlcs: ReadonlyMap<string, HtlcRow | undefined>): void;
}

/** A channel's part in the present turn. */
interface Touched {
  readonly value: ChannelStateValue;
  readonly lifecycle: Lifecycle;
  htlcs: ReadonlyMap<string, HtlcRow | undefined>;
}

export interface ChannelManagerOptions {
  readonly store: ChannelStore;
  readonly signer: Signer;
  readonly clock: Clock;
  readonly policy: ChannelPolicy;
  readonly world: ChannelWorld;
  readonly journalLimits?: JournalLimits;
}

const notices: ReadonlySet<string> = new Set([
  'htlcReceived',
  'htlcOffered',
  'htlcRefused',
  'htlcFulfilled',
  'htlcFailed',
  'htlcReturned',
  'htlcEnded',
] satisfies HtlcNotice['type'][]);

const isNotice = (effect: ChannelEffect): effect is HtlcNotice => notices.has(effect.type);

/** All channels that are not ended, live: it takes them through turns, writes their rows and journals, and finds them by their ids. */
export class ChannelManager implements TurnParticipant<ChannelTurnEvent> {
  readonly #options: ChannelManagerOptions;
  readonly #channels = new Map<number, LiveChannel>();
  readonly #touched = new Map<LiveChannel, Touched>();
  readonly #frozen = new Set<number>();
  readonly #reloaded = new Set<number>();
  #sends = new Map<string, Uint8Array[]>();
  #nextIndex: number;
  #spareKeys: ChannelKeys | undefined;

  constructor(options: ChannelManagerOptions) {
    this.#options = options;
    this.#nextIndex = options.store.nextIndex();
    for (const index of options.store.indexes('live')) this.#channels.set(index, this.#load(index));
  }

  all(): IterableIterator<LiveChannel> {
    return this.#channels.values();
  }

  get(channelIndex: number): LiveChannel | undefined {
    return this.#channels.get(channelIndex);
  }

  ofPeer(nodeId: string): LiveChannel[] {
    return [...this.#channels.values()].filter((channel) => channel.nodeId === nodeId);
  }

  /** A peer's channel by the id that its messages carry: the channel id, or the temporary one while it is opened. */
  find(nodeId: string, channelId: Uint8Array): LiveChannel | undefined {
    return this.ofPeer(nodeId).find(({ data, lifecycle }) => {
      if (data.channelId !== undefined && equals(data.channelId, channelId)) return true;
      return lifecycle === 'opening' && equals(data.temporaryChannelId, channelId);
    });
  }

  /** The HTLCs that the channel does not have any more and a commitment of the peer's may have had: what it takes to punish it. */
  pastHtlcs(channelIndex: number, commitmentNumber: number): OutputHtlc[] {
    const standing = this.#channels.get(channelIndex)?.htlcs;
    const known = this.#options.store.pastHtlcs(channelIndex, commitmentNumber);
    return known.filter(({ direction, id }) => standing?.get(direction, id) === undefined);
  }

  get hasFrozen(): boolean {
    return this.#frozen.size > 0;
  }

  isFrozen(channelIndex: number): boolean {
    return this.#frozen.has(channelIndex);
  }

  /** The first index that no channel has had. */
  get nextIndex(): number {
    return this.#nextIndex;
  }

  /** All that are on disk, ended or not. */
  known(): Pick<ChannelData, 'channelIndex' | 'funding'>[] {
    const { store } = this.#options;
    return (['live', 'ended'] as const).flatMap((which) => store.indexes(which).map((index) => mustLoad(store, index).data));
  }

  /**
   * Takes back channels whose state is lost, none of which is known: each asks its peer to close. Indexes below `nextIndex`
   * count as used. To be called within a turn.
   */
  recover(channels: readonly StaticChannel[], chainHash: Uint8Array, nextIndex: number, turn: Turn): void {
    const { signer, policy, clock } = this.#options;
    this.#nextIndex = Math.max(this.#nextIndex, nextIndex);
    for (const channel of channels) {
      const { channelIndex } = channel;
      const data = recoveredChannelData(channel, { localNodeId: signer.node.nodeId, chainHash, policy });
      const live = LiveChannel.create(data, this.#keysOf(channelIndex), policy, clock.now());
      this.#channels.set(channelIndex, live);
      this.#touch(live);
      turn.dispatch({ to: 'channel', channelIndex, event: { type: 'recover' } });
    }
  }

  /** Makes a channel that waits for its first event; nothing of it is on disk before its funding may exist. */
  create(channel: Omit<NewChannel, 'channelIndex' | 'publicKeys' | 'policy' | 'localNodeId'>): LiveChannel {
    const { signer, policy } = this.#options;
    const channelIndex = this.#nextIndex++;
    const keys = this.#keysOf(channelIndex);
    const data = newChannelData({
      ...channel,
      channelIndex,
      localNodeId: signer.node.nodeId,
      publicKeys: keys.channel.publicKeys,
      policy,
    });
    const live = LiveChannel.create(data, keys, policy, this.#options.clock.now());
    this.#channels.set(channelIndex, live);
    this.#touch(live);
    return live;
  }

  handle({ channelIndex, event, bytes }: ChannelTurnEvent, turn: Turn): void {
    const channel = this.#channels.get(channelIndex);
    if (channel === undefined || this.#frozen.has(channelIndex)) return;
    if (channel.isFromDisk !== (event.type === 'restored')) {
      // Told once, and before all else, whatever waited in the queue when the channel came back.
      if (event.type === 'restored') return;
      this.handle({ to: 'channel', channelIndex, event: { type: 'restored' } }, turn);
      if (this.#frozen.has(channelIndex)) return;
    }
    const isFirst = this.#touch(channel);
    try {
      const { isInert, effects } = channel.send(event, bytes, this.#options.clock.now());
      if (isInert && isFirst) this.#touched.delete(channel);
      for (const { effect, bytes: message } of effects) this.#perform(channel, effect, message, turn);
    } catch (error) {
      throw this.#freeze(channelIndex, error);
    }
  }

  endTurn(turn: Turn): void {
    for (const channel of this.#touched.keys()) {
      if (channel.isReadyToSign) this.handle({ to: 'channel', channelIndex: channel.index, event: { type: 'turnEnded' } }, turn);
    }
    const { world } = this.#options;
    const sends = this.#sends;
    this.#sends = new Map();
    for (const [nodeId, messages] of sends) turn.afterCommit(() => world.send(nodeId, messages));
  }

  persist(): void {
    const { store } = this.#options;
    if (this.#nextIndex !== store.nextIndex()) store.saveNextIndex(this.#nextIndex);
    for (const [channel, before] of this.#touched) {
      if (channel.lifecycle === 'opening') continue;
      // BOLT 2: an attempt that ended before its funding could leave is not remembered.
      if (channel.lifecycle !== 'abandoned' || before.lifecycle !== 'opening') before.htlcs = this.#write(channel);
    }
  }

  committed(): void {
    const touched = [...this.#touched];
    this.#touched.clear();
    for (const [channel, before] of touched) {
      if (channel.isEnded) {
        this.#channels.delete(channel.index);
        this.#takeBackIndex(channel, before.lifecycle);
      }
      this.#options.world.changed(channel, before.value, before.htlcs);
    }
  }

  /** Channels that came back from disk after a discarded turn since the last call: each is to be told `restored`. */
  takeReloaded(): number[] {
    const reloaded = [...this.#reloaded];
    this.#reloaded.clear();
    return reloaded;
  }

  reset(): void {
    const { world } = this.#options;
    const touched = [...this.#touched.keys()];
    this.#touched.clear();
    this.#sends = new Map();
    for (const { index, nodeId } of touched) {
      if (this.#options.store.load(index) === undefined) {
        // An attempt to open one: there is nothing on disk to go on from, and its funding never left.
        this.#channels.delete(index);
        this.#frozen.delete(index);
        world.releaseFunding(index);
      } else {
        this.#channels.set(index, this.#load(index));
        this.#reloaded.add(index);
      }
      world.disconnect(nodeId, 'the turn could not be completed: the channel goes on from what is on disk');
    }
  }

  #freeze(channelIndex: number, error: unknown): ChannelFaultError {
    this.#frozen.add(channelIndex);
    return error instanceof ChannelFaultError ? error : new ChannelFaultError(channelIndex, error);
  }

  /** Answers whether it is the channel's first part in this turn. */
  #touch(channel: LiveChannel): boolean {
    if (this.#touched.has(channel)) return false;
    this.#touched.set(channel, { value: channel.value, lifecycle: channel.lifecycle, htlcs: new Map() });
    return true;
  }

  /** Keys that have signed nothing go to the next channel: a stranger's attempts must not use up the indexes that there are. */
  #takeBackIndex({ index, lifecycle, data, keys }: LiveChannel, before: Lifecycle): void {
    const hasSigned = data.isOpener || before !== 'opening';
    if (lifecycle !== 'abandoned' || hasSigned || index !== this.#nextIndex - 1) return;
    this.#nextIndex = index;
    this.#spareKeys = keys;
  }

  #load(index: number): LiveChannel {
    const { store, policy } = this.#options;
    return LiveChannel.restore(mustLoad(store, index), this.#keysOf(index), policy, mustHaveJournal(store, index));
  }

  /** Deriving keys costs more than anything else that a stranger's attempt does: those of the last one are kept for the next. */
  #keysOf(index: number): ChannelKeys {
    const { signer } = this.#options;
    if (this.#spareKeys?.channel.channelIndex === index) return this.#spareKeys;
    return { node: signer.node, channel: signer.channel(index) };
  }

  #write(channel: LiveChannel): ReadonlyMap<string, HtlcRow | undefined> {
    const { store } = this.#options;
    const { data, value } = channel;
    try {
      const row = rowText({ value, data });
      const stateHash = hashState(row);
      const changes = channel.htlcs.takeChanges();
      store.save(data, row, channel.isEnded);
      store.saveHtlcs(data, changes);
      for (const entry of channel.takeEntries(stateHash, htlcChanges(changes))) store.append(channel.index, entry);
      this.#checkpoint(channel, stateHash);
      return changes;
    } catch (error) {
      // What the store fails at is nobody's fault here; anything else is this channel's, and would come again and again.
      if (error instanceof StorageError && error.endsTransaction) throw error;
      throw this.#freeze(channel.index, error);
    }
  }

  /** Where it is time for one: what came long before it is dropped. */
  #checkpoint(channel: LiveChannel, stateHash: Uint8Array): void {
    const { store, clock, journalLimits: { checkpointEntries, keepEntries } = defaultJournalLimits } = this.#options;
    if (channel.entriesSinceCheckpoint < checkpointEntries) return;
    store.append(channel.index, channel.takeCheckpoint(stateHash, clock.now()));
    if (keepEntries > 0) store.pruneJournal(channel.index, keepEntries);
  }

  #perform(channel: LiveChannel, effect: ChannelEffect, message: Uint8Array | undefined, turn: Turn): void {
    const { world } = this.#options;
    const { keys, index } = channel;
    if (message !== undefined) {
      this.#queue(channel.nodeId, message);
      return;
    }
    if (isNotice(effect)) {
      turn.dispatch({ to: 'payments', event: { type: 'htlcNotice', channelIndex: index, notice: effect } });
      return;
    }
    switch (effect.type) {
      case 'disconnect': {
        // What was said before, the warning above all, is to arrive before the link ends.
        const { nodeId } = channel;
        const last = this.#sends.get(nodeId) ?? [];
        this.#sends.delete(nodeId);
        turn.afterCommit(() => world.send(nodeId, last));
        turn.afterCommit(() => world.disconnect(nodeId, effect.reason));
        return;
      }
      case 'fundChannel':
        turn.afterCommit(() => world.fundChannel(index, effect));
        return;
      case 'releaseFunding':
        turn.afterCommit(() => world.releaseFunding(index));
        return;
      case 'broadcastFunding':
        turn.afterCommit(() => world.broadcastFunding(effect.transaction));
        return;
      case 'broadcastClosing': {
        const transaction = signedClosing(effect.closing, effect.remoteSignature, keys);
        turn.afterCommit(() => world.broadcastEnding(transaction));
        return;
      }
      case 'broadcastCommitment': {
        const transaction = signedCommitment(effect.commitment, effect.remoteSignature, keys);
        turn.afterCommit(() => world.broadcastEnding(transaction));
        return;
      }
      case 'broadcastTransaction': {
        const transaction = Transaction.fromBuffer(effect.transaction);
        turn.afterCommit(() => world.broadcastEnding(transaction));
        return;
      }
      case 'announceChannel':
        turn.afterCommit(() => world.announce(channel, effect.shortChannelId, effect.remote));
        return;
      default:
    }
  }

  #queue(nodeId: string, message: Uint8Array): void {
    const queued = this.#sends.get(nodeId);
    if (queued === undefined) this.#sends.set(nodeId, [message]);
    else queued.push(message);
  }
}
