import { setTimeout as sleep } from 'node:timers/promises';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { BytePipe, PipeEvents } from '../byte-pipe.ts';

/** A TCP connection as a pipe. The socket was made with `allowHalfOpen`, and nobody reads from it but this. */
export class SocketPipe implements BytePipe {
  readonly #socket: Socket;
  #error: Error | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', (error) => (this.#error = error));
  }

  get queuedBytes(): number {
    return this.#socket.writableLength;
  }

  get isFull(): boolean {
    return this.#socket.writableNeedDrain;
  }

  listen({ onData, onDrain, onRemoteClose, onEnd }: PipeEvents): void {
    this.#socket.on('drain', onDrain);
    this.#socket.on('end', onRemoteClose);
    this.#socket.on('close', () => onEnd(this.#error?.message ?? 'the connection ended'));
    this.#socket.on('data', onData);
  }

  send(data: Uint8Array): void {
    if (!this.#socket.writable) throw this.#error ?? new Error('the connection ended');
    this.#socket.write(data);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  async close(timeoutMs: number): Promise<void> {
    if (this.#socket.closed) return;
    const timeout = new AbortController();
    const closed = once(this.#socket, 'close', { signal: timeout.signal });
    this.#socket.end();
    // Its end is not seen by a socket that is not read from.
    this.#socket.resume();
    try {
      await Promise.race([closed, sleep(timeoutMs, undefined, { signal: timeout.signal })]);
    } finally {
      timeout.abort();
      closed.catch(() => {});
    }
  }

  abort(): void {
    this.#socket.destroy();
  }
}
