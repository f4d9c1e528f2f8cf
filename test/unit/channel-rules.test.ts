import { describe, expect, it } from 'vitest';
import { violationOf } from '../../machines/channel/rules.ts';
import type { ChannelPolicy } from '../../machines/channel/policy.ts';
import { decodeMessage, type Message, type MessageName, type MessageOf } from '../../protocols/wire/messages.ts';
import { addHtlc, ChannelPair, crossSign, reachConfirming, reachNormal, type Party } from '../harness/channel-pair.ts';
import { answerTo, close, closingSigned, recover, sampleFor, scenes, turnEnded, type Scene } from './channel-states.ts';

type Change<N extends MessageName> = Partial<MessageOf<N>> | ((message: MessageOf<N>, party: Party, peer: Party) => MessageOf<N>);

const bytes = (length: number, seed: number): Uint8Array => new Uint8Array(length).fill(seed);
/** Of the right form, but not on the curve. */
const noPoint = Uint8Array.of(2, ...bytes(32, 0xff));

/** The message of that type which fits the scene, with something changed. It is given as an object: some of it no wire would carry. */
function changed<N extends MessageName>({ pair, victim }: Scene, type: N, change: Change<N>): Message {
  const party = pair[victim];
  const peer = pair.other(party);
  const sample = sampleFor(party, peer)[type] as MessageOf<N>;
  return (typeof change === 'function' ? change(sample, party, peer) : { ...sample, ...change }) as Message;
}

/** The rule that a message breaks, and the answer: a `warning` leaves the channel as it was, and it goes on after a reconnection. */
function expectRefusal(scene: Scene, message: Message, code: string, answer: 'warning' | 'error'): void {
  const { pair, victim } = scene;
  const party = pair[victim];
  const isOpening = party.state('lifecycle').startsWith('opening');
  expect(violationOf(party.actor.getSnapshot().context, message)).toMatchObject({ code, answer });
  const { kind, isUnexpected } = answerTo(party, message);
  expect({ kind, isUnexpected }).toEqual({ kind: isOpening && answer === 'error' ? 'abandoned' : answer, isUnexpected: false });
  if (kind === 'warning') recover(pair);
}

function cases<N extends MessageName>(scene: string | (() => Scene), type: N, rows: readonly (readonly [string, string, 'warning' | 'error', Change<N>])[]): void {
  it.each(rows)('%s: %s, answered with %s', (_what, code, answer, change) => {
    const made = typeof scene === 'string' ? scenes[scene]!() : scene();
    expectRefusal(made, changed(made, type, change), code, answer);
  });
}

const idle = (policy: Partial<ChannelPolicy>, fundingSatoshis = 1_000_000n) => (): Scene => ({ pair: new ChannelPair({ policy, fundingSatoshis }), victim: 'bob' });

