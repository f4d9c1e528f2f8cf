import { NetworkError } from './errors.ts';

// Before the first BOLT message of a channel stream, in frames as they are, whoever opened it says hello and the other
// answers. Both carry the sender's sequence, a u64 that grows with each hello and answer it ever sends.
//
//   hello:  [u64 sequence]
//   answer: [byte verdict: 1 taken, 0 refused] [u64 sequence]

const SEQUENCE_BYTES = 8;

export interface Answer {
  readonly taken: boolean;
  readonly sequence: bigint;
}

export function encodeHello(sequence: bigint): Uint8Array {
  const bytes = new Uint8Array(SEQUENCE_BYTES);
  new DataView(bytes.buffer).setBigUint64(0, sequence);
  return bytes;
}

/** @throws NetworkError `stream_failed` */
export function decodeHello(bytes: Uint8Array): bigint {
  if (bytes.length !== SEQUENCE_BYTES) throw malformed('a hello', SEQUENCE_BYTES, bytes);
  return sequenceAt(bytes, 0);
}

export function encodeAnswer({ taken, sequence }: Answer): Uint8Array {
  const bytes = new Uint8Array(1 + SEQUENCE_BYTES);
  bytes[0] = taken ? 1 : 0;
  new DataView(bytes.buffer).setBigUint64(1, sequence);
  return bytes;
}

/** @throws NetworkError `stream_failed` */
export function decodeAnswer(bytes: Uint8Array): Answer {
  const verdict = bytes[0];
  if (bytes.length !== 1 + SEQUENCE_BYTES || (verdict !== 0 && verdict !== 1)) {
    throw malformed('an answer', 1 + SEQUENCE_BYTES, bytes);
  }
  return { taken: verdict === 1, sequence: sequenceAt(bytes, 1) };
}

function sequenceAt(bytes: Uint8Array, offset: number): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(offset);
}

function malformed(what: string, expected: number, bytes: Uint8Array): NetworkError {
  return new NetworkError('stream_failed', `expected ${what} of ${expected} bytes, got ${bytes.length} bytes`);
}
