import { describe, expect, it } from 'vitest';
import { ANCHOR_SATOSHIS, htlcTransactionWeight } from '../../machines/commitment/fees.ts';
import {
  claimInputWeight, claimLockTime, claimSighash, claimTransaction, claimTransactionWeight, claimWitness, pairedOutputs,
} from '../../machines/onchain/claim-transaction.ts';
import type { Claim } from '../../machines/onchain/claim.ts';
import {
  anchor, directHtlc, htlcOf, htlcTransaction, preimageOf, revokedHtlc, revokedToLocal, SweepRig, toLocal,
  toRemote,
} from './sweep-kit.ts';

const rig = new SweepRig({ coinsSat: [] });
const htlcs = [htlcOf(0n, 'offered', 40_000n, 700), htlcOf(1n, 'received', 41_000n, 701), htlcOf(2n, 'offered', 42_000n, 702)];
const ours = rig.close({ owner: 'us', channelIndex: 1, htlcs });
const theirs = rig.close({ owner: 'peer', channelIndex: 2, htlcs });
const signature = new Uint8Array(64).fill(1);
const payout = new Uint8Array(22);

const timeout = htlcTransaction(ours, 0n).claim;
const success = htlcTransaction(ours, 1n).claim;
const unsigned = (claim: Claim) =>
  claimTransaction([claim], claim.pairedOutput === undefined ? [{ script: payout, amountSat: 1_000n }] : pairedOutputs([claim]));

function withPreimage(claim: Claim, paymentPreimage: Uint8Array | undefined): Claim {
  if (claim.witness.kind === 'htlc_transaction') return { ...claim, witness: { ...claim.witness, paymentPreimage } };
  if (claim.witness.kind !== 'htlc_success' || paymentPreimage === undefined) throw new Error('another kind');
  return { ...claim, witness: { ...claim.witness, paymentPreimage } };
}

describe('weights', () => {
  it("are those of the BOLTs, which reckon with signatures of one byte more and to_self_delay of eight", () => {
    const { script } = timeout.pairedOutput!;
    // BOLT 3, "Expected Weight of HTLC-timeout and HTLC-success Transactions": without preimage an empty element.
    expect(htlcTransactionWeight('anchors', 'offered') - claimTransactionWeight([timeout], [script])).toBe(2);
    // With the preimage; the expiry takes two bytes here, and may take up to five.
    const byExpiry = htlcTransactionWeight('anchors', 'received') - claimTransactionWeight([success], [script]) - 2;
    expect(byExpiry).toBeGreaterThanOrEqual(0);
    expect(byExpiry).toBeLessThanOrEqual(3);
    // BOLT 5, "Penalty Transactions Weight Calculation"; with anchors HTLC scripts are three bytes longer.
    const penalties: [Claim, number][] = [
      [revokedToLocal(theirs).claim, 324],
      [revokedHtlc(theirs, 0n).claim, 407 + 3],
      [revokedHtlc(theirs, 1n).claim, 413 + 3],
    ];
    for (const [claim, expected] of penalties) {
      expect(claimInputWeight(claim)).toBeLessThanOrEqual(expected);
      expect(claimInputWeight(claim)).toBeGreaterThanOrEqual(expected - 10);
    }
  });

  it('hold for every kind once it is signed', () => {
    const every = [
      toLocal(ours), anchor(ours), htlcTransaction(ours, 0n), htlcTransaction(ours, 1n), toRemote(theirs), anchor(theirs),
      directHtlc(theirs, 0n), directHtlc(theirs, 1n), revokedToLocal(theirs), revokedHtlc(theirs, 0n), revokedHtlc(theirs, 1n),
    ];
    for (const { claim } of every) {
      const transaction = unsigned(claim);
      transaction.setWitness(0, claimWitness(claim, signature));
      const reckoned = claimTransactionWeight([claim], transaction.outs.map(({ script }) => script));
      expect(transaction.weight(), claim.witness.kind).toBeLessThanOrEqual(reckoned);
      // This signature has two bytes less than the longest; so may the peer's have.
      expect(transaction.weight(), claim.witness.kind).toBeGreaterThanOrEqual(reckoned - 5);
    }
    expect(anchor(ours).claim.amountSat).toBe(ANCHOR_SATOSHIS);
  });
});

describe('preimages', () => {
  const wrong = expect.objectContaining({ code: 'wrong_preimage' }) as Error;

  it('must be those of the script, and there for what was received alone', () => {
    const direct = directHtlc(theirs, 0n).claim;
    for (const claim of [success, direct]) {
      expect(claimWitness(claim, signature)).toHaveLength(claim === success ? 5 : 3);
      for (const preimage of [preimageOf(7n), new Uint8Array(31), new Uint8Array(33)])
        expect(() => claimWitness(withPreimage(claim, preimage), signature)).toThrow(wrong);
    }
    expect(() => claimWitness(withPreimage(success, undefined), signature)).toThrow(wrong);
    expect(() => claimWitness(withPreimage(timeout, preimageOf(0n)), signature)).toThrow(wrong);
  });
});

describe('what the peer signed of an HTLC transaction', () => {
  const refused = (change: (transaction: ReturnType<typeof unsigned>) => void): void => {
    const transaction = unsigned(timeout);
    expect(claimSighash(transaction, 0, timeout)).toHaveLength(32);
    change(transaction);
    expect(() => claimSighash(transaction, 0, timeout)).toThrow(RangeError);
  };

  it('is not signed for otherwise', () => {
    refused((transaction) => (transaction.outs[0]!.value -= 1n));
    refused((transaction) => (transaction.outs[0]!.script = payout));
    refused((transaction) => transaction.outs.unshift({ script: payout, value: 1_000n }));
    refused((transaction) => (transaction.locktime += 1));
    refused((transaction) => (transaction.ins[0]!.sequence = 0));
    refused((transaction) => (transaction.ins[0]!.index += 1));
    expect(() => claimSighash(unsigned(timeout), 1, timeout)).toThrow(RangeError);
  });

  it('goes with others of the same lock time alone', () => {
    expect(claimLockTime([timeout])).toBe(700);
    expect(() => claimLockTime([timeout, htlcTransaction(ours, 2n).claim])).toThrow(RangeError);
    expect(() => claimLockTime([success, timeout])).toThrow(RangeError);
    expect(claimLockTime([directHtlc(theirs, 1n).claim, toRemote(theirs).claim])).toBe(701);
    expect(() => pairedOutputs([toLocal(ours).claim, timeout])).toThrow(RangeError);
    expect(pairedOutputs([timeout, toLocal(ours).claim])).toEqual([timeout.pairedOutput]);
  });
});
