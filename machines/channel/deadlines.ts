import { stageOf } from '../htlc/htlc-states.ts';
import type { HtlcRow } from '../htlc/htlc-table.ts';
import type { ChannelContext } from './context.ts';
import type { ChannelFailure } from './data.ts';

/*
 * BOLT 2, "`cltv_expiry_delta` Selection", in its letters: a reorg takes back R = 2 blocks at most, the peer has G = 2 blocks of grace, and a
 * transaction of ours is in a block within S = 12.
 */
export const GRACE_BLOCKS = 2;
/** 2R + G + S: what is left of a received HTLC must not be less while it is not ours. */
export const FULFILMENT_BLOCKS = 18;

/**
 * Why the channel must go to the chain at that height, if it must: an HTLC that we offered has expired and the peer has not removed it, or one
 * that we fulfilled is about to expire while the peer still holds it. One without an output gains nothing by that.
 */
export function deadlineFailure({ data, htlcs }: ChannelContext, height: number): ChannelFailure | undefined {
  const hasOutput = ({ details }: HtlcRow): boolean => details.amountMsat / 1000n >= data.local.dustLimitSatoshis;
  for (const htlc of htlcs.rows()) {
    const { direction, id, cltvExpiry } = htlc.details;
    if (direction === 'offered' && isOutstanding(htlc) && height >= cltvExpiry + GRACE_BLOCKS) {
      const reason = `the peer still holds HTLC ${id}, which we offered and which expired at height ${cltvExpiry}; it is ${height} now`;
      return { code: 'htlc_timed_out', reason, by: 'local' };
    }
    if (isClaimed(htlc) && hasOutput(htlc) && height >= cltvExpiry - FULFILMENT_BLOCKS) {
      const reason = `the peer has not removed HTLC ${id}, which we fulfilled and which expires at height ${cltvExpiry}; it is ${height} now`;
      return { code: 'fulfilment_deadline', reason, by: 'local' };
    }
  }
  return undefined;
}

/** The peer may have it in a commitment, and has not given the preimage: with that nothing is lost any more. */
const isOutstanding = ({ state, removal }: HtlcRow): boolean => state !== 'SENT_ADD_HTLC' && removal?.kind !== 'fulfilled';

/** We gave the preimage, and our commitment still has it as an HTLC. */
const isClaimed = ({ details, state, removal }: HtlcRow): boolean =>
  details.direction === 'received' && removal?.kind === 'fulfilled' && stageOf(state, 'local') === 'in';
