import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { claimTransactionWeight, pairedOutputs } from '../../machines/onchain/claim-transaction.ts';
import type { Claim, ClaimWitness } from '../../machines/onchain/claim.ts';
import {
  budgetSat, estimateFor, type FeeEstimates, feeOf, feerateOf, isWorthReplacing, leastFeerate, MAX_FEERATE_PER_KW,
  replacementFee, URGENT_BLOCKS, wantedFeerate,
} from '../../src/sweep/fee-policy.ts';
import { groupClaims, mayStayTogether } from '../../src/sweep/grouping.ts';
import { type ChannelClaim, outpointKey } from '../../src/sweep/sweep.ts';
import { isEconomical } from '../../src/sweep/worth.ts';

const estimates: FeeEstimates = { 2: 9_000, 6: 6_000, 12: 4_000, 36: 2_000, 144: 1_000 };
const anyEstimates: fc.Arbitrary<FeeEstimates> = fc
  .tuple(fc.nat(400_000), fc.nat(400_000), fc.nat(400_000), fc.nat(400_000), fc.nat(400_000))
  .map(([a, b, c, d, e]) => ({ 2: a, 6: b, 12: c, 36: d, 144: e }));

const both = (feerate: number) => ({ most: feerate, inHaste: feerate });

describe('the fee policy', () => {
  it('takes the estimate for the longest target that is not too long', () => {
    const cases: [number | undefined, number][] = [
      [-3, 9_000], [1, 9_000], [2, 9_000], [5, 9_000], [6, 6_000], [12, 4_000], [40, 2_000], [999, 1_000], [undefined, 1_000],
    ];
    for (const [blocks, feerate] of cases) expect(estimateFor(estimates, blocks)).toBe(feerate);
    expect(estimateFor({ ...estimates, 144: 10 }, undefined)).toBe(253);
    expect(estimateFor({ ...estimates, 2: 1e9 }, 1)).toBe(MAX_FEERATE_PER_KW);
    expect(leastFeerate({ ...estimates, 12: 700 })).toBe(700);
  });

  it('begins with the estimate, however near the deadline, and grows from block to block to the budget', () => {
    const at = (height: number, sinceHeight: number, deadline = 1_000) =>
      wantedFeerate({ 2: 500, 6: 500, 12: 500, 36: 500, 144: 500 }, { height, sinceHeight, deadline }, both(100_000));
    for (const height of [900, 985, 998, 999, 1_005]) expect(at(height, height)).toBe(500);
    expect(at(979, 900)).toBe(500);
    expect(at(985, 900)).toBe(500 + Math.floor((99_500 * 4 ** 3) / 18 ** 3));
    expect(at(999, 900)).toBe(100_000);
    expect(at(1_010, 900)).toBe(100_000);
    // Missed before it began: the fee still does not jump.
    expect([0, 1, 2, 3, 4, 5].map((gone) => at(1_100 + gone, 1_100))).toEqual([500, 2_054, 12_937, 42_476, 100_000, 100_000]);
  });

  it('never exceeds the budget or the maximum, and never falls while time passes', () => {
    fc.assert(
      fc.property(
        anyEstimates, fc.nat(1_000_000), fc.integer({ min: -40, max: 200 }), fc.nat(100), fc.nat(60),
        (each, budget, ahead, since, steps) => {
          const haste = { deadline: 1_000 + ahead, sinceHeight: 1_000 - since };
          let before = 0;
          for (let height = 1_000; height <= 1_000 + steps; height++) {
            const flat = { 2: each[2], 6: each[2], 12: each[2], 36: each[2], 144: each[2] };
            const wanted = wantedFeerate(flat, { ...haste, height }, both(budget));
            expect(wanted).toBeLessThanOrEqual(Math.min(budget, MAX_FEERATE_PER_KW));
            expect(wanted).toBeGreaterThanOrEqual(before);
            expect(Number.isInteger(wanted)).toBe(true);
            before = wanted;
          }
        },
      ),
    );
  });

  it('pays the estimate out of all that is ours, and for haste no more than what hangs on it allows', () => {
    const at = (height: number, inHaste: number) =>
      wantedFeerate(estimates, { height, sinceHeight: 900, deadline: 1_000 }, { most: 50_000, inHaste });
    expect([900, 990, 999].map((height) => at(height, 0))).toEqual([2_000, 6_000, 9_000]);
    expect(at(999, 20_000)).toBe(20_000);
    expect(at(999, 80_000)).toBe(50_000);
  });

  it('lets a replacement pay what nodes ask of one', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 100n, max: 1_000_000n }), fc.integer({ min: 400, max: 100_000 }), fc.integer({ min: 400, max: 100_000 }), (feeSat, oldWeight, weight) => {
        const fee = replacementFee({ feeSat, weight: oldWeight }, weight);
        const [size, oldSize] = [Math.ceil(weight / 4), Math.ceil(oldWeight / 4)].map(BigInt) as [bigint, bigint];
        expect(fee).toBeGreaterThanOrEqual(feeSat + size);
        expect(fee * oldSize).toBeGreaterThan(feeSat * size);
      }),
    );
  });

  it('replaces for a quarter more, and near a deadline for whatever a replacement pays', () => {
    expect([1_249, 1_253].map((wanted) => isWorthReplacing(1_000, wanted, undefined))).toEqual([false, true]);
    expect([12_499, 12_500].map((wanted) => isWorthReplacing(10_000, wanted, 100))).toEqual([false, true]);
    expect([10_252, 10_253].map((wanted) => isWorthReplacing(10_000, wanted, URGENT_BLOCKS))).toEqual([false, true]);
  });

  it('reckons in whole virtual bytes', () => {
    expect([400, 401, 404].map((weight) => feeOf(weight, 1_000))).toEqual([400n, 404n, 404n]);
    expect(feerateOf(404n, 401)).toBe(1_000);
    expect(budgetSat(1_001n, false)).toBe(500n);
    expect(budgetSat(1_001n, true)).toBe(1_001n);
  });
});

