import { RunnelError } from '../errors.ts';
import type { BadOnionFailure, FailureMessageOf } from './failures.ts';

/**
 * A packet that this node cannot peel. It is answered with `update_fail_malformed_htlc`, since without the sender's
 * shared secret no error packet can be made: `failure.type` names the failure code, `failure.sha256OfOnion` is the hash
 * of the packet that came. The error's code is the failure's name: `invalid_onion_version`, `invalid_onion_hmac` or
 * `invalid_onion_key`.
 */
export class OnionError extends RunnelError {
  declare readonly code: BadOnionFailure['type'];
  readonly failure: BadOnionFailure;

  constructor(failure: BadOnionFailure, message: string, details: Readonly<Record<string, unknown>> = {}) {
    super(failure.type, message, details);
    this.failure = failure;
  }
}

/**
 * A peeled payload that this node cannot act on. It is answered with `failure`, in an error packet made from the hop's
 * shared secret.
 */
export class OnionPayloadError extends RunnelError {
  declare readonly code: 'invalid_onion_payload';
  readonly failure: FailureMessageOf<'invalid_onion_payload'>;

  constructor(tlvType: bigint, offset: number, message: string, options?: ErrorOptions) {
    super('invalid_onion_payload', message, { tlvType, offset }, options);
    this.failure = { type: 'invalid_onion_payload', tlvType, offset };
  }
}

/**
 * Why no packet can be made for a route.
 *
 * - `onion_no_hops`: the route is empty
 * - `onion_too_large`: the payloads do not fit together into one packet
 * - `onion_bad_payload`: a payload that no hop would accept: shorter than two bytes, or with a value that its field
 *   does not allow
 */
export type OnionRouteErrorCode = 'onion_no_hops' | 'onion_too_large' | 'onion_bad_payload';

/** A route whose packet cannot be made. */
export class OnionRouteError extends RunnelError {
  declare readonly code: OnionRouteErrorCode;

  constructor(
    code: OnionRouteErrorCode,
    message: string,
    details: Readonly<Record<string, unknown>> = {},
    options?: ErrorOptions,
  ) {
    super(code, message, details, options);
  }
}
