import { array, bytes, restBytes, struct, u16Array, u16Bytes } from './codec.ts';
import { message } from './message.ts';
import { record } from './tlv.ts';
import { bytes32, commitmentNumber, curvePoint, msat, satoshis, shortChannelId, signature } from './types.ts';
import { u16, u32, u64, u8 } from './types.ts';

/** BOLT 4, "Returning Errors": 20 hold times, and 210 HMACs of 4 bytes each, one after another. */
const attributionData = struct({ htlcHoldTimes: array(u32, 20), truncatedHmacs: bytes(210 * 4) });

const openingRecords = {
  /** The scriptpubkey alone; empty means that none is committed to. */
  upfrontShutdownScript: record(0, restBytes),
  /** A feature bitfield. */
  channelType: record(1, restBytes),
};

/** BOLT 2: the life of a channel, with establishment v1 and the legacy closing negotiation. */
export const bolt2Messages = {
  open_channel: message(
    32,
    {
      chainHash: bytes32,
      temporaryChannelId: bytes32,
      fundingSatoshis: satoshis,
      pushMsat: msat,
      dustLimitSatoshis: u64,
      maxHtlcValueInFlightMsat: u64,
      channelReserveSatoshis: u64,
      htlcMinimumMsat: u64,
      feeratePerKw: u32,
      toSelfDelay: u16,
      maxAcceptedHtlcs: u16,
      fundingPubkey: curvePoint,
      revocationBasepoint: curvePoint,
      paymentBasepoint: curvePoint,
      delayedPaymentBasepoint: curvePoint,
      htlcBasepoint: curvePoint,
      firstPerCommitmentPoint: curvePoint,
      channelFlags: u8,
    },
    openingRecords,
  ),
  accept_channel: message(
    33,
    {
      temporaryChannelId: bytes32,
      dustLimitSatoshis: u64,
      maxHtlcValueInFlightMsat: u64,
      channelReserveSatoshis: u64,
      htlcMinimumMsat: u64,
      minimumDepth: u32,
      toSelfDelay: u16,
      maxAcceptedHtlcs: u16,
      fundingPubkey: curvePoint,
      revocationBasepoint: curvePoint,
      paymentBasepoint: curvePoint,
      delayedPaymentBasepoint: curvePoint,
      htlcBasepoint: curvePoint,
      firstPerCommitmentPoint: curvePoint,
    },
    openingRecords,
  ),
  funding_created: message(34, {
    temporaryChannelId: bytes32,
    fundingTxid: bytes32,
    fundingOutputIndex: u16,
    signature,
  }),
  funding_signed: message(35, { channelId: bytes32, signature }),
  channel_ready: message(
    36,
    { channelId: bytes32, secondPerCommitmentPoint: curvePoint },
    {
      /** The record `short_channel_id`: an alias, not where the funding transaction stands. */
      shortChannelIdAlias: record(1, shortChannelId),
    },
  ),
  shutdown: message(38, { channelId: bytes32, scriptpubkey: u16Bytes }),
  closing_signed: message(
    39,
    { channelId: bytes32, feeSatoshis: satoshis, signature },
    { feeRange: record(1, struct({ minFeeSatoshis: u64, maxFeeSatoshis: u64 })) },
  ),
  update_add_htlc: message(
    128,
    {
      channelId: bytes32,
      id: u64,
      amountMsat: msat,
      paymentHash: bytes32,
      cltvExpiry: u32,
      onionRoutingPacket: bytes(1366),
    },
    {
      /** The record `blinded_path`. */
      pathKey: record(0, curvePoint),
    },
  ),
  update_fulfill_htlc: message(
    130,
    { channelId: bytes32, id: u64, paymentPreimage: bytes32 },
    { attributionData: record(1, attributionData) },
  ),
  update_fail_htlc: message(
    131,
    { channelId: bytes32, id: u64, reason: u16Bytes },
    { attributionData: record(1, attributionData) },
  ),
  commitment_signed: message(
    132,
    { channelId: bytes32, signature, htlcSignatures: u16Array(signature) },
    { fundingTxid: record(1, bytes32) },
  ),
  revoke_and_ack: message(133, {
    channelId: bytes32,
    perCommitmentSecret: bytes32,
    nextPerCommitmentPoint: curvePoint,
  }),
  update_fee: message(134, { channelId: bytes32, feeratePerKw: u32 }),
  update_fail_malformed_htlc: message(135, {
    channelId: bytes32,
    id: u64,
    sha256OfOnion: bytes32,
    failureCode: u16,
  }),
  channel_reestablish: message(
    136,
    {
      channelId: bytes32,
      nextCommitmentNumber: commitmentNumber,
      nextRevocationNumber: commitmentNumber,
      yourLastPerCommitmentSecret: bytes32,
      myCurrentPerCommitmentPoint: curvePoint,
    },
    {
      nextFunding: record(1, struct({ nextFundingTxid: bytes32, retransmitFlags: u8 })),
      myCurrentFundingLocked: record(5, struct({ myCurrentFundingLockedTxid: bytes32, retransmitFlags: u8 })),
    },
  ),
};
