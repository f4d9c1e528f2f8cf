import { describe, expect, it } from 'vitest';
import type { ChannelPolicy } from '../../machines/channel/policy.ts';
import type { MessageOf } from '../../protocols/wire/messages.ts';
import { ChannelPair } from '../harness/channel-pair.ts';
import { answerTo } from './channel-answers.ts';
import { bytes, cases, changed, genuine, highS, noPoint } from './channel-rule-cases.ts';
import { scenes, type Scene } from './channel-states.ts';

const idle = (policy: Partial<ChannelPolicy>, fundingSatoshis = 1_000_000n) => (): Scene => ({
  pair: new ChannelPair({ policy, fundingSatoshis }),
  victim: 'bob',
});

describe('open_channel (BOLT 2, The open_channel Message)', () => {
  cases('opening.idle', 'open_channel', [
    ['an unknown chain', 'open_chain', 'error', { chainHash: bytes(32, 1) }],
    ['no channel type', 'channel_type', 'error', { channelType: undefined }],
    ['another channel type', 'channel_type', 'error', { channelType: Uint8Array.of(0x10, 0) }],
    ['too little funding', 'open_funding_amount', 'error', { fundingSatoshis: 19_999n }],
    ['funding of 2^24 sat', 'open_funding_amount', 'error', { fundingSatoshis: 16_777_216n }],
    ['more pushed than funded', 'open_push_amount', 'error', { pushMsat: 1_000_000_001n }],
    ['another funding than that of the attempt', 'open_other_amount', 'error', { fundingSatoshis: 1_000_001n }],
    [
      'another temporary id than that of the attempt',
      'wrong_channel_id',
      'error',
      { temporaryChannelId: bytes(32, 9) },
    ],
    ['a feerate too low', 'feerate_out_of_bounds', 'error', { feeratePerKw: 252 }],
    ['a feerate too high', 'feerate_out_of_bounds', 'error', { feeratePerKw: 250_001 }],
    ['a to_self_delay too long', 'to_self_delay', 'error', { toSelfDelay: 2_017 }],
    ['more than 483 HTLCs', 'max_accepted_htlcs', 'error', { maxAcceptedHtlcs: 484 }],
    ['no HTLCs at all', 'max_accepted_htlcs', 'error', { maxAcceptedHtlcs: 0 }],
    ['a dust limit below 354 sat', 'dust_limit', 'error', { dustLimitSatoshis: 353n }],
    ['a dust limit too high', 'dust_limit', 'error', { dustLimitSatoshis: 1_001n }],
    [
      'a dust limit above its reserve',
      'dust_above_reserve',
      'error',
      { dustLimitSatoshis: 900n, channelReserveSatoshis: 899n },
    ],
    ['a reserve too high', 'channel_reserve', 'error', { channelReserveSatoshis: 200_001n }],
    ['a minimum HTLC too high', 'htlc_minimum', 'error', { htlcMinimumMsat: 10_000_001n }],
    ['nothing allowed in flight', 'max_htlc_value_in_flight', 'error', { maxHtlcValueInFlightMsat: 0n }],
    [
      'less allowed in flight than one HTLC',
      'max_htlc_value_in_flight',
      'error',
      { maxHtlcValueInFlightMsat: 9n, htlcMinimumMsat: 10n },
    ],
    ['a funding key that is no point', 'bad_public_key', 'error', { fundingPubkey: noPoint }],
    ['a revocation basepoint that is no point', 'bad_public_key', 'error', { revocationBasepoint: noPoint }],
    ['a payment basepoint that is no point', 'bad_public_key', 'error', { paymentBasepoint: bytes(33, 0) }],
    ['a delayed basepoint that is no point', 'bad_public_key', 'error', { delayedPaymentBasepoint: bytes(32, 2) }],
    ['an HTLC basepoint that is no point', 'bad_public_key', 'error', { htlcBasepoint: bytes(33, 4) }],
    ['a first point that is none', 'bad_public_key', 'error', { firstPerCommitmentPoint: new Uint8Array() }],
    [
      'an upfront script of no segwit form',
      'upfront_shutdown_script',
      'error',
      { upfrontShutdownScript: bytes(25, 0x76) },
    ],
    ['an opener who cannot pay the first fee', 'open_fee_unaffordable', 'error', { pushMsat: 998_216_001n }],
  ]);
  cases(idle({ dustLimitSatoshis: 900n }), 'open_channel', [
    ['a reserve below our dust limit', 'open_reserve_below_our_dust', 'error', { channelReserveSatoshis: 899n }],
  ]);
  cases(idle({ minFundingSatoshis: 1_000n }, 2_500n), 'open_channel', [
    [
      'both sides at or below the reserve',
      'open_below_reserve',
      'error',
      { fundingSatoshis: 2_500n, pushMsat: 0n, channelReserveSatoshis: 716n, htlcMinimumMsat: 1n },
    ],
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
      expect(
        answerTo(scene.pair.bob, changed(scene, 'open_channel', limit)).kind,
        Object.keys(limit).join(),
      ).toBe('taken');
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
    [
      'a dust limit above our reserve',
      'accept_dust_above_our_reserve',
      'error',
      { dustLimitSatoshis: 10_001n, channelReserveSatoshis: 20_000n },
    ],
    ['more than 483 HTLCs', 'max_accepted_htlcs', 'error', { maxAcceptedHtlcs: 484 }],
    ['a point that is none', 'bad_public_key', 'error', { firstPerCommitmentPoint: noPoint }],
  ]);
});

describe('funding_created and funding_signed', () => {
  cases('opening.awaitingFunding', 'funding_created', [
    ['another temporary id', 'wrong_channel_id', 'error', { temporaryChannelId: bytes(32, 9) }],
    ['a signature of nothing', 'invalid_commitment_signature', 'error', {}],
    [
      'a high-S signature',
      'invalid_commitment_signature',
      'error',
      (message, _party, peer) => ({ ...message, signature: highS(genuine(peer, 'funding_created').signature) }),
    ],
  ]);
  cases('opening.awaitingSignature', 'funding_signed', [
    ['another channel', 'wrong_channel_id', 'error', { channelId: bytes(32, 9) }],
    ['a signature of nothing', 'invalid_commitment_signature', 'error', {}],
  ]);
});

describe('channel_ready', () => {
  cases(
    'confirming, shallow',
    'channel_ready',
    [['another channel', 'wrong_channel_id', 'warning', { channelId: bytes(32, 9) }]],
  );
});
