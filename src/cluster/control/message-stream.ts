import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { ApiError } from '../../api/errors.ts';
import type { Stream } from '../../api/http-server.ts';
import { SocketClients } from '../../api/socket-clients.ts';
import type { Logger } from '../../logging.ts';
import type { ControlMessage } from './contract.ts';
import type { ClusterControl } from './control.ts';

/** Tells any number of WebSocket clients the mesh as it is, and then whatever happens in it. */
export class MessageStream implements Stream {
  readonly #control: ClusterControl;
  readonly #clients: SocketClients<'all'>;
  readonly #unsubscribe: () => void;

  constructor(control: ClusterControl, logger: Logger) {
    this.#control = control;
    this.#clients = new SocketClients(logger);
    this.#unsubscribe = control.subscribe((message) => this.#clients.send(() => JSON.stringify(message)));
  }

  accept(request: IncomingMessage, socket: Duplex, head: Buffer, query: URLSearchParams): void {
    if (query.size > 0) throw new ApiError('invalid', 'invalid_request', 'expected no query: this stream tells everything');
    this.#clients.accept(request, socket, head, 'all', () =>
      JSON.stringify({ mesh: this.#control.lastMesh } satisfies ControlMessage),
    );
  }

  close(): void {
    this.#unsubscribe();
    this.#clients.close('the cluster is stopping');
  }
}
