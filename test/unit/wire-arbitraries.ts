import fc, { type Arbitrary } from 'fast-check';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import { MAX_COMMITMENT_NUMBER, MAX_MSAT, MAX_SATOSHIS } from '../../protocols/wire/types.ts';
import type { Message, MessageName, MessageOf } from '../../protocols/wire/messages.ts';

/** As the decoder makes them: `toStrictEqual` tells an object without a prototype. */
const object = <T extends object>(fields: { [K in keyof T]: Arbitrary<T[K]> }) =>
  fc.record(fields, { noNullPrototype: true }) as Arbitrary<T>;

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const data = fc.uint8Array({ maxLength: 40 });
const bytes32 = bytes(32);
const u8 = fc.integer({ min: 0, max: 0xff });
const u16 = fc.integer({ min: 0, max: 0xffff });
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const satoshis = fc.bigInt({ min: 0n, max: MAX_SATOSHIS });
const msat = fc.bigInt({ min: 0n, max: MAX_MSAT });
const commitmentNumber = fc.integer({ min: 0, max: MAX_COMMITMENT_NUMBER });
const signature = bytes(64);

const points = Array.from({ length: 8 }, (_, i) => secp256k1.publicKey(new Uint8Array(32).fill(i + 1)));
/** Points on the curve, each a copy: what a test changes must not change the next one. */
export const point = fc.constantFrom(...points).map((value) => value.slice());

/** An array with room for many items, to reach the lengths where a BigSize grows. */
const few = <T>(item: Arbitrary<T>) => fc.array(item, { maxLength: 40 });
const scids = fc.uniqueArray(u64, { maxLength: 40 }).map((ids) => ids.sort((a, b) => (a < b ? -1 : 1)));

/** A TLV stream of one unknown odd record, as the future may append to a signed message. */
const extension = fc.tuple(fc.constantFrom(1, 3, 251), data).map(([type, value]) => {
  return Uint8Array.of(type, value.length, ...value);
});

/** The fields of a message: those of the first table always there, those of the second now and then. */
function message<N extends MessageName>(
  type: N,
  fields: { [K in keyof Fields<N> as undefined extends Fields<N>[K] ? never : K]: Arbitrary<Fields<N>[K]> },
  records: { [K in keyof Fields<N> as undefined extends Fields<N>[K] ? K : never]-?: Arbitrary<
    Exclude<Fields<N>[K], undefined>
  > },
): Arbitrary<MessageOf<N>> {
  const all = { ...fields, ...records } as Record<string, Arbitrary<unknown>>;
  return fc
    .record(all, { requiredKeys: Object.keys(fields), noNullPrototype: true })
    .map((values) => ({ type, ...values }) as unknown as MessageOf<N>);
}
type Fields<N extends MessageName> = Omit<MessageOf<N>, 'type'>;

const basepoints = {
  fundingPubkey: point,
  revocationBasepoint: point,
  paymentBasepoint: point,
  delayedPaymentBasepoint: point,
  htlcBasepoint: point,
  firstPerCommitmentPoint: point,
};
const limits = {
  dustLimitSatoshis: u64,
  maxHtlcValueInFlightMsat: u64,
  channelReserveSatoshis: u64,
  htlcMinimumMsat: u64,
  toSelfDelay: u16,
  maxAcceptedHtlcs: u16,
};
const openingRecords = { upfrontShutdownScript: data, channelType: data };
const attributionData = object({
  htlcHoldTimes: fc.array(u32, { minLength: 20, maxLength: 20 }),
  truncatedHmacs: bytes(840),
});

