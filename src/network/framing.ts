import { Chunks } from './chunks.ts';
import { checkMessageLength, type MessageCodec } from './message-codec.ts';

/** A frame is a BOLT message behind its length as 2 bytes, big-endian: the limits of BOLT 1 are those of the prefix. */
const PREFIX_BYTES = 2;

/**
 * Several messages as frames, in one array, to be sent in one write.
 * @throws NetworkError `message_too_large`, or `stream_failed` for one too short to have a type
 */
export function encodeFrames(messages: readonly Uint8Array[]): Uint8Array {
  const size = messages.reduce((sum, message) => sum + PREFIX_BYTES + message.length, 0);
  const frames = new Uint8Array(size);
  let offset = 0;
  for (const message of messages) {
    checkMessageLength(message.length);
    frames[offset] = message.length >> 8;
    frames[offset + 1] = message.length & 0xff;
    frames.set(message, offset + PREFIX_BYTES);
    offset += PREFIX_BYTES + message.length;
  }
  return frames;
}

/**
 * Finds the messages in a stream of bytes that arrives in chunks of any size.
 *
 * It holds the chunks that were pushed and not yet read, and at most one unfinished message.
 */
export class FrameDecoder {
  readonly #chunks = new Chunks();
  readonly #prefix = new Uint8Array(PREFIX_BYTES);
  #prefixFilled = 0;
  #message: Uint8Array | undefined;
  #messageFilled = 0;

  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
  }

  /** Bytes pushed and not yet read. */
  get bufferedBytes(): number {
    return this.#chunks.bufferedBytes;
  }

  /** Whether what was read so far ends inside a frame. */
  get insideFrame(): boolean {
    return this.#prefixFilled > 0;
  }

  /**
   * The next whole message, or undefined when it has not arrived yet.
   * @throws NetworkError `stream_failed` on a frame too short to be a message; the stream cannot be read on then
   */
  next(): Uint8Array | undefined {
    if (this.#message === undefined) {
      this.#prefixFilled = this.#chunks.fill(this.#prefix, this.#prefixFilled);
      if (this.#prefixFilled < PREFIX_BYTES) return undefined;
      const length = ((this.#prefix[0] ?? 0) << 8) | (this.#prefix[1] ?? 0);
      checkMessageLength(length);
      this.#message = new Uint8Array(length);
    }
    const message = this.#message;
    this.#messageFilled = this.#chunks.fill(message, this.#messageFilled);
    if (this.#messageFilled < message.length) return undefined;
    this.#message = undefined;
    this.#messageFilled = 0;
    this.#prefixFilled = 0;
    return message;
  }
}

/** Messages in frames, as they cross the streams of libp2p. */
export class FrameCodec extends FrameDecoder implements MessageCodec {
  encode(messages: readonly Uint8Array[]): Uint8Array {
    return encodeFrames(messages);
  }
}
