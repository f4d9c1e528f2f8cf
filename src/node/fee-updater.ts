import type { Chain } from '../chain/chain.ts';
import type { ChannelManager } from '../channels/channel-manager.ts';
import type { Dispatcher } from '../runtime/dispatcher.ts';

/** With anchors a commitment only has to reach the mempool in time: BOLT 2, "Updating Fees". */
export const COMMITMENT_TARGET_BLOCKS = 12;
/** Percent by which the estimate must have moved before the peer is bothered with it. */
const THRESHOLD_PERCENT = 20;

export interface FeeUpdaterOptions {
  readonly chain: Pick<Chain, 'feeratePerKw'>;
  readonly channels: ChannelManager;
  readonly dispatcher: Dispatcher;
}

/** Keeps the commitments of the channels that we opened at a feerate that the chain takes. */
export class FeeUpdater {
  readonly #options: FeeUpdaterOptions;

  constructor(options: FeeUpdaterOptions) {
    this.#options = options;
  }

  /** Asks the chain and proposes update_fee where it matters. Rejects if the chain has no estimate. */
  async update(): Promise<void> {
    const { chain, channels, dispatcher } = this.#options;
    const mine = [...channels.all()].filter(({ data, isUsable }) => isUsable && data.isOpener);
    if (mine.length === 0) return;
    const feeratePerKw = await chain.feeratePerKw(COMMITMENT_TARGET_BLOCKS);
    for (const { index, data } of mine) {
      const movedPercent = (Math.abs(feeratePerKw - data.feeratePerKw) * 100) / data.feeratePerKw;
      if (movedPercent < THRESHOLD_PERCENT) continue;
      dispatcher.submit({ to: 'channel', channelIndex: index, event: { type: 'setFeerate', feeratePerKw } });
    }
  }
}
