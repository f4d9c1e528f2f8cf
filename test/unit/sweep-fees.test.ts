import type { Transaction } from 'bitcoinjs-lib';
import { describe, expect, it } from 'vitest';
import { toString } from 'uint8arrays/to-string';
import type { ChannelClaim } from '../../src/sweep/sweeper.ts';
import { spend, TestChain } from './chain-kit.ts';
import {
  anchor, bumpOf, directHtlc, htlcOf, htlcTransaction, revokedHtlc, revokedToLocal, secondStage, SweepRig,
  TO_SELF_DELAY, toLocal, toRemote,
} from './sweep-kit.ts';

/** Mines blocks that leave the mempool where it is. */
function pass(rig: SweepRig, blocks = 1): void {
  for (let i = 0; i < blocks; i++) rig.chain.call('generateblock', rig.chain.miner.address, []);
}

const feerateOf = (rig: SweepRig, transaction: Transaction): number =>
  Number((rig.feeOf(transaction) * 250n) / BigInt(transaction.virtualSize()));

const spent = (transaction: Transaction): string[] =>
  transaction.ins.map(({ hash, index }) => `${toString(hash, 'base16')}:${index}`);

/** A rig with to_remote of a peer's commitment in a block. */
function withToRemote(): { rig: SweepRig; claim: ChannelClaim } {
  const rig = new SweepRig();
  const closing = rig.close({ owner: 'peer' });
  rig.confirm(closing);
  return { rig, claim: toRemote(closing) };
}

describe('fees', () => {
  it('replaces a transaction when fees rise tenfold, and forgets the old one', async () => {
    const { rig, claim } = withToRemote();
    await rig.update([claim]);
    const first = rig.only();
    rig.feeratePerKw = 10_000;
    pass(rig);
    await rig.update([claim]);
    const second = rig.only();
    expect(second.getId()).not.toBe(first.getId());
    expect(spent(second)).toEqual(spent(first));
    expect(second.outs[0]!.value).toBe(500_000n - rig.feeOf(second));
    expect(feerateOf(rig, second)).toBeGreaterThanOrEqual(10_000);
    expect(rig.booked()).toEqual([second.getId()]);
    expect(rig.sweeper.status(claim.claim.outpoint)).toEqual({
      txid: second.getId(),
      feeSat: rig.feeOf(second),
      feeratePerKw: feerateOf(rig, second),
      firstHeight: rig.height - 1,
    });
    expect(rig.confirms(second)).toBe(true);
  });

  it('leaves a transaction alone while fees hardly change, and says so to the chain again with each block', async () => {
    const { rig, claim } = withToRemote();
    await rig.update([claim]);
    const first = rig.only();
    rig.feeratePerKw = 1_200;
    const offered: string[] = [];
    rig.onOffer = (transactions) => offered.push(...transactions.map((each) => each.getId()));
    for (let i = 0; i < 3; i++) {
      pass(rig);
      await rig.update([claim]);
    }
    expect(offered).toEqual([first.getId(), first.getId(), first.getId()]);
  });

  it('pays more and more as a deadline nears, never more than the budget, and is mined in the end', async () => {
    const rig = new SweepRig();
    const expiry = rig.height + 60;
    const closing = rig.close({ owner: 'peer', htlcs: [htlcOf(0n, 'offered', 100_000n, expiry)] });
    rig.confirm(closing);
    const claim = directHtlc(closing, 0n);
    const fees: bigint[] = [];
    while (rig.height < expiry) {
      await rig.update([claim]);
      fees.push(rig.feeOf(rig.only()));
      pass(rig);
    }
    // At first the estimate, then rising with every block from 18 before the end.
    expect(new Set(fees.slice(0, 30)).size).toBe(1);
    const last = fees.slice(-17);
    for (const [index, fee] of last.entries()) if (index > 0) expect(fee).toBeGreaterThan(last[index - 1]!);
    expect(fees.at(-1)).toBeLessThanOrEqual(50_000n);
    expect(fees.at(-1)).toBeGreaterThan(45_000n);
    expect(last.at(-9)).toBeLessThan(10_000n);
    await rig.update([claim]);
    expect(rig.alarmCodes()).toEqual(['deadline_missed']);
    rig.chain.mine();
    await rig.update([]);
    expect(rig.alarms.list()).toEqual([]);
  });

  it('may burn all of what a cheat left, but for an output that is no dust', async () => {
    const rig = new SweepRig();
    const closing = rig.close({ owner: 'peer', toLocalSat: 20_000n });
    rig.confirm(closing);
    const claim = revokedToLocal(closing, { deadline: rig.height + TO_SELF_DELAY });
    let feeSat = 0n;
    for (let i = 0; i < TO_SELF_DELAY + 4; i++) {
      await rig.update([claim]);
      feeSat = rig.feeOf(rig.only());
      pass(rig);
    }
    const left = claim.claim.amountSat - feeSat;
    expect(left).toBeGreaterThanOrEqual(294n);
    expect(left).toBeLessThan(2_000n);
  });

  it('keeps the coins of what it replaces, and takes more where they do not suffice', async () => {
    const rig = new SweepRig({ coinsSat: [6_000n, 500_000n, 7_000n] });
    const expiry = rig.height + 3;
    const closing = rig.close({ owner: 'us', htlcs: [htlcOf(0n, 'offered', 200_000n, expiry)] });
    rig.confirm(closing);
    while (rig.height < expiry) rig.chain.mine();
    const claim = htlcTransaction(closing, 0n, { deadline: undefined });
    await rig.update([claim]);
    const first = rig.only();
    for (const feeratePerKw of [2_000, 20_000]) {
      rig.feeratePerKw = feeratePerKw;
      pass(rig);
      await rig.update([claim]);
      const next = rig.only();
      expect(spent(next).slice(0, 2)).toEqual(spent(first).slice(0, 2));
      expect(next.outs[0]).toEqual(first.outs[0]);
      expect(feerateOf(rig, next)).toBeGreaterThanOrEqual(feeratePerKw);
    }
    expect(rig.confirms(rig.only())).toBe(true);
  });
});

