import { describe, expect, it } from 'vitest';
import { violationOf } from '../../machines/channel/rules.ts';
import type { ChannelPolicy } from '../../machines/channel/policy.ts';
import { addHtlc, ChannelPair, crossSign, reachNormal } from '../harness/channel-pair.ts';
import { answerTo, sampleFor } from './channel-answers.ts';
import { bytes, cases, changed, genuineCommitment, highS, noPoint, secretOf } from './channel-rule-cases.ts';
import { scenes, turnEnded, type Scene } from './channel-states.ts';

describe('update_add_htlc (BOLT 2, Adding an HTLC)', () => {
  cases('normal', 'update_add_htlc', [
    ['another channel', 'wrong_channel_id', 'warning', { channelId: bytes(32, 9) }],
    ['an id that skips one', 'add_id', 'warning', { id: 2n }],
    ['an id that is over', 'add_id', 'warning', { id: 0n }],
    ['no amount', 'add_below_minimum', 'warning', { amountMsat: 0n }],
    ['an expiry that is a time', 'add_cltv', 'warning', { cltvExpiry: 500_000_000 }],
    // Bob has 290,000,000 msat, of which his reserve is 10,000,000.
    ['one msat more than leaves its reserve', 'add_unaffordable', 'warning', { amountMsat: 280_000_001n }],
    ['more than all there is', 'add_value_in_flight', 'warning', { amountMsat: 2n ** 60n }],
  ]);
  cases('normal, accepter', 'update_add_htlc', [
    // Alice has 690,000,000 msat: less reserve, anchors and 1124 + 3 * 172 weight units.
    ['an opener who could not pay the fee then', 'add_unaffordable', 'warning', { amountMsat: 677_700_001n }],
  ]);
  cases(
    () => normalWith({ htlcMinimumMsat: 2_000n }),
    'update_add_htlc',
    [['less than our minimum', 'add_below_minimum', 'warning', { amountMsat: 1_999n }]],
  );
  cases(
    () => normalWith({ maxAcceptedHtlcs: 1 }),
    'update_add_htlc',
    [['one more HTLC than we accept', 'add_too_many', 'warning', {}]],
  );
  cases(() => normalWith({ maxHtlcValueInFlightPpm: 20_000n }), 'update_add_htlc', [
    ['more in flight than we accept', 'add_value_in_flight', 'warning', { amountMsat: 10_000_001n }],
  ]);

  it('is taken at each limit', () => {
    const limits = [
      [scenes['normal']!(), { amountMsat: 280_000_000n }],
      [scenes['normal, accepter']!(), { amountMsat: 677_700_000n }],
      [scenes['normal']!(), { cltvExpiry: 499_999_999 }],
      [normalWith({ htlcMinimumMsat: 2_000n }), { amountMsat: 2_000n }],
      [normalWith({ maxAcceptedHtlcs: 2 }), {}],
      [normalWith({ maxHtlcValueInFlightPpm: 20_000n }), { amountMsat: 10_000_000n }],
    ] as const;
    for (const [scene, limit] of limits) {
      expect(answerTo(scene.pair[scene.victim], changed(scene, 'update_add_htlc', limit)).kind).toBe('taken');
    }
  });

  it('with an id that we committed to and the peer has not acknowledged is ignored', () => {
    const scene = scenes['normal']!();
    const { alice, bob } = scene.pair;
    addHtlc(bob, 1_000_000n);
    bob.send(turnEnded);
    scene.pair.deliverOne(bob);
    scene.pair.deliverOne(bob);
    expect(alice.actor.getSnapshot().context.htlcs.get('received', 1n)?.state).toBe('SENT_ADD_REVOCATION');
    expect(answerTo(alice, changed(scene, 'update_add_htlc', { id: 1n })).kind).toBe('ignored');
    scene.pair.settle();
    expect(bob.told('disconnect')).toEqual([]);
  });
});

describe('the removal of an HTLC (BOLT 2, Removing an HTLC)', () => {
  cases('normal', 'update_fulfill_htlc', [
    ['an HTLC that there is not', 'remove_unknown_htlc', 'warning', { id: 9n }],
    ['a wrong preimage', 'remove_wrong_preimage', 'warning', { paymentPreimage: bytes(32, 7) }],
  ]);
  cases(
    'normal, ready to sign',
    'update_fulfill_htlc',
    [['an HTLC that is not committed', 'remove_unknown_htlc', 'warning', { id: 1n }]],
  );
  cases(
    'normal, revocation awaited',
    'update_fail_htlc',
    [['an HTLC that is not irrevocably committed', 'remove_unknown_htlc', 'warning', { id: 1n }]],
  );
  cases(
    'normal',
    'update_fail_malformed_htlc',
    [['a failure code without BADONION', 'remove_not_badonion', 'warning', { failureCode: 0x4005 }]],
  );
  cases(
    () => {
      const scene = scenes['normal']!();
      answerTo(scene.pair.alice, changed(scene, 'update_fail_htlc', {}));
      return scene;
    },
    'update_fulfill_htlc',
    [['one that is removed already', 'remove_unknown_htlc', 'warning', {}]],
  );
});

