import crc32c from 'crc-32/crc32c.js';
import { concat } from 'uint8arrays';

/** Where fields of a `channel_update` stand: two bytes of the type, the signature, the chain hash, the short channel id, the timestamp. */
const SIGNATURE_END = 2 + 64;
const TIMESTAMP = SIGNATURE_END + 32 + 8;
const TIMESTAMP_END = TIMESTAMP + 4;

/**
 * BOLT 7, "The `query_channel_range` and `reply_channel_range` Messages": the CRC32C (RFC 3720) of a `channel_update`
 * without its signature and timestamp, so that two with the same checksum say the same at different times.
 */
export function updateChecksum(raw: Uint8Array): number {
  return crc32c.buf(concat([raw.subarray(SIGNATURE_END, TIMESTAMP), raw.subarray(TIMESTAMP_END)])) >>> 0;
}