describe('open_channel (BOLT 2, The open_channel Message)', () => {
  cases('opening.idle', 'open_channel', [
    ['an unknown chain', 'open_chain', 'error', { chainHash: bytes(32, 1) }],
    ['no channel type', 'channel_type', 'error', { channelType: undefined }],
    ['another channel type', 'channel_type', 'error', { channelType: Uint8Array.of(0x10, 0) }],
    ['too little funding', 'open_funding_amount', 'error', { fundingSatoshis: 19_999n }],
    ['funding of 2^24 sat', 'open_funding_amount', 'error', { fundingSatoshis: 16_777_216n }],
    ['more pushed than funded', 'open_push_amount', 'error', { pushMsat: 1_000_000_001n }],
    ['another funding than that of the attempt', 'open_other_amount', 'error', { fundingSatoshis: 1_000_001n }],
    ['another temporary id than that of the attempt', 'wrong_channel_id', 'error', { temporaryChannelId: bytes(32, 9) }],
    ['a feerate too low', 'feerate_out_of_bounds', 'error', { feeratePerKw: 252 }],
    ['a feerate too high', 'feerate_out_of_bounds', 'error', { feeratePerKw: 250_001 }],
    ['a to_self_delay too long', 'to_self_delay', 'error', { toSelfDelay: 2_017 }],
    ['more than 483 HTLCs', 'max_accepted_htlcs', 'error', { maxAcceptedHtlcs: 484 }],
    ['no HTLCs at all', 'max_accepted_htlcs', 'error', { maxAcceptedHtlcs: 0 }],
    ['a dust limit below 354 sat', 'dust_limit', 'error', { dustLimitSatoshis: 353n }],
    ['a dust limit too high', 'dust_limit', 'error', { dustLimitSatoshis: 1_001n }],
    ['a dust limit above its reserve', 'dust_above_reserve', 'error', { dustLimitSatoshis: 900n, channelReserveSatoshis: 899n }],
    ['a reserve too high', 'channel_reserve', 'error', { channelReserveSatoshis: 200_001n }],
    ['a minimum HTLC too high', 'htlc_minimum', 'error', { htlcMinimumMsat: 10_000_001n }],
    ['nothing allowed in flight', 'max_htlc_value_in_flight', 'error', { maxHtlcValueInFlightMsat: 0n }],
    ['less allowed in flight than one HTLC', 'max_htlc_value_in_flight', 'error', { maxHtlcValueInFlightMsat: 9n, htlcMinimumMsat: 10n }],
    ['a funding key that is no point', 'bad_public_key', 'error', { fundingPubkey: noPoint }],
    ['a revocation basepoint that is no point', 'bad_public_key', 'error', { revocationBasepoint: noPoint }],
    ['a payment basepoint that is no point', 'bad_public_key', 'error', { paymentBasepoint: bytes(33, 0) }],
    ['a delayed basepoint that is no point', 'bad_public_key', 'error', { delayedPaymentBasepoint: bytes(32, 2) }],
    ['an HTLC basepoint that is no point', 'bad_public_key', 'error', { htlcBasepoint: bytes(33, 4) }],
    ['a first point that is none', 'bad_public_key', 'error', { firstPerCommitmentPoint: new Uint8Array() }],
    ['an upfront script of no segwit form', 'upfront_shutdown_script', 'error', { upfrontShutdownScript: bytes(25, 0x76) }],
    ['an opener who cannot pay the first fee', 'open_fee_unaffordable', 'error', { pushMsat: 998_216_001n }],
  ]);
  cases(idle({ dustLimitSatoshis: 900n }), 'open_channel', [
    ['a reserve below our dust limit', 'open_reserve_below_our_dust', 'error', { channelReserveSatoshis: 899n }],
  ]);
  cases(idle({ minFundingSatoshis: 1_000n }, 2_500n), 'open_channel', [
    ['both sides at or below the reserve', 'open_below_reserve', 'error', { fundingSatoshis: 2_500n, pushMsat: 0n, channelReserveSatoshis: 716n, htlcMinimumMsat: 1n }],
  ]);

  it('is taken at each limit', () => {
    const limits: Partial<MessageOf<'open_channel'>>[] = [
      { pushMsat: 998_216_000n },
      { feeratePerKw: 253 },
      { toSelfDelay: 2_016 },
      { dustLimitSatoshis: 1_000n },
      { channelReserveSatoshis: 200_000n },
      { channelReserveSatoshis: 354n, dustLimitSatoshis: 354n },
      { htlcMinimumMsat: 10_000_000n },
      { channelFlags: 0xff },
      { upfrontShutdownScript: new Uint8Array() },
    ];
    for (const limit of limits) {
      const scene = scenes['opening.idle']!();
      expect(answerTo(scene.pair.bob, changed(scene, 'open_channel', limit)).kind, Object.keys(limit).join()).toBe('taken');
    }
  });
});

describe('our own open_channel', () => {
  it.each([
    ['pushes more than it funds', 1_000_000_001n, 'open_push_amount'],
    ['leaves the opener too little for the fee', 998_216_001n, 'open_fee_unaffordable'],
  ])('that %s is not sent', (_what, pushMsat, code) => {
    const { alice } = new ChannelPair();
    alice.send({ type: 'open', pushMsat });
    expect(alice.outbox).toEqual([]);
    expect(alice.told('channelAbandoned')).toMatchObject([{ failure: { code, by: 'local' } }]);
    expect(alice.state('lifecycle')).toBe('abandoned');
  });
});

