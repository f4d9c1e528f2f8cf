import type { Message } from '../../protocols/wire/messages.ts';
import type { HtlcRemoval } from '../htlc/htlc.machine.ts';
import type { OutputHtlc } from '../onchain/output.ts';
import type { ChannelFailure } from './data.ts';

/** What happens to a channel from outside: the only things that its journal needs to hold. */
export type ExternalChannelEvent =
  /** A message of the peer's for this channel. */
  | { readonly type: 'message'; readonly message: Message }
  | { readonly type: 'connected' }
  | { readonly type: 'disconnected' }
  /** The node started again and rebuilt the channel from disk. */
  | { readonly type: 'restored' }
  /** The peer has not gone on with the opening in time. */
  | { readonly type: 'openingTimedOut' }
  /** BOLT 2: the accepter forgets a channel whose funding did not confirm within 2016 blocks. */
  | { readonly type: 'fundingTimedOut' }
  | OpenCommand
  /** The channel's first, where its data came from a backup: its state is lost. */
  | { readonly type: 'recover' }
  | { readonly type: 'fundingReady'; readonly transaction: Uint8Array; readonly txid: Uint8Array; readonly outputIndex: number }
  | { readonly type: 'fundingUnavailable'; readonly reason: string }
  | FundingDepth
  | FundingSpent
  | BlockConnected
  | { readonly type: 'blockDisconnected'; readonly height: number }
  | AddHtlcCommand
  | { readonly type: 'removeHtlc'; readonly id: bigint; readonly removal: HtlcRemoval }
  | { readonly type: 'setFeerate'; readonly feeratePerKw: number }
  /** `scriptpubkey` undefined: the script that was chosen when the channel was made. */
  | { readonly type: 'close'; readonly scriptpubkey: Uint8Array | undefined; readonly feeratePerKw: number }
  /** The user wants it on chain without the peer. */
  | { readonly type: 'forceClose' }
  /** The turn's queue is drained: what is ready to be signed is signed now, once for all updates. */
  | { readonly type: 'turnEnded' };

export interface OpenCommand {
  readonly type: 'open';
  readonly pushMsat: bigint;
}

/** Where the funding output stands in the chain; depth 0 after a reorg took it out. */
export interface FundingDepth {
  readonly type: 'fundingDepth';
  readonly depth: number;
  readonly blockHeight: number;
  readonly transactionIndex: number;
  readonly amountSat: bigint;
  readonly script: Uint8Array;
}

export interface FundingSpent {
  readonly type: 'fundingSpent';
  readonly transaction: Uint8Array;
  readonly blockHeight: number;
  /** 1 when a block holds it, 0 after a reorg took that block out. */
  readonly depth: number;
  /** HTLCs that are over and may stand in it, if it is a commitment that the peer revoked. */
  readonly pastHtlcs?: readonly OutputHtlc[];
}

/** Told while a channel has HTLCs, or ends on chain. */
export interface BlockConnected {
  readonly type: 'blockConnected';
  readonly height: number;
  /** Those in it that spend what the channel watches, or what one before them in the block made; in their order. */
  readonly transactions: readonly Uint8Array[];
  /**
   * The node was away, and goes through what it missed before it meets its peers. No deadline is acted upon: first the peer is to have the chance
   * to show that our state is an old one, whose commitment must not be broadcast (BOLT 2, "Message Retransmission").
   */
  readonly wasMissed?: true;
}

/** `reference` names the request in the notice that answers it (`htlcOffered` or `htlcRefused`). */
export interface AddHtlcCommand {
  readonly type: 'addHtlc';
  readonly reference: string;
  readonly amountMsat: bigint;
  readonly paymentHash: Uint8Array;
  readonly cltvExpiry: number;
  readonly onionRoutingPacket: Uint8Array;
}

/** What one region of the chart tells the others within the same step. */
export type InternalChannelEvent =
  | { readonly type: 'dropConnection' }
  | { readonly type: 'fail'; readonly failure: ChannelFailure }
  | { readonly type: 'fallBehind'; readonly failure: ChannelFailure }
  /** What the peer missed is sent again; what else belongs at the beginning of a connection follows. */
  | { readonly type: 'reestablished' }
  | { readonly type: 'revocationSent' };

export type ChannelEvent = ExternalChannelEvent | InternalChannelEvent | Message;
