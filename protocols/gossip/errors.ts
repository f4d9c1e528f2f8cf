import { RunnelError } from '../errors.ts';

/**
 * Why a gossip message is not what its origin must have made.
 *
 * - `gossip_bad_signature`: the signature named in `details.field` is not valid
 * - `gossip_bad_order`: a `channel_announcement` whose node ids are not in ascending order
 * - `gossip_not_broadcast`: a message that is not one of the three that are broadcast
 */
export type GossipErrorCode = 'gossip_bad_signature' | 'gossip_bad_order' | 'gossip_not_broadcast';

export class GossipError extends RunnelError {
  declare readonly code: GossipErrorCode;

  constructor(code: GossipErrorCode, message: string, details: Readonly<Record<string, unknown>> = {}) {
    super(code, message, details);
  }
}