describe('accept_channel (BOLT 2, The accept_channel Message)', () => {
  cases('opening.awaitingAcceptance', 'accept_channel', [
    ['another temporary id', 'wrong_channel_id', 'error', { temporaryChannelId: bytes(32, 9) }],
    ['no channel type', 'channel_type', 'error', { channelType: undefined }],
    ['another channel type', 'channel_type', 'error', { channelType: Uint8Array.of(0x10, 0) }],
    ['a minimum depth too great', 'accept_minimum_depth', 'error', { minimumDepth: 145 }],
    ['a reserve below our dust limit', 'accept_reserve_below_our_dust', 'error', { channelReserveSatoshis: 353n }],
    ['a dust limit above our reserve', 'accept_dust_above_our_reserve', 'error', { dustLimitSatoshis: 10_001n, channelReserveSatoshis: 20_000n }],
    ['more than 483 HTLCs', 'max_accepted_htlcs', 'error', { maxAcceptedHtlcs: 484 }],
    ['a point that is none', 'bad_public_key', 'error', { firstPerCommitmentPoint: noPoint }],
  ]);
});

describe('funding_created and funding_signed', () => {
  cases('opening.awaitingFunding', 'funding_created', [
    ['another temporary id', 'wrong_channel_id', 'error', { temporaryChannelId: bytes(32, 9) }],
    ['a signature of nothing', 'invalid_commitment_signature', 'error', {}],
    ['a high-S signature', 'invalid_commitment_signature', 'error', (message, _party, peer) => ({ ...message, signature: highS(genuine(peer, 'funding_created').signature) })],
  ]);
  cases('opening.awaitingSignature', 'funding_signed', [
    ['another channel', 'wrong_channel_id', 'error', { channelId: bytes(32, 9) }],
    ['a signature of nothing', 'invalid_commitment_signature', 'error', {}],
  ]);
});

describe('channel_ready', () => {
  cases('confirming, shallow', 'channel_ready', [['another channel', 'wrong_channel_id', 'warning', { channelId: bytes(32, 9) }]]);
});

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
  cases(() => normalWith({ htlcMinimumMsat: 2_000n }), 'update_add_htlc', [['less than our minimum', 'add_below_minimum', 'warning', { amountMsat: 1_999n }]]);
  cases(() => normalWith({ maxAcceptedHtlcs: 1 }), 'update_add_htlc', [['one more HTLC than we accept', 'add_too_many', 'warning', {}]]);
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
  cases('normal, ready to sign', 'update_fulfill_htlc', [['an HTLC that is not committed', 'remove_unknown_htlc', 'warning', { id: 1n }]]);
  cases('normal, revocation awaited', 'update_fail_htlc', [['an HTLC that is not irrevocably committed', 'remove_unknown_htlc', 'warning', { id: 1n }]]);
  cases('normal', 'update_fail_malformed_htlc', [['a failure code without BADONION', 'remove_not_badonion', 'warning', { failureCode: 0x4005 }]]);
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
  cases(() => paidOut(500_000_000n), 'update_fee', [['more than the opener has', 'fee_unaffordable', 'warning', { feeratePerKw: 122_000 }]]);
});

describe('commitment_signed (BOLT 2, Committing Updates So Far)', () => {
  cases('normal, commitment awaited', 'commitment_signed', [
    ['a signature of nothing', 'invalid_commitment_signature', 'warning', (message, _party, peer) => ({ ...genuineCommitment(peer), signature: message.signature })],
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
    ['signatures for an update that was not sent', 'invalid_commitment_signature', 'warning', (_message, _party, peer) => {
      const ahead = peer.clone();
      addHtlc(ahead, 100_000n);
      return genuineCommitment(ahead);
    }],
  ]);
});

