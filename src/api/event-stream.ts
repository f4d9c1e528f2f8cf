import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { z } from 'zod';
import type { Logger } from '../logging.ts';
import { ApiError } from './errors.ts';
import { eventSchema, eventTypes, type EventType, type NodeEvent, type NodeEvents } from './events.ts';
import type { Stream } from './http-server.ts';
import { SocketClients } from './socket-clients.ts';

/** Gives the node's events to any number of WebSocket clients. */
export class EventStream implements Stream {
  readonly #clients: SocketClients<ReadonlySet<EventType>>;
  readonly #unsubscribe: () => void;
  readonly #logger: Logger;

  constructor(events: NodeEvents, logger: Logger) {
    this.#logger = logger;
    this.#clients = new SocketClients(logger);
    this.#unsubscribe = events.subscribe((event) => {
      this.#clients.send(
        () => this.#encode(event),
        (types) => types.has(event.type),
      );
    });
  }

  accept(request: IncomingMessage, socket: Duplex, head: Buffer, query: URLSearchParams): void {
    this.#clients.accept(request, socket, head, parseTypes(query));
  }

  close(): void {
    this.#unsubscribe();
    this.#clients.close('the node is stopping');
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
