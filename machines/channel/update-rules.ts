import { equals } from 'uint8arrays';
import { sha256 } from '../../protocols/crypto/hash.ts';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import type { MessageOf } from '../../protocols/wire/messages.ts';
import { stageOf } from '../htlc/htlc-states.ts';
import type { HtlcRow, HtlcTable } from '../htlc/htlc-table.ts';
import { affordability, feerateOf } from './balances.ts';
import type { NegotiatedChannel } from './data.ts';
import type { AddHtlcCommand } from './events.ts';
import { feerateViolation } from './opening-rules.ts';
import type { ChannelPolicy } from './policy.ts';
import { ChannelViolation, firstViolation, must, type Verdict } from './violation.ts';

/** BOLT 2, "Adding an HTLC": from here on the number would be a time, and the protocol knows blocks only. */
const CLTV_LIMIT = 500_000_000;
/** BOLT 4: set in a failure code that says that the onion itself was bad. */
const BADONION = 0x8000;

/** BOLT 2, "Adding an HTLC": what we must not offer, checked on both commitments. */
export function offerViolation(channel: NegotiatedChannel, policy: ChannelPolicy, htlcs: HtlcTable, add: AddHtlcCommand): Verdict {
  const { remote } = channel;
  const theirs = affordability(channel, htlcs, 'remote', 'next', 'local', add.amountMsat);
  const ours = affordability(channel, htlcs, 'local', 'all', 'local', add.amountMsat);
  const reserveMsat = remote.channelReserveSatoshis * 1000n;
  const costMsat = maxOf(theirs.openerCostMsat, ours.openerCostMsat);
  const isOpener = channel.isOpener;
  return firstViolation(
    () => must(add.amountMsat > 0n, 'htlc_amount_zero', 'an amount above 0', add.amountMsat),
    () =>
      must(
        add.amountMsat >= remote.htlcMinimumMsat,
        'htlc_below_minimum',
        `an amount of at least the peer's htlc_minimum_msat ${remote.htlcMinimumMsat}`,
        add.amountMsat,
      ),
    () => must(add.cltvExpiry < CLTV_LIMIT, 'htlc_cltv', `cltv_expiry below ${CLTV_LIMIT}`, add.cltvExpiry),
    () =>
      must(
        theirs.offeredCount <= remote.maxAcceptedHtlcs,
        'htlc_too_many',
        `at most ${remote.maxAcceptedHtlcs} HTLCs offered at once`,
        theirs.offeredCount,
      ),
    () =>
      must(
        theirs.offeredMsat <= remote.maxHtlcValueInFlightMsat,
        'htlc_value_in_flight',
        `at most ${remote.maxHtlcValueInFlightMsat} msat in flight`,
        theirs.offeredMsat,
      ),
    () => {
      const keepMsat = reserveMsat + (isOpener ? costMsat : 0n);
      const leftMsat = minOf(theirs.localMsat, ours.localMsat);
      return must(leftMsat >= keepMsat, 'htlc_unaffordable', `at least ${keepMsat} msat to remain (reserve, fee and anchors)`, leftMsat);
    },
    () => {
      if (!isOpener) {
        // The opener pays for the output that our HTLC adds: it must be able to, above its own reserve.
        const keepMsat = channel.local.channelReserveSatoshis * 1000n + costMsat;
        const leftMsat = minOf(theirs.remoteMsat, ours.remoteMsat);
        return must(leftMsat >= keepMsat, 'htlc_opener_unaffordable', `an opener who keeps ${keepMsat} msat`, leftMsat);
      }
      // The fee spike buffer: twice the feerate and one more HTLC must remain affordable.
      const spiked = affordability(channel, htlcs, 'remote', 'next', 'local', add.amountMsat, {
        feeratePerKw: 2 * feerateOf(channel, 'remote', 'next'),
        spareHtlcs: 1,
      });
      const keepMsat = reserveMsat + spiked.openerCostMsat;
      return must(
        spiked.localMsat >= keepMsat,
        'htlc_fee_spike_buffer',
        `at least ${keepMsat} msat to remain (reserve, and the fee at twice the feerate with one more HTLC)`,
        spiked.localMsat,
      );
    },
    // BOLT 2, "Bounding exposure to trimmed in-flight HTLCs".
    () =>
      must(
        maxOf(theirs.dustMsat, ours.dustMsat) <= policy.maxDustHtlcExposureMsat,
        'htlc_dust_exposure',
        `at most ${policy.maxDustHtlcExposureMsat} msat in HTLCs too small for an output`,
        maxOf(theirs.dustMsat, ours.dustMsat),
      ),
  );
}

