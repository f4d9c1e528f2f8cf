import { describe, expect, it } from 'vitest';
import {
  feeReserveSat,
  feeReserveWarning,
  WalletError,
  type FundedTransaction,
  type Wallet,
} from '../../src/wallet/wallet.ts';
import { Key } from './chain-kit.ts';
import { WalletChain } from './wallet-chain.ts';

const payee = new Key(50);
const channelScript = Uint8Array.of(0, 32, ...new Uint8Array(32).fill(9));

function failure(work: () => unknown): WalletError {
  try {
    work();
  } catch (error) {
    if (error instanceof WalletError) return error;
    throw error;
  }
  throw new Error('a WalletError was expected');
}

let reference = 0;
const pay = (wallet: Wallet, amountSat: bigint | 'all', feeratePerKw = 1_000): FundedTransaction =>
  wallet.buildSend({ address: payee.address, amountSat, feeratePerKw, reference: `${reference++}` });
const open = (wallet: Wallet, amountSat: bigint): FundedTransaction =>
  wallet.fundTransaction({
    outputs: [{ script: channelScript, amountSat }],
    feeratePerKw: 1_000,
    reference: `${reference++}`,
  });

/** A wallet with these coins that keeps what `channels` channels need. */
function rigOf(channels: number, ...amounts: readonly bigint[]) {
  const state = { channels };
  const rig = new WalletChain({ reserveSat: () => feeReserveSat(state.channels) });
  rig.deposit(...amounts);
  return { rig, wallet: rig.wallet, state };
}

describe('the reserve for the fees of channels', () => {
  it('is 10,000 sat a channel, 100,000 sat at most', () => {
    expect([0, 1, 2, 9, 10, 11, 500].map(feeReserveSat)).toEqual([
      0n, 10_000n, 20_000n, 90_000n, 100_000n, 100_000n, 100_000n,
    ]);
  });

  it('is left by payments to the satoshi, the change counted', () => {
    const { wallet } = rigOf(2, 50_000n);
    const { feeSat, reference: first } = pay(wallet, 20_000n);
    wallet.release(first);
    const mostSat = 50_000n - 20_000n - feeSat;
    const refused = failure(() => pay(wallet, mostSat + 1n));
    expect(refused).toMatchObject({ code: 'fee_reserve', details: { reserveSat: 20_000n, sendableSat: mostSat } });
    expect(refused.message).toContain(`20000 sat`);
    expect(refused.message).toContain(`at most ${mostSat} sat`);
    expect(wallet.reservations()).toEqual([]);
    expect(pay(wallet, mostSat).changeSat).toBe(20_000n);
  });

  it('is left by openings, the new channel counted', () => {
    const { wallet, state } = rigOf(0, 100_000n);
    state.channels = 1;
    const { feeSat, reference: first } = open(wallet, 80_000n);
    wallet.release(first);
    expect(failure(() => open(wallet, 90_001n - feeSat)).code).toBe('fee_reserve');
    expect(open(wallet, 90_000n - feeSat).changeSat).toBe(10_000n);
  });

  it('is left where everything is sent', () => {
    const { rig, wallet, state } = rigOf(3, 40_000n, 60_000n);
    const sent = pay(wallet, 'all');
    expect(sent.changeSat).toBe(30_000n);
    expect(sent.transaction.outs[sent.outputIndexes[0]!]?.value).toBe(70_000n - sent.feeSat);
    expect(sent.transaction.outs[sent.changeIndex!]?.value).toBe(30_000n);
    rig.send(sent.transaction);
    rig.mine();
    expect(wallet.feeReserve()).toEqual({ neededSat: 30_000n, availableSat: 30_000n });
    expect(failure(() => pay(wallet, 'all'))).toMatchObject({ code: 'fee_reserve', details: { sendableSat: 0n } });
    expect(failure(() => pay(wallet, 1_000n))).toMatchObject({ code: 'fee_reserve', details: { sendableSat: 0n } });
    // What no fee pays for is told as such.
    expect(failure(() => pay(wallet, 'all', 100_000)).code).toBe('insufficient_funds');
    expect(failure(() => pay(wallet, 40_000n)).code).toBe('insufficient_funds');
    state.channels = 0;
    expect(pay(wallet, 'all').changeSat).toBe(0n);
  });

  it('counts change that waits for a block, so that it need not be kept twice', () => {
    const { rig, wallet } = rigOf(1, 100_000n, 20_000n);
    rig.send(pay(wallet, 50_000n).transaction);
    expect(wallet.feeReserve().availableSat).toBe(20_000n);
    expect(pay(wallet, 'all')).toMatchObject({ changeSat: 0n });
  });

  it('warns when there is less in confirmed coins, which fees are paid with', () => {
    const { rig, wallet, state } = rigOf(1, 12_000n);
    expect(feeReserveWarning(wallet.feeReserve())).toBeUndefined();
    state.channels = 2;
    expect(feeReserveWarning(wallet.feeReserve())).toBe('fee reserve: 12000 of 20000 sat');
    state.channels = 1;
    rig.send(pay(wallet, 1_000n).transaction);
    expect(feeReserveWarning(wallet.feeReserve())).toBe('fee reserve: 0 of 10000 sat');
    rig.mine();
    expect(feeReserveWarning(wallet.feeReserve())).toBeUndefined();
  });
});
