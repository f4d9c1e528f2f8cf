import { fromString, toString } from 'uint8arrays';
import { expect, test } from 'vitest';
import { decodeMessage, encodeMessage } from '../../protocols/wire/messages.ts';
import vectors from './data/bolt07/extended-queries.json' with { type: 'json' };

/** Those with zlib arrays are from before BOLT 7 withdrew that encoding ("Query Messages", encoding type 1). */
const [plain, zlib] = [false, true].map((wanted) =>
  vectors.filter(({ msg }) => JSON.stringify(msg).includes('COMPRESSED_ZLIB') === wanted),
);

const scid = (text: string) => {
  const [block, transaction, output] = text.split('x').map(BigInt);
  return (block! << 40n) | (transaction! << 16n) | output!;
};

test.each(plain!)('BOLT 7 query $hex', ({ hex, msg }) => {
  const bytes = fromString(hex, 'hex');
  const message = decodeMessage(bytes);
  expect(encodeMessage(message)).toEqual(bytes);

  const chainHash = fromString(msg.chainHash, 'hex');
  const range = { chainHash, firstBlocknum: msg.firstBlockNum, numberOfBlocks: msg.numberOfBlocks };
  const shortChannelIds = msg.shortChannelIds?.array.map(scid);
  if (msg.type === 'QueryChannelRange') {
    const queryOption = msg.tlvStream?.records.length === 0 ? undefined : 3n;
    expect(message).toEqual({ type: 'query_channel_range', ...range, queryOption });
  } else if (msg.type === 'QueryShortChannelIds') {
    expect(message).toEqual({ type: 'query_short_channel_ids', chainHash, shortChannelIds });
  } else {
    expect(message).toEqual({
      type: 'reply_channel_range',
      ...range,
      syncComplete: msg.complete,
      shortChannelIds,
      timestamps: msg.timestamps?.timestamps.map(({ timestamp1, timestamp2 }) => ({
        timestampNodeId1: timestamp1,
        timestampNodeId2: timestamp2,
      })),
      checksums: msg.checksums?.checksums.map(({ checksum1, checksum2 }) => ({
        checksumNodeId1: checksum1,
        checksumNodeId2: checksum2,
      })),
    });
  }
});

test.each(zlib!)('BOLT 7 query with the withdrawn zlib encoding $hex', ({ hex }) => {
  expect(() => decodeMessage(fromString(hex, 'hex'))).toThrow(/array encoding 0, got 1/);
});

test('has all the vectors', () => {
  expect(plain).toHaveLength(5);
  expect(zlib).toHaveLength(5);
  expect(toString(encodeMessage(decodeMessage(fromString(plain![0]!.hex, 'hex'))), 'hex')).toBe(plain![0]!.hex);
});
