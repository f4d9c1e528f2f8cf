import type { Message, MessageOf } from '../../protocols/wire/messages.ts';
import type { HtlcDetails, HtlcRemoval } from '../htlc/htlc.machine.ts';
import type { ClosingRequest, CommitmentRequest } from './requests.ts';
import type { AnnouncementSignatures, ChannelFailure } from './data.ts';

/**
 * What a channel wants done: plain data in the turn's outbox. The runtime persists the turn, then performs them in this order. Those that need
 * a secret name what is to be signed or released; only the signer turns them into wire messages.
 */
export type ChannelEffect =
  | { readonly type: 'send'; readonly message: Message }
  | {
      readonly type: 'sendSigned';
      readonly message: 'funding_created' | 'funding_signed' | 'commitment_signed';
      readonly commitment: CommitmentRequest;
    }
  | { readonly type: 'sendRevocation'; readonly revokedCommitmentNumber: number }
  | { readonly type: 'sendReady' }
  | { readonly type: 'sendReestablish'; readonly message: MessageOf<'channel_reestablish'> }
  | { readonly type: 'sendClosingSigned'; readonly closing: ClosingRequest; readonly feeRange: FeeRange | undefined }
  | { readonly type: 'sendAnnouncementSignatures'; readonly shortChannelId: bigint }
  | { readonly type: 'disconnect'; readonly reason: string }
  | { readonly type: 'fundChannel'; readonly amountSat: bigint; readonly script: Uint8Array; readonly feeratePerKw: number }
  | { readonly type: 'releaseFunding' }
  | { readonly type: 'broadcastFunding'; readonly transaction: Uint8Array }
  /** Both signatures of a mutual close are known: ours is added by the signer. */
  | { readonly type: 'broadcastClosing'; readonly closing: ClosingRequest; readonly remoteSignature: Uint8Array }
  | { readonly type: 'broadcastCommitment'; readonly commitment: CommitmentRequest; readonly remoteSignature: Uint8Array }
  /** A transaction of whoever's that is complete. */
  | { readonly type: 'broadcastTransaction'; readonly transaction: Uint8Array }
  | { readonly type: 'announceChannel'; readonly shortChannelId: bigint; readonly remote: AnnouncementSignatures }
  | HtlcNotice
  | ChannelNotice;

export interface FeeRange {
  readonly minFeeSatoshis: bigint;
  readonly maxFeeSatoshis: bigint;
}

/** BOLT 4, "Failure Messages": what is told upstream of an HTLC that came to nothing. */
export type ReturnCode = 'temporary_channel_failure' | 'permanent_channel_failure';

/** What a channel tells the actors that forward, pay and get paid. */
export type HtlcNotice =
  /** A received HTLC is irrevocably committed: now it may be forwarded or settled. */
  | { readonly type: 'htlcReceived'; readonly htlc: HtlcDetails }
  /** The HTLC that `reference` asked for stands as `htlc` and will be signed in this turn or the next. */
  | { readonly type: 'htlcOffered'; readonly reference: string; readonly htlc: HtlcDetails }
  /** Nothing was sent: the HTLC that `reference` asked for cannot be offered. */
  | { readonly type: 'htlcRefused'; readonly reference: string; readonly code: string; readonly reason: string }
  /** The peer gave the preimage of an HTLC that we offered; told at once, since it holds whatever comes. */
  | { readonly type: 'htlcFulfilled'; readonly htlc: HtlcDetails; readonly paymentPreimage: Uint8Array }
  /** The failure of an HTLC that we offered is irrevocable. */
  | { readonly type: 'htlcFailed'; readonly htlc: HtlcDetails; readonly removal: Exclude<HtlcRemoval, { kind: 'fulfilled' }> }
  /**
   * An HTLC that we offered came to nothing without the peer's word, and the code says what is told of it upstream: it
   * was withdrawn before we signed it (BOLT 2, "Message Retransmission": temporary), or it timed out on chain, or had
   * no output there, and that is buried (BOLT 5, "HTLC Output Handling": permanent).
   */
  | { readonly type: 'htlcReturned'; readonly htlc: HtlcDetails; readonly code: ReturnCode }
  /** A received HTLC is gone for good: from both commitments, or its end on chain is buried. */
  | { readonly type: 'htlcEnded'; readonly htlc: HtlcDetails; readonly removal: HtlcRemoval };

/** What a channel tells the node. */
export type ChannelNotice =
  | { readonly type: 'channelAbandoned'; readonly failure: ChannelFailure }
  | { readonly type: 'channelFailed'; readonly failure: ChannelFailure }
  | { readonly type: 'channelUsable' }
  | { readonly type: 'channelUnusable' };
