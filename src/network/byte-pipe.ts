/** What happens to a pipe. All are called outside of calls to it, `onData` in order. */
export interface PipeEvents {
  onData(chunk: Uint8Array): void;
  /** A pipe that was full takes more. */
  onDrain(): void;
  /** The other side sends no more; what it sent before has been handed on, or waits while this side is paused. */
  onRemoteClose(): void;
  /** Nothing passes any more, either way. Told once. */
  onEnd(detail: string): void;
}

/** Bytes both ways, in order: a stream of libp2p's, or a socket. */
export interface BytePipe {
  /** Bytes that were sent and have not left. */
  readonly queuedBytes: number;
  /** It has as much to send as it wants: more should wait until `onDrain`. */
  readonly isFull: boolean;
  listen(events: PipeEvents): void;
  /** Takes all, even when it is full. Throws when nothing can be sent any more. */
  send(data: Uint8Array): void;
  /** Hands nothing on until `resume`, so that the other side is slowed down. */
  pause(): void;
  /** Takes up again after `pause`; may hand on within the call what has arrived meanwhile. */
  resume(): void;
  /**
   * Sends no more, and resolves once the other side has taken what was sent and closed its side too, or after `timeoutMs`. Rejects
   * if it is lost meanwhile.
   */
  close(timeoutMs: number): Promise<void>;
  /** Ends it at once, whatever is under way. */
  abort(reason: string): void;
}
