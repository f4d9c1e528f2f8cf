import type { MessageOf } from '../../protocols/wire/messages.ts';
import { channelTypeAnchors } from '../../protocols/wire/features.ts';
import { fundingOutput } from '../commitment/funding.ts';
import { channelIdOfFunding } from './channel-id.ts';
import { negotiated, type ChannelContext, type Step } from './context.ts';
import type { ChannelData, ChannelFailure, SideParameters } from './data.ts';
import type { FundingDepth, OpenCommand } from './events.ts';
import { remoteCommitment } from './requests.ts';

/** BOLT 2, "The open_channel Message": bit 0 of channel_flags. */
const ANNOUNCE_CHANNEL = 1;

/** BOLT 2: what both opening messages declare of their sender, the receiver takes as it stands. */
function sideOf(message: MessageOf<'open_channel'> | MessageOf<'accept_channel'>): SideParameters {
  return {
    dustLimitSatoshis: message.dustLimitSatoshis,
    maxHtlcValueInFlightMsat: message.maxHtlcValueInFlightMsat,
    channelReserveSatoshis: message.channelReserveSatoshis,
    htlcMinimumMsat: message.htlcMinimumMsat,
    toSelfDelay: message.toSelfDelay,
    maxAcceptedHtlcs: message.maxAcceptedHtlcs,
    fundingPubkey: message.fundingPubkey,
    revocationBasepoint: message.revocationBasepoint,
    paymentBasepoint: message.paymentBasepoint,
    delayedPaymentBasepoint: message.delayedPaymentBasepoint,
    htlcBasepoint: message.htlcBasepoint,
    upfrontShutdownScript: message.upfrontShutdownScript ?? new Uint8Array(),
  };
}

/** BOLT 2, "The open_channel Message": we are the opener. */
export function sendOpenChannel({ data, environment }: ChannelContext, { pushMsat }: OpenCommand): Step {
  return {
    data: { toLocalMsat: data.fundingSatoshis * 1000n - pushMsat, toRemoteMsat: pushMsat },
    effects: [
      {
        type: 'send',
        message: {
          type: 'open_channel',
          chainHash: data.chainHash,
          temporaryChannelId: data.temporaryChannelId,
          fundingSatoshis: data.fundingSatoshis,
          pushMsat,
          ...data.local,
          feeratePerKw: data.feeratePerKw,
          firstPerCommitmentPoint: environment.localPoint(0),
          channelFlags: data.announce ? ANNOUNCE_CHANNEL : 0,
          channelType: channelTypeAnchors,
        },
      },
    ],
  };
}

/** BOLT 2, "The accept_channel Message": we are the accepter; the rules were checked. */
export function acceptChannel({ data, environment }: ChannelContext, message: MessageOf<'open_channel'>): Step {
  return {
    data: {
      announce: (message.channelFlags & ANNOUNCE_CHANNEL) !== 0,
      remote: sideOf(message),
      remoteCurrentPoint: message.firstPerCommitmentPoint,
      toLocalMsat: message.pushMsat,
      toRemoteMsat: message.fundingSatoshis * 1000n - message.pushMsat,
      feeratePerKw: message.feeratePerKw,
    },
    effects: [
      {
        type: 'send',
        message: {
          type: 'accept_channel',
          temporaryChannelId: data.temporaryChannelId,
          ...data.local,
          minimumDepth: data.minimumDepth,
          firstPerCommitmentPoint: environment.localPoint(0),
          channelType: channelTypeAnchors,
        },
      },
    ],
  };
}

/** The peer accepted: the wallet is asked for the funding transaction, which nobody broadcasts yet. */
export function requestFunding({ data }: ChannelContext, message: MessageOf<'accept_channel'>): Step {
  const remote = sideOf(message);
  return {
    data: { remote, minimumDepth: message.minimumDepth, remoteCurrentPoint: message.firstPerCommitmentPoint },
    effects: [
      {
        type: 'fundChannel',
        amountSat: data.fundingSatoshis,
        script: fundingOutput(data.local.fundingPubkey, remote.fundingPubkey).scriptPubkey,
        feeratePerKw: data.openingFeeratePerKw,
      },
    ],
  };
}

/** BOLT 2, "The funding_created Message": our signature for the peer's first commitment. */
export function createFunding({ data, htlcs }: ChannelContext, txid: Uint8Array, outputIndex: number, transaction: Uint8Array): Step {
  const next = { ...data, funding: { txid, outputIndex }, channelId: channelIdOfFunding(txid, outputIndex), fundingTransaction: transaction };
  return {
    data: next,
    effects: [{ type: 'sendSigned', message: 'funding_created', commitment: remoteCommitment(negotiated(next), htlcs) }],
  };
}

/** The channel's data with the outpoint that funding_created names. */
export function withFunding(data: ChannelData, message: MessageOf<'funding_created'>): ChannelData {
  const funding = { txid: message.fundingTxid, outputIndex: message.fundingOutputIndex };
  return { ...data, funding, channelId: channelIdOfFunding(funding.txid, funding.outputIndex) };
}

/** BOLT 2, "The funding_signed Message": the opener's signature was checked; ours lets it broadcast. */
export function signFunding({ data, htlcs }: ChannelContext, message: MessageOf<'funding_created'>): Step {
  const next = { ...withFunding(data, message), localSignatures: { signature: message.signature, htlcSignatures: [] } };
  return {
    data: next,
    effects: [{ type: 'sendSigned', message: 'funding_signed', commitment: remoteCommitment(negotiated(next), htlcs) }],
  };
}

/** BOLT 2: only with the peer's signature for our first commitment may the funding transaction leave. */
export function broadcastFunding({ data }: ChannelContext, message: MessageOf<'funding_signed'>): Step {
  const localSignatures = { signature: message.signature, htlcSignatures: [] };
  const transaction = data.fundingTransaction;
  return {
    data: { channelId: message.channelId, localSignatures },
    effects: transaction === undefined ? [] : [{ type: 'broadcastFunding', transaction }],
  };
}

/** Where the funding output stands; the short channel id is its place in the chain (BOLT 7). */
export function noteDepth(_context: ChannelContext, event: FundingDepth, shortChannelId: bigint | undefined): Step {
  const { type: _type, ...confirmation } = event;
  if (confirmation.depth === 0) return { data: { confirmation: undefined } };
  return { data: { confirmation, shortChannelId } };
}

/** BOLT 2, "The channel_ready Message": the peer's second point, and its alias for us where it gave one. */
export function receiveReady(_context: ChannelContext, message: MessageOf<'channel_ready'>): Step {
  return { data: { remoteNextPoint: message.secondPerCommitmentPoint, remoteAlias: message.shortChannelIdAlias } };
}

/** The opening ends without a channel: nothing was broadcast, so nothing needs to be remembered. */
export function abandon(_context: ChannelContext, failure: ChannelFailure): Step {
  return { data: { failure }, effects: [{ type: 'releaseFunding' }, { type: 'channelAbandoned', failure }] };
}

