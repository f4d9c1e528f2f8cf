import { WalletError } from './errors.ts';
import type { FeeReserve } from './types.ts';

const RESERVE_PER_CHANNEL_SAT = 10_000n;
const MAX_RESERVE_SAT = 100_000n;

/**
 * What the wallet keeps for channels with anchors, in satoshis: their commitments and HTLC transactions get into a
 * block in time by fees that are paid when they are needed (BOLT 3, "HTLC-Timeout and HTLC-Success Transactions": they
 * carry none with anchors). The amounts are lnd's.
 */
export function feeReserveSat(anchorChannels: number): bigint {
  const wantedSat = RESERVE_PER_CHANNEL_SAT * BigInt(anchorChannels);
  return wantedSat < MAX_RESERVE_SAT ? wantedSat : MAX_RESERVE_SAT;
}

/** What to tell the user while the reserve is short. */
export function feeReserveWarning({ neededSat, availableSat }: FeeReserve): string | undefined {
  if (availableSat >= neededSat) return undefined;
  return `fee reserve: ${availableSat} of ${neededSat} sat`;
}

/** A payment that would use the reserve up; `sendableSat` is what can be paid without. */
export function reserveError(reserveSat: bigint, sendableSat: bigint): WalletError {
  return new WalletError(
    'fee_reserve',
    `the wallet keeps ${reserveSat} sat for the fees of closing channels (10,000 sat a channel, 100,000 at most): ` +
      `${sendableSat > 0n ? `at most ${sendableSat} sat` : 'nothing'} can be paid now, unless more is deposited`,
    { reserveSat, sendableSat },
  );
}
