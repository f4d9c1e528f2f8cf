import { RunnelError } from '../../protocols/errors.ts';

/**
 * - `sync_bad_request`: a peer asked what is not a query
 * - `sync_rate`: a peer asks more than it may
 * - `sync_bad_reply`: a peer's answer to a query is not one
 */
export type GossipSyncErrorCode = 'sync_bad_request' | 'sync_rate' | 'sync_bad_reply';

/** Why a sync came to an early end. What was accepted before stays. */
export class GossipSyncError extends RunnelError {
  declare readonly code: GossipSyncErrorCode;

  constructor(code: GossipSyncErrorCode, message: string, details: Readonly<Record<string, unknown>> = {}) {
    super(code, message, details);
  }
}

/** What went wrong as an error of this project's, whatever was thrown. */
export function asProblem(error: unknown): RunnelError {
  if (error instanceof RunnelError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new RunnelError('gossip_internal', `unexpected in gossip: ${message}`, {}, { cause: error });
}

/** Nothing is judged any more: the node is stopping. */
export class GossipStoppedError extends RunnelError {
  constructor() {
    super('gossip_stopped', 'gossip is judged no more: the node is stopping');
  }
}

/** A thread that checks signatures broke down. */
export class SignatureThreadError extends RunnelError {
  constructor(cause: Error) {
    super('gossip_thread', `a thread that checks signatures broke down: ${cause.message}`, {}, { cause });
  }
}