describe('the address that sweeps pay to', () => {
  it('is the same for all replacements, and another one once a block has paid to it', async () => {
    const { rig, claim } = withToRemote();
    const script = rig.wallet.payoutScript();
    for (const feeratePerKw of [1_000, 3_000, 9_000]) {
      rig.feeratePerKw = feeratePerKw;
      await rig.update([claim]);
      expect(rig.only().outs[0]!.script).toEqual(script);
      pass(rig);
    }
    rig.chain.mine();
    rig.sync();
    expect(rig.wallet.payoutScript()).not.toEqual(script);
  });
});

describe('our commitment', () => {
  it('goes alone where it pays enough by itself', async () => {
    const rig = new SweepRig();
    const closing = rig.close({ owner: 'us', feeratePerKw: 1_500 });
    await rig.update([], [bumpOf(closing)]);
    expect(rig.only().getId()).toBe(closing.commitment.getId());
  });

  it('goes with a child that pays for both, by the anchor, to the satoshi', async () => {
    const rig = new SweepRig();
    rig.feeratePerKw = 5_000;
    const closing = rig.close({ owner: 'us' });
    const bump = bumpOf(closing);
    await rig.update([], [bump]);
    const [child] = rig.mempool().filter((each) => each.getId() !== closing.commitment.getId());
    const feeSat = rig.feeOf(child!);
    expect(child!.outs.map(({ value }) => value)).toEqual([1_000_000n + 330n - feeSat]);
    const weight = Math.ceil((child!.weight() + closing.commitment.weight()) / 4) * 4;
    const together = Number(((feeSat + bump.bump.feeSat) * 1000n) / BigInt(weight));
    expect(together).toBeGreaterThanOrEqual(5_000);
    expect(together).toBeLessThan(5_050);
    expect(rig.sweeper.status(anchor(closing).claim.outpoint)?.feeratePerKw).toBe(together);
    rig.chain.mine();
    expect(rig.mempool()).toEqual([]);
  });

  it('is raised again by its child as its deadline nears', async () => {
    const rig = new SweepRig();
    const closing = rig.close({ owner: 'us' });
    const bump = bumpOf(closing, { deadline: rig.height + 8, valueAtStakeSat: 100_000n });
    const fees: bigint[] = [];
    for (let i = 0; i < 7; i++) {
      await rig.update([], [bump]);
      fees.push(rig.mempool().reduce((sum, each) => sum + rig.feeOf(each), 0n));
      pass(rig);
    }
    for (const [index, fee] of fees.entries()) if (index > 0) expect(fee).toBeGreaterThanOrEqual(fees[index - 1]!);
    expect(fees.at(-1)).toBeGreaterThan(20_000n);
    expect(fees.at(-1)).toBeLessThanOrEqual(50_000n + bump.bump.feeSat);
  });

  it('goes in a package where the mempool asks more than it pays itself', async () => {
    const chain = TestChain.funded(14, { maxMempoolBytes: 12_000 });
    const rig = new SweepRig({ chain });
    const closing = rig.close({ owner: 'us' });
    const bulk = Array.from({ length: 99 }, () => ({ script: chain.miner.script, value: 1_000n }));
    for (let i = 0n; i < 4n; i++) chain.send(spend([chain.fund()], { outputs: bulk, feeSat: 20_000n + i }));
    expect(chain.verdict(closing.commitment)).toBe('mempool min fee not met');
    await rig.update([], [bumpOf(closing)]);
    expect(rig.chain.mempool).toContain(closing.commitment.getId());
    expect(rig.alarmCodes()).toEqual([]);
    rig.chain.mine();
    expect(rig.chain.mempool).toEqual([]);
  });

  it('goes alone where there are no coins for a child, with an alarm, until there are', async () => {
    const rig = new SweepRig({ coinsSat: [] });
    rig.feeratePerKw = 5_000;
    const closing = rig.close({ owner: 'us' });
    await rig.update([], [bumpOf(closing)]);
    expect(rig.only().getId()).toBe(closing.commitment.getId());
    expect(rig.alarmCodes()).toEqual(['no_fee_coins']);
    rig.chain.call('generateblock', rig.chain.miner.address, [rig.payment(50_000n).toHex()]);
    await rig.update([], [bumpOf(closing)]);
    expect(rig.mempool()).toHaveLength(2);
    expect(rig.alarmCodes()).toEqual([]);
    expect(rig.told.map(([isRaised, { code }]) => [isRaised, code])).toEqual([
      [true, 'no_fee_coins'],
      [false, 'no_fee_coins'],
    ]);
  });

  it("leaves the peer's commitment in the mempool be, and its own child's coins free once a block holds that", async () => {
    const rig = new SweepRig();
    rig.feeratePerKw = 5_000;
    const closing = rig.close({ owner: 'us' });
    const rival = closing.commitment.clone();
    rival.outs[0]!.value -= 2_000n;
    // Another spend of the funding in a block: ours can never follow.
    await rig.update([], [bumpOf(closing)]);
    expect(rig.coinsSat()).toEqual([]);
    rig.chain.call('generateblock', rig.chain.miner.address, []);
    for (let i = 0; i < 7; i++) {
      await rig.update([]);
      pass(rig);
    }
    expect(rig.coinsSat()).toEqual([1_000_000n]);
  });
});

