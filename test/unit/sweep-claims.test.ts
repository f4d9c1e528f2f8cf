import { describe, expect, it } from 'vitest';
import { claimTransactionWeight } from '../../machines/onchain/claim-transaction.ts';
import type { ChannelClaim } from '../../src/sweep/sweeper.ts';
import {
  anchor, directHtlc, htlcOf, htlcTransaction, revokedHtlc, revokedToLocal, secondStage, SweepRig, TO_SELF_DELAY,
  toLocal, toRemote,
} from './sweep-kit.ts';

/** Takes one claim and has it confirmed; answers the transaction. */
async function take(rig: SweepRig, claim: ChannelClaim) {
  await rig.update([claim]);
  const transaction = rig.only();
  const feeSat = rig.feeOf(transaction);
  expect(rig.confirms(transaction)).toBe(true);
  return { transaction, feeSat };
}

describe('each kind of claim, before a script interpreter', () => {
  it('takes to_local of our commitment after its delay, and not before', async () => {
    const rig = new SweepRig();
    const closing = rig.close({ owner: 'us' });
    rig.confirm(closing);
    rig.chain.mine(TO_SELF_DELAY - 2);
    await rig.update([toLocal(closing)]);
    expect(rig.mempool()).toEqual([]);
    rig.chain.mine();
    const { transaction, feeSat } = await take(rig, toLocal(closing));
    expect(transaction.outs.map(({ value }) => value)).toEqual([toLocal(closing).claim.amountSat - feeSat]);
    expect(transaction.outs[0]!.script).toEqual(rig.wallet.payoutScript());
  });

  it("takes to_remote of the peer's commitment a block after it", async () => {
    const rig = new SweepRig();
    const closing = rig.close({ owner: 'peer' });
    rig.confirm(closing);
    const { transaction, feeSat } = await take(rig, toRemote(closing));
    expect(transaction.outs[0]!.value).toBe(500_000n - feeSat);
  });

  it("takes an HTLC that we offered, on the peer's commitment, once it has expired", async () => {
    const rig = new SweepRig();
    const expiry = rig.height + 6;
    const closing = rig.close({ owner: 'peer', htlcs: [htlcOf(0n, 'received', 40_000n, expiry)] });
    rig.confirm(closing);
    while (rig.height < expiry - 1) rig.chain.mine();
    await rig.update([directHtlc(closing, 0n)]);
    expect(rig.mempool()).toEqual([]);
    rig.chain.mine();
    const { transaction } = await take(rig, directHtlc(closing, 0n));
    expect(transaction.locktime).toBe(expiry);
  });

  it("takes an HTLC that we received, on the peer's commitment, with its preimage", async () => {
    const rig = new SweepRig();
    const closing = rig.close({ owner: 'peer', htlcs: [htlcOf(0n, 'offered', 40_000n, rig.height + 100)] });
    rig.confirm(closing);
    await take(rig, directHtlc(closing, 0n));
  });

  it('takes HTLCs of our own commitment by their HTLC transactions, and then what these leave', async () => {
    const rig = new SweepRig({ coinsSat: [50_000n, 50_000n] });
    const expiry = rig.height + 6;
    const htlcs = [htlcOf(0n, 'offered', 40_000n, expiry), htlcOf(1n, 'received', 30_000n, expiry + 100)];
    const closing = rig.close({ owner: 'us', htlcs });
    rig.confirm(closing);
    while (rig.height < expiry - 1) rig.chain.mine();
    await rig.update([htlcTransaction(closing, 0n), htlcTransaction(closing, 1n)]);
    const success = rig.only();
    expect(success.ins[0]!.witness[3]).toHaveLength(32);
    rig.chain.mine();
    await rig.update([htlcTransaction(closing, 0n)]);
    const timeout = rig.only();
    expect(timeout.locktime).toBe(expiry);
    expect(timeout.outs[0]!.value).toBe(40_000n);
    expect(rig.confirms(timeout)).toBe(true);
    rig.chain.mine(TO_SELF_DELAY - 1);
    await take(rig, secondStage(closing, timeout, 0));
    await take(rig, secondStage(closing, success, 0));
  });

  it('pairs input i with output i where several HTLC transactions share one', async () => {
    const rig = new SweepRig();
    const expiry = rig.height + 3;
    const htlcs = [0n, 1n, 2n].map((id) => htlcOf(id, 'offered', 40_000n + id, expiry));
    const closing = rig.close({ owner: 'us', htlcs });
    rig.confirm(closing);
    while (rig.height < expiry) rig.chain.mine();
    await rig.update([0n, 1n, 2n].map((id) => htlcTransaction(closing, id)));
    const transaction = rig.only();
    expect(transaction.ins).toHaveLength(4);
    expect(transaction.outs.slice(0, 3).map(({ value }) => value)).toEqual([40_002n, 40_001n, 40_000n]);
    // To the satoshi: the coin that came in, less the change, is the fee.
    expect(rig.feeOf(transaction)).toBe(1_000_000n - transaction.outs[3]!.value);
    expect(rig.confirms(transaction)).toBe(true);
  });

  it('takes all of a revoked commitment at once', async () => {
    const rig = new SweepRig();
    const htlcs = [htlcOf(0n, 'offered', 40_000n, rig.height + 50), htlcOf(1n, 'received', 30_000n, rig.height + 50)];
    const closing = rig.close({ owner: 'peer', htlcs });
    rig.confirm(closing);
    const deadline = rig.height + 100;
    await rig.update([
      revokedToLocal(closing, { deadline }),
      toRemote(closing),
      revokedHtlc(closing, 0n, { deadline }),
      revokedHtlc(closing, 1n, { deadline }),
    ]);
    const inputs = rig.mempool().map(({ ins }) => ins.length);
    // to_local, its HTLCs, and what nobody can contest: the peer's HTLC transactions may not hold up the first.
    expect(inputs.sort()).toEqual([1, 1, 2]);
    rig.chain.mine();
    expect(rig.mempool()).toEqual([]);
  });

  it('takes an anchor along where it is worth its weight', async () => {
    const rig = new SweepRig();
    rig.feeratePerKw = 253;
    const closing = rig.close({ owner: 'us' });
    rig.confirm(closing);
    rig.chain.mine(TO_SELF_DELAY - 1);
    await rig.update([toLocal(closing), anchor(closing)]);
    const transaction = rig.only();
    expect(transaction.ins).toHaveLength(2);
    expect(rig.confirms(transaction)).toBe(true);
  });

  it('leaves what is not worth its fee, until fees fall', async () => {
    const rig = new SweepRig();
    rig.feeratePerKw = 5_000;
    const closing = rig.close({ owner: 'us' });
    rig.confirm(closing);
    rig.chain.mine(TO_SELF_DELAY - 1);
    await rig.update([toLocal(closing), anchor(closing)]);
    expect(rig.only().ins).toHaveLength(1);
    expect(rig.sweeper.isPostponed(anchor(closing).claim.outpoint)).toBe(true);
    expect(rig.sweeper.isPostponed(toLocal(closing).claim.outpoint)).toBe(false);
    expect(rig.alarmCodes()).toEqual([]);
  });

  it('weighs no more than it was reckoned with, and a byte or two a signature less', async () => {
    const rig = new SweepRig();
    const closing = rig.close({ owner: 'peer', htlcs: [htlcOf(0n, 'offered', 40_000n, rig.height + 100)] });
    rig.confirm(closing);
    for (const claim of [toRemote(closing), directHtlc(closing, 0n)]) {
      const { transaction, feeSat } = await take(rig, claim);
      const reckoned = claimTransactionWeight([claim.claim], [rig.wallet.payoutScript()]);
      expect(feeSat).toBe(BigInt(Math.ceil(reckoned / 4) * 4));
      expect(transaction.weight()).toBeLessThanOrEqual(reckoned);
      expect(transaction.weight()).toBeGreaterThanOrEqual(reckoned - 4);
    }
  });
});
