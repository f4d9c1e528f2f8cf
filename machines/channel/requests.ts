import type { ClosingParameters } from '../commitment/closing-transaction.ts';
import type { CommitmentParameters } from '../commitment/commitment-transaction.ts';
import { deriveCommitmentKeys, type CommitmentKeys } from '../commitment/keys.ts';
import type { CommitmentSpec } from '../commitment/spec.ts';
import type { HtlcRows } from '../htlc/htlc-table.ts';
import type { Side } from '../htlc/htlc-states.ts';
import { commitmentSpec, FORMAT, type Version } from './balances.ts';
import type { Funding, NegotiatedChannel } from './data.ts';
import type { PerCommitmentPoint } from './reestablish.ts';
import { ChannelViolation } from './violation.ts';

/** All that it takes to build one commitment transaction, as plain data: the machine verifies with it, the signer signs. */
export interface CommitmentRequest {
  readonly parameters: CommitmentParameters;
  readonly commitmentNumber: number;
  /** The owner's point: its HTLC keys derive from it. */
  readonly perCommitmentPoint: Uint8Array;
  readonly keys: CommitmentKeys;
  readonly spec: CommitmentSpec;
}

/** A mutual close at one fee. */
export interface ClosingRequest {
  readonly parameters: ClosingParameters;
  readonly feeSatoshis: bigint;
}

/** The peer's commitment that we signed last (or are about to sign). */
export function remoteCommitment(channel: NegotiatedChannel, htlcs: HtlcRows): CommitmentRequest {
  const awaiting = channel.remoteCommitmentNumber > channel.remoteRevocations;
  const point = awaiting ? channel.remoteNextPoint : channel.remoteCurrentPoint;
  if (point === undefined) throw new ChannelViolation('point_unknown', "expected the peer's next per-commitment point to be known");
  return request(channel, htlcs, 'remote', channel.remoteCommitmentNumber, point, 'latest');
}

/** The peer's commitment before the one that we signed last: valid until the peer revokes it, for which we wait. */
export function previousRemoteCommitment(channel: NegotiatedChannel, htlcs: HtlcRows): CommitmentRequest {
  const { remoteRevocations, remoteCurrentPoint: point } = channel;
  if (point === undefined) throw new ChannelViolation('point_unknown', "expected the peer's current per-commitment point to be known");
  return request(channel, htlcs, 'remote', remoteRevocations, point, 'previous');
}

/** Our own commitment: the latest, or the one that the peer's next commitment_signed is for. */
export function localCommitment(
  channel: NegotiatedChannel,
  htlcs: HtlcRows,
  localPoint: PerCommitmentPoint,
  version: 'latest' | 'next',
): CommitmentRequest {
  const number = channel.localCommitmentNumber + (version === 'next' ? 1 : 0);
  return request(channel, htlcs, 'local', number, localPoint(number), version);
}

/** The funding outpoint, known from funding_created on. */
export function fundingOf(channel: NegotiatedChannel): Funding {
  if (channel.funding === undefined) throw new ChannelViolation('funding_unknown', 'expected the funding outpoint to be known');
  return channel.funding;
}

function request(
  channel: NegotiatedChannel,
  htlcs: HtlcRows,
  owner: Side,
  commitmentNumber: number,
  perCommitmentPoint: Uint8Array,
  version: Version,
): CommitmentRequest {
  const mine = channel[owner];
  const theirs = channel[owner === 'local' ? 'remote' : 'local'];
  const ownerIsOpener = (owner === 'local') === channel.isOpener;
  const funding = fundingOf(channel);
  return {
    parameters: {
      format: FORMAT,
      fundingTxid: funding.txid,
      fundingOutputIndex: funding.outputIndex,
      fundingSatoshis: channel.fundingSatoshis,
      localFundingPubkey: mine.fundingPubkey,
      remoteFundingPubkey: theirs.fundingPubkey,
      localIsOpener: ownerIsOpener,
      dustLimitSatoshis: mine.dustLimitSatoshis,
      // BOLT 2: each side says how long the other's own outputs are delayed.
      toSelfDelay: theirs.toSelfDelay,
      openerPaymentBasepoint: (ownerIsOpener ? mine : theirs).paymentBasepoint,
      accepterPaymentBasepoint: (ownerIsOpener ? theirs : mine).paymentBasepoint,
    },
    commitmentNumber,
    perCommitmentPoint,
    keys: deriveCommitmentKeys(FORMAT, perCommitmentPoint, mine, theirs),
    spec: commitmentSpec(channel, htlcs, owner, version),
  };
}
