import { concat, equals, fromString, toString } from 'uint8arrays';
import { sha256 } from '../../../protocols/crypto/hash.ts';
import { RunnelError } from '../../../protocols/errors.ts';

/**
 * How the chain's files are framed: eight bytes that name the format, then records, each of `type (1) | payload length
 * (4, little-endian) | checksum of those five (4) | payload | checksum of the payload (4)`. A checksum is the beginning
 * of a SHA-256. The header has its own, so that a damaged length is never mistaken for a record that was cut short.
 */
export const FILE_MAGIC = new TextEncoder().encode('RNLCHN01');

const HEADER_SIZE = 9;
const CHECKSUM_SIZE = 4;

/** The file was damaged somewhere other than at its end, where a crash may cut a record short. */
export class ChainDamagedError extends RunnelError {
  constructor(path: string, offset: number, problem: string) {
    const advice = 'Nothing was changed: restore the file from a copy, or start with another folder';
    super('chain_storage_damaged', `${path} is damaged at byte ${offset}: ${problem}. ${advice}`, { path, offset });
  }
}

export interface RawRecord {
  readonly type: number;
  readonly payload: Uint8Array;
}

export interface ReadRecords {
  readonly records: readonly RawRecord[];
  /** Where the last whole record ends. Bytes after it are one that was cut short. */
  readonly end: number;
}

export function encodeRecord({ type, payload }: RawRecord): Uint8Array {
  const head = new Uint8Array(5);
  head[0] = type;
  new DataView(head.buffer).setUint32(1, payload.length, true);
  return concat([head, checksum(head), payload, checksum(payload)]);
}

/** Reads a whole file. Throws `ChainDamagedError`, except for a last record that was cut short or never filled in. */
export function decodeRecords(path: string, bytes: Uint8Array): ReadRecords {
  const records: RawRecord[] = [];
  if (bytes.length < FILE_MAGIC.length && equals(bytes, FILE_MAGIC.subarray(0, bytes.length))) {
    return { records, end: 0 };
  }
  if (!equals(bytes.subarray(0, FILE_MAGIC.length), FILE_MAGIC)) {
    throw new ChainDamagedError(path, 0, 'it does not begin as an embedded chain file does');
  }
  let offset = FILE_MAGIC.length;
  while (offset < bytes.length) {
    const rest = bytes.subarray(offset);
    const head = rest.subarray(0, 5);
    const headIntact = equals(rest.subarray(5, HEADER_SIZE), checksum(head));
    if (rest.length < HEADER_SIZE || (!headIntact && isBlank(rest))) break;
    if (!headIntact) throw new ChainDamagedError(path, offset, 'a record has a wrong header checksum');
    const length = new DataView(head.buffer, head.byteOffset, 5).getUint32(1, true);
    const size = HEADER_SIZE + length + CHECKSUM_SIZE;
    if (rest.length < size) break;
    const payload = rest.subarray(HEADER_SIZE, HEADER_SIZE + length);
    const payloadIntact = equals(rest.subarray(HEADER_SIZE + length, size), checksum(payload));
    if (!payloadIntact) {
      if (isBlank(rest.subarray(size))) break;
      throw new ChainDamagedError(path, offset, 'a record has a wrong checksum');
    }
    records.push({ type: head[0] ?? 0, payload });
    offset += size;
  }
  return { records, end: offset };
}

/** A block hash in display order as a record's payload, and back. */
export function hashPayload(hash: string): Uint8Array {
  return fromString(hash, 'base16');
}

export function payloadHash(payload: Uint8Array): string {
  return toString(payload, 'base16');
}

function checksum(bytes: Uint8Array): Uint8Array {
  return sha256(bytes).subarray(0, CHECKSUM_SIZE);
}

/** A file that was made longer just before a crash may end in zeros that were never overwritten. */
function isBlank(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}
