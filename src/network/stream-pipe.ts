import type { Stream } from '@libp2p/interface';
import type { BytePipe, PipeEvents } from './byte-pipe.ts';

/** A stream of libp2p's as a pipe. */
export class StreamPipe implements BytePipe {
  readonly #stream: Stream;

  constructor(stream: Stream) {
    this.#stream = stream;
  }

  get queuedBytes(): number {
    return this.#stream.writeBufferLength;
  }

  get isFull(): boolean {
    return this.#stream.writableNeedsDrain;
  }

  listen(events: PipeEvents): void {
    this.#stream.addEventListener('drain', () => events.onDrain());
    this.#stream.addEventListener('remoteCloseWrite', () => events.onRemoteClose());
    this.#stream.addEventListener('close', ({ error }) => events.onEnd(error?.message ?? 'the connection ended'));
    this.#stream.addEventListener('message', ({ data }) => events.onData(data.subarray()));
  }

  send(data: Uint8Array): void {
    this.#stream.send(data);
  }

  pause(): void {
    if (this.#stream.readStatus === 'readable') this.#stream.pause();
  }

  resume(): void {
    if (this.#stream.readStatus !== 'paused') return;
    try {
      // Dispatches what the stream has buffered before it returns.
      this.#stream.resume();
    } catch {
      // It cannot tell the peer to go on, because the connection is gone: what it had buffered is here all the same.
    }
  }

  async close(timeoutMs: number): Promise<void> {
    const signal = AbortSignal.timeout(timeoutMs);
    const closed = new Promise<void>((resolve) => {
      this.#stream.addEventListener('close', () => resolve());
      signal.addEventListener('abort', () => resolve());
    });
    await this.#stream.close({ signal });
    if (this.#stream.status === 'open' || this.#stream.status === 'closing') await closed;
  }

  abort(reason: string): void {
    this.#stream.abort(new Error(reason));
  }
}
