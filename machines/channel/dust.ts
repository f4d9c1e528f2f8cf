import { isTrimmed } from '../commitment/fees.ts';
import type { HtlcDetails } from '../htlc/htlc.machine.ts';
import { stageOf, type Side } from '../htlc/htlc-states.ts';
import type { HtlcTable } from '../htlc/htlc-table.ts';
import { feerateOf, FORMAT } from './balances.ts';
import type { NegotiatedChannel } from './data.ts';

/**
 * BOLT 2, "Bounding exposure to trimmed in-flight HTLCs": whether a received HTLC is too small for an output in a
 * commitment which has more than `maxMsat` in such HTLCs with it: the HTLCs that came after it do not count.
 */
export function exceedsDustExposure(
  channel: NegotiatedChannel,
  htlcs: HtlcTable,
  received: Pick<HtlcDetails, 'id' | 'amountMsat'>,
  maxMsat: bigint,
): boolean {
  return (['local', 'remote'] as const).some((side) => {
    const isDust = dustIn(channel, side);
    if (!isDust({ direction: 'received', amountMsat: received.amountMsat })) return false;
    let dustMsat = 0n;
    for (const { details, state } of htlcs.rows()) {
      const cameLater = details.direction === 'received' && details.id > received.id;
      if (!cameLater && stageOf(state, side) === 'in' && isDust(details)) dustMsat += details.amountMsat;
    }
    return dustMsat > maxMsat;
  });
}

/** Which HTLCs of ours and of the peer's have no output in a side's latest commitment. */
function dustIn(
  channel: NegotiatedChannel,
  side: Side,
): (htlc: Pick<HtlcDetails, 'direction' | 'amountMsat'>) => boolean {
  const feeratePerKw = feerateOf(channel, side, 'latest');
  const { dustLimitSatoshis } = channel[side];
  return ({ direction, amountMsat }) => {
    const seen = (direction === 'offered') === (side === 'local') ? 'offered' : 'received';
    return isTrimmed(FORMAT, feeratePerKw, dustLimitSatoshis, { direction: seen, amountMsat });
  };
}