describe('revoke_and_ack (BOLT 2, Completing the Transition)', () => {
  cases('normal, revocation awaited', 'revoke_and_ack', [
    ['a secret that is none', 'revocation_secret', 'error', { perCommitmentSecret: bytes(32, 0) }],
    ['a secret of another commitment', 'revocation_secret', 'error', (message, party, peer) => ({ ...message, perCommitmentSecret: secretOf(peer, party.data.remoteRevocations + 1) })],
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
    expect(violationOf({ ...context, data: { ...context.data, remoteSecrets } }, { ...message })).toMatchObject({ code: 'invalid_secret', answer: 'error' });
  });
});

describe('shutdown (BOLT 2, Closing Initiation)', () => {
  const forms: readonly (readonly [string, Uint8Array])[] = [
    ['P2PKH', Uint8Array.of(0x76, 0xa9, 20, ...bytes(20, 1), 0x88, 0xac)],
    ['P2SH', Uint8Array.of(0xa9, 20, ...bytes(20, 1), 0x87)],
    ['an empty script', new Uint8Array()],
    ['OP_RETURN', Uint8Array.of(0x6a, 6, ...bytes(6, 1))],
    ['a witness program of 1 byte', Uint8Array.of(0x51, 1, 1)],
    ['a witness program of 41 bytes', Uint8Array.of(0x51, 41, ...bytes(41, 1))],
    ['a version 0 program of 21 bytes', Uint8Array.of(0, 21, ...bytes(21, 1))],
  ];
  cases('normal', 'shutdown', forms.map(([name, scriptpubkey]) => [name, 'shutdown_script', 'warning', { scriptpubkey }] as const));
  cases('shuttingDown.draining', 'shutdown', [
    ['another script than before', 'shutdown_script_changed', 'warning', { scriptpubkey: Uint8Array.of(0, 20, ...bytes(20, 9)) }],
  ]);

  it('must name the script that the peer committed to when it opened the channel', () => {
    const upfront = Uint8Array.of(0, 20, ...bytes(20, 9));
    const scene = scenes['normal']!();
    const { context } = scene.pair.alice.actor.getSnapshot();
    const committed = { ...context, data: { ...context.data, remote: { ...context.data.remote!, upfrontShutdownScript: upfront } } };
    expect(violationOf(committed, changed(scene, 'shutdown', {}))).toMatchObject({ code: 'shutdown_script_changed', answer: 'warning' });
    expect(violationOf(committed, changed(scene, 'shutdown', { scriptpubkey: upfront }))).toBeUndefined();
  });
});

describe('closing_signed (BOLT 2, Legacy Closing Negotiation)', () => {
  const range = (minFeeSatoshis: bigint, maxFeeSatoshis: bigint) => ({ minFeeSatoshis, maxFeeSatoshis });
  cases('negotiatingClose, accepter', 'closing_signed', [
    ['a signature of nothing', 'invalid_closing_signature', 'warning', {}],
    ['a signature of another fee', 'invalid_closing_signature', 'warning', (_message, _party, peer) => ({ ...closingSigned(peer, 700n), feeSatoshis: 701n })],
    ['more than the opener has', 'close_fee_exceeds_balance', 'warning', { feeSatoshis: 700_001n }],
    ['a fee_range that does not meet ours', 'closing_no_overlap', 'warning', (_message, _party, peer) => closingSigned(peer, 10n, range(0n, 100n))],
    ['a fee_range that is upside down', 'closing_no_overlap', 'warning', (_message, _party, peer) => closingSigned(peer, 10n, range(2_000n, 200n))],
  ]);
  cases('negotiatingClose, opener', 'closing_signed', [
    ['a fee that we do not pay, with a range', 'closing_fee_outside_range', 'error', (_message, _party, peer) => closingSigned(peer, 50_000n, range(100n, 50_000n))],
    ['a range that does not meet ours', 'closing_no_overlap', 'warning', (_message, _party, peer) => closingSigned(peer, 50_000n, range(40_000n, 50_000n))],
  ]);
  cases(
    () => {
      const scene = scenes['negotiatingClose, accepter']!();
      answerTo(scene.pair.bob, closingSigned(scene.pair.alice, 10n, { minFeeSatoshis: 0n, maxFeeSatoshis: 5_000n }));
      return scene;
    },
    'closing_signed',
    [['another fee than the one that we chose from its range', 'closing_fee_outside_range', 'error', (_message, _party, peer) => closingSigned(peer, 11n, range(0n, 5_000n))]],
  );
});

