import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { z } from 'zod';
import type { Logger } from '../logging.ts';
import { ApiError } from './errors.ts';
import { eventSchema, eventTypes, type EventType, type NodeEvent, type NodeEvents } from './events.ts';

/** What a client has not yet read may grow to this; one that reads slower is closed, and told why. */
const MAX_BUFFERED_BYTES = 1_048_576;
const MAX_CLIENTS = 64;
/** A client that does not answer a ping until the next one is gone. */
const PING_INTERVAL_MS = 30_000;
/** The subprotocol a browser asks for, beside `token.<token>`. */
export const SUBPROTOCOL = 'runnel';

interface Client {
  readonly types: ReadonlySet<EventType>;
  alive: boolean;
}

/**
 * Gives the node's events to any number of WebSocket clients. The server has checked who they are before they come
 * here.
 */
export class EventStream {
  readonly #clients = new Map<WebSocket, Client>();
  readonly #server: WebSocketServer;
  readonly #unsubscribe: () => void;
  readonly #pings: NodeJS.Timeout;
  readonly #logger: Logger;

  constructor(events: NodeEvents, logger: Logger) {
    this.#logger = logger;
    this.#server = new WebSocketServer({
      noServer: true,
      perMessageDeflate: false,
      // Clients have nothing to say.
      maxPayload: 1_024,
      handleProtocols: (protocols) => (protocols.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
    });
    this.#unsubscribe = events.subscribe((event) => this.#send(event));
    this.#pings = setInterval(() => this.#ping(), PING_INTERVAL_MS).unref();
  }

  /** Takes over a request to upgrade. Throws `ApiError` for a query that is wrong, before anything is answered. */
  accept(request: IncomingMessage, socket: Duplex, head: Buffer, query: URLSearchParams): void {
    const types = parseTypes(query);
    if (this.#clients.size >= MAX_CLIENTS) {
      throw new ApiError(
        'unavailable',
        'too_many_clients',
        `expected at most ${MAX_CLIENTS} clients of the event stream, got one more`,
      );
    }
    this.#server.handleUpgrade(request, socket, head, (webSocket) => {
      const client: Client = { types, alive: true };
      this.#clients.set(webSocket, client);
      webSocket.on('pong', () => {
        client.alive = true;
      });
      webSocket.on('message', () => webSocket.close(1008, 'this stream takes no messages'));
      webSocket.on('close', () => this.#clients.delete(webSocket));
      webSocket.on('error', (error) => this.#logger.debug({ err: error }, 'event stream: client failed'));
    });
  }

  close(): void {
    this.#unsubscribe();
    clearInterval(this.#pings);
    for (const webSocket of this.#clients.keys()) {
      webSocket.close(1001, 'the node is stopping');
      // One that does not answer the close must not keep the daemon alive.
      setTimeout(() => webSocket.terminate(), 1_000).unref();
    }
    this.#clients.clear();
    this.#server.close();
  }

  #send(event: NodeEvent): void {
    const listening = [...this.#clients].filter(([, client]) => client.types.has(event.type));
    if (listening.length === 0) return;
    const json = this.#encode(event);
    if (json === undefined) return;
    for (const [webSocket] of listening) {
      webSocket.send(json);
      if (webSocket.bufferedAmount > MAX_BUFFERED_BYTES) {
        this.#clients.delete(webSocket);
        webSocket.close(1013, 'events came faster than they were read');
        this.#logger.info('event stream: closed a client that read too slowly');
      }
    }
  }

  #encode(event: NodeEvent): string | undefined {
    try {
      return JSON.stringify(z.encode(eventSchema, event));
    } catch (error) {
      this.#logger.error(
        { err: error, type: event.type },
        'event stream: the node told an event that is against its schema',
      );
      return undefined;
    }
  }

  #ping(): void {
    for (const [webSocket, client] of this.#clients) {
      if (client.alive) {
        client.alive = false;
        webSocket.ping();
      } else webSocket.terminate();
    }
  }
}

function parseTypes(query: URLSearchParams): ReadonlySet<EventType> {
  const unknown = [...query.keys()].filter((key) => key !== 'types');
  const asked = query.get('types')?.split(',') ?? eventTypes;
  const wrong = asked.filter((type) => !(eventTypes as readonly string[]).includes(type));
  if (unknown.length === 0 && wrong.length === 0) return new Set(asked as readonly EventType[]);
  throw new ApiError(
    'invalid',
    'invalid_request',
    `types: expected some of ${eventTypes.join(', ')}, got ${[...unknown, ...wrong].join(', ')}`,
  );
}
