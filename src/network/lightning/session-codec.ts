import { concat } from 'uint8arrays/concat';
import { TAG_BYTES } from '../../../protocols/noise/aead.ts';
import type { SessionKeys } from '../../../protocols/noise/handshake.ts';
import { Chunks } from '../chunks.ts';
import { NetworkError } from '../errors.ts';
import { checkMessageLength, type MessageCodec } from '../message-codec.ts';
import { SessionCipher } from './session-cipher.ts';

const LENGTH_BYTES = 2;

/**
 * BOLT 8, "Lightning Message Specification": each message encrypted, behind its length, which is encrypted by itself. Holds at most one
 * message that is not whole, beside the chunks that were pushed and not yet read.
 */
export class SessionCodec implements MessageCodec {
  readonly #sending: SessionCipher;
  readonly #receiving: SessionCipher;
  readonly #chunks = new Chunks();
  readonly #header = new Uint8Array(LENGTH_BYTES + TAG_BYTES);
  #headerFilled = 0;
  #body: Uint8Array | undefined;
  #bodyFilled = 0;

  constructor({ chainingKey, sendingKey, receivingKey }: SessionKeys) {
    this.#sending = new SessionCipher(chainingKey, sendingKey);
    this.#receiving = new SessionCipher(chainingKey, receivingKey);
  }

  /** BOLT 8, "Encrypting and Sending Messages". */
  encode(messages: readonly Uint8Array[]): Uint8Array {
    for (const { length } of messages) checkMessageLength(length);
    return concat(
      messages.flatMap((message) => [
        this.#sending.encrypt(Uint8Array.of(message.length >> 8, message.length & 0xff)),
        this.#sending.encrypt(message),
      ]),
    );
  }

  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
  }

  get bufferedBytes(): number {
    return this.#chunks.bufferedBytes;
  }

  /** BOLT 8, "Receiving and Decrypting Messages". */
  next(): Uint8Array | undefined {
    if (this.#body === undefined) {
      this.#headerFilled = this.#chunks.fill(this.#header, this.#headerFilled);
      if (this.#headerFilled < this.#header.length) return undefined;
      const [high = 0, low = 0] = this.#decrypt(this.#header, 'the length of a message');
      const length = (high << 8) | low;
      checkMessageLength(length);
      this.#body = new Uint8Array(length + TAG_BYTES);
    }
    const body = this.#body;
    this.#bodyFilled = this.#chunks.fill(body, this.#bodyFilled);
    if (this.#bodyFilled < body.length) return undefined;
    this.#body = undefined;
    this.#bodyFilled = 0;
    this.#headerFilled = 0;
    return this.#decrypt(body, 'a message');
  }

  #decrypt(sealed: Uint8Array, what: string): Uint8Array {
    const plaintext = this.#receiving.decrypt(sealed);
    if (plaintext === undefined) throw new NetworkError('stream_failed', `expected ${what} encrypted with the key of the session, got other bytes`);
    return plaintext;
  }
}