const WITNESSES: Record<ClaimWitness['kind'], ClaimWitness> = {
  delayed: { kind: 'delayed', perCommitmentPoint: new Uint8Array() },
  to_remote: { kind: 'to_remote' },
  anchor: { kind: 'anchor' },
  htlc_timeout: { kind: 'htlc_timeout', perCommitmentPoint: new Uint8Array() },
  htlc_success: { kind: 'htlc_success', perCommitmentPoint: new Uint8Array(), paymentPreimage: new Uint8Array(32) },
  htlc_transaction: { kind: 'htlc_transaction', commitmentNumber: 0, lowestUnrevoked: 0, remoteSignature: new Uint8Array(64), paymentPreimage: undefined },
  revoked_delayed: { kind: 'revoked_delayed', perCommitmentSecret: new Uint8Array(32) },
  revoked_htlc: { kind: 'revoked_htlc', perCommitmentSecret: new Uint8Array(32), revocationPubkey: new Uint8Array(33) },
};

const HEIGHT = 500;
let nextIndex = 0;

function claimOf(kind: ClaimWitness['kind'], overrides: Partial<Claim> = {}, channelIndex = 1): ChannelClaim {
  const isPaired = kind === 'htlc_transaction';
  return {
    channelIndex,
    claim: {
      outpoint: { txid: new Uint8Array(32).fill(7), outputIndex: nextIndex++ },
      amountSat: 100_000n,
      witnessScript: new Uint8Array(140),
      sequence: 1,
      lockTime: 0,
      witness: WITNESSES[kind],
      pairedOutput: isPaired ? { script: new Uint8Array(34), amountSat: 100_000n } : undefined,
      isContested: kind === 'htlc_timeout' || kind === 'revoked_htlc',
      deadline: undefined,
      ...overrides,
    },
  };
}

const at = (height: number, apart: readonly string[] = []) => ({ height, apart: new Set(apart), most: new Map<string, number>(), feeratePerKw: 1_000 });

const sizes = (claims: ChannelClaim[], apart: string[] = []): number[] =>
  groupClaims(claims, at(HEIGHT, apart)).map((group) => group.length).sort();

