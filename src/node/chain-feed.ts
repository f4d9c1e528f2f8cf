import type { Transaction } from 'bitcoinjs-lib';
import { ANNOUNCEMENT_DEPTH } from '../../machines/channel/announcing.ts';
import type { Block, BlockRef, ChainEvent } from '../chain/chain.ts';
import type { ChannelManager } from '../channels/channel-manager.ts';
import { hexOf } from '../channels/channel-store.ts';
import type { LiveChannel } from '../channels/live-channel.ts';
import type { Turn } from '../runtime/turn.ts';
import type { Database } from '../storage/database.ts';
import type { Wallet } from '../wallet/wallet.ts';

/** BOLT 2, "The channel_ready Message": blocks after which the accepter forgets a funding that never came. */
const FUNDING_TIMEOUT_BLOCKS = 2_016;

/**
 * Takes the chain's events into turns: what each block means to the channels, the wallet and the node's own place in the chain, all
 * written in the turn's one transaction, so that after a restart the chain is followed from exactly where everything else stands.
 */
export class ChainFeed {
  readonly #database: Database;
  readonly #wallet: Wallet;
  readonly #channels: ChannelManager;
  #pending: ChainEvent[] = [];
  #tip: BlockRef | undefined;
  #savedTip: BlockRef | undefined;

  constructor(options: { database: Database; wallet: Wallet; channels: ChannelManager }) {
    this.#database = options.database;
    this.#wallet = options.wallet;
    this.#channels = options.channels;
    this.#database.migrate('chain', [
      { name: 'tip', sql: 'CREATE TABLE chain_tip (id INTEGER PRIMARY KEY CHECK (id = 0), height INTEGER NOT NULL, hash TEXT NOT NULL) STRICT;' },
    ]);
    this.#savedTip = this.#database.get<{ height: number; hash: string }>('SELECT height, hash FROM chain_tip');
    this.#tip = this.#savedTip;
  }

  /** The last block that is worked through, written or about to be. */
  get tip(): BlockRef | undefined {
    return this.#tip;
  }

  /** Where the chain is followed from at a first start, which must not change with the next one. To be called within a turn. */
  startAt(tip: BlockRef): void {
    this.#tip ??= tip;
  }

  /** To be called within a turn. */
  handle(event: ChainEvent, turn: Turn): void {
    this.#pending.push(event);
    if (event.type === 'blockConnected') this.#connected(event.block, turn);
    else this.#disconnected(event.block, turn);
  }

  persist(): void {
    for (const event of this.#pending) this.#wallet.handleChainEvent(event);
    if (this.#tip === undefined || this.#tip === this.#savedTip) return;
    this.#database.run('INSERT OR REPLACE INTO chain_tip (id, height, hash) VALUES (0, ?, ?)', this.#tip.height, this.#tip.hash);
  }

  committed(): void {
    this.#pending = [];
    this.#savedTip = this.#tip;
  }

  reset(): void {
    this.#pending = [];
    this.#tip = this.#savedTip;
  }

  #connected(block: Block, turn: Turn): void {
    this.#tip = { height: block.height, hash: block.hash };
    const fundings = new Map<string, LiveChannel>();
    for (const channel of this.#channels.all()) {
      const { funding } = channel.data;
      if (funding !== undefined) fundings.set(outpointKey(funding.txid, funding.outputIndex), channel);
    }
    for (const [transactionIndex, transaction] of block.transactions.entries()) {
      this.#findSpends(transaction, block.height, fundings, turn);
      this.#findFunding(transaction, transactionIndex, block.height, fundings, turn);
    }
    for (const channel of this.#channels.all()) this.#deepen(channel, block.height, turn);
    turn.dispatch({ to: 'payments', event: { type: 'blockHeight', height: block.height } });
  }

  #disconnected({ height }: BlockRef, turn: Turn): void {
    // Its own hash is no longer the chain's; the connects that follow set the tip anew.
    this.#tip = { height: height - 1, hash: this.#tip?.hash ?? '' };
    for (const channel of this.#channels.all()) {
      const { confirmation, fundingSpend } = channel.data;
      if (confirmation !== undefined && confirmation.blockHeight >= height) {
        const { blockHeight, transactionIndex, amountSat, script } = confirmation;
        tell(channel, { type: 'fundingDepth', depth: 0, blockHeight, transactionIndex, amountSat, script }, turn);
      }
      if (fundingSpend !== undefined && fundingSpend.blockHeight >= height) {
        tell(channel, { type: 'fundingSpent', ...fundingSpend, depth: 0 }, turn);
      }
    }
  }

  #findSpends(transaction: Transaction, blockHeight: number, fundings: ReadonlyMap<string, LiveChannel>, turn: Turn): void {
    for (const { hash, index } of transaction.ins) {
      const channel = fundings.get(outpointKey(hash, index));
      if (channel === undefined) continue;
      tell(channel, { type: 'fundingSpent', transaction: transaction.toBuffer(), blockHeight, depth: 1 }, turn);
    }
  }

  #findFunding(
    transaction: Transaction,
    transactionIndex: number,
    blockHeight: number,
    fundings: ReadonlyMap<string, LiveChannel>,
    turn: Turn,
  ): void {
    const txid = transaction.getHash();
    for (const [outputIndex, { value, script }] of transaction.outs.entries()) {
      const channel = fundings.get(outpointKey(txid, outputIndex));
      if (channel === undefined) continue;
      tell(channel, { type: 'fundingDepth', depth: 1, blockHeight, transactionIndex, amountSat: value, script }, turn);
    }
  }

  /** What stands in an earlier block is one deeper now, as long as the channel waits for that. */
  #deepen(channel: LiveChannel, height: number, turn: Turn): void {
    const { confirmation, fundingSpend, minimumDepth } = channel.data;
    if (fundingSpend !== undefined && fundingSpend.blockHeight < height) {
      tell(channel, { type: 'fundingSpent', ...fundingSpend, depth: height - fundingSpend.blockHeight + 1 }, turn);
    }
    if (confirmation === undefined) {
      this.#timeOut(channel, height, turn);
      return;
    }
    if (confirmation.blockHeight >= height || confirmation.depth >= Math.max(minimumDepth, ANNOUNCEMENT_DEPTH)) return;
    tell(channel, { ...confirmation, type: 'fundingDepth', depth: height - confirmation.blockHeight + 1 }, turn);
  }

  #timeOut(channel: LiveChannel, height: number, turn: Turn): void {
    if (channel.lifecycle !== 'confirming' || channel.data.isOpener) return;
    if (height - channel.data.openedAtHeight < FUNDING_TIMEOUT_BLOCKS) return;
    tell(channel, { type: 'fundingTimedOut' }, turn);
  }
}

type ToChannel = Parameters<LiveChannel['send']>[0];

function tell({ index }: LiveChannel, event: ToChannel, turn: Turn): void {
  turn.dispatch({ to: 'channel', channelIndex: index, event });
}

const outpointKey = (txid: Uint8Array, outputIndex: number): string => `${hexOf(txid)}:${outputIndex}`;
