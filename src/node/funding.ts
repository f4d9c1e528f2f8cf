import { Transaction } from 'bitcoinjs-lib';
import type { ChannelEffect } from '../../machines/channel/effects.ts';
import type { ExternalChannelEvent } from '../../machines/channel/events.ts';
import type { Block, Chain } from '../chain/chain.ts';
import { BroadcastRejectedError } from '../chain/errors.ts';
import { hexOf } from '../channels/channel-store.ts';
import type { Logger } from '../logging.ts';
import { WalletError, type Wallet } from '../wallet/wallet.ts';

export interface FundingOptions {
  readonly wallet: Wallet;
  readonly chain: Chain;
  readonly logger: Logger;
  readonly submit: (channelIndex: number, event: ExternalChannelEvent) => void;
}

/** A transaction that the chain has refused for as many blocks is not going to be accepted; the next start tries it again. */
const MAX_OFFERS = 144;

type FundRequest = Extract<ChannelEffect, { type: 'fundChannel' }>;

const referenceOf = (channelIndex: number): string => `channel-${channelIndex}`;

/** What channels want of the wallet and of the chain: funding transactions, and transactions that must reach the miners. */
export class Funding {
  readonly #options: FundingOptions;
  readonly #endings = new Map<string, { readonly transaction: Transaction; offersLeft: number }>();

  constructor(options: FundingOptions) {
    this.#options = options;
  }

  /** Makes the funding transaction and reserves its coins; the channel hears of it in a turn of its own. */
  fund(channelIndex: number, { amountSat, script, feeratePerKw }: FundRequest): void {
    const { wallet, submit } = this.#options;
    try {
      const funded = wallet.fundTransaction({ outputs: [{ amountSat, script }], feeratePerKw, reference: referenceOf(channelIndex) });
      const outputIndex = funded.outputIndexes[0] ?? 0;
      const { transaction } = funded;
      submit(channelIndex, { type: 'fundingReady', transaction: transaction.toBuffer(), txid: transaction.getHash(), outputIndex });
    } catch (error) {
      if (!(error instanceof WalletError)) throw error;
      submit(channelIndex, { type: 'fundingUnavailable', reason: error.message });
    }
  }

  /** Gives the coins back. What a failing store keeps of the reservation ends with the next start. */
  release(channelIndex: number): void {
    try {
      this.#options.wallet.release(referenceOf(channelIndex));
    } catch (error) {
      this.#options.logger.warn({ err: error }, 'coins stay reserved until the next start');
    }
  }

  /** After a restart: attempts to open a channel did not survive it, nor withdrawals being made, and their coins are free again. */
  releaseAllBut(isLive: (channelIndex: number) => boolean): void {
    for (const reference of this.#options.wallet.reservations()) {
      const [, index] = /^channel-(\d+)$/.exec(reference) ?? [];
      if (index === undefined || !isLive(Number(index))) this.#options.wallet.release(reference);
    }
  }

  /** Books a funding transaction of ours, whose coins are spent from now on, and gives it to the chain; each block offers it again. */
  broadcastFunding(raw: Uint8Array): void {
    const transaction = Transaction.fromBuffer(raw);
    const { wallet, chain, logger } = this.#options;
    wallet.recordTransaction(transaction);
    chain.broadcast(transaction).catch((error: unknown) => {
      logger.error({ txid: transaction.getId(), err: error }, 'the funding transaction was not accepted by the chain');
    });
  }

  /**
   * Gives a mutual close or a commitment to the chain, and again with each block until one holds it. The wallet hears of it from the block
   * alone: a peer may have named any output as the funding that it spends, even one of this wallet's.
   */
  broadcastEnding(transaction: Transaction): void {
    this.#endings.set(transaction.getId(), { transaction, offersLeft: MAX_OFFERS });
    this.#offer(transaction);
  }

  /** What waits for a block is offered to the miners again: it may have been dropped, or the chain was away. */
  blockConnected({ transactions }: Block): void {
    const spent = new Set(transactions.flatMap(({ ins }) => ins.map(outpointOf)));
    for (const [txid, ending] of this.#endings) {
      ending.offersLeft -= 1;
      if (ending.offersLeft === 0 || ending.transaction.ins.some((input) => spent.has(outpointOf(input)))) this.#endings.delete(txid);
    }
    const endings = [...this.#endings.values()].map(({ transaction }) => transaction);
    for (const transaction of [...this.#options.wallet.unconfirmedTransactions(), ...endings]) this.#offer(transaction, 'debug');
  }

  /** Said once; what is refused is mostly refused with each block. */
  #offer(transaction: Transaction, level: 'warn' | 'debug' = 'warn'): void {
    const { chain, logger } = this.#options;
    chain.broadcast(transaction).catch((error: unknown) => {
      // A refusal is the chain's answer and no fault of ours: where both ends broadcast their commitment, one of them loses.
      const why = error instanceof BroadcastRejectedError ? { reason: error.message } : { err: error };
      logger[level]({ txid: transaction.getId(), ...why }, 'a waiting transaction was not accepted by the chain: it is offered again with each block');
    });
  }
}

const outpointOf = ({ hash, index }: Pick<Transaction['ins'][number], 'hash' | 'index'>): string => `${hexOf(hash)}:${index}`;
