import type { Connection, Stream } from '@libp2p/interface';
import { GOSSIP_SYNC_PROTOCOL } from '../../protocols/ids.ts';
import type { Clock } from '../runtime/clock.ts';
import { NetworkError, messageOf } from './errors.ts';
import { FrameDecoder, encodeFrames } from './framing.ts';
import type { NetworkLimits } from './limits.ts';

/** Bytes that wait in front of a reader, or behind a writer, before the other side is slowed down. */
const HIGH_WATER_BYTES = 256 * 1024;
/** Answers gathered into one write: a write costs as much as many short messages. */
const BATCH_BYTES = 32 * 1024;

// One exchange a stream. Who opens it sends one frame, the request, and closes its side; the other answers with frames
// (as `framing.ts` has them) and closes its side after the last. An end without that close is a failure.

/**
 * Asks a peer and yields its answers, no faster than they are taken.
 * @throws NetworkError `stream_failed` when the peer breaks the rules or the bounds, or is lost
 */
export async function* requestSync(
  connection: Connection,
  request: Uint8Array,
  clock: Clock,
  limits: NetworkLimits,
): AsyncGenerator<Uint8Array> {
  const frames = encodeFrames([request]);
  const stream = await openStream(connection, limits);
  const reader = new FrameReader(stream, clock, limits);
  try {
    stream.send(frames);
    await stream.close({ signal: AbortSignal.timeout(limits.syncIdleTimeoutMs) });
    for (let bytes = 0; ; ) {
      const message = await reader.next();
      if (message === undefined) return;
      bytes += message.length;
      if (bytes > limits.maxSyncBytes) throw failed(`more than ${limits.maxSyncBytes} bytes of answers`);
      yield message;
    }
  } catch (error) {
    throw asFailure(error);
  } finally {
    reader.end();
  }
}

/** Reads the request from a stream that a peer opened, and writes the answers, no faster than the peer takes them. */
export async function answerSync(
  stream: Stream,
  answer: (request: Uint8Array) => AsyncIterable<Uint8Array>,
  clock: Clock,
  limits: NetworkLimits,
): Promise<void> {
  const reader = new FrameReader(stream, clock, limits);
  try {
    const request = await reader.next();
    if (request === undefined || (await reader.next()) !== undefined) throw failed('expected one request');
    let batch: Uint8Array[] = [];
    let batchBytes = 0;
    for await (const message of answer(request)) {
      reader.throwIfEnded();
      batch.push(message);
      batchBytes += message.length;
      if (batchBytes < BATCH_BYTES) continue;
      stream.send(encodeFrames(batch));
      batch = [];
      batchBytes = 0;
      while (stream.writeBufferLength > HIGH_WATER_BYTES) await reader.drained();
    }
    stream.send(encodeFrames(batch));
    await stream.close({ signal: AbortSignal.timeout(limits.syncIdleTimeoutMs) });
  } catch (error) {
    // The peer sees a reset instead of an end: it cannot take a part for the whole.
    stream.abort(asFailure(error));
  } finally {
    reader.release();
  }
}

async function openStream(connection: Connection, limits: NetworkLimits): Promise<Stream> {
  try {
    return await connection.newStream(GOSSIP_SYNC_PROTOCOL, { signal: AbortSignal.timeout(limits.handshakeTimeoutMs) });
  } catch (error) {
    throw asFailure(error);
  }
}

/** Frames of a stream one at a time, with a bound on how long each and all of them may take. */
class FrameReader {
  readonly #stream: Stream;
  readonly #clock: Clock;
  readonly #idleTimeoutMs: number;
  readonly #decoder = new FrameDecoder();
  readonly #cancelDeadline: () => void;
  #remoteClosed = false;
  #failure: NetworkError | undefined;
  #wake: () => void = () => {};

  constructor(stream: Stream, clock: Clock, limits: NetworkLimits) {
    this.#stream = stream;
    this.#clock = clock;
    this.#idleTimeoutMs = limits.syncIdleTimeoutMs;
    this.#cancelDeadline = clock.setTimer(limits.syncTimeoutMs, () => {
      this.#fail(`not done within ${limits.syncTimeoutMs} ms`);
    });
    stream.addEventListener('message', (event) => {
      this.#decoder.push(event.data.subarray());
      if (this.#decoder.bufferedBytes > HIGH_WATER_BYTES && stream.readStatus === 'readable') stream.pause();
      this.#wake();
    });
    stream.addEventListener('drain', () => this.#wake());
    stream.addEventListener('remoteCloseWrite', () => {
      this.#remoteClosed = true;
      this.#wake();
    });
    stream.addEventListener('close', (event) => {
      // After a proper end on both sides the stream closes too.
      if (!this.#remoteClosed || event.error !== undefined) this.#fail(event.error?.message ?? 'the connection ended');
    });
  }

  /** The next message, or undefined at the proper end of the stream. */
  async next(): Promise<Uint8Array | undefined> {
    for (;;) {
      const message = this.#decoder.next();
      if (message !== undefined) return message;
      this.throwIfEnded();
      this.#readOn();
      if (this.#decoder.bufferedBytes > 0) continue;
      if (this.#remoteClosed) {
        if (this.#decoder.insideFrame) throw failed('the stream ended inside a message');
        return undefined;
      }
      await this.#happened();
    }
  }

  /** Resolves when the stream may be written to again. */
  async drained(): Promise<void> {
    await this.#happened();
    this.throwIfEnded();
  }

  throwIfEnded(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Reads no more; a stream that has not come to its proper end is reset, so that the peer stops. */
  end(): void {
    this.release();
    this.#stream.abort(new Error('no more is wanted'));
  }

  release(): void {
    this.#cancelDeadline();
  }

  #readOn(): void {
    if (this.#stream.readStatus !== 'paused') return;
    try {
      this.#stream.resume();
    } catch {
      // The connection is gone; what the stream had buffered has been dispatched all the same.
    }
  }

  async #happened(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const cancel = this.#clock.setTimer(this.#idleTimeoutMs, () => {
      this.#fail(`nothing happened for ${this.#idleTimeoutMs} ms`);
    });
    await promise;
    cancel();
  }

  #fail(reason: string): void {
    this.#failure ??= failed(reason);
    this.#wake();
  }
}

function failed(reason: string, options?: ErrorOptions): NetworkError {
  return new NetworkError('stream_failed', `sync failed: ${reason}`, { reason }, options);
}

function asFailure(error: unknown): NetworkError {
  if (error instanceof NetworkError) return error;
  return failed(messageOf(error), { cause: error });
}
