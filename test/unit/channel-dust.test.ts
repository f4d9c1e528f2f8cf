import { describe, expect, it } from 'vitest';
import { negotiated } from '../../machines/channel/context.ts';
import { exceedsDustExposure } from '../../machines/channel/dust.ts';
import { addHtlc, ChannelPair, crossSign, reachNormal, type Party } from '../harness/channel-pair.ts';

const MAX_MSAT = 1_000_000n;

/** Which of the HTLCs that a party received are more than it should hold. */
function excess({ actor }: Party): bigint[] {
  const { data, htlcs } = actor.getSnapshot().context;
  return htlcs
    .inState('RCVD_ADD_ACK_REVOCATION')
    .filter(({ details }) => exceedsDustExposure(negotiated(data), htlcs, details, MAX_MSAT))
    .map(({ details }) => details.id);
}

const DUST_LIMITS = { alice: 354n, bob: 354n };

/** Bob, after alice offered him so much, and he her before that. */
function paid(amountsMsat: readonly bigint[], bobMsat: readonly bigint[] = [], dust = DUST_LIMITS): Party {
  const policies = {
    alice: { dustLimitSatoshis: dust.alice },
    bob: { dustLimitSatoshis: dust.bob },
  };
  const pair = new ChannelPair({ policies });
  reachNormal(pair, { pushMsat: 300_000_000n });
  for (const amountMsat of bobMsat) addHtlc(pair.bob, amountMsat, 2);
  crossSign(pair);
  for (const amountMsat of amountsMsat) addHtlc(pair.alice, amountMsat);
  crossSign(pair);
  return pair.bob;
}

describe('received HTLCs too small for an output (BOLT 2, Bounding exposure to trimmed in-flight HTLCs)', () => {
  it('are too many from the one on that goes over the bound, to the millisatoshi', () => {
    expect(excess(paid([300_000n, 300_000n, 300_000n, 100_000n]))).toEqual([]);
    expect(excess(paid([300_000n, 300_000n, 300_000n, 100_001n]))).toEqual([3n]);
    expect(excess(paid([300_000n, 300_000n, 300_000n, 300_000n, 300_000n]))).toEqual([3n, 4n]);
  });

  it('count with those that we offered', () => {
    expect(excess(paid([300_000n], [300_000n, 300_000n]))).toEqual([]);
    expect(excess(paid([300_000n], [300_000n, 300_000n, 300_000n]))).toEqual([0n]);
  });

  it('are a matter of the dust limit of either side', () => {
    const amounts = [900_000n, 900_000n];
    expect(excess(paid(amounts))).toEqual([]);
    expect(excess(paid(amounts, [], { alice: 1_000n, bob: 354n }))).toEqual([1n]);
    expect(excess(paid(amounts, [], { alice: 354n, bob: 1_000n }))).toEqual([1n]);
  });

  it('do not make one with an output too many', () => {
    expect(excess(paid([300_000n, 300_000n, 300_000n, 50_000_000n]))).toEqual([]);
  });
});
