import fc from 'fast-check';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { pairedOutputs } from '../../machines/onchain/claim-transaction.ts';
import { outpointKey } from '../../src/sweep/sweep.ts';
import { SweepStore } from '../../src/sweep/sweep-store.ts';
import type { ChannelClaim } from '../../src/sweep/sweeper.ts';
import { toHex } from './chain-kit.ts';
import {
  directHtlc, htlcOf, htlcTransaction, revokedHtlc, revokedToLocal, SweepRig, TO_SELF_DELAY, toLocal, toRemote,
} from './sweep-kit.ts';

type Step =
  | { readonly type: 'mine' | 'pass' | 'reorg' | 'restart' | 'deposit' | 'nothing' }
  | { readonly type: 'fees'; readonly feeratePerKw: number }
  /** The peer spends one of the outputs, in a block. */
  | { readonly type: 'taken'; readonly which: number };

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.constant({ type: 'mine' } as const) },
  { weight: 6, arbitrary: fc.constant({ type: 'pass' } as const) },
  { weight: 1, arbitrary: fc.constantFrom(...(['reorg', 'restart', 'deposit', 'nothing'] as const)).map((type) => ({ type })) },
  { weight: 3, arbitrary: fc.integer({ min: 253, max: 30_000 }).map((feeratePerKw) => ({ type: 'fees' as const, feeratePerKw })) },
  { weight: 1, arbitrary: fc.nat(20).map((which) => ({ type: 'taken' as const, which })) },
);

/** Three channels that ended in three ways, with all that is to be claimed of them. */
function scene() {
  const errors: string[] = [];
  const logger = pino({ level: 'error' }, { write: (line: string) => void errors.push(line) });
  const rig = new SweepRig({ coinsSat: [20_000n, 30_000n, 40_000n], logger });
  const expiry = rig.height + 16;
  const ours = rig.close({
    owner: 'us',
    channelIndex: 1,
    htlcs: [htlcOf(0n, 'offered', 60_000n, expiry), htlcOf(1n, 'offered', 61_000n, expiry), htlcOf(2n, 'received', 62_000n, expiry + 9)],
  });
  const theirs = rig.close({
    owner: 'peer',
    channelIndex: 2,
    htlcs: [htlcOf(0n, 'offered', 50_000n, expiry + 12), htlcOf(1n, 'received', 51_000n, expiry), htlcOf(2n, 'received', 1_000n, expiry + 1)],
  });
  const revoked = rig.close({
    owner: 'peer',
    channelIndex: 3,
    htlcs: [htlcOf(0n, 'offered', 40_000n, expiry), htlcOf(1n, 'received', 41_000n, expiry), htlcOf(2n, 'received', 700n, expiry)],
  });
  for (const closing of [ours, theirs, revoked]) rig.confirm(closing);
  const deadline = rig.height + TO_SELF_DELAY + 12;
  const claims: ChannelClaim[] = [
    toLocal(ours),
    ...[0n, 1n, 2n].map((id) => htlcTransaction(ours, id)),
    toRemote(theirs),
    ...[0n, 1n, 2n].map((id) => directHtlc(theirs, id)),
    toRemote(revoked),
    revokedToLocal(revoked, { deadline }),
    ...[0n, 1n, 2n].map((id) => revokedHtlc(revoked, id, { deadline })),
  ];
  return { rig, claims, errors, first: rig.height };
}

/** Whether the next block may hold a spend of the output. */
function isDue(rig: SweepRig, { claim }: ChannelClaim): boolean {
  const { state } = rig.chain.chain;
  const coin = state.coins.get(outpointKey(claim.outpoint));
  if (coin === undefined || rig.height < claim.lockTime) return false;
  return claim.sequence >= 0xfffffffd || rig.height + 1 - coin.height >= claim.sequence;
}

async function take(rig: SweepRig, step: Step, due: readonly ChannelClaim[], first: number): Promise<void> {
  if (step.type === 'mine') rig.chain.mine();
  else if (step.type === 'pass') rig.chain.call('generateblock', rig.chain.miner.address, []);
  else if (step.type === 'fees') rig.feeratePerKw = step.feeratePerKw;
  else if (step.type === 'restart') rig.restart();
  else if (step.type === 'deposit') rig.chain.send(rig.payment(25_000n));
  else if (step.type === 'reorg' && rig.height > first + 1) rig.chain.call('invalidateblock', rig.chain.tip);
  else if (step.type === 'taken' && due.length > 0) {
    const each = due[step.which % due.length]!;
    if (each.claim.pairedOutput === undefined) await rig.spendElsewhere(each);
  }
}

function check(rig: SweepRig, due: readonly ChannelClaim[], claims: readonly ChannelClaim[]): void {
  const alarms = rig.alarmCodes();
  const byKey = new Map(claims.map((each) => [outpointKey(each.claim.outpoint), each.claim]));
  const active = new SweepStore(rig.database).all().filter(({ endedHeight }) => endedHeight === undefined);
  const taken = active.flatMap(({ claimed }) => claimed.map(({ key }) => key));
  expect(new Set(taken).size).toBe(taken.length);
  for (const { claim } of due) {
    const isTaken = rig.sweeper.status(claim.outpoint) !== undefined;
    const excuse = rig.sweeper.isPostponed(claim.outpoint) || alarms.includes('no_fee_coins');
    expect(isTaken || excuse, outpointKey(claim.outpoint)).toBe(true);
  }
  for (const { transaction, claimed, feeSat } of active) {
    const all = claimed.map(({ key }) => byKey.get(key)!);
    const coins = transaction.ins.slice(all.length).map(({ hash, index }) => `${toHex(Uint8Array.from(hash).reverse())}:${index}`);
    const cameIn = all.reduce((sum, { amountSat }) => sum + amountSat, 0n) + coins.reduce((sum, key) => sum + rig.amountOf(key), 0n);
    const wentOut = transaction.outs.reduce((sum, { value }) => sum + value, 0n);
    expect(cameIn).toBe(wentOut + feeSat);
    const isPenalty = all.every(({ witness: { kind } }) => kind.startsWith('revoked'));
    const worth = all.reduce((sum, { amountSat }) => sum + amountSat, 0n);
    expect(feeSat).toBeLessThanOrEqual(isPenalty ? worth : worth / 2n);
    expect(transaction.outs.slice(0, pairedOutputs(all).length).map(({ value }) => value)).toEqual(
      pairedOutputs(all).map(({ amountSat }) => amountSat),
    );
  }
}

describe('whatever happens on the chain', () => {
  it('takes everything that is worth it, once, for no more than it is worth', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { minLength: 10, maxLength: 45 }), async (steps) => {
        const { rig, claims, errors, first } = scene();
        for (const step of steps) {
          await take(rig, step, claims.filter((each) => isDue(rig, each)), first);
          const due = claims.filter((each) => isDue(rig, each));
          await rig.update(due);
          check(rig, due, claims);
        }
        // In quiet times everything gets into blocks.
        rig.feeratePerKw = 253;
        for (let i = 0; i < 40; i++) {
          rig.chain.mine();
          if (i === 0) rig.deposit(1_000_000n);
          await rig.update(claims.filter((each) => isDue(rig, each)));
        }
        expect(claims.filter((each) => rig.chain.chain.state.coins.has(outpointKey(each.claim.outpoint)))).toEqual([]);
        expect(rig.alarms.list()).toEqual([]);
        expect(rig.booked()).toEqual([]);
        expect(errors).toEqual([]);
      }),
      { numRuns: 8 },
    );
  });
});
