import type { Transaction } from 'bitcoinjs-lib';
import type { OnchainSigner } from '../keys/signer-api.ts';
import type { Database } from '../storage/database.ts';
import type { Payment } from './coin-selection.ts';
import type { Replaceable } from './records.ts';

/** Each unspent output counts in exactly one of these. */
export interface WalletBalance {
  /** In blocks, and free to spend. */
  readonly confirmedSat: bigint;
  readonly unconfirmedSat: bigint;
  /** Reserved for transactions being made; what these give back as change is in it. */
  readonly reservedSat: bigint;
  /** Mined less than 100 blocks ago. */
  readonly immatureSat: bigint;
}

/** What is kept for the fees of channels that end on chain. */
export interface FeeReserve {
  readonly neededSat: bigint;
  /** In confirmed coins that are free: what fees can be paid with now. */
  readonly availableSat: bigint;
}

export interface UnspentCoin {
  readonly txid: string;
  readonly outputIndex: number;
  readonly amountSat: bigint;
  readonly address: string;
  /** 0 while no block holds it. */
  readonly confirmations: number;
  readonly reserved: boolean;
}

/** A signed transaction whose coins are reserved under `reference`. */
export interface FundedTransaction {
  readonly transaction: Transaction;
  readonly txid: string;
  /** Where each of the requested outputs stands, in their order. */
  readonly outputIndexes: readonly number[];
  readonly feeSat: bigint;
  readonly changeSat: bigint;
  /** Where the change stands, if there is any. */
  readonly changeIndex: number | undefined;
  readonly reference: string;
}

export interface FundingRequest {
  readonly outputs: readonly Payment[];
  readonly feeratePerKw: number;
  /** Names the reservation; unique among those that stand. */
  readonly reference: string;
}

export interface SendRequest {
  readonly address: string;
  /** 'all': every confirmed coin that is free and worth its fee, less the fee and what of the fee reserve it takes. */
  readonly amountSat: bigint | 'all';
  readonly feeratePerKw: number;
  readonly reference: string;
}

/** What raises the fee of a transaction that waits: booked, and to be broadcast. */
export interface FeeBump {
  /** `replacement`: it takes the place of `bumpedTxid` (BIP 125); `child`: it spends its change and pays for both. */
  readonly kind: 'replacement' | 'child';
  /** Of the transaction that was asked for, or of the last one that builds on it. */
  readonly bumpedTxid: string;
  readonly transaction: Transaction;
  readonly txid: string;
  readonly feeSat: bigint;
  /** What a replacement takes the place of, so that it can be undone. */
  readonly replaced: { readonly transaction: Transaction; readonly replaceable: Replaceable } | undefined;
}

export interface WalletOptions {
  readonly database: Database;
  readonly signer: OnchainSigner;
  /** The chain's name as bitcoind has it. */
  readonly network: string;
  /** How many unused addresses are watched ahead on each chain (BIP44's 20): what a restore from the seed can find. */
  readonly gapLimit?: number;
  /** What payments leave for the fees of channels: `feeReserveSat` of their number. Nothing unless given. */
  readonly reserveSat?: () => bigint;
}
