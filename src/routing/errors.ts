import { RunnelError } from '../../protocols/errors.ts';

/** Stable codes of `RoutingError`. */
export type RoutingErrorCode =
  | 'invalid_node_id'
  | 'invalid_short_channel_id'
  | 'invalid_channel'
  | 'invalid_policy'
  | 'invalid_route_request'
  | 'invalid_route';

/**
 * A value given to the router that cannot be right: what was expected and what came. "No route" is a result, not an
 * error.
 */
export class RoutingError extends RunnelError {
  constructor(code: RoutingErrorCode, message: string, details: Readonly<Record<string, unknown>> = {}) {
    super(code, message, details);
  }
}
