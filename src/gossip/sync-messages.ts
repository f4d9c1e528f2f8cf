import { decodeMessage, MESSAGE_TYPE_NUMBERS, WireError, type Message } from '../../protocols/wire/messages.ts';
import { GossipSyncError } from './errors.ts';

/** BOLT 7, `encoded_query_flags`: the announcement, the updates of node 1 and 2, the announcements of node 1 and 2. */
export const WANT = { announcement: 1n, updates: [2n, 4n], nodes: [8n, 16n] } as const;
export const WANT_EVERYTHING = 31n;

/** Decodes a peer's message; what is none becomes a `GossipSyncError` with the code. */
export function readMessage(bytes: Uint8Array, code: 'sync_bad_request' | 'sync_bad_reply'): Message {
  try {
    return decodeMessage(bytes);
  } catch (error) {
    if (error instanceof WireError) throw new GossipSyncError(code, error.message, error.details);
    throw error;
  }
}

/** Whether it ends the answer to `query_short_channel_ids`. */
export function isEnd(bytes: Uint8Array): boolean {
  return ((bytes[0] ?? 0) << 8 | (bytes[1] ?? 0)) === MESSAGE_TYPE_NUMBERS.reply_short_channel_ids_end
    && readMessage(bytes, 'sync_bad_reply').type === 'reply_short_channel_ids_end';
}

/** The channel of a `channel_update`; undefined for any other message. */
export function updatedChannel(bytes: Uint8Array): bigint | undefined {
  const message = readMessage(bytes, 'sync_bad_reply');
  return message.type === 'channel_update' ? message.shortChannelId : undefined;
}

export function badReply(message: string): GossipSyncError {
  return new GossipSyncError('sync_bad_reply', message);
}
