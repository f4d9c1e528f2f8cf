import { equals, fromString } from 'uint8arrays';
import { RunnelError } from '../../protocols/errors.ts';
import { encodeMessage, type MessageOf } from '../../protocols/wire/messages.ts';
import type { ChannelManager } from '../channels/channel-manager.ts';
import type { LiveChannel } from '../channels/live-channel.ts';
import type { NodeId } from '../network/network.ts';
import { ALL_CHANNELS } from '../../protocols/wire/bolt1.ts';
import type { Clock, RandomBytes } from '../runtime/clock.ts';
import type { Dispatcher } from '../runtime/dispatcher.ts';
import type { Turn } from '../runtime/turn.ts';

export class OpenError extends RunnelError {
  declare readonly code: 'open_failed' | 'open_peer_offline';
}

export interface OpenRequest {
  readonly nodeId: NodeId;
  readonly amountSat: bigint;
  readonly pushMsat: bigint;
  readonly announce: boolean;
  /** Of the funding transaction. */
  readonly fundingFeeratePerKw: number;
  /** Of the commitments. */
  readonly feeratePerKw: number;
}

export interface ChannelOpenerOptions {
  readonly channels: ChannelManager;
  readonly dispatcher: Dispatcher;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  readonly chainHash: Uint8Array;
  readonly isUp: (nodeId: NodeId) => boolean;
  readonly send: (nodeId: NodeId, messages: readonly Uint8Array[]) => void;
  /** A fresh script of the wallet's, for the channel's end. */
  readonly newScript: () => Uint8Array;
  readonly blockHeight: () => number;
}

/**
 * How many channels that a peer opens may wait for their funding, of one peer and of all those who have no funded channel
 * with us. Until then they cost the peer nothing: it may name a funding that does not exist, which is remembered for two
 * weeks all the same.
 */
const MAX_UNFUNDED_PER_PEER = 4;
const MAX_UNFUNDED = 100;

/**
 * How long an opening may take, from open_channel to the signatures: a peer that says nothing must not keep a user
 * waiting, or a place.
 */
const OPENING_TIMEOUT_MS = 300_000;

/** An opening under way, and who asked for it, if it was not the peer. */
interface Opening {
  readonly cancelTimer: () => void;
  readonly resolve?: (channel: LiveChannel) => void;
  readonly reject?: (error: Error) => void;
}

/** Begins channels, on our side's wish or on a peer's. */
export class ChannelOpener {
  readonly #options: ChannelOpenerOptions;
  readonly #openings = new Map<number, Opening>();

  constructor(options: ChannelOpenerOptions) {
    this.#options = options;
  }

  /** Resolves once the funding transaction is broadcast. Throws `OpenError` with the reason if it does not come to that. */
  async open(request: OpenRequest): Promise<LiveChannel> {
    const { channels, dispatcher, randomBytes, chainHash, isUp, newScript, blockHeight } = this.#options;
    const { nodeId, amountSat, pushMsat, announce, feeratePerKw, fundingFeeratePerKw } = request;
    return new Promise((resolve, reject) => {
      const begin = (turn: Turn): void => {
        if (!isUp(nodeId)) throw new OpenError('open_peer_offline', `${nodeId} is not connected: connect to it first`);
        const channel = channels.create({
          isOpener: true,
          openedAtHeight: blockHeight(),
          remoteNodeId: fromString(nodeId, 'base16'),
          chainHash,
          temporaryChannelId: randomBytes(32),
          fundingSatoshis: amountSat,
          announce,
          feeratePerKw,
          openingFeeratePerKw: fundingFeeratePerKw,
          shutdownScript: newScript(),
        });
        this.#begin(channel, { resolve, reject });
        turn.dispatch({ to: 'channel', channelIndex: channel.index, event: { type: 'open', pushMsat } });
      };
      dispatcher.inTurn(begin).catch(reject);
    });
  }

