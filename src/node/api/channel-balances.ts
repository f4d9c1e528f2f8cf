import { balancesBeside } from '../../../machines/channel/balances.ts';
import type { Output } from '../../api/contract.ts';
import type { LiveChannel } from '../../channels/live-channel.ts';
import type { Node } from '../node.ts';
import { hereOf, pendingOf } from './pending-api.ts';
import { shownLive } from './shown-channel.ts';

type ChannelBalances = Output<'balance'>['channels'];

/**
 * What is in the channels, beside the wallet. On chain an HTLC is an output among others: it counts as closing, or not
 * at all.
 */
export function channelBalances(node: Node): ChannelBalances {
  const total = {
    localMsat: 0n,
    remoteMsat: 0n,
    offeredHtlcsMsat: 0n,
    receivedHtlcsMsat: 0n,
    openingMsat: 0n,
    closingMsat: 0n,
  };
  const here = hereOf(node);
  for (const channel of node.channels.all()) {
    if (isOnChain(channel)) {
      const { limboSat } = pendingOf(node, shownLive(node, channel), here).view.totals;
      total.closingMsat += (limboSat - sweptSat(node, channel)) * 1000n;
      continue;
    }
    const { data, lifecycle, htlcs } = channel;
    const { localMsat, remoteMsat, offeredMsat, receivedMsat } = balancesBeside(data, htlcs);
    total.offeredHtlcsMsat += offeredMsat;
    total.receivedHtlcsMsat += receivedMsat;
    if (lifecycle === 'opening' || lifecycle === 'confirming') total.openingMsat += localMsat;
    else if (lifecycle !== 'normal') total.closingMsat += localMsat;
    else {
      total.localMsat += localMsat;
      total.remoteMsat += remoteMsat;
    }
  }
  return total;
}

/** Its end is a transaction, made or to be made. */
const isOnChain = ({ lifecycle }: LiveChannel): boolean => lifecycle === 'failed' || lifecycle === 'closing';

/** What our transactions that wait for a block bring the wallet, which counts it already. HTLC transactions bring it nothing yet. */
function sweptSat({ sweeper }: Node, { claims }: LiveChannel): bigint {
  const swept = claims.filter(({ pairedOutput, outpoint }) => pairedOutput === undefined && sweeper.status(outpoint) !== undefined);
  return swept.reduce((sum, { amountSat }) => sum + amountSat, 0n);
}
