import { equals, fromString } from 'uint8arrays';
import { ALL_CHANNELS } from '../../protocols/wire/bolt1.ts';
import { encodeMessage, type Message } from '../../protocols/wire/messages.ts';
import { printableText } from '../../protocols/wire/text.ts';
import type { ChannelManager } from '../channels/channel-manager.ts';
import type { NodeId } from '../network/network.ts';
import type { PeerHandlers } from '../peers/peer-manager.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Dispatcher } from '../runtime/dispatcher.ts';
import { RateLimiter } from '../runtime/rate-limiter.ts';
import type { Turn } from '../runtime/turn.ts';
import type { Logger } from '../logging.ts';
import type { ChannelOpener } from './channel-opener.ts';

export interface PeerRouterOptions {
  readonly channels: ChannelManager;
  readonly dispatcher: Dispatcher;
  readonly opener: ChannelOpener;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly send: (nodeId: NodeId, messages: readonly Uint8Array[]) => void;
  /** BOLT 7 messages that a peer sends to us alone: its policy for an unannounced channel. */
  readonly onGossip: (nodeId: NodeId, bytes: Uint8Array) => void;
  readonly onPeer: (nodeId: NodeId, isUp: boolean) => void;
}

/** Errors and warnings of one peer that are logged: it may send any number. */
const LOGGED = { burst: 20, perSecond: 1 / 60 };
const MAX_LOGGED_PEERS = 1_000;

/** Takes what peers say to whom it concerns: the channel that it names, all channels with that peer, or gossip. */
export class PeerRouter implements PeerHandlers {
  readonly #options: PeerRouterOptions;
  readonly #logged: RateLimiter;

  constructor(options: PeerRouterOptions) {
    this.#options = options;
    this.#logged = new RateLimiter(options.clock, LOGGED, MAX_LOGGED_PEERS);
  }

  onPeerUp(nodeId: NodeId): void {
    this.#tellChannels(nodeId, 'connected');
    this.#options.onPeer(nodeId, true);
  }

  onPeerDown(nodeId: NodeId): void {
    this.#tellChannels(nodeId, 'disconnected');
    this.#options.onPeer(nodeId, false);
  }

  onMessage(nodeId: NodeId, message: Message, bytes: Uint8Array): void {
    switch (message.type) {
      case 'channel_announcement':
      case 'channel_update':
      case 'node_announcement':
        this.#options.onGossip(nodeId, bytes);
        return;
      case 'query_channel_range':
      case 'query_short_channel_ids':
      case 'reply_channel_range':
      case 'reply_short_channel_ids_end':
      case 'gossip_timestamp_filter':
      case 'init':
      case 'ping':
      case 'pong':
        // Gossip is asked for on streams of its own; the rest is the connection's, which has dealt with it.
        return;
      case 'open_channel':
        this.#options.dispatcher.run((turn) => this.#options.opener.accept(nodeId, message, bytes, turn));
        return;
      case 'accept_channel':
      case 'funding_created':
        this.#toChannel(nodeId, message.temporaryChannelId, message, bytes);
        return;
      default:
        this.#toChannel(nodeId, message.channelId, message, bytes);
    }
  }

  #toChannel(nodeId: NodeId, channelId: Uint8Array, message: Message, bytes: Uint8Array): void {
    const { channels, dispatcher, logger } = this.#options;
    dispatcher.run((turn) => {
      if (message.type === 'error' || message.type === 'warning') {
        if (this.#logged.take(nodeId)) logger.warn({ peer: nodeId, text: printableText(message.data) }, `the peer sent ${message.type === 'error' ? 'an error' : 'a warning'}`);
        if (equals(channelId, ALL_CHANNELS)) {
          for (const { index } of channels.ofPeer(nodeId)) turn.dispatch({ to: 'channel', channelIndex: index, event: { type: 'message', message }, bytes });
          return;
        }
      }
      const channel = channels.find(nodeId, channelId);
      if (channel !== undefined) {
        turn.dispatch({ to: 'channel', channelIndex: channel.index, event: { type: 'message', message }, bytes });
      } else if (message.type !== 'error' && message.type !== 'warning') {
        this.#refuseUnknown(nodeId, channelId, turn);
      }
    });
  }

  /** BOLT 1: an `error` for a channel that is not known makes the peer stop waiting for it; with zeros it would mean all others. */
  #refuseUnknown(nodeId: NodeId, channelId: Uint8Array, turn: Turn): void {
    const type = equals(channelId, ALL_CHANNELS) ? 'warning' : 'error';
    const refusal = encodeMessage({ type, channelId, data: fromString('unknown channel', 'ascii') });
    turn.afterCommit(() => this.#options.send(nodeId, [refusal]));
  }

  #tellChannels(nodeId: NodeId, type: 'connected' | 'disconnected'): void {
    const { channels, dispatcher } = this.#options;
    dispatcher.run((turn) => {
      for (const { index } of channels.ofPeer(nodeId)) turn.dispatch({ to: 'channel', channelIndex: index, event: { type } });
    });
  }
}
