import type { IncomingMessage } from 'node:http';
import { sameToken } from './access.ts';
import { ApiError } from './errors.ts';

const TOKEN_HINT = 'send the content of the file api-token in the data folder as `Authorization: Bearer <token>`';

/**
 * Lets in only who may come in: requests that were sent to this very machine by name (a web page whose name was made to
 * point here sends its own: DNS rebinding), by no foreign web page, with the token.
 */
export class Guard {
  readonly #token: string;
  readonly #tokenHint: string;
  readonly #hosts: ReadonlySet<string>;

  constructor(token: string, port: number, tokenHint = TOKEN_HINT) {
    this.#token = token;
    this.#tokenHint = tokenHint;
    this.#hosts = new Set([`127.0.0.1:${port}`, `localhost:${port}`]);
  }

  /** Throws `ApiError` unless the request names this machine as host, and no other origin. */
  checkOrigin(request: IncomingMessage): void {
    const host = request.headers.host ?? '';
    if (!this.#hosts.has(host)) {
      throw new ApiError(
        'forbidden',
        'forbidden_host',
        `expected a request to ${[...this.#hosts].join(' or ')}, got one to ${JSON.stringify(host)}`,
      );
    }
    const origin = request.headers.origin;
    if (origin !== undefined && origin !== `http://${host}`) {
      throw new ApiError(
        'forbidden',
        'forbidden_origin',
        `expected no foreign web page, got a request from ${JSON.stringify(origin)}`,
      );
    }
  }

  /**
   * Throws `ApiError` unless the request carries the token, as a header or (a WebSocket from a browser) as a
   * subprotocol.
   */
  checkToken(request: IncomingMessage): void {
    const given =
      /^Bearer ([0-9a-f]+)$/.exec(request.headers.authorization ?? '')?.[1] ??
      /(?:^|[ ,])token\.([0-9a-f]+)(?:$|[ ,])/.exec(request.headers['sec-websocket-protocol'] ?? '')?.[1];
    if (given === undefined) {
      throw new ApiError(
        'unauthorized',
        'token_missing',
        'expected a token, got none',
        { hint: this.#tokenHint },
      );
    }
    if (!sameToken(this.#token, given)) {
      throw new ApiError(
        'unauthorized',
        'token_wrong',
        "expected this node's token, got another",
        { hint: this.#tokenHint },
      );
    }
  }
}
