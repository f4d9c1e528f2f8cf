/** Gossip that nobody may believe, of each kind that a liar can make without a coin of its own. */
import { scidFromParts } from '../../protocols/gossip/short-channel-id.ts';
import { announcementOf, gossipKeys, nodeAnnouncementOf, updateOf, type ChannelPlan } from './signed-gossip.ts';
import { REGTEST, type ToldGossip } from './gossip-bench.ts';

/** So many different lies, of all kinds in turn. */
export function lies({ channels }: ToldGossip, count: number): Uint8Array[] {
  const known = channels.filter(({ updates }) => updates.length > 0);
  const thief = gossipKeys('thief');
  const now = Math.floor(Date.now() / 1000);
  return Array.from({ length: count }, (_, index) => {
    const { plan, announcement } = known[index % known.length] as (typeof known)[number];
    const direction = plan.policies[0] === undefined ? 1 : 0;
    const policy = plan.policies[direction];
    const forgedEnds: ChannelPlan['ends'] = direction === 0 ? [{ ...plan.ends[0], ...signer(thief) }, plan.ends[1]] : [plan.ends[0], { ...plan.ends[1], ...signer(thief) }];
    switch (index % 5) {
      case 0:
        // An update that the node has not signed.
        return policy === undefined ? announcement : updateOf({ ...plan, ends: forgedEnds }, direction, policy, REGTEST, { timestamp: now + index });
      case 1:
        // A channel that is nowhere on the chain, rightly signed.
        return announcementOf({ ...plan, shortChannelId: BigInt(index) << 40n }, REGTEST);
      case 2:
        // The same with signatures that are none.
        return damaged(announcementOf({ ...plan, shortChannelId: BigInt(index) << 40n | 1n }, REGTEST), index);
      case 3:
        // A node without a channel.
        return nodeAnnouncementOf(gossipKeys(`nobody ${index}`), now);
      default:
        // What is no message.
        return damaged(announcement.subarray(0, 300), index);
    }
  });
}

/** Lies for which nobody is blamed, since they may be true on another view of the chain: rightly signed channels that are nowhere, and nodes without channels. */
export function liesUnpunished({ channels }: ToldGossip, count: number): Uint8Array[] {
  const now = Math.floor(Date.now() / 1000);
  return Array.from({ length: count }, (_, index) => {
    const { plan } = channels[index % channels.length] as (typeof channels)[number];
    // In a block that all have, which holds fewer transactions.
    const nowhere = scidFromParts({ blockHeight: 1 + (index % 90), transactionIndex: 10_000 + index, outputIndex: 0 });
    return index % 3 === 0 ? nodeAnnouncementOf(gossipKeys(`no one ${index}`), now) : announcementOf({ ...plan, shortChannelId: nowhere }, REGTEST);
  });
}

const signer = ({ sign, signWithBitcoinKey }: ReturnType<typeof gossipKeys>) => ({ sign, signWithBitcoinKey });

function damaged(message: Uint8Array, index: number): Uint8Array {
  const copy = message.slice();
  new DataView(copy.buffer).setUint32(10, index);
  return copy;
}
