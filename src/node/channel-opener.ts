import { fromString } from 'uint8arrays';
import { RunnelError } from '../../protocols/errors.ts';
import { encodeMessage, type MessageOf } from '../../protocols/wire/messages.ts';
import type { ChannelManager } from '../channels/channel-manager.ts';
import { hexOf } from '../channels/channel-store.ts';
import type { LiveChannel } from '../channels/live-channel.ts';
import type { NodeId } from '../network/network.ts';
import type { RandomBytes } from '../runtime/clock.ts';
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
  readonly randomBytes: RandomBytes;
  readonly chainHash: Uint8Array;
  readonly isUp: (nodeId: NodeId) => boolean;
  readonly send: (nodeId: NodeId, messages: readonly Uint8Array[]) => void;
  /** A fresh script of the wallet's, for the channel's end. */
  readonly newScript: () => Uint8Array;
  readonly blockHeight: () => number;
}

/** How many openings one peer may have under way: each costs keys and memory before anything is at stake. */
const MAX_OPENINGS_PER_PEER = 4;

interface Waiting {
  readonly resolve: (channel: LiveChannel) => void;
  readonly reject: (error: Error) => void;
}

/** Begins channels, on our side's wish or on a peer's. */
export class ChannelOpener {
  readonly #options: ChannelOpenerOptions;
  readonly #waiting = new Map<number, Waiting>();

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
        this.#waiting.set(channel.index, { resolve, reject });
        turn.dispatch({ to: 'channel', channelIndex: channel.index, event: { type: 'open', pushMsat } });
      };
      dispatcher.inTurn(begin).catch(reject);
    });
  }

  /** A peer's open_channel. To be called within a turn. */
  accept(nodeId: NodeId, message: MessageOf<'open_channel'>, bytes: Uint8Array, turn: Turn): void {
    const { channels, send, newScript, chainHash, blockHeight } = this.#options;
    const underWay = channels.ofPeer(nodeId).filter(({ lifecycle }) => lifecycle === 'opening');
    if (underWay.length >= MAX_OPENINGS_PER_PEER) {
      const reason = fromString(`at most ${MAX_OPENINGS_PER_PEER} channels may be opened at once`, 'ascii');
      turn.afterCommit(() => send(nodeId, [encodeMessage({ type: 'error', channelId: message.temporaryChannelId, data: reason })]));
      return;
    }
    const channel = channels.create({
      isOpener: false,
      openedAtHeight: blockHeight(),
      remoteNodeId: fromString(nodeId, 'base16'),
      chainHash,
      temporaryChannelId: message.temporaryChannelId,
      fundingSatoshis: message.fundingSatoshis,
      announce: false,
      feeratePerKw: message.feeratePerKw,
      openingFeeratePerKw: message.feeratePerKw,
      shutdownScript: newScript(),
    });
    turn.dispatch({ to: 'channel', channelIndex: channel.index, event: { type: 'message', message }, bytes });
  }

  /** A channel moved: whoever waits for it to be funded hears of it. */
  changed(channel: LiveChannel): void {
    const waiting = this.#waiting.get(channel.index);
    if (waiting === undefined || channel.lifecycle === 'opening') return;
    this.#waiting.delete(channel.index);
    if (channel.lifecycle !== 'abandoned') waiting.resolve(channel);
    else waiting.reject(new OpenError('open_failed', channel.data.failure?.reason ?? 'the opening ended', { peer: hexOf(channel.data.remoteNodeId) }));
  }

  /** The node stops, or the turn in which the channel was made was discarded. */
  abortAll(reason: string): void {
    for (const { reject } of this.#waiting.values()) reject(new OpenError('open_failed', reason));
    this.#waiting.clear();
  }
}