describe('grouping', () => {
  const far = HEIGHT + 100;
  const near = HEIGHT + 10;

  it('puts together what nobody else can take, whatever its channel', () => {
    expect(sizes([claimOf('delayed'), claimOf('to_remote', {}, 2), claimOf('anchor', {}, 3)])).toEqual([3]);
  });

  it('keeps HTLC transactions of other lock times, channels and hastes apart', () => {
    const one = claimOf('htlc_transaction', { lockTime: 480, deadline: far });
    const same = claimOf('htlc_transaction', { lockTime: 480, deadline: far });
    expect(sizes([one, same])).toEqual([2]);
    for (const other of [
      claimOf('htlc_transaction', { lockTime: 481, deadline: far }),
      claimOf('htlc_transaction', { lockTime: 480, deadline: far }, 2),
      claimOf('htlc_transaction', { lockTime: 480, deadline: near }),
      claimOf('htlc_timeout', { lockTime: 480, deadline: far }),
      claimOf('delayed'),
    ])
      expect(sizes([one, other, same])).toEqual([1, 2]);
    const pressing = [1, 2].map(() => claimOf('htlc_transaction', { deadline: near, isContested: true }));
    expect(sizes(pressing)).toEqual([2]);
  });

  it('takes the balance of a revoked commitment apart from its HTLCs', () => {
    const deadline = far;
    const claims = [
      claimOf('revoked_delayed', { deadline }), claimOf('revoked_delayed', { deadline }), claimOf('to_remote'),
      claimOf('revoked_htlc', { deadline }), claimOf('revoked_htlc', { deadline }), claimOf('revoked_htlc', { deadline }),
    ];
    expect(sizes(claims)).toEqual([1, 2, 3]);
  });

  it('leaves what is contested alone once its deadline is near, and what is not a little later', () => {
    const left = (kind: ClaimWitness['kind'], blocks: number, amountSat = 100_000n) =>
      sizes([1, 2].map(() => claimOf(kind, { deadline: HEIGHT + 1 + blocks, amountSat })));
    expect(left('htlc_timeout', URGENT_BLOCKS + 1)).toEqual([2]);
    expect(left('htlc_timeout', URGENT_BLOCKS)).toEqual([1, 1]);
    expect(left('htlc_success', URGENT_BLOCKS)).toEqual([2]);
    expect(left('htlc_success', 6)).toEqual([1, 1]);
    // What is not worth a transaction of its own stays with the others.
    expect(left('htlc_timeout', 6, 1_000n)).toEqual([2]);
    const group = [1, 2].map(() => claimOf('revoked_htlc', { deadline: HEIGHT + 1 + URGENT_BLOCKS }));
    expect(mayStayTogether(group, at(HEIGHT - 1))).toBe(true);
    expect(mayStayTogether(group, at(HEIGHT))).toBe(false);
  });

  it('leaves alone what is to be apart', () => {
    const claims = [claimOf('delayed'), claimOf('delayed'), claimOf('delayed')];
    expect(sizes(claims, [outpointKey(claims[1]!.claim.outpoint)])).toEqual([1, 2]);
  });

  it('takes nothing that costs more than it may', () => {
    expect(isEconomical(claimOf('anchor', { amountSat: 330n, witnessScript: new Uint8Array(40) }).claim, 253)).toBe(true);
    expect(isEconomical(claimOf('anchor', { amountSat: 330n, witnessScript: new Uint8Array(40) }).claim, 1_000)).toBe(false);
    expect(isEconomical(claimOf('revoked_htlc', { amountSat: 700n }).claim, 1_000)).toBe(true);
    expect(isEconomical(claimOf('htlc_timeout', { amountSat: 700n }).claim, 1_000)).toBe(false);
  });

  it('makes groups of bounded size that hold each claim once, in any order of what is given', () => {
    const anyClaim = fc.record({
      kind: fc.constantFrom(...(Object.keys(WITNESSES) as ClaimWitness['kind'][])),
      lockTime: fc.constantFrom(0, 480, 490),
      deadline: fc.constantFrom(undefined, near, far),
      isContested: fc.boolean(),
      channelIndex: fc.nat(2),
    });
    fc.assert(
      fc.property(fc.array(anyClaim, { maxLength: 300 }), (all) => {
        const claims = all.map(({ kind, channelIndex, ...rest }) =>
          claimOf(kind, kind === 'htlc_timeout' || kind === 'htlc_transaction' ? rest : { ...rest, lockTime: 0 }, channelIndex),
        );
        const groups = groupClaims(claims, at(HEIGHT));
        expect(groups.flat()).toHaveLength(claims.length);
        expect(new Set(groups.flat()).size).toBe(claims.length);
        for (const group of groups) {
          const each = group.map(({ claim }) => claim);
          const paired = pairedOutputs(each);
          expect([0, each.length]).toContain(paired.length);
          if (paired.length > 0) expect(new Set(each.map(({ lockTime }) => lockTime)).size).toBe(1);
          expect(group.length).toBeLessThanOrEqual(100);
          expect(claimTransactionWeight(each, paired.map(({ script }) => script))).toBeLessThanOrEqual(100_500);
        }
        expect(groupClaims([...claims].reverse(), at(HEIGHT))).toEqual(groups);
      }),
      { numRuns: 50 },
    );
  });
});
