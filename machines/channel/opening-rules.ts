import { equals, toString } from 'uint8arrays';
import type { MessageOf } from '../../protocols/wire/messages.ts';
import { channelTypeAnchors } from '../../protocols/wire/features.ts';
import { isValidShutdownScript } from '../commitment/closing-transaction.ts';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import { openerCost } from '../commitment/fees.ts';
import { FORMAT } from './balances.ts';
import type { ChannelData } from './data.ts';
import type { ChannelPolicy } from './policy.ts';
import { firstViolation, must, type Verdict } from './violation.ts';

type OpenChannel = MessageOf<'open_channel'>;
type AcceptChannel = MessageOf<'accept_channel'>;

/** BOLT 3, "Dust Limits": the highest of Bitcoin Core's thresholds for segwit outputs. */
const MIN_DUST_LIMIT_SATOSHIS = 354n;
/** BOLT 2, "The open_channel Message": so that a commitment_signed still fits a message and a penalty a transaction. */
const MAX_ACCEPTED_HTLCS = 483;

/** BOLT 2, "The open_channel Message": what the accepter must or may refuse. Every breach ends the opening with an `error`. */
export function openChannelViolation(data: ChannelData, policy: ChannelPolicy, message: OpenChannel): Verdict {
  return firstViolation(
    () => must(equals(message.chainHash, data.chainHash), 'open_chain', `chain ${hex(data.chainHash)}`, hex(message.chainHash), 'error'),
    () => channelTypeViolation(message.channelType),
    () => fundsViolation(policy, message),
    () =>
      must(
        message.fundingSatoshis === data.fundingSatoshis,
        'open_other_amount',
        `funding of ${data.fundingSatoshis} sat`,
        message.fundingSatoshis,
        'error',
      ),
    () => feerateViolation(policy, message.feeratePerKw),
    () => sideViolation(policy, message, message.fundingSatoshis),
    () => reserveViolation(data, message, 'open_reserve_below_our_dust'),
    () => beginningViolation(message),
  );
}

/** BOLT 2, "The open_channel Message": what the opener must not send; checked before it does. */
export function ownOpeningViolation(data: ChannelData, policy: ChannelPolicy, pushMsat: bigint): Verdict {
  const { fundingSatoshis, feeratePerKw, local } = data;
  const terms = { fundingSatoshis, pushMsat, feeratePerKw, channelReserveSatoshis: local.channelReserveSatoshis };
  return firstViolation(
    () => fundsViolation(policy, terms),
    () => feerateViolation(policy, feeratePerKw),
    () => beginningViolation(terms),
  );
}

type Terms = Pick<OpenChannel, 'fundingSatoshis' | 'pushMsat' | 'feeratePerKw' | 'channelReserveSatoshis'>;

/** The amounts by themselves. */
function fundsViolation(policy: ChannelPolicy, { fundingSatoshis, pushMsat }: Terms): Verdict {
  return firstViolation(
    () =>
      must(
        fundingSatoshis >= policy.minFundingSatoshis && fundingSatoshis <= policy.maxFundingSatoshis,
        'open_funding_amount',
        `funding of ${policy.minFundingSatoshis} to ${policy.maxFundingSatoshis} sat`,
        fundingSatoshis,
        'error',
      ),
    () =>
      must(
        pushMsat <= fundingSatoshis * 1000n,
        'open_push_amount',
        `push_msat of at most ${fundingSatoshis * 1000n}`,
        pushMsat,
        'error',
      ),
  );
}

/** The first commitment: its fee is paid, and one side at least has more than the reserve in it. */
function beginningViolation({ fundingSatoshis, pushMsat, feeratePerKw, channelReserveSatoshis }: Terms): Verdict {
  const costSat = openerCost(FORMAT, feeratePerKw, 0);
  const openerSat = fundingSatoshis - (pushMsat + 999n) / 1000n;
  return firstViolation(
    () =>
      must(
        openerSat >= costSat,
        'open_fee_unaffordable',
        `an opener who can pay ${costSat} sat for the fee and both anchors of the first commitment`,
        `${openerSat} sat of its own`,
        'error',
      ),
    () =>
      must(
        openerSat - costSat > channelReserveSatoshis || pushMsat / 1000n > channelReserveSatoshis,
        'open_below_reserve',
        `one side at least to begin above the channel reserve of ${channelReserveSatoshis} sat`,
        `${openerSat - costSat} and ${pushMsat / 1000n} sat`,
        'error',
      ),
  );
}

/** BOLT 2, "The accept_channel Message": neither side's reserve may be dust to the other. */
function reserveViolation(data: ChannelData, message: OpenChannel | AcceptChannel, code: string): Verdict {
  return must(
    message.channelReserveSatoshis >= data.local.dustLimitSatoshis,
    code,
    `channel_reserve_satoshis of at least our dust limit ${data.local.dustLimitSatoshis}`,
    message.channelReserveSatoshis,
    'error',
  );
}

/** BOLT 2, "The accept_channel Message": what the opener must or may refuse. */
export function acceptChannelViolation(data: ChannelData, policy: ChannelPolicy, message: AcceptChannel): Verdict {
  return firstViolation(
    () => channelTypeViolation(message.channelType),
    () =>
      must(
        message.minimumDepth <= policy.maxMinimumDepth,
        'accept_minimum_depth',
        `minimum_depth of at most ${policy.maxMinimumDepth}`,
        message.minimumDepth,
        'error',
      ),
    () => reserveViolation(data, message, 'accept_reserve_below_our_dust'),
    () =>
      must(
        message.dustLimitSatoshis <= data.local.channelReserveSatoshis,
        'accept_dust_above_our_reserve',
        `dust_limit_satoshis of at most our reserve ${data.local.channelReserveSatoshis}`,
        message.dustLimitSatoshis,
        'error',
      ),
    () => sideViolation(policy, message, data.fundingSatoshis),
  );
}

