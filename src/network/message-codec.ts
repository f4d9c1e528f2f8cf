import { MAX_BOLT_MESSAGE_BYTES, NetworkError, messageTooLarge } from './errors.ts';

/** BOLT messages as they cross one stream, both ways. */
export interface MessageCodec {
  /**
   * Several messages in one array, to be sent in one write, in order.
   * @throws NetworkError `message_too_large`, or `stream_failed` for one too short to have a type
   */
  encode(messages: readonly Uint8Array[]): Uint8Array;
  /** Bytes that arrived, in order. */
  push(chunk: Uint8Array): void;
  /** Bytes pushed and not yet looked at: none are left when `next` has found that a message is not whole. */
  readonly bufferedBytes: number;
  /**
   * The next whole message, or undefined when it has not arrived yet. A copy, so that a short one does not keep the
   * buffer alive that it arrived in.
   * @throws NetworkError `stream_failed` for what cannot be a message; the stream cannot be read on then
   */
  next(): Uint8Array | undefined;
}

/** BOLT 1, "Lightning Message Format": a message starts with its 2-byte type. */
const MIN_MESSAGE_BYTES = 2;

/** @throws NetworkError `message_too_large`, or `stream_failed` for one too short to have a type */
export function checkMessageLength(length: number): void {
  if (length > MAX_BOLT_MESSAGE_BYTES) throw messageTooLarge(length);
  if (length >= MIN_MESSAGE_BYTES) return;
  throw new NetworkError('stream_failed', `a message has at least ${MIN_MESSAGE_BYTES} bytes, this one has ${length}`, { length });
}