/**
 * An HTLC of ours that is not yet in our own commitment: the peer may have made its update before it heard of it, and
 * sends it after, when a lost connection comes back. BOLT 2, "Updating Fees", knows the race and lets the fee be less;
 * a refusal would come again on every connection.
 */
const isNewToPeer = ({ details, state }: HtlcRow): boolean =>
  details.direction === 'offered' && stageOf(state, 'local') === 'before';

/**
 * BOLT 2, "Adding an HTLC": an id that comes again while the peer has not acknowledged our commitment of that HTLC is
 * ignored. Ours is said in channel_reestablish, so that nobody needs to send it again; some may.
 */
export function repeatsAdd(htlcs: HtlcTable, { id }: MessageOf<'update_add_htlc'>): boolean {
  const state = htlcs.get('received', id)?.state;
  return state === 'SENT_ADD_REVOCATION' || state === 'SENT_ADD_ACK_COMMIT';
}

/** BOLT 2, "Adding an HTLC": what a receiving node answers with a warning. */
export function addViolation(channel: NegotiatedChannel, htlcs: HtlcTable, message: MessageOf<'update_add_htlc'>): Verdict {
  const { local } = channel;
  const ours = affordability(channel, htlcs, 'local', 'next', 'remote', message.amountMsat, { isFree: isNewToPeer });
  const keepMsat = local.channelReserveSatoshis * 1000n + (channel.isOpener ? 0n : ours.openerCostMsat);
  return firstViolation(
    () => must(message.id === channel.nextRemoteHtlcId, 'add_id', `HTLC id ${channel.nextRemoteHtlcId}`, message.id),
    () =>
      must(
        message.amountMsat > 0n && message.amountMsat >= local.htlcMinimumMsat,
        'add_below_minimum',
        `an amount above 0 and of at least ${local.htlcMinimumMsat} msat`,
        message.amountMsat,
      ),
    () => must(message.cltvExpiry < CLTV_LIMIT, 'add_cltv', `cltv_expiry below ${CLTV_LIMIT}`, message.cltvExpiry),
    () =>
      must(
        ours.offeredCount <= local.maxAcceptedHtlcs,
        'add_too_many',
        `at most ${local.maxAcceptedHtlcs} HTLCs`,
        ours.offeredCount,
      ),
    () =>
      must(
        ours.offeredMsat <= local.maxHtlcValueInFlightMsat,
        'add_value_in_flight',
        `at most ${local.maxHtlcValueInFlightMsat} msat in flight`,
        ours.offeredMsat,
      ),
    () => must(ours.remoteMsat >= keepMsat, 'add_unaffordable', `the sender to keep at least ${keepMsat} msat`, ours.remoteMsat),
  );
}

/**
 * BOLT 2, "Removing an HTLC": the HTLC must be irrevocably committed, the preimage right, the failure code of the
 * malformed kind. A preimage that came before the connection was lost stands: it may have been used upstream, so no
 * failure may follow it.
 */