describe('channel_reestablish (BOLT 2, Message Retransmission)', () => {
  cases('reestablishing', 'channel_reestablish', [
    ['another channel', 'wrong_channel_id', 'warning', { channelId: bytes(32, 9) }],
    ['a next commitment of 0', 'reestablish_commitment_number', 'error', { nextCommitmentNumber: 0 }],
    ['a commitment that is long signed', 'reestablish_commitment_number', 'error', (message) => ({ ...message, nextCommitmentNumber: message.nextCommitmentNumber - 1 })],
    ['a commitment that we never signed', 'reestablish_commitment_number', 'error', (message) => ({ ...message, nextCommitmentNumber: message.nextCommitmentNumber + 1 })],
    ['a commitment number at the limit', 'reestablish_commitment_number', 'error', { nextCommitmentNumber: 2 ** 48 - 1 }],
    ['a revocation that it had', 'reestablish_revocation_number', 'error', (message) => ({ ...message, nextRevocationNumber: message.nextRevocationNumber - 2 })],
    ['a revocation that we never gave, unproved', 'reestablish_revocation_number', 'error', (message) => ({ ...message, nextRevocationNumber: message.nextRevocationNumber + 1 })],
    ['a revocation number at the limit', 'reestablish_revocation_number', 'error', { nextRevocationNumber: 2 ** 48 - 1 }],
    ['a wrong last secret', 'reestablish_secret', 'error', { yourLastPerCommitmentSecret: bytes(32, 3) }],
    ['no last secret where there is one', 'reestablish_secret', 'error', { yourLastPerCommitmentSecret: bytes(32, 0) }],
  ]);

  it('at the beginning must carry no secret', () => {
    const pair = new ChannelPair();
    reachConfirming(pair);
    pair.disconnect();
    pair.alice.send({ type: 'connected' });
    const scene: Scene = { pair, victim: 'alice' };
    expectRefusal(scene, changed(scene, 'channel_reestablish', { yourLastPerCommitmentSecret: bytes(32, 3) }), 'reestablish_secret', 'error');
  });

  it('that proves that we lost state: our commitment is not broadcast, now or later, and the peer is asked to fail the channel', () => {
    const { pair } = scenes['fallenBehind']!();
    const { alice, bob } = pair;
    expect(alice.state('lifecycle')).toBe('fallenBehind');
    expect(alice.data.failure?.code).toBe('fallen_behind');
    pair.deliverOne(alice);
    pair.deliverOne(alice);
    expect(bob.state('lifecycle')).toBe('failed');
    alice.restart();
    for (const event of [{ type: 'connected' }, { type: 'disconnected' }, close, turnEnded] as const) alice.send(event);
    expect(alice.told('broadcastCommitment')).toEqual([]);
    expect(alice.outbox).toHaveLength(1);
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

/** The last message of that type that `party` has on its way. */
function genuine<N extends MessageName>(party: Party, type: N): MessageOf<N> {
  const found = party.outbox.map(decodeMessage).findLast((message): message is Message & MessageOf<N> => message.type === type);
  if (found === undefined) throw new Error(`${party.name} sends no ${type}`);
  return found;
}

/** The commitment_signed that `peer` would send now. */
function genuineCommitment(peer: Party): MessageOf<'commitment_signed'> {
  const copy = peer.clone();
  copy.send(turnEnded);
  return genuine(copy, 'commitment_signed');
}

const secretOf = (party: Party, number: number): Uint8Array => party.signer.channel(0).perCommitmentSecret(number, number + 1);

const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

/** The other signature that the same key could give: valid, but not of the form that BOLT 2 and Bitcoin's relay rules ask for. */
function highS(signature: Uint8Array): Uint8Array {
  const s = BigInt(`0x${Buffer.from(signature.subarray(32)).toString('hex')}`);
  return Uint8Array.from([...signature.subarray(0, 32), ...Buffer.from((ORDER - s).toString(16).padStart(64, '0'), 'hex')]);
}
