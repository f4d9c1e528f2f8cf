import { equals } from 'uint8arrays';
import { encodeMessage } from '../../protocols/wire/messages.ts';
import { badReply, readMessage } from './sync-messages.ts';

/** BOLT 7, `query_option_flags`: timestamps and checksums of the updates. */
export const WANT_TIMESTAMPS = 1n;
export const WANT_CHECKSUMS = 2n;
const ALL_BLOCKS = 0xffff_ffff;
/** BOLT 7: of a direction that has no update. */
const NO_UPDATE = 0;
/** Of a peer that tells no timestamps: it may have something newer. */
export const UNKNOWN_TIMESTAMP = 0xffff_ffff;

/** The channels that a peer says it knows, in ascending order, and how new the updates of both directions are. */
export interface SyncOffer {
  readonly shortChannelIds: BigUint64Array;
  /** Two a channel; 0 where there is no update. */
  readonly timestamps: Uint32Array;
  /** Two a channel; 0 where there is no update, or the peer does not tell. */
  readonly checksums: Uint32Array;
}

/** BOLT 7, "The `query_channel_range` and `reply_channel_range` Messages": asks for all channels, with timestamps and checksums. */
export function rangeQuery(chainHash: Uint8Array): Uint8Array {
  return encodeMessage({
    type: 'query_channel_range',
    chainHash,
    firstBlocknum: 0,
    numberOfBlocks: ALL_BLOCKS,
    queryOption: WANT_TIMESTAMPS | WANT_CHECKSUMS,
  });
}

/**
 * Reads the replies to a `rangeQuery`. Throws `GossipSyncError` where they are not what BOLT 7 has a peer answer, or are more than
 * `maxChannels`.
 */
export async function readOffer(
  replies: AsyncIterable<Uint8Array>, chainHash: Uint8Array, maxChannels: number,
): Promise<SyncOffer> {
  const shortChannelIds: bigint[] = [];
  const timestamps: number[] = [];
  const checksums: number[] = [];
  let isComplete = false;
  for await (const bytes of replies) {
    const reply = readMessage(bytes, 'sync_bad_reply');
    if (reply.type !== 'reply_channel_range' || isComplete) {
      throw badReply(`expected reply_channel_range, got ${reply.type}`);
    }
    if (!equals(reply.chainHash, chainHash)) throw badReply('expected channels of our chain, got those of another');
    const count = reply.shortChannelIds.length;
    for (const [name, pairs] of [['timestamps', reply.timestamps], ['checksums', reply.checksums]] as const) {
      if (pairs !== undefined && pairs.length !== count) throw badReply(`expected ${count} pairs of ${name}, got ${pairs.length}`);
    }
    for (const [index, scid] of reply.shortChannelIds.entries()) {
      if (scid <= (shortChannelIds.at(-1) ?? -1n)) throw badReply('expected channels in ascending order');
      if (shortChannelIds.length === maxChannels) throw badReply(`expected at most ${maxChannels} channels`);
      const times = reply.timestamps?.[index];
      const sums = reply.checksums?.[index];
      shortChannelIds.push(scid);
      timestamps.push(times?.timestampNodeId1 ?? UNKNOWN_TIMESTAMP, times?.timestampNodeId2 ?? UNKNOWN_TIMESTAMP);
      checksums.push(sums?.checksumNodeId1 ?? NO_UPDATE, sums?.checksumNodeId2 ?? NO_UPDATE);
    }
    isComplete = reply.syncComplete !== 0;
  }
  if (!isComplete) throw badReply('the replies ended before the last one');
  return {
    shortChannelIds: BigUint64Array.from(shortChannelIds),
    timestamps: Uint32Array.from(timestamps),
    checksums: Uint32Array.from(checksums),
  };
}
