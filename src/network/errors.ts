import { RunnelError } from '../../protocols/errors.ts';

/** BOLT 1, "Lightning Message Format": type and payload together fit into 65,535 bytes. */
export const MAX_BOLT_MESSAGE_BYTES = 65_535;

/**
 * Why the network could not do what it was asked to.
 *
 * - `network_stopped`: not started yet, or stopped
 * - `invalid_address`: not a multiaddr that this node can dial, or not a node id
 * - `invalid_config`: listen, announce or bootstrap addresses, or a key, that no node can be made from
 * - `listen_failed`: no socket for a listen address
 * - `peer_is_self`: the node was asked to connect to itself
 * - `peer_unknown_address`: no address was given and none was found
 * - `peer_unreachable`: nobody answered at the peer's addresses in time
 * - `peer_identity_mismatch`: somebody else answers at the address
 * - `not_connected`: no link to the peer
 * - `stream_failed`: the peer refused a stream, broke its rules, or lost it
 * - `message_too_large`: more than BOLT 1 lets a message have
 */
export type NetworkErrorCode =
  | 'network_stopped'
  | 'invalid_address'
  | 'invalid_config'
  | 'listen_failed'
  | 'peer_is_self'
  | 'peer_unknown_address'
  | 'peer_unreachable'
  | 'peer_identity_mismatch'
  | 'not_connected'
  | 'stream_failed'
  | 'message_too_large';

/** What the network layer throws; `code` says which kind of failure it is. */
export class NetworkError extends RunnelError {
  declare readonly code: NetworkErrorCode;

  constructor(
    code: NetworkErrorCode,
    message: string,
    details: Readonly<Record<string, unknown>> = {},
    options?: ErrorOptions,
  ) {
    super(code, message, details, options);
  }
}

/** What went wrong, in words, from whatever was thrown; libp2p throws the `close` event when a stream ends under it. */
export function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message;
  return error instanceof Event ? `the stream ended (${error.type})` : String(error);
}

/** The error for a message of `length` bytes that no BOLT message may have. */
export function messageTooLarge(length: number): NetworkError {
  const expected = `a message has at most ${MAX_BOLT_MESSAGE_BYTES} bytes`;
  return new NetworkError('message_too_large', `${expected}, this one has ${length}`, { length });
}
