import { toString } from 'uint8arrays';
import { scidToParts } from '../../protocols/gossip/short-channel-id.ts';
import type { Block, BlockRef } from '../chain/chain.ts';
import type { NodeId } from '../network/network.ts';
import type { Clock } from '../runtime/clock.ts';
import type { GossipLimits } from './limits.ts';
import type { GossipStore } from './store.ts';

export interface ChannelWatchOptions {
  readonly store: GossipStore;
  readonly clock: Clock;
  readonly limits: GossipLimits;
  readonly self: NodeId;
}

/**
 * Keeps the announced channels in step with the chain and with time. It must be told every block from the one on where
 * it was told last, those of the time that the node was down included: a channel that was spent in a block it never saw
 * stands until it is stale.
 */
export class ChannelWatch {
  readonly #store: GossipStore;
  readonly #clock: Clock;
  readonly #limits: GossipLimits;
  readonly #self: NodeId;

  constructor({ store, clock, limits, self }: ChannelWatchOptions) {
    this.#store = store;
    this.#clock = clock;
    this.#limits = limits;
    this.#self = self;
  }

  /** Marks channels whose funding output the block spends, and forgets what is long spent or stale. */
  blockConnected(block: Block): void {
    this.#restore(block);
    for (const transaction of block.transactions) {
      for (const { hash, index } of transaction.ins) {
        const scid = this.#store.channelAt(toString(Uint8Array.from(hash).reverse(), 'hex'), index);
        if (scid !== undefined && this.#store.channel(scid)?.spentHeight === undefined) {
          this.#store.setSpent(scid, block.height);
        }
      }
    }
    this.#prune(block.height);
  }

  /** What the block had spent stands again; what it had created is gone, and treated like spent. */
  blockDisconnected({ height }: BlockRef): void {
    for (const [scid, { spentHeight }] of this.#store.channels()) {
      if (scidToParts(scid).blockHeight >= height) this.#store.setSpent(scid, height);
      else if (spentHeight !== undefined && spentHeight >= height) this.#store.setSpent(scid, undefined);
    }
  }

  /** A funding transaction that a reorg had taken away, and that has come back to the same place. */
  #restore(block: Block): void {
    for (const [scid, { spentHeight, fundingTxid }] of this.#store.channels()) {
      if (spentHeight === undefined) continue;
      const { blockHeight, transactionIndex } = scidToParts(scid);
      if (blockHeight !== block.height) continue;
      if (block.transactions[transactionIndex]?.getId() === fundingTxid) this.#store.setSpent(scid, undefined);
    }
  }

  #prune(height: number): void {
    const { forgetSpentAfterBlocks, staleAfterSeconds } = this.#limits;
    const oldest = Math.floor(this.#clock.now() / 1000) - staleAfterSeconds;
    const forgotten: bigint[] = [];
    for (const [scid, { spentHeight, addedAt }] of this.#store.channels()) {
      // BOLT 7, "The `channel_announcement` Message": 72 blocks, in which a splice could be announced.
      if (spentHeight !== undefined && height >= spentHeight + forgetSpentAfterBlocks) forgotten.push(scid);
      else if (this.#lastSign(scid, addedAt) < oldest && !this.#isOurs(scid)) forgotten.push(scid);
    }
    for (const scid of forgotten) this.#store.removeChannel(scid);
  }

  /**
   * BOLT 7, "Recommendation on Pruning Stale Entries": the older of the two sides' newest updates counts, since a
   * channel needs both. A side that has never said anything has until as long after the announcement.
   */
  #lastSign(scid: bigint, addedAt: number): number {
    const { graph } = this.#store;
    return Math.min(...([0, 1] as const).map((direction) => graph.policy(scid, direction)?.timestamp ?? addedAt));
  }

  /** Ours stay while they exist: their announcement must be at hand when the peer comes back after weeks. */
  #isOurs(scid: bigint): boolean {
    const channel = this.#store.graph.channel(scid);
    return channel !== undefined && (channel.nodeId1 === this.#self || channel.nodeId2 === this.#self);
  }
}