export function removalViolation(
  htlcs: HtlcTable,
  message: MessageOf<'update_fulfill_htlc' | 'update_fail_htlc' | 'update_fail_malformed_htlc'>,
): Verdict {
  const htlc = htlcs.get('offered', message.id);
  if (htlc?.state !== 'SENT_ADD_ACK_REVOCATION') {
    return new ChannelViolation(
      'remove_unknown_htlc',
      `expected an irrevocably committed HTLC, got ${message.type} for id ${message.id} (${htlc?.state ?? 'unknown'})`,
    );
  }
  if (message.type === 'update_fulfill_htlc' && !equals(sha256(message.paymentPreimage), htlc.details.paymentHash)) {
    return new ChannelViolation('remove_wrong_preimage', `expected the preimage of HTLC ${message.id}'s payment hash, got another`);
  }
  if (message.type !== 'update_fulfill_htlc' && htlc.removal?.kind === 'fulfilled') {
    return new ChannelViolation(
      'remove_after_preimage',
      `expected the preimage of HTLC ${message.id} again, got ${message.type}`,
    );
  }
  if (message.type === 'update_fail_malformed_htlc' && (message.failureCode & BADONION) === 0) {
    return new ChannelViolation('remove_not_badonion', `expected a failure code with BADONION, got ${message.failureCode}`);
  }
  return undefined;
}

/** BOLT 2, "Updating Fees": only the opener, within bounds, and only what it can pay on our commitment. */
export function feeUpdateViolation(
  channel: NegotiatedChannel,
  policy: ChannelPolicy,
  htlcs: HtlcTable,
  message: MessageOf<'update_fee'>,
): Verdict {
  const { feeratePerKw } = message;
  const ours = affordability(channel, htlcs, 'local', 'next', 'remote', 0n, { feeratePerKw, isFree: isNewToPeer });
  const keepMsat = channel.local.channelReserveSatoshis * 1000n + ours.openerCostMsat;
  return firstViolation(
    () => must(!channel.isOpener, 'fee_not_opener', 'update_fee from the opener only', 'one from the accepter'),
    () => feerateViolation(policy, message.feeratePerKw, 'warning'),
    () => must(ours.remoteMsat >= keepMsat, 'fee_unaffordable', `an opener who keeps ${keepMsat} msat`, ours.remoteMsat),
  );
}

/**
 * BOLT 2, "Updating Fees": whether we, the opener, can pay that feerate on both commitments, and would take it
 * ourselves.
 */
export function mayProposeFeerate(
  channel: NegotiatedChannel,
  policy: ChannelPolicy,
  htlcs: HtlcTable,
  feeratePerKw: number,
): boolean {
  if (feerateViolation(policy, feeratePerKw) !== undefined) return false;
  const reserveMsat = channel.remote.channelReserveSatoshis * 1000n;
  return (['local', 'remote'] as const).every((side) => {
    const { localMsat, openerCostMsat } = affordability(channel, htlcs, side, 'all', 'local', 0n, { feeratePerKw, spareHtlcs: 1 });
    return localMsat >= reserveMsat + openerCostMsat;
  });
}

/** BOLT 2, "Completing the Transition": a secret that does not open the point it revokes fails the channel. */
export function revocationViolation(channel: NegotiatedChannel, message: MessageOf<'revoke_and_ack'>): Verdict {
  const secret = message.perCommitmentSecret;
  const opens =
    secp256k1.isSecretKey(secret) &&
    channel.remoteCurrentPoint !== undefined &&
    equals(secp256k1.publicKey(secret), channel.remoteCurrentPoint);
  return firstViolation(
    () =>
      must(opens, 'revocation_secret', `the secret of the peer's commitment ${channel.remoteRevocations}`, 'one that does not open its point', 'error'),
    () =>
      must(
        secp256k1.isPublicKey(message.nextPerCommitmentPoint),
        'revocation_next_point',
        'next_per_commitment_point on the curve',
        'another',
        'error',
      ),
  );
}

const maxOf = (a: bigint, b: bigint): bigint => (a > b ? a : b);
const minOf = (a: bigint, b: bigint): bigint => (a < b ? a : b);