/** BOLT 2, "Defined Channel Types": this node opens and accepts option_anchors over option_static_remotekey, and nothing else. */
function channelTypeViolation(channelType: Uint8Array | undefined): Verdict {
  return must(
    channelType !== undefined && equals(channelType, channelTypeAnchors),
    'channel_type',
    `channel_type ${hex(channelTypeAnchors)} (option_static_remotekey and option_anchors)`,
    channelType === undefined ? 'none' : hex(channelType),
    'error',
  );
}

/** BOLT 2: the feerate must be neither too small for timely processing nor unreasonably large. */
export function feerateViolation(policy: ChannelPolicy, feeratePerKw: number, answer: 'warning' | 'error' = 'error'): Verdict {
  return must(
    feeratePerKw >= policy.minFeeratePerKw && feeratePerKw <= policy.maxFeeratePerKw,
    'feerate_out_of_bounds',
    `feerate_per_kw of ${policy.minFeeratePerKw} to ${policy.maxFeeratePerKw}`,
    feeratePerKw,
    answer,
  );
}

/** What both messages declare of a side, with the same requirements. */
function sideViolation(policy: ChannelPolicy, message: OpenChannel | AcceptChannel, fundingSatoshis: bigint): Verdict {
  const bound = (holds: boolean, code: string, expected: string, got: bigint | number): Verdict =>
    must(holds, code, expected, got, 'error');
  return firstViolation(
    () =>
      bound(
        message.toSelfDelay <= policy.maxToSelfDelay,
        'to_self_delay',
        `to_self_delay of at most ${policy.maxToSelfDelay}`,
        message.toSelfDelay,
      ),
    () =>
      bound(
        message.maxAcceptedHtlcs <= MAX_ACCEPTED_HTLCS && message.maxAcceptedHtlcs > 0,
        'max_accepted_htlcs',
        `max_accepted_htlcs of 1 to ${MAX_ACCEPTED_HTLCS}`,
        message.maxAcceptedHtlcs,
      ),
    () =>
      bound(
        message.dustLimitSatoshis >= MIN_DUST_LIMIT_SATOSHIS && message.dustLimitSatoshis <= policy.maxDustLimitSatoshis,
        'dust_limit',
        `dust_limit_satoshis of ${MIN_DUST_LIMIT_SATOSHIS} to ${policy.maxDustLimitSatoshis}`,
        message.dustLimitSatoshis,
      ),
    () =>
      bound(
        message.dustLimitSatoshis <= message.channelReserveSatoshis,
        'dust_above_reserve',
        `dust_limit_satoshis of at most the reserve ${message.channelReserveSatoshis}`,
        message.dustLimitSatoshis,
      ),
    () =>
      bound(
        message.channelReserveSatoshis <= maxReserve(fundingSatoshis, policy),
        'channel_reserve',
        `channel_reserve_satoshis of at most ${maxReserve(fundingSatoshis, policy)}`,
        message.channelReserveSatoshis,
      ),
    () =>
      bound(
        message.htlcMinimumMsat <= fundingSatoshis * 10n,
        'htlc_minimum',
        `htlc_minimum_msat of at most 1% of the funding (${fundingSatoshis * 10n})`,
        message.htlcMinimumMsat,
      ),
    () =>
      bound(
        message.maxHtlcValueInFlightMsat >= message.htlcMinimumMsat && message.maxHtlcValueInFlightMsat > 0n,
        'max_htlc_value_in_flight',
        `max_htlc_value_in_flight_msat of at least htlc_minimum_msat ${message.htlcMinimumMsat}`,
        message.maxHtlcValueInFlightMsat,
      ),
    () => keysViolation(message),
    () => {
      const script = message.upfrontShutdownScript;
      return must(
        script === undefined || script.length === 0 || isValidShutdownScript(script, { anySegwit: true }),
        'upfront_shutdown_script',
        'a shutdown script of a segwit form',
        hex(script ?? new Uint8Array()),
        'error',
      );
    },
  );
}

/** A peer may ask for a fifth of the channel, or for as much as its own dust limit forces, but not lock the whole of it. */
function maxReserve(fundingSatoshis: bigint, policy: ChannelPolicy): bigint {
  const fifth = fundingSatoshis / 5n;
  return fifth > policy.maxDustLimitSatoshis ? fifth : policy.maxDustLimitSatoshis;
}

function keysViolation(message: OpenChannel | AcceptChannel): Verdict {
  const names = [
    'fundingPubkey',
    'revocationBasepoint',
    'paymentBasepoint',
    'delayedPaymentBasepoint',
    'htlcBasepoint',
    'firstPerCommitmentPoint',
  ] as const;
  const bad = names.find((name) => !secp256k1.isPublicKey(message[name]));
  return bad === undefined ? undefined : must(false, 'bad_public_key', `${bad} to be a point of the curve`, hex(message[bad]), 'error');
}

const hex = (bytes: Uint8Array): string => toString(bytes, 'base16');
