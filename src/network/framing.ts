import { MAX_BOLT_MESSAGE_BYTES, NetworkError, messageTooLarge } from './errors.ts';

/** A frame is a BOLT message behind its length as 2 bytes, big-endian: the limits of BOLT 1 are those of the prefix. */
const PREFIX_BYTES = 2;
/** BOLT 1, "Lightning Message Format": a message starts with its 2-byte type. */
const MIN_MESSAGE_BYTES = 2;

/**
 * Several messages as frames, in one array, to be sent in one write.
 * @throws NetworkError `message_too_large`, or `stream_failed` for one too short to have a type
 */
export function encodeFrames(messages: readonly Uint8Array[]): Uint8Array {
  const size = messages.reduce((sum, message) => sum + PREFIX_BYTES + message.length, 0);
  const frames = new Uint8Array(size);
  let offset = 0;
  for (const message of messages) {
    if (message.length > MAX_BOLT_MESSAGE_BYTES) throw messageTooLarge(message.length);
    if (message.length < MIN_MESSAGE_BYTES) throw tooShort(message.length);
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
 * It holds the chunks that were pushed and not yet read, and at most one unfinished message. Messages are copies, so
 * that a short one does not keep the buffer alive that it arrived in.
 */
export class FrameDecoder {
  readonly #chunks: Uint8Array[] = [];
  /** How much of the first chunk has been read. */
  #offset = 0;
  #bufferedBytes = 0;
  readonly #prefix = new Uint8Array(PREFIX_BYTES);
  #prefixFilled = 0;
  #message: Uint8Array | undefined;
  #messageFilled = 0;

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#bufferedBytes += chunk.length;
  }

  /** Bytes pushed and not yet read. */
  get bufferedBytes(): number {
    return this.#bufferedBytes;
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
      this.#prefixFilled += this.#readInto(this.#prefix, this.#prefixFilled);
      if (this.#prefixFilled < PREFIX_BYTES) return undefined;
      const length = ((this.#prefix[0] ?? 0) << 8) | (this.#prefix[1] ?? 0);
      if (length < MIN_MESSAGE_BYTES) throw tooShort(length);
      this.#message = new Uint8Array(length);
    }
    const message = this.#message;
    this.#messageFilled += this.#readInto(message, this.#messageFilled);
    if (this.#messageFilled < message.length) return undefined;
    this.#message = undefined;
    this.#messageFilled = 0;
    this.#prefixFilled = 0;
    return message;
  }

  /** Fills `target` from `start` on with what there is; returns the number of bytes moved. */
  #readInto(target: Uint8Array, start: number): number {
    let filled = start;
    while (filled < target.length) {
      const chunk = this.#chunks[0];
      if (chunk === undefined) break;
      const end = Math.min(chunk.length, this.#offset + target.length - filled);
      target.set(chunk.subarray(this.#offset, end), filled);
      filled += end - this.#offset;
      this.#offset = end;
      if (end === chunk.length) {
        this.#chunks.shift();
        this.#offset = 0;
      }
    }
    this.#bufferedBytes -= filled - start;
    return filled - start;
  }
}

function tooShort(length: number): NetworkError {
  const message = `a message has at least ${MIN_MESSAGE_BYTES} bytes, this frame has ${length}`;
  return new NetworkError('stream_failed', message, { length });
}
