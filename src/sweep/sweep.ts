import type { Transaction } from 'bitcoinjs-lib';
import { toString } from 'uint8arrays/to-string';
import type { Claim, CommitmentBump, Outpoint } from '../../machines/onchain/claim.ts';

/** A claim, and the channel whose keys sign for it. */
export interface ChannelClaim {
  readonly channelIndex: number;
  readonly claim: Claim;
}

export interface ChannelBump {
  readonly channelIndex: number;
  readonly bump: CommitmentBump;
}

/** All that there is to do at a height; what a request does not name any more is not done any more. */
export interface SweepRequest {
  /** That of the last block. */
  readonly height: number;
  readonly claims: readonly ChannelClaim[];
  /** Our commitments that wait for a block. */
  readonly bumps: readonly ChannelBump[];
}

/** A transaction of the sweeper's, as it is kept on disk. */
export interface Sweep {
  readonly txid: string;
  /** Signed. */
  readonly transaction: Transaction;
  /** The claims that it takes, by `outpointKey`; its other inputs are the wallet's. */
  readonly claimed: readonly { readonly key: string; readonly channelIndex: number }[];
  readonly feeSat: bigint;
  /** What it pays by weight; for the child of a commitment, what both pay together. */
  readonly feeratePerKw: number;
  /** The chain's height when its claims were first broadcast, in whatever transaction, and when this one was made. */
  readonly firstHeight: number;
  readonly madeHeight: number;
  /** The height at which nothing of it was there to be claimed any more: a block holds it, or another spend. */
  readonly endedHeight: number | undefined;
}

/** An outpoint as a map's key: the txid in display order, and the index. */
export function outpointKey({ txid, outputIndex }: Outpoint): string {
  return `${displayTxid(txid)}:${outputIndex}`;
}

/** A txid in hex as it is displayed, from its bytes. */
export function displayTxid(txid: Uint8Array): string {
  return toString(Uint8Array.from(txid).reverse(), 'base16');
}
