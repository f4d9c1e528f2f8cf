import type { Transaction } from 'bitcoinjs-lib';
import { Transaction as BitcoinTransaction } from 'bitcoinjs-lib';
import type { ChannelEffect } from '../../machines/channel/effects.ts';
import type { ExternalChannelEvent } from '../../machines/channel/events.ts';
import type { Chain } from '../chain/chain.ts';
import type { Logger } from '../logging.ts';
import { WalletError, type Wallet } from '../wallet/wallet.ts';

export interface FundingOptions {
  readonly wallet: Wallet;
  readonly chain: Chain;
  readonly logger: Logger;
  readonly submit: (channelIndex: number, event: ExternalChannelEvent) => void;
}

type FundRequest = Extract<ChannelEffect, { type: 'fundChannel' }>;

const referenceOf = (channelIndex: number): string => `channel-${channelIndex}`;

/** What channels want of the wallet and of the chain: funding transactions, and transactions that must reach the miners. */
export class Funding {
  readonly #options: FundingOptions;

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

  release(channelIndex: number): void {
    this.#options.wallet.release(referenceOf(channelIndex));
  }

  /** After a restart: attempts to open a channel did not survive it, and their coins are free again. */
  releaseAllBut(isLive: (channelIndex: number) => boolean): void {
    for (const reference of this.#options.wallet.reservations()) {
      const [, index] = /^channel-(\d+)$/.exec(reference) ?? [];
      if (index !== undefined && !isLive(Number(index))) this.#options.wallet.release(reference);
    }
  }

  /** Books the transaction in the wallet, as far as it concerns it, and gives it to the chain. A refusal is logged: each block tries again. */
  broadcast(raw: Uint8Array | Transaction): void {
    const { wallet, chain, logger } = this.#options;
    const transaction = raw instanceof Uint8Array ? BitcoinTransaction.fromBuffer(raw) : raw;
    wallet.recordTransaction(transaction);
    chain.broadcast(transaction).catch((error: unknown) => {
      logger.error({ txid: transaction.getId(), err: error }, 'a transaction was not accepted by the chain');
    });
  }

  /** What waits for a block is offered to the miners again: it may have been dropped, or the chain was away. */
  rebroadcast(): void {
    for (const transaction of this.#options.wallet.unconfirmedTransactions()) {
      this.#options.chain.broadcast(transaction).catch((error: unknown) => {
        this.#options.logger.warn({ txid: transaction.getId(), err: error }, 'a waiting transaction was not accepted by the chain');
      });
    }
  }
}