describe('update_fee (BOLT 2, Updating Fees)', () => {
  cases('normal', 'update_fee', [['from the accepter', 'fee_not_opener', 'warning', {}]]);
  cases('normal, accepter', 'update_fee', [
    ['too low', 'feerate_out_of_bounds', 'warning', { feeratePerKw: 252 }],
    ['too high', 'feerate_out_of_bounds', 'warning', { feeratePerKw: 250_001 }],
  ]);
  // Alice keeps 10,000 sat of reserve, and has 690,000 - 500,000 sat besides two HTLCs of 10,000.
  cases(
    () => paidOut(500_000_000n),
    'update_fee',
    [['more than the opener has', 'fee_unaffordable', 'warning', { feeratePerKw: 122_000 }]],
  );
});

describe('commitment_signed (BOLT 2, Committing Updates So Far)', () => {
  cases('normal, commitment awaited', 'commitment_signed', [
    [
      'a signature of nothing',
      'invalid_commitment_signature',
      'warning',
      (message, _party, peer) => ({ ...genuineCommitment(peer), signature: message.signature }),
    ],
    ['no HTLC signatures', 'wrong_htlc_signature_count', 'warning', (message) => message],
    ['one HTLC signature too many', 'wrong_htlc_signature_count', 'warning', (_message, _party, peer) => {
      const right = genuineCommitment(peer);
      return { ...right, htlcSignatures: [...right.htlcSignatures, bytes(64, 1)] };
    }],
    ['HTLC signatures in another order', 'invalid_htlc_signature', 'warning', (_message, _party, peer) => {
      const right = genuineCommitment(peer);
      return { ...right, htlcSignatures: right.htlcSignatures.toReversed() };
    }],
    ['a high-S signature', 'invalid_commitment_signature', 'warning', (_message, _party, peer) => {
      const right = genuineCommitment(peer);
      return { ...right, signature: highS(right.signature) };
    }],
    ['signatures for an update that was not sent', 'invalid_commitment_signature', 'warning', (
      _message,
      _party,
      peer,
    ) => {
      const ahead = peer.clone();
      addHtlc(ahead, 100_000n);
      return genuineCommitment(ahead);
    }],
  ]);
});

describe('revoke_and_ack (BOLT 2, Completing the Transition)', () => {
  cases('normal, revocation awaited', 'revoke_and_ack', [
    ['a secret that is none', 'revocation_secret', 'error', { perCommitmentSecret: bytes(32, 0) }],
    [
      'a secret of another commitment',
      'revocation_secret',
      'error',
      (message, party, peer) => ({ ...message, perCommitmentSecret: secretOf(peer, party.data.remoteRevocations + 1) }),
    ],
    ['a next point that is none', 'revocation_next_point', 'error', (message, party, peer) => ({
      ...message,
      perCommitmentSecret: secretOf(peer, party.data.remoteRevocations),
      nextPerCommitmentPoint: noPoint,
    })],
  ]);

  it('of a secret that does not derive those before it fails the channel', () => {
    const { pair } = scenes['normal']!();
    const { alice, bob } = pair;
    addHtlc(alice, 1_000_000n);
    crossSign(pair);
    addHtlc(alice, 1_000_000n);
    alice.send(turnEnded);
    const { context } = alice.actor.getSnapshot();
    const number = alice.data.remoteRevocations;
    // The secret of an odd commitment derives that of the one before it.
    expect(number % 2).toBe(1);
    const remoteSecrets = context.data.remoteSecrets.map((entry) => ({ ...entry, secret: bytes(32, 5) }));
    const message = { ...sampleFor(alice, bob).revoke_and_ack!, perCommitmentSecret: secretOf(bob, number) };
    expect(violationOf(context, message)).toBeUndefined();
    expect(
      violationOf({ ...context, data: { ...context.data, remoteSecrets } }, { ...message }),
    ).toMatchObject({ code: 'invalid_secret', answer: 'error' });
  });
});

function normalWith(policy: Partial<ChannelPolicy>): Scene {
  const pair = new ChannelPair({ policies: { alice: policy } });
  reachNormal(pair, { pushMsat: 300_000_000n });
  addHtlc(pair.alice, 10_000_000n);
  addHtlc(pair.bob, 10_000_000n);
  crossSign(pair);
  return { pair, victim: 'alice' };
}

function paidOut(amountMsat: bigint): Scene {
  const scene = scenes['normal, accepter']!();
  addHtlc(scene.pair.alice, amountMsat);
  crossSign(scene.pair);
  return scene;
}
