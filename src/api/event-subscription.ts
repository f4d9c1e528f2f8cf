import type { z } from 'zod';
import { ConnectionError, errorOfAnswer, parseJson } from './errors.ts';
import { eventSchema, type EventType, type NodeEvent } from './events.ts';

/** What is held for a reader that is busy; one that falls further behind loses the stream with an error. */
const MAX_QUEUED_EVENTS = 10_000;

/**
 * The node's events from the subscription on, for `for await`. Ends by `close` or by leaving the loop; throws
 * `ConnectionError` when the link is lost, after the events that came before.
 */
export interface EventSubscription extends AsyncIterableIterator<NodeEvent, undefined> {
  close(): void;
}

/**
 * Opens the stream of events; rejects with `ApiError` where the node refuses it, `ConnectionError` where none answers.
 */
export async function subscribe(
  url: string,
  token: string,
  types: readonly EventType[] | undefined,
): Promise<EventSubscription> {
  const { WebSocket } = await import('ws');
  const address = new URL('/v1/events', url.replace(/^http/, 'ws'));
  if (types !== undefined) address.searchParams.set('types', types.join(','));
  const socket = new WebSocket(address, { headers: { authorization: `Bearer ${token}` }, perMessageDeflate: false });
  const queue = new EventQueue(() => socket.terminate());

  socket.on('message', (data) => {
    // An event of a type that this client does not know, told by a newer node, is none of its business.
    const event = eventSchema.safeDecode(parseJson(String(data)) as z.input<typeof eventSchema>);
    if (event.success && !queue.push(event.data)) {
      queue.end(
        new ConnectionError('stream_closed', url, `more than ${MAX_QUEUED_EVENTS} events were waiting to be read`),
      );
    }
  });
  socket.on('close', (code, reason) => {
    queue.end(
      new ConnectionError('stream_closed', url, `the stream of events ended: ${reason.toString() || `code ${code}`}`),
    );
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve);
    // Stays: an error after the opening is followed by 'close', which ends the queue.
    socket.on(
      'error',
      (cause) => reject(new ConnectionError('unreachable', url, `no node answers at ${url}`, { cause })),
    );
    socket.once('unexpected-response', (_, response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text = (text + chunk).slice(0, 10_000);
      });
      response.on('close', () => {
        reject(errorOfAnswer(url, response.statusCode ?? 0, parseJson(text)));
        socket.terminate();
      });
    });
  });
  return queue;
}

/** A bounded queue between the socket and one reader. */
class EventQueue implements EventSubscription {
  readonly #events: NodeEvent[] = [];
  readonly #readers: {
    readonly resolve: (result: IteratorResult<NodeEvent, undefined>) => void;
    readonly reject: (error: unknown) => void;
  }[] = [];
  readonly #onEnd: () => void;
  #ended: { readonly error: Error | undefined } | undefined;

  constructor(onEnd: () => void) {
    this.#onEnd = onEnd;
  }

  /** False where the queue is full. */
  push(value: NodeEvent): boolean {
    if (this.#ended !== undefined) return true;
    const reader = this.#readers.shift();
    if (reader !== undefined) reader.resolve({ done: false, value });
    else if (this.#events.length >= MAX_QUEUED_EVENTS) return false;
    else this.#events.push(value);
    return true;
  }

  end(error?: Error): void {
    if (this.#ended !== undefined) return;
    this.#ended = { error };
    for (const { resolve, reject } of this.#readers.splice(0)) {
      if (error === undefined) resolve({ done: true, value: undefined });
      else reject(error);
    }
    this.#onEnd();
  }

  close(): void {
    this.#events.length = 0;
    this.end();
  }

  async next(): Promise<IteratorResult<NodeEvent, undefined>> {
    const value = this.#events.shift();
    if (value !== undefined) return { done: false, value };
    if (this.#ended?.error !== undefined) throw this.#ended.error;
    if (this.#ended !== undefined) return { done: true, value: undefined };
    return new Promise((resolve, reject) => this.#readers.push({ resolve, reject }));
  }

  async return(): Promise<IteratorResult<NodeEvent, undefined>> {
    this.close();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