describe('what goes wrong', () => {
  it('makes a new transaction of what is left when a peer takes one output of several', async () => {
    const rig = new SweepRig();
    const htlcs = [0n, 1n].map((id) => htlcOf(id, 'received', 40_000n, rig.height + 4));
    const closing = rig.close({ owner: 'peer', htlcs });
    rig.confirm(closing);
    rig.chain.mine(3);
    const claims = [0n, 1n].map((id) => directHtlc(closing, id, { deadline: rig.height + 100 }));
    await rig.update(claims);
    const both = rig.only();
    expect(both.ins).toHaveLength(2);
    await rig.spendElsewhere(claims[0]!);
    await rig.update(claims.slice(1));
    const rest = rig.only();
    expect(rest.ins).toHaveLength(1);
    expect(rig.booked()).toEqual([rest.getId()]);
    expect(rig.confirms(rest)).toBe(true);
  });

  it('broadcasts what it had persisted when it crashed before the broadcast', async () => {
    const { rig, claim } = withToRemote();
    rig.onOffer = () => {
      throw new Error('the machine is gone');
    };
    await rig.update([claim]);
    expect(rig.mempool()).toEqual([]);
    const [booked] = rig.booked();
    rig.onOffer = () => {};
    rig.feeratePerKw = 1_100;
    rig.restart();
    await rig.update([claim]);
    expect(rig.only().getId()).toBe(booked);
    await rig.update([claim]);
    expect(rig.booked()).toHaveLength(1);
  });

  it('has nothing on disk of what it did not finish, and makes it after the restart', async () => {
    const { rig, claim } = withToRemote();
    const record = rig.wallet.recordTransaction.bind(rig.wallet);
    rig.wallet.recordTransaction = (transaction) => {
      record(transaction);
      throw new Error('the machine is gone');
    };
    await rig.update([claim]);
    expect(rig.booked()).toEqual([]);
    expect(rig.mempool()).toEqual([]);
    rig.restart();
    await rig.update([claim]);
    expect(rig.only().ins).toHaveLength(1);
  });

  it('has the same transaction again after a reorg', async () => {
    const { rig, claim } = withToRemote();
    await rig.update([claim]);
    const transaction = rig.only();
    rig.chain.mine();
    await rig.update([]);
    expect(rig.sweeper.status(claim.claim.outpoint)).toBeUndefined();
    rig.restart();
    rig.chain.call('invalidateblock', rig.chain.tip);
    await rig.update([claim]);
    expect(rig.only().getId()).toBe(transaction.getId());
    expect(rig.sweeper.status(claim.claim.outpoint)?.txid).toBe(transaction.getId());
  });

  it('forgets a transaction some blocks after nothing of it is claimed any more', async () => {
    const { rig, claim } = withToRemote();
    await rig.update([claim]);
    for (let i = 0; i < 8; i++) {
      rig.chain.mine();
      await rig.update([]);
    }
    expect(rig.database.all('SELECT * FROM sweeps')).toEqual([]);
    expect(rig.database.all('SELECT * FROM sweep_inputs')).toEqual([]);
  });

  it('has no coins for HTLC transactions: alarms, and goes on once there are', async () => {
    const rig = new SweepRig({ coinsSat: [] });
    const htlcs = [0n, 1n].map((id) => htlcOf(id, 'received', 40_000n, rig.height + 100));
    const closing = rig.close({ owner: 'us', htlcs });
    rig.confirm(closing);
    const claims = [0n, 1n].map((id) => htlcTransaction(closing, id));
    await rig.update(claims);
    expect(rig.mempool()).toEqual([]);
    expect(rig.alarmCodes()).toEqual(['no_fee_coins']);
    rig.deposit(3_000n);
    await rig.update(claims);
    const transaction = rig.only();
    expect(transaction.ins).toHaveLength(3);
    rig.chain.mine();
    await rig.update([]);
    expect(rig.alarms.list()).toEqual([]);
    rig.chain.mine(TO_SELF_DELAY - 1);
    await rig.update([secondStage(closing, transaction, 0), secondStage(closing, transaction, 1)]);
    expect(rig.only().ins).toHaveLength(2);
  });

  it('pays what its coins allow where they do not suffice for the feerate that is due', async () => {
    const rig = new SweepRig({ coinsSat: [2_000n] });
    rig.feeratePerKw = 5_000;
    rig.estimates.set(144, 500);
    const closing = rig.close({ owner: 'us', htlcs: [htlcOf(0n, 'received', 90_000n, rig.height + 30)] });
    rig.confirm(closing);
    await rig.update([htlcTransaction(closing, 0n)]);
    const feeSat = rig.feeOf(rig.only());
    expect(feeSat).toBeGreaterThan(1_000n);
    expect(rig.alarmCodes()).toEqual(['no_fee_coins']);
  });

  it('takes the others where one of several cannot be signed for', async () => {
    const rig = new SweepRig();
    const htlcs = [0n, 1n, 2n].map((id) => htlcOf(id, 'received', 40_000n, rig.height + 100));
    const closing = rig.close({ owner: 'us', htlcs });
    rig.confirm(closing);
    const claims = [0n, 1n, 2n].map((id) => htlcTransaction(closing, id));
    const { witness } = claims[1]!.claim;
    if (witness.kind !== 'htlc_transaction') throw new Error('another kind');
    const wrong = { ...claims[1]!, claim: { ...claims[1]!.claim, witness: { ...witness, paymentPreimage: new Uint8Array(32) } } };
    rig.deposit(100_000n);
    await rig.update([claims[0]!, wrong, claims[2]!]);
    expect(rig.mempool().map(({ ins }) => ins.length)).toEqual([2, 2]);
  });

  it('signs nothing for a commitment of ours that is revoked', async () => {
    const rig = new SweepRig();
    const closing = rig.close({ owner: 'us', htlcs: [htlcOf(0n, 'received', 40_000n, rig.height + 100)] });
    rig.confirm(closing);
    const claim = htlcTransaction(closing, 0n);
    if (claim.claim.witness.kind !== 'htlc_transaction') throw new Error('another kind');
    const witness = { ...claim.claim.witness, lowestUnrevoked: 6 };
    await rig.update([{ ...claim, claim: { ...claim.claim, witness } }]);
    expect(rig.mempool()).toEqual([]);
    expect(rig.booked()).toEqual([]);
  });

  it('outbids a spend that is in the mempool already, step by step, and alarms meanwhile', async () => {
    const { rig, claim } = withToRemote();
    const other = new SweepRig({ chain: rig.chain, coinsSat: [] });
    other.feeratePerKw = 4_000;
    await other.update([claim]);
    const rival = rig.only();
    const rivalFeeSat = rig.feeOf(rival);
    for (let i = 0; i < 8 && rig.only().getId() === rival.getId(); i++) {
      await rig.update([claim]);
      pass(rig);
    }
    expect(rig.only().getId()).not.toBe(rival.getId());
    expect(rig.feeOf(rig.only())).toBeLessThan(4n * rivalFeeSat);
    expect(rig.told.length).toBe(0);
  });

  it('makes each claim its own transaction where one keeps their common one out of the mempool', async () => {
    const rig = new SweepRig();
    const htlcs = [0n, 1n].map((id) => htlcOf(id, 'received', 40_000n, rig.height + 4));
    const closing = rig.close({ owner: 'peer', htlcs });
    rig.confirm(closing);
    rig.chain.mine(3);
    const claims = [0n, 1n].map((id) => directHtlc(closing, id, { deadline: rig.height + 100 }));
    // One of them is gone, but the sweeper does not hear of it.
    const other = new SweepRig({ chain: rig.chain, coinsSat: [] });
    other.feeratePerKw = 2_000;
    await other.update(claims.slice(0, 1));
    rig.chain.mine();
    for (let i = 0; i < 4; i++) {
      await rig.update(claims);
      pass(rig);
    }
    expect(rig.only().ins).toHaveLength(1);
    expect(rig.alarmCodes()).toEqual([]);
    for (let i = 0; i < 6; i++) {
      await rig.update(claims);
      pass(rig);
    }
    expect(rig.alarmCodes()).toEqual(['broadcast_rejected']);
  });

  it('splits a penalty whose deadline is near: no spend of one output holds up the others', async () => {
    const rig = new SweepRig();
    const htlcs = [0n, 1n, 2n].map((id) => htlcOf(id, 'offered', 40_000n + id, rig.height + 100));
    const closing = rig.close({ owner: 'peer', htlcs });
    rig.confirm(closing);
    const deadline = rig.height + 22;
    const claims = [0n, 1n, 2n].map((id) => revokedHtlc(closing, id, { deadline }));
    await rig.update(claims);
    expect(rig.mempool().map(({ ins }) => ins.length)).toEqual([3]);
    pass(rig, 4);
    await rig.update(claims);
    expect(rig.mempool().map(({ ins }) => ins.length)).toEqual([1, 1, 1]);
    rig.chain.mine();
    expect(rig.mempool()).toEqual([]);
  });

  it('splits what is worth little by halves, since the first part pays for all that it replaces', async () => {
    const rig = new SweepRig();
    const ids = Array.from({ length: 12 }, (_, id) => BigInt(id));
    const htlcs = ids.map((id) => htlcOf(id, 'offered', 5_000n + id, rig.height + 100));
    const closing = rig.close({ owner: 'peer', htlcs });
    rig.confirm(closing);
    const deadline = rig.height + 20;
    const claims = ids.map((id) => revokedHtlc(closing, id, { deadline }));
    const inputs: number[][] = [];
    for (let i = 0; i < 5; i++) {
      await rig.update(claims);
      inputs.push(rig.mempool().map(({ ins }) => ins.length).sort((a, b) => b - a));
      pass(rig, i === 0 ? 2 : 1);
    }
    expect(inputs.slice(0, 2)).toEqual([[12], [6, 1, 1, 1, 1, 1, 1]]);
    for (const each of inputs) expect(each.reduce((sum, count) => sum + count, 0)).toBe(12);
    expect(inputs.at(-1)![0]).toBeLessThanOrEqual(3);
  });

  it('waits while the chain is away, keeps its alarms, and goes on when it is back', async () => {
    const rig = new SweepRig({ coinsSat: [] });
    const closing = rig.close({ owner: 'peer', htlcs: [htlcOf(0n, 'received', 40_000n, rig.height + 8)] });
    rig.confirm(closing);
    rig.isChainAway = true;
    await rig.update([toRemote(closing)]);
    expect(rig.booked()).toEqual([]);
    rig.isChainAway = false;
    // Given too early, its HTLC is refused for as long as it has not expired.
    const early = directHtlc(closing, 0n, { deadline: rig.height + 15 });
    for (let i = 0; i < 3; i++) {
      await rig.update([toRemote(closing), early]);
      if (i < 2) pass(rig);
    }
    expect(rig.alarmCodes()).toContain('broadcast_rejected');
    const before = rig.alarms.list();
    rig.isChainAway = true;
    await rig.update([toRemote(closing), early]);
    expect(rig.alarms.list()).toEqual(before);
    rig.isChainAway = false;
    pass(rig, 4);
    await rig.update([toRemote(closing), early]);
    expect(rig.mempool()).toHaveLength(2);
    expect(rig.alarmCodes()).not.toContain('broadcast_rejected');
  });

  it('deals only with the newest of the requests that came meanwhile', async () => {
    const { rig, claim } = withToRemote();
    const offered: string[] = [];
    rig.onOffer = (transactions) => offered.push(...transactions.map((each) => each.getId()));
    const requests = [rig.update([]), rig.update([claim]), rig.update([]), rig.update([claim])];
    await Promise.all(requests);
    expect(offered).toHaveLength(1);
    await rig.sweeper.stop();
    rig.feeratePerKw = 50_000;
    pass(rig);
    await rig.update([claim]);
    expect(offered).toHaveLength(1);
  });

  it('takes to_local of two channels in one transaction', async () => {
    const rig = new SweepRig();
    const closings = [1, 2].map((channelIndex) => rig.close({ owner: 'us', channelIndex }));
    for (const closing of closings) rig.confirm(closing);
    rig.chain.mine(TO_SELF_DELAY - 1);
    await rig.update(closings.map((closing) => toLocal(closing)));
    expect(rig.only().ins).toHaveLength(2);
    expect(rig.confirms(rig.only())).toBe(true);
  });
});
