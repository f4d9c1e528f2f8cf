import type { HtlcState } from '../htlc/htlc.machine.ts';
import type { Side } from '../htlc/htlc-states.ts';
import type { OutputRow } from '../onchain/output.ts';
import type { SecretStore } from '../commitment/secrets.ts';

/** What one side declared in open_channel or accept_channel: limits that it imposes on the other, and its public keys (BOLT 2). */
export interface SideParameters {
  readonly dustLimitSatoshis: bigint;
  readonly maxHtlcValueInFlightMsat: bigint;
  /** What this side demands that the other keeps. */
  readonly channelReserveSatoshis: bigint;
  readonly htlcMinimumMsat: bigint;
  /** What this side demands of the other's delayed outputs. */
  readonly toSelfDelay: number;
  readonly maxAcceptedHtlcs: number;
  readonly fundingPubkey: Uint8Array;
  readonly revocationBasepoint: Uint8Array;
  readonly paymentBasepoint: Uint8Array;
  readonly delayedPaymentBasepoint: Uint8Array;
  readonly htlcBasepoint: Uint8Array;
  /** Empty where the side committed to no script. */
  readonly upfrontShutdownScript: Uint8Array;
}

/** A feerate on its way through the same dance as an HTLC's addition; the last one that stands in a commitment is that one's feerate. */
export interface FeeUpdate {
  readonly feeratePerKw: number;
  readonly state: HtlcState;
}

export interface Funding {
  /** 32 bytes as on the wire. */
  readonly txid: Uint8Array;
  readonly outputIndex: number;
}

export interface Confirmation {
  readonly depth: number;
  readonly blockHeight: number;
  readonly transactionIndex: number;
  readonly amountSat: bigint;
  readonly script: Uint8Array;
}

/** The transaction in a block that spends the funding output. */
export interface FundingSpend {
  readonly transaction: Uint8Array;
  readonly blockHeight: number;
}

/** The commitment that ended the channel, once a block holds it: what its outputs are spent with. */
export interface EndingCommitment {
  /** 32 bytes in internal order. */
  readonly txid: Uint8Array;
  readonly owner: Side;
  readonly commitmentNumber: number;
  /** The owner's; undefined for a commitment of the peer's that this node cannot rebuild. */
  readonly perCommitmentPoint: Uint8Array | undefined;
  /** The peer's, of a commitment that it revoked. */
  readonly perCommitmentSecret: Uint8Array | undefined;
}

/** The peer's signatures for our latest commitment: what a local force close needs. */
export interface CommitmentSignatures {
  readonly signature: Uint8Array;
  readonly htlcSignatures: readonly Uint8Array[];
}

export interface AnnouncementSignatures {
  readonly shortChannelId: bigint;
  readonly nodeSignature: Uint8Array;
  readonly bitcoinSignature: Uint8Array;
}

/** Why a channel failed, for the user and the audit. */
export interface ChannelFailure {
  readonly code: string;
  readonly reason: string;
  readonly by: 'local' | 'remote';
}

/**
 * All that a channel remembers besides its statechart's state and its HTLCs: plain data, immutable, kept on disk as one row.
 * "Local" is this node, "remote" the peer.
 */
export interface ChannelData {
  /** This node's own number of the channel, from which its keys are derived; it exists before any channel id does. */
  readonly channelIndex: number;
  readonly isOpener: boolean;
  /** Rebuilt from a backup: of its balances, its commitments and its HTLCs nothing is known, and its numbers mean nothing. */
  readonly isRecovered: boolean;
  /** The height of the best block when the channel was made. */
  readonly openedAtHeight: number;
  readonly localNodeId: Uint8Array;
  readonly remoteNodeId: Uint8Array;
  readonly chainHash: Uint8Array;
  readonly temporaryChannelId: Uint8Array;
  readonly channelId: Uint8Array | undefined;
  readonly announce: boolean;
  readonly fundingSatoshis: bigint;
  readonly openingFeeratePerKw: number;
  readonly local: SideParameters;
  readonly remote: SideParameters | undefined;
  readonly minimumDepth: number;
  readonly funding: Funding | undefined;
  /** Only the opener has it: broadcast again after a restart until it confirms. */
  readonly fundingTransaction: Uint8Array | undefined;
  readonly confirmation: Confirmation | undefined;
  /** Our channel_ready was sent, or is due as soon as the connection stands. */
  readonly localReady: boolean;
  readonly shortChannelId: bigint | undefined;
  readonly remoteAlias: bigint | undefined;
  /** Balances as if no live HTLC existed: what an HTLC moves is moved here when its removal is irrevocable. */
  readonly toLocalMsat: bigint;
  readonly toRemoteMsat: bigint;
  readonly feeratePerKw: number;
  readonly feeUpdates: readonly FeeUpdate[];
  readonly nextLocalHtlcId: bigint;
  readonly nextRemoteHtlcId: bigint;
  /** The number of our latest valid commitment, and of the latest that we signed for the peer. */
  readonly localCommitmentNumber: number;
  readonly remoteCommitmentNumber: number;
  /** How many of the peer's commitments are revoked: the number of the next revocation that we expect. */
  readonly remoteRevocations: number;
  /** The peer's points for its lowest unrevoked commitment and for the one after it. */
  readonly remoteCurrentPoint: Uint8Array | undefined;
  readonly remoteNextPoint: Uint8Array | undefined;
  readonly remoteSecrets: SecretStore;
  readonly localSignatures: CommitmentSignatures | undefined;
  readonly remoteAnnouncement: AnnouncementSignatures | undefined;
  /** Our announcement_signatures went out since the connection stands. */
  readonly saidAnnouncement: boolean;
  /** Chosen when the channel is made; a close may name another until shutdown is sent. */
  readonly localShutdownScript: Uint8Array;
  readonly remoteShutdownScript: Uint8Array | undefined;
  readonly closing: ClosingNegotiation;
  /** The fee that both agreed on, with the peer's signature for it: a restart broadcasts the mutual close again. */
  readonly agreedClosing: AgreedClosing | undefined;
  readonly fundingSpend: FundingSpend | undefined;
  /** Kept when a reorg takes it out: it may come back. */
  readonly ending: EndingCommitment | undefined;
  /** What this node watches of the commitment that ended the channel, and of the transactions upon it. */
  readonly outputs: readonly OutputRow[];
  readonly failure: ChannelFailure | undefined;
}

export interface AgreedClosing {
  readonly feeSatoshis: bigint;
  readonly remoteSignature: Uint8Array;
}

/** BOLT 2, "Legacy Closing Negotiation": what was said since the connection stands. */
export interface ClosingNegotiation {
  readonly feeratePerKw: number;
  readonly localFeeSatoshis: bigint | undefined;
  readonly remoteFeeSatoshis: bigint | undefined;
}

/** The negotiated channel once both sides' parameters are known. */
export interface NegotiatedChannel extends ChannelData {
  readonly remote: SideParameters;
}
