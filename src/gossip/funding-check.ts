import { equals } from 'uint8arrays';
import { fundingOutput } from '../../machines/commitment/funding.ts';
import { RunnelError } from '../../protocols/errors.ts';
import { scidToParts } from '../../protocols/gossip/short-channel-id.ts';
import type { MessageOf } from '../../protocols/wire/messages.ts';
import type { Chain, UnspentOutput } from '../chain/chain.ts';

/**
 * What the chain has against an announcement.
 *
 * - `unconfirmed`: the output is not deep enough, or its block has not come to us; it may be later
 * - `no_output`: it was spent, or never there
 * - `wrong_output`: it pays to something else
 * - `chain_unavailable`: the chain did not answer
 */
export type FundingFault = 'unconfirmed' | 'no_output' | 'wrong_output' | 'chain_unavailable';

/**
 * BOLT 7, "The `channel_announcement` Message": the output at the short channel id must be the P2WSH of the two bitcoin
 * keys, unspent, and `minConfirmations` deep. Gives the output, or what is wrong with it.
 */
export async function checkFunding(
  chain: Pick<Chain, 'outputAt' | 'tip'>, announcement: MessageOf<'channel_announcement'>, minConfirmations: number,
): Promise<(UnspentOutput & { readonly txid: string }) | FundingFault> {
  const { blockHeight, transactionIndex, outputIndex } = scidToParts(announcement.shortChannelId);
  try {
    const output = await chain.outputAt(blockHeight, transactionIndex, outputIndex);
    if (output === undefined) {
      // Spent, or never there; unless its block has not come to us, or could still be replaced by the one that has it.
      const tip = await chain.tip();
      return blockHeight + minConfirmations > tip.height + 1 ? 'unconfirmed' : 'no_output';
    }
    if (!equals(output.script, fundingOutput(announcement.bitcoinKey1, announcement.bitcoinKey2).scriptPubkey)) {
      return 'wrong_output';
    }
    return output.confirmations < minConfirmations ? 'unconfirmed' : output;
  } catch (error) {
    if (error instanceof RunnelError) return 'chain_unavailable';
    throw error;
  }
}
