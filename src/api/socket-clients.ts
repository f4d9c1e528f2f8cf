/** Any number of WebSocket clients that are told things and have nothing to say, each with what it wants to hear. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import type { Logger } from '../logging.ts';
import { ApiError } from './errors.ts';

/** What a client has not yet read may grow to this; one that reads slower is closed, and told why. */
const MAX_BUFFERED_BYTES = 1_048_576;
const MAX_CLIENTS = 64;
/** A client that does not answer a ping until the next one is gone. */
const PING_INTERVAL_MS = 30_000;
/** The subprotocol a browser asks for, beside `token.<token>`. */
export const SUBPROTOCOL = 'runnel';

interface Client<Interest> {
  readonly interest: Interest;
  alive: boolean;
}

/** The server has checked who the clients are before they come here. */
export class SocketClients<Interest> {
  readonly #clients = new Map<WebSocket, Client<Interest>>();
  readonly #server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: 1_024,
    handleProtocols: (protocols) => (protocols.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  });
  readonly #pings: NodeJS.Timeout;
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
    this.#pings = setInterval(() => this.#ping(), PING_INTERVAL_MS).unref();
  }

  /** Takes over a request to upgrade; the client hears `greeting` first. Throws `ApiError` where there are too many. */
  accept(request: IncomingMessage, socket: Duplex, head: Buffer, interest: Interest, greeting?: () => string): void {
    if (this.#clients.size >= MAX_CLIENTS) {
      throw new ApiError(
        'unavailable',
        'too_many_clients',
        `expected at most ${MAX_CLIENTS} clients of the event stream, got one more`,
      );
    }
    this.#server.handleUpgrade(request, socket, head, (webSocket) => {
      const client: Client<Interest> = { interest, alive: true };
      this.#clients.set(webSocket, client);
      webSocket.on('pong', () => {
        client.alive = true;
      });
      webSocket.on('message', () => webSocket.close(1008, 'this stream takes no messages'));
      webSocket.on('close', () => this.#clients.delete(webSocket));
      webSocket.on('error', (error) => this.#logger.debug({ err: error }, 'event stream: client failed'));
      if (greeting !== undefined) webSocket.send(greeting());
    });
  }

  /** Sends the same text to all that want it; it is made where there is one, and nothing is sent where it is undefined. */
  send(makeText: () => string | undefined, isWanted: (interest: Interest) => boolean = () => true): void {
    const listening = [...this.#clients].filter(([, { interest }]) => isWanted(interest));
    if (listening.length === 0) return;
    const text = makeText();
    if (text === undefined) return;
    for (const [webSocket] of listening) {
      webSocket.send(text);
      if (webSocket.bufferedAmount > MAX_BUFFERED_BYTES) {
        this.#clients.delete(webSocket);
        webSocket.close(1013, 'events came faster than they were read');
        this.#logger.info('event stream: closed a client that read too slowly');
      }
    }
  }

  close(reason: string): void {
    clearInterval(this.#pings);
    for (const webSocket of this.#clients.keys()) {
      webSocket.close(1001, reason);
      // One that does not answer the close must not keep the process alive.
      setTimeout(() => webSocket.terminate(), 1_000).unref();
    }
    this.#clients.clear();
    this.#server.close();
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