/** Any value of each message. */
export const arbitraries: { [N in MessageName]: Arbitrary<MessageOf<N>> } = {
  warning: message('warning', { channelId: bytes32, data }, {}),
  init: message('init', { globalfeatures: data, features: data }, { networks: few(bytes32), remoteAddr: data }),
  error: message('error', { channelId: bytes32, data }, {}),
  ping: message('ping', { numPongBytes: u16, ignored: data }, {}),
  pong: message('pong', { ignored: data }, {}),
  open_channel: message(
    'open_channel',
    {
      chainHash: bytes32,
      temporaryChannelId: bytes32,
      fundingSatoshis: satoshis,
      pushMsat: msat,
      feeratePerKw: u32,
      channelFlags: u8,
      ...limits,
      ...basepoints,
    },
    openingRecords,
  ),
  accept_channel: message(
    'accept_channel',
    { temporaryChannelId: bytes32, minimumDepth: u32, ...limits, ...basepoints },
    openingRecords,
  ),
  funding_created: message(
    'funding_created',
    { temporaryChannelId: bytes32, fundingTxid: bytes32, fundingOutputIndex: u16, signature },
    {},
  ),
  funding_signed: message('funding_signed', { channelId: bytes32, signature }, {}),
  channel_ready: message(
    'channel_ready',
    { channelId: bytes32, secondPerCommitmentPoint: point },
    { shortChannelIdAlias: u64 },
  ),
  shutdown: message('shutdown', { channelId: bytes32, scriptpubkey: data }, {}),
  closing_signed: message(
    'closing_signed',
    { channelId: bytes32, feeSatoshis: satoshis, signature },
    { feeRange: object({ minFeeSatoshis: u64, maxFeeSatoshis: u64 }) },
  ),
  update_add_htlc: message(
    'update_add_htlc',
    {
      channelId: bytes32,
      id: u64,
      amountMsat: msat,
      paymentHash: bytes32,
      cltvExpiry: u32,
      onionRoutingPacket: bytes(1366),
    },
    { pathKey: point },
  ),
  update_fulfill_htlc: message(
    'update_fulfill_htlc',
    { channelId: bytes32, id: u64, paymentPreimage: bytes32 },
    { attributionData },
  ),
  update_fail_htlc: message('update_fail_htlc', { channelId: bytes32, id: u64, reason: data }, { attributionData }),
  commitment_signed: message(
    'commitment_signed',
    { channelId: bytes32, signature, htlcSignatures: few(signature) },
    { fundingTxid: bytes32 },
  ),
  revoke_and_ack: message(
    'revoke_and_ack',
    { channelId: bytes32, perCommitmentSecret: bytes32, nextPerCommitmentPoint: point },
    {},
  ),
  update_fee: message('update_fee', { channelId: bytes32, feeratePerKw: u32 }, {}),
  update_fail_malformed_htlc: message(
    'update_fail_malformed_htlc',
    { channelId: bytes32, id: u64, sha256OfOnion: bytes32, failureCode: u16 },
    {},
  ),
  channel_reestablish: message(
    'channel_reestablish',
    {
      channelId: bytes32,
      nextCommitmentNumber: commitmentNumber,
      nextRevocationNumber: commitmentNumber,
      yourLastPerCommitmentSecret: bytes32,
      myCurrentPerCommitmentPoint: point,
    },
    {
      nextFunding: object({ nextFundingTxid: bytes32, retransmitFlags: u8 }),
      myCurrentFundingLocked: object({ myCurrentFundingLockedTxid: bytes32, retransmitFlags: u8 }),
    },
  ),
  channel_announcement: message(
    'channel_announcement',
    {
      nodeSignature1: signature,
      nodeSignature2: signature,
      bitcoinSignature1: signature,
      bitcoinSignature2: signature,
      features: data,
      chainHash: bytes32,
      shortChannelId: u64,
      nodeId1: point,
      nodeId2: point,
      bitcoinKey1: point,
      bitcoinKey2: point,
    },
    { extension },
  ),
  node_announcement: message(
    'node_announcement',
    { signature, features: data, timestamp: u32, nodeId: point, rgbColor: bytes(3), alias: bytes32, addresses: data },
    { extension },
  ),
  channel_update: message(
    'channel_update',
    {
      signature,
      chainHash: bytes32,
      shortChannelId: u64,
      timestamp: u32,
      messageFlags: u8,
      channelFlags: u8,
      cltvExpiryDelta: u16,
      htlcMinimumMsat: u64,
      feeBaseMsat: u32,
      feeProportionalMillionths: u32,
      htlcMaximumMsat: u64,
    },
    { extension },
  ),
  announcement_signatures: message(
    'announcement_signatures',
    { channelId: bytes32, shortChannelId: u64, nodeSignature: signature, bitcoinSignature: signature },
    {},
  ),
  query_short_channel_ids: message(
    'query_short_channel_ids',
    { chainHash: bytes32, shortChannelIds: scids },
    { queryFlags: few(u64) },
  ),
  reply_short_channel_ids_end: message('reply_short_channel_ids_end', { chainHash: bytes32, fullInformation: u8 }, {}),
  query_channel_range: message(
    'query_channel_range',
    { chainHash: bytes32, firstBlocknum: u32, numberOfBlocks: u32 },
    { queryOption: u64 },
  ),
  reply_channel_range: message(
    'reply_channel_range',
    { chainHash: bytes32, firstBlocknum: u32, numberOfBlocks: u32, syncComplete: u8, shortChannelIds: scids },
    {
      timestamps: few(object({ timestampNodeId1: u32, timestampNodeId2: u32 })),
      checksums: few(object({ checksumNodeId1: u32, checksumNodeId2: u32 })),
    },
  ),
  gossip_timestamp_filter: message(
    'gossip_timestamp_filter',
    { chainHash: bytes32, firstTimestamp: u32, timestampRange: u32 },
    {},
  ),
};

/** Any value of any message. */
export const anyMessage: Arbitrary<Message> = fc.oneof(...(Object.values(arbitraries) as Arbitrary<Message>[]));
