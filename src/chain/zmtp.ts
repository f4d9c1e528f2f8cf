import { concat, equals, fromString, toString } from 'uint8arrays';
import { RunnelError } from '../../protocols/errors.ts';

/**
 * ZeroMQ's wire protocol (ZMTP 3.0, https://rfc.zeromq.org/spec/23) as far as a subscriber to bitcoind's notices needs it:
 * mechanism NULL, one topic. Written here since the packages that speak it either want an install script (`zeromq` fetches
 * or compiles a library) or have not been kept up for years (`jszmq`), for three writes and short frames in return. Nothing
 * of what arrives is believed: a message is only a reason to ask the RPC, and what is not a short, well-formed frame ends
 * the connection.
 */

/** Signature, version 3.0, mechanism NULL, not a server, filler. */
const GREETING = concat([
  Uint8Array.of(0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 3, 0),
  text('NULL'.padEnd(20, '\0')),
  new Uint8Array(32),
]);
const MORE = 0x01;
const LONG = 0x02;
const COMMAND = 0x04;
/** bitcoind's notices of hashes come in frames of 4 to 32 bytes, so that the form for longer frames is never needed. */
const MAX_BODY_BYTES = 255;
const MAX_FRAMES = 8;

/** The other side is no ZeroMQ publisher, or does not behave like one. */
export class ZmqError extends RunnelError {
  constructor(message: string, options?: ErrorOptions) {
    super('chain_zmq', message, {}, options);
  }
}

/** What a subscriber writes first: its greeting, and that it is one. */
export const OPENING = concat([GREETING, frame(COMMAND, concat([named('READY'), named('Socket-Type'), longText('SUB')]))]);

/** What it writes once the other side is ready; `topic` has at most 100 characters of ASCII. */
export function subscription(topic: string): Uint8Array {
  return frame(0, concat([Uint8Array.of(1), text(topic)]));
}

/** Reads what a publisher writes, in pieces of any length; what it is told of comes in order. */
export class SubscriberReader {
  readonly #topic: Uint8Array;
  readonly #onReady: () => void;
  readonly #onMessage: () => void;
  #state: 'greeting' | 'handshake' | 'messages' = 'greeting';
  #rest: Uint8Array = new Uint8Array();
  /** The frames of the message that is arriving. */
  #frames: Uint8Array[] = [];

  constructor(topic: string, onReady: () => void, onMessage: () => void) {
    this.#topic = text(topic);
    this.#onReady = onReady;
    this.#onMessage = onMessage;
  }

  /** Throws `ZmqError` for what a publisher does not write; nothing may be pushed after that. */
  push(bytes: Uint8Array): void {
    let rest = concat([this.#rest, bytes]);
    if (this.#state === 'greeting') {
      if (rest.length < GREETING.length) {
        this.#rest = rest;
        return;
      }
      checkGreeting(rest);
      rest = rest.subarray(GREETING.length);
      this.#state = 'handshake';
    }
    for (;;) {
      const [flags, length] = rest;
      if (flags === undefined || length === undefined) break;
      if ((flags & ~(MORE | COMMAND)) !== 0 || flags === (MORE | COMMAND)) {
        const what = (flags & LONG) !== 0 ? `longer than ${MAX_BODY_BYTES} bytes` : `of an unknown kind (flags ${flags})`;
        throw new ZmqError(`sent a frame ${what}`);
      }
      if (rest.length < 2 + length) break;
      this.#take(flags, rest.slice(2, 2 + length));
      rest = rest.subarray(2 + length);
    }
    // At most a frame's beginning.
    this.#rest = rest.slice();
  }

  #take(flags: number, body: Uint8Array): void {
    if (flags === COMMAND) {
      this.#takeCommand(body);
      return;
    }
    if (this.#state !== 'messages') throw new ZmqError('sent a message before it was ready');
    this.#frames.push(body);
    if (this.#frames.length > MAX_FRAMES) throw new ZmqError(`sent a message of more than ${MAX_FRAMES} frames`);
    if ((flags & MORE) !== 0) return;
    const [topic] = this.#frames;
    this.#frames = [];
    if (topic !== undefined && equals(topic, this.#topic)) this.#onMessage();
  }

  #takeCommand(body: Uint8Array): void {
    const name = toString(body.subarray(1, 1 + (body[0] ?? 0)), 'latin1');
    if (name === 'ERROR') throw new ZmqError('refused the subscriber');
    // Others concern whoever speaks a later version.
    if (this.#state !== 'handshake') return;
    if (name !== 'READY') throw new ZmqError('sent another command than READY first');
    this.#state = 'messages';
    this.#onReady();
  }
}

function checkGreeting(bytes: Uint8Array): void {
  if (bytes[0] !== 0xff || bytes[9] !== 0x7f) throw new ZmqError('did not greet like ZeroMQ');
  const version = bytes[10] ?? 0;
  if (version < 3) throw new ZmqError(`speaks version ${version} of ZeroMQ's protocol, not 3`);
  if (!equals(bytes.subarray(12, 32), GREETING.subarray(12, 32))) throw new ZmqError('wants another mechanism than NULL');
}

function frame(flags: number, body: Uint8Array): Uint8Array {
  return concat([Uint8Array.of(flags, body.length), body]);
}

/** A name, with its length in a byte. */
function named(name: string): Uint8Array {
  return concat([Uint8Array.of(name.length), text(name)]);
}

/** A property's value, with its length in four bytes. */
function longText(value: string): Uint8Array {
  return concat([Uint8Array.of(0, 0, 0, value.length), text(value)]);
}

function text(value: string): Uint8Array {
  return fromString(value, 'latin1');
}