  /** A peer's open_channel. To be called within a turn. */
  accept(nodeId: NodeId, message: MessageOf<'open_channel'>, bytes: Uint8Array, turn: Turn): void {
    const { channels, send, newScript, chainHash, blockHeight } = this.#options;
    const { temporaryChannelId } = message;
    const namesake = channels.find(nodeId, temporaryChannelId);
    if (namesake !== undefined) {
      // BOLT 2, "The open_channel Message": the id must be another one than that of any channel with this peer.
      // That one answers.
      turn.dispatch({ to: 'channel', channelIndex: namesake.index, event: { type: 'message', message }, bytes });
      return;
    }
    const refusal = this.#refusal(nodeId, temporaryChannelId);
    if (refusal !== undefined) {
      const error = encodeMessage({ type: 'error', channelId: temporaryChannelId, data: fromString(refusal, 'ascii') });
      turn.afterCommit(() => send(nodeId, [error]));
      return;
    }
    const channel = channels.create({
      isOpener: false,
      openedAtHeight: blockHeight(),
      remoteNodeId: fromString(nodeId, 'base16'),
      chainHash,
      temporaryChannelId,
      fundingSatoshis: message.fundingSatoshis,
      announce: false,
      feeratePerKw: message.feeratePerKw,
      openingFeeratePerKw: message.feeratePerKw,
      shutdownScript: newScript(),
    });
    this.#begin(channel, {});
    turn.dispatch({ to: 'channel', channelIndex: channel.index, event: { type: 'message', message }, bytes });
  }

  /** A channel moved: whoever waits for it to be funded hears of it. */
  changed(channel: LiveChannel): void {
    if (channel.lifecycle === 'opening') return;
    const opening = this.#take(channel.index);
    if (channel.lifecycle !== 'abandoned') opening?.resolve?.(channel);
    else opening?.reject?.(openError(channel.data.failure?.reason ?? 'the opening ended', { peer: channel.nodeId }));
  }

  /** A turn was discarded: channels that began in it are gone. */
  abortLost(reason: string): void {
    for (const index of this.#openings.keys()) {
      if (this.#options.channels.get(index) === undefined) this.#take(index)?.reject?.(openError(reason));
    }
  }

  /** The node stops. */
  abortAll(reason: string): void {
    for (const index of this.#openings.keys()) this.#take(index)?.reject?.(openError(reason));
  }

  #begin({ index: channelIndex }: LiveChannel, asker: Pick<Opening, 'resolve' | 'reject'>): void {
    const { clock, dispatcher } = this.#options;
    const cancelTimer = clock.setTimer(OPENING_TIMEOUT_MS, () => {
      dispatcher.submit({ to: 'channel', channelIndex, event: { type: 'openingTimedOut' } });
    });
    this.#openings.set(channelIndex, { ...asker, cancelTimer });
  }

  #take(channelIndex: number): Opening | undefined {
    const opening = this.#openings.get(channelIndex);
    opening?.cancelTimer();
    this.#openings.delete(channelIndex);
    return opening;
  }

  /** Why a peer may not begin another channel now, before anything is spent on it. */
  #refusal(nodeId: NodeId, temporaryChannelId: Uint8Array): string | undefined {
    // BOLT 1: in an error it would mean all channels.
    if (equals(temporaryChannelId, ALL_CHANNELS)) return 'expected a temporary_channel_id other than zero';
    const theirs = this.#options.channels.ofPeer(nodeId);
    if (theirs.filter(isUnfunded).length >= MAX_UNFUNDED_PER_PEER) {
      return `at most ${MAX_UNFUNDED_PER_PEER} channels may wait for their funding at once`;
    }
    if (theirs.some(({ data }) => data.shortChannelId !== undefined)) return undefined;
    const all = [...this.#options.channels.all()].filter(isUnfunded);
    return all.length < MAX_UNFUNDED ? undefined : 'too many channels wait for their funding: try again later';
  }
}

const openError = (reason: string, details: Readonly<Record<string, unknown>> = {}): OpenError =>
  new OpenError('open_failed', reason, details);

/** A channel that the peer opens, whose funding was never seen in a block. */
const isUnfunded = ({ data }: LiveChannel): boolean => !data.isOpener && data.shortChannelId === undefined;
