import { concat } from 'uint8arrays/concat';
import type { BytePipe } from './byte-pipe.ts';
import { messageOf } from './errors.ts';
import type { MessageCodec } from './message-codec.ts';

/** Messages handed on in one go before other peers, timers and the disk get a turn. */
const MESSAGES_PER_TURN = 256;
/** How long a peer may take to accept what was sent to it when we hang up. */
const CLOSE_TIMEOUT_MS = 2_000;

/**
 * Why a link ended; `onPeerDisconnected` gets it as `code` or `code: detail`.
 *
 * - `closed_by_peer`, `connection_lost`: the other side's doing, or the network's
 * - `malformed_frame`: the peer sent what is not a frame
 * - `outgoing_queue_full`: the peer takes less than it is sent
 * - `bad_outgoing_message`, `handler_failed`: this node's own mistake; better no link than one that is out of step
 */
export type LinkEndCode =
  | 'closed_by_peer'
  | 'connection_lost'
  | 'malformed_frame'
  | 'outgoing_queue_full'
  | 'bad_outgoing_message'
  | 'handler_failed';

export interface PeerLinkOptions {
  readonly maxQueuedBytes: number;
  /** One message; the next one waits while the returned promise is pending. May be exchanged at any time. */
  onMessage(message: Uint8Array): void | Promise<void>;
  /** Called once, unless this side closed the link; nothing is handed on after it. May be exchanged at any time. */
  onEnd(code: LinkEndCode, detail: string): void;
}

/**
 * BOLT messages both ways over one pipe, as its codec writes them.
 *
 * Out: what is sent within a turn leaves in one write; while the pipe is full, messages wait here up to a bound.
 * In: messages are handed on in order, some at a time; the pipe is paused while the receiver is busy, so that the
 * peer is slowed down and what waits here stays small. What arrived before the peer closed is
 * still handed on, then the end is reported.
 */
export class PeerLink {
  onMessage: PeerLinkOptions['onMessage'];
  onEnd: PeerLinkOptions['onEnd'];
  readonly #pipe: BytePipe;
  readonly #codec: MessageCodec;
  readonly #maxQueuedBytes: number;
  #outgoing: Uint8Array[] = [];
  #outgoingBytes = 0;
  #flushScheduled = false;
  /** The receiver is busy, or it is another's turn. */
  #waiting = false;
  /** The peer has ended the stream; what it sent before is being handed on. */
  #peerEnded: { readonly code: LinkEndCode; readonly detail: string } | undefined;
  #ended = false;

  constructor(pipe: BytePipe, codec: MessageCodec, options: PeerLinkOptions) {
    this.#pipe = pipe;
    this.#codec = codec;
    this.#maxQueuedBytes = options.maxQueuedBytes;
    this.onMessage = (message) => options.onMessage(message);
    this.onEnd = (code, detail) => options.onEnd(code, detail);
    pipe.listen({
      onDrain: () => this.#flush(),
      onRemoteClose: () => this.#peerEnds('closed_by_peer', 'the peer closed the stream'),
      onEnd: (detail) => this.#peerEnds('connection_lost', detail),
      onData: (chunk) => {
        // After the end nobody reads on; the peer may still be sending until it hears of it.
        if (this.#ended) return;
        this.#codec.push(chunk);
        this.#handOn();
      },
    });
  }

  /** Bytes that were sent and have not left. */
  get queuedBytes(): number {
    return this.#outgoingBytes + this.#pipe.queuedBytes;
  }

  /** Queues messages; those of one turn leave together. A no-op after the end. */
  send(messages: readonly Uint8Array[]): void {
    if (this.#ended || messages.length === 0) return;
    let frames: Uint8Array;
    try {
      frames = this.#codec.encode(messages);
    } catch (error) {
      this.#failSending('bad_outgoing_message', messageOf(error));
      return;
    }
    this.#outgoing.push(frames);
    this.#outgoingBytes += frames.length;
    if (this.queuedBytes > this.#maxQueuedBytes) {
      this.#failSending('outgoing_queue_full', `${this.queuedBytes} bytes wait, the limit is ${this.#maxQueuedBytes}`);
    } else if (!this.#flushScheduled) {
      this.#flushScheduled = true;
      queueMicrotask(() => {
        this.#flushScheduled = false;
        this.#flush();
      });
    }
  }

  /**
   * Hangs up; hands on nothing more, reports no end. Resolves once the peer has taken what was sent and closed its side
   * too, or after a while: whoever closes a TCP connection that the other is writing to takes from the other what it
   * has not read yet.
   */
  async close(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    try {
      this.#write();
      await this.#pipe.close(CLOSE_TIMEOUT_MS);
    } catch {
      // Not taken in time, or the connection is gone: there is nobody left to be gentle with.
    }
    this.#pipe.abort('closed');
  }

  /** Ends the link at once; what was not sent yet is lost, nothing more is handed on, no end is reported. */
  abort(reason: string): void {
    this.#ended = true;
    this.#outgoing = [];
    this.#pipe.abort(reason);
  }

  #flush(): void {
    if (this.#ended || this.#pipe.isFull) return;
    try {
      this.#write();
    } catch (error) {
      this.#peerEnds('connection_lost', messageOf(error));
    }
  }

  #write(): void {
    const [first, ...more] = this.#outgoing;
    if (first === undefined) return;
    const data = more.length === 0 ? first : concat(this.#outgoing, this.#outgoingBytes);
    this.#outgoing = [];
    this.#outgoingBytes = 0;
    this.#pipe.send(data);
  }

  #handOn(): void {
    for (let count = 0; !this.#ended && !this.#waiting; count++) {
      let message: Uint8Array | undefined;
      try {
        message = this.#codec.next();
      } catch (error) {
        this.#fail('malformed_frame', error);
        return;
      }
      if (message === undefined) {
        this.#readOn();
        return;
      }
      try {
        const busy = this.onMessage(message);
        if (busy instanceof Promise) this.#waitFor(busy);
        else if (count >= MESSAGES_PER_TURN) this.#waitFor(nextTurn());
      } catch (error) {
        this.#fail('handler_failed', error);
      }
    }
  }

  #waitFor(busy: Promise<void>): void {
    this.#waiting = true;
    this.#pipe.pause();
    busy.then(
      () => {
        this.#waiting = false;
        this.#handOn();
      },
      (error: unknown) => this.#fail('handler_failed', error),
    );
  }

  /** All that was pushed is handed on: takes more from the pipe, or reports the end when there will be no more. */
  #readOn(): void {
    this.#pipe.resume();
    if (this.#peerEnded !== undefined && !this.#waiting && this.#codec.bufferedBytes === 0) {
      this.#end(this.#peerEnded.code, this.#peerEnded.detail);
    }
  }

  #peerEnds(code: LinkEndCode, detail: string): void {
    if (this.#ended || this.#peerEnded !== undefined) return;
    this.#peerEnded = { code, detail };
    if (!this.#waiting) this.#handOn();
  }

  /** Handlers never run inside a call to the network: the end is told after it. */
  #failSending(code: LinkEndCode, detail: string): void {
    this.abort(`${code}: ${detail}`);
    queueMicrotask(() => this.onEnd(code, detail));
  }

  #fail(code: LinkEndCode, error: unknown): void {
    this.#end(code, messageOf(error));
  }

  #end(code: LinkEndCode, detail: string): void {
    if (this.#ended) return;
    this.abort(`${code}: ${detail}`);
    this.onEnd(code, detail);
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
