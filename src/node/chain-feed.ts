import type { Transaction } from 'bitcoinjs-lib';
import { ANNOUNCEMENT_DEPTH } from '../../machines/channel/announcing.ts';
import { revokedNumberOf } from '../../machines/channel/spending.ts';
import type { Block, BlockRef, ChainEvent } from '../chain/chain.ts';
import type { ChannelManager } from '../channels/channel-manager.ts';
import type { LiveChannel } from '../channels/live-channel.ts';
import type { Turn } from '../runtime/turn.ts';
import type { Database } from '../storage/database.ts';
import type { Wallet } from '../wallet/wallet.ts';
import { BlockWatch } from './block-watch.ts';

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
  /** The blocks that come are those that the node missed: see `BlockConnected.wasMissed`. */
  isCatchingUp = false;
  #pending: ChainEvent[] = [];
  #tip: BlockRef | undefined;
  #savedTip: BlockRef | undefined;
  #rewound: BlockRef | undefined;
  /** The last block before a channel was frozen, which has seen none since. */
  #frozenAt: BlockRef | undefined;
  #savedFrozenAt: BlockRef | undefined;

  constructor(options: { database: Database; wallet: Wallet; channels: ChannelManager }) {
    this.#database = options.database;
    this.#wallet = options.wallet;
    this.#channels = options.channels;
    this.#database.migrate('chain', [
      { name: 'tip', sql: 'CREATE TABLE chain_tip (id INTEGER PRIMARY KEY CHECK (id = 0), height INTEGER NOT NULL, hash TEXT NOT NULL) STRICT;' },
      { name: 'what a frozen channel saw last', sql: 'CREATE TABLE frozen_at (height INTEGER NOT NULL, hash TEXT NOT NULL) STRICT;' },
    ]);
    this.#savedTip = this.#database.get<{ height: number; hash: string }>('SELECT height, hash FROM chain_tip');
    this.#frozenAt = this.#database.get<{ height: number; hash: string }>('SELECT height, hash FROM frozen_at');
    this.#savedFrozenAt = this.#frozenAt;
    this.#tip = this.#savedTip;
  }

  /** The last block that is worked through, written or about to be. */
  get tip(): BlockRef | undefined {
    return this.#tip;
  }

  /**
   * Where the chain is followed from at a start; at the first one, which must not change with the next one, from `tip`. A channel that was
   * frozen has to see what it missed, as a cheater's commitment: all go back to where it was, and take what they know already once more. To be
   * called within a turn.
   */
  startAt(tip: BlockRef): BlockRef {
    if (this.#frozenAt !== undefined) this.rewindTo(this.#frozenAt);
    this.#frozenAt = undefined;
    return (this.#tip ??= tip);
  }

  /** The chain is to be followed anew from there: see `Wallet.rewindTo`. To be called within a turn, before following begins. */
  rewindTo(block: BlockRef): void {
    this.#tip = block;
    this.#rewound = block;
  }

  /** The peers had their chance: what has passed its deadline in the blocks that were missed goes to the chain. To be called within a turn. */
  checkDeadlines(turn: Turn): void {
    if (this.#tip === undefined) return;
    for (const channel of this.#channels.all()) {
      if (isConcerned(channel)) tell(channel, { type: 'blockConnected', height: this.#tip.height, transactions: [] }, turn);
    }
  }

  /** To be called within a turn. */
  handle(event: ChainEvent, turn: Turn): void {
    this.#pending.push(event);
    if (this.#channels.hasFrozen) this.#frozenAt ??= this.#savedTip;
    if (event.type === 'blockConnected') this.#connected(event.block, turn);
    else this.#disconnected(event.block, event.below, turn);
  }

  persist(): void {
    if (this.#rewound !== undefined) this.#wallet.rewindTo(this.#rewound);
    if (this.#frozenAt !== this.#savedFrozenAt) this.#saveFrozenAt();
    for (const event of this.#pending) this.#wallet.handleChainEvent(event);
    if (this.#tip === undefined || this.#tip === this.#savedTip) return;
    this.#database.run('INSERT OR REPLACE INTO chain_tip (id, height, hash) VALUES (0, ?, ?)', this.#tip.height, this.#tip.hash);
  }

  committed(): void {
    this.#pending = [];
    this.#rewound = undefined;
    this.#savedTip = this.#tip;
    this.#savedFrozenAt = this.#frozenAt;
  }

  reset(): void {
    this.#pending = [];
    this.#rewound = undefined;
    this.#tip = this.#savedTip;
    this.#frozenAt = this.#savedFrozenAt;
  }

  #saveFrozenAt(): void {
    this.#database.run('DELETE FROM frozen_at');
    if (this.#frozenAt === undefined) return;
    this.#database.run('INSERT INTO frozen_at (height, hash) VALUES (?, ?)', this.#frozenAt.height, this.#frozenAt.hash);
  }

  #connected(block: Block, turn: Turn): void {
    this.#tip = { height: block.height, hash: block.hash };
    const watch = new BlockWatch(this.#channels.all());
    const confirmed = new Set<LiveChannel>();
    for (const [transactionIndex, transaction] of block.transactions.entries()) {
      for (const channel of watch.fundingsSpentBy(transaction)) this.#fundingSpent(channel, transaction, block.height, turn);
      watch.noteSpends(transaction);
      for (const { channel, output } of watch.fundingsMadeBy(transaction)) {
        const place = { blockHeight: block.height, transactionIndex, amountSat: output.value, script: output.script };
        tell(channel, { type: 'fundingDepth', depth: 1, ...place }, turn);
        confirmed.add(channel);
      }
    }
    for (const channel of this.#channels.all()) {
      if (!confirmed.has(channel)) this.#deepen(channel, block.height, turn);
      const transactions = watch.relevantTo(channel);
      if (transactions === undefined && !isConcerned(channel)) continue;
      const missed = this.isCatchingUp ? { wasMissed: true } as const : {};
      tell(channel, { type: 'blockConnected', height: block.height, transactions: transactions ?? [], ...missed }, turn);
    }
    turn.dispatch({ to: 'payments', event: { type: 'blockHeight', height: block.height } });
  }

  #fundingSpent(channel: LiveChannel, transaction: Transaction, blockHeight: number, turn: Turn): void {
    const revoked = revokedNumberOf(channel.data, transaction);
    const pastHtlcs = revoked === undefined ? [] : this.#channels.pastHtlcs(channel.index, revoked);
    const spend = { transaction: transaction.toBuffer(), blockHeight, depth: 1 };
    tell(channel, { type: 'fundingSpent', ...spend, ...(pastHtlcs.length > 0 && { pastHtlcs }) }, turn);
  }

  #disconnected({ height }: BlockRef, below: BlockRef, turn: Turn): void {
    this.#tip = below;
    for (const channel of this.#channels.all()) {
      const { confirmation, fundingSpend } = channel.data;
      if (channel.lifecycle === 'closing') tell(channel, { type: 'blockDisconnected', height }, turn);
      if (confirmation !== undefined && confirmation.blockHeight >= height) {
        const { blockHeight, transactionIndex, amountSat, script } = confirmation;
        tell(channel, { type: 'fundingDepth', depth: 0, blockHeight, transactionIndex, amountSat, script }, turn);
      }
      if (fundingSpend !== undefined && fundingSpend.blockHeight >= height) {
        tell(channel, { type: 'fundingSpent', ...fundingSpend, depth: 0 }, turn);
      }
    }
  }

  /** What stands in an earlier block is one deeper now, as long as the channel waits for that. */
  #deepen(channel: LiveChannel, height: number, turn: Turn): void {
    const { confirmation, minimumDepth } = channel.data;
    if (confirmation === undefined) {
      this.#timeOut(channel, height, turn);
      return;
    }
    if (confirmation.blockHeight >= height || confirmation.depth >= Math.max(minimumDepth, ANNOUNCEMENT_DEPTH)) return;
    tell(channel, { ...confirmation, type: 'fundingDepth', depth: height - confirmation.blockHeight + 1 }, turn);
  }

  #timeOut(channel: LiveChannel, height: number, turn: Turn): void {
    const { isOpener, openedAtHeight, shortChannelId } = channel.data;
    // One that stood in a block before a reorg is not forgotten.
    if (channel.lifecycle === 'opening' || isOpener || shortChannelId !== undefined) return;
    if (height - openedAtHeight < FUNDING_TIMEOUT_BLOCKS) return;
    tell(channel, { type: 'fundingTimedOut' }, turn);
  }
}

/** A block means something to it: an HTLC may come to its deadline, or an output be resolved. */
const isConcerned = ({ lifecycle, htlcs }: LiveChannel): boolean => lifecycle === 'closing' || htlcs.size > 0;

type ToChannel = Parameters<LiveChannel['send']>[0];

function tell({ index }: LiveChannel, event: ToChannel, turn: Turn): void {
  turn.dispatch({ to: 'channel', channelIndex: index, event });
}
