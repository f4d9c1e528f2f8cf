import { bigsize } from './bigsize.ts';
import { bytes, checked, decode, encode, restArray, struct, u16Bytes, type Codec } from './codec.ts';
import { WireError } from './errors.ts';
import { message, signedMessage } from './message.ts';
import { record } from './tlv.ts';
import { bytes32, point, shortChannelId, signature, u16, u32, u64, u8 } from './types.ts';

/**
 * BOLT 7, "Query Messages": an array after a byte that says how it is encoded, of which only 0 (plain) is still in
 * use.
 */
function encoded<T>(item: Codec<T>): Codec<readonly T[]> {
  const items = restArray(item);
  return {
    read(reader) {
      const encoding = reader.uint(1);
      if (encoding !== 0) throw new WireError('wire_bad_value', `expected array encoding 0, got ${encoding}`);
      return items.read(reader);
    },
    write(writer, value) {
      writer.uint(0, 1);
      items.write(writer, value);
    },
  };
}

const ascendingScids = checked(encoded(shortChannelId), (scids) => {
  for (let i = 1; i < scids.length; i++) {
    if ((scids[i] ?? 0n) <= (scids[i - 1] ?? 0n)) {
      throw new WireError('wire_bad_value', `expected short channel ids in ascending order, got ${scids[i]} at ${i}`);
    }
  }
});

const encodedShortIds: Codec<readonly bigint[]> = {
  read: (reader) => decode(ascendingScids, u16Bytes.read(reader)),
  write: (writer, scids) => u16Bytes.write(writer, encode(ascendingScids, scids)),
};

/** BOLT 7: announcements, and the queries for them. */
export const bolt7Messages = {
  channel_announcement: signedMessage(256, {
    nodeSignature1: signature,
    nodeSignature2: signature,
    bitcoinSignature1: signature,
    bitcoinSignature2: signature,
    features: u16Bytes,
    chainHash: bytes32,
    shortChannelId,
    nodeId1: point,
    nodeId2: point,
    bitcoinKey1: point,
    bitcoinKey2: point,
  }),
  node_announcement: signedMessage(257, {
    signature,
    features: u16Bytes,
    timestamp: u32,
    nodeId: point,
    rgbColor: bytes(3),
    alias: bytes32,
    /** Address descriptors one after another: `decodeAddresses` reads them. */
    addresses: u16Bytes,
  }),
  channel_update: signedMessage(258, {
    signature,
    chainHash: bytes32,
    shortChannelId,
    timestamp: u32,
    messageFlags: u8,
    channelFlags: u8,
    cltvExpiryDelta: u16,
    htlcMinimumMsat: u64,
    feeBaseMsat: u32,
    feeProportionalMillionths: u32,
    htlcMaximumMsat: u64,
  }),
  announcement_signatures: message(259, {
    channelId: bytes32,
    shortChannelId,
    nodeSignature: signature,
    bitcoinSignature: signature,
  }),
  query_short_channel_ids: message(
    261,
    { chainHash: bytes32, shortChannelIds: encodedShortIds },
    { queryFlags: record(1, encoded(bigsize)) },
  ),
  reply_short_channel_ids_end: message(262, { chainHash: bytes32, fullInformation: u8 }),
  query_channel_range: message(
    263,
    { chainHash: bytes32, firstBlocknum: u32, numberOfBlocks: u32 },
    { queryOption: record(1, bigsize) },
  ),
  reply_channel_range: message(
    264,
    {
      chainHash: bytes32,
      firstBlocknum: u32,
      numberOfBlocks: u32,
      syncComplete: u8,
      shortChannelIds: encodedShortIds,
    },
    {
      timestamps: record(1, encoded(struct({ timestampNodeId1: u32, timestampNodeId2: u32 }))),
      checksums: record(3, restArray(struct({ checksumNodeId1: u32, checksumNodeId2: u32 }))),
    },
  ),
  gossip_timestamp_filter: message(265, { chainHash: bytes32, firstTimestamp: u32, timestampRange: u32 }),
};
