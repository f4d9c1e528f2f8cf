import type { LiveChannel } from '../channels/live-channel.ts';
import { feeReserveSat, feeReserveWarning } from '../wallet/fee-reserve.ts';
import type { Wallet } from '../wallet/wallet.ts';
import type { Alarms } from './alarms.ts';

/**
 * What is kept for these channels. A stranger's attempts to open one, which bind nobody yet, keep nothing; nor do those that came back from a
 * backup, of which we have no commitment whose fee could be raised.
 */
export function reserveFor(channels: Iterable<LiveChannel>): bigint {
  const binding = [...channels].filter(({ lifecycle, data }) => !data.isRecovered && (lifecycle !== 'opening' || data.isOpener));
  return feeReserveSat(binding.length);
}

/** Raises or ends the alarm about a short reserve. */
export function watchReserve(wallet: Pick<Wallet, 'feeReserve'>, alarms: Pick<Alarms, 'raise' | 'clear'>): void {
  const warning = feeReserveWarning(wallet.feeReserve());
  if (warning === undefined) alarms.clear('fee_reserve_low', 'wallet');
  else {
    const message = `${warning}: a channel that has to be closed may not get into a block in time; send coins to an address of "runnel newaddress"`;
    alarms.raise('fee_reserve_low', 'wallet', { message });
  }
}
