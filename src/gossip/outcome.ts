import type { GossipVerdict } from '../network/network.ts';
import type { FundingFault } from './funding-check.ts';

/** Why a message got its verdict. Stable: metric labels. */
export type GossipReason =
  | 'new'
  | 'malformed' | 'bad_signature'
  | 'duplicate' | 'stale' | 'future' | 'other_chain' | 'unknown_type' | 'oversized' | 'dont_forward' | 'bad_addresses'
  | 'unknown_channel' | 'unknown_node' | 'spent'
  | FundingFault
  | 'equivocation' | 'blacklisted'
  | 'origin_limited' | 'rate_limited' | 'busy' | 'storage_unavailable';

/** What becomes of a message, and of those that had waited for it. */
export interface GossipOutcome {
  readonly verdict: GossipVerdict;
  readonly reason: GossipReason;
  /** Messages that came too early and are accepted now: they were not passed on when they came, and should be. */
  readonly released: readonly Uint8Array[];
}

export const ACCEPT: GossipOutcome = { verdict: 'accept', reason: 'new', released: [] };
export const REJECT_MALFORMED: GossipOutcome = { verdict: 'reject', reason: 'malformed', released: [] };
export const REJECT_SIGNATURE: GossipOutcome = { verdict: 'reject', reason: 'bad_signature', released: [] };

/** For reasons of ours, not of the message. */
export function later(reason: GossipReason): GossipOutcome {
  return { verdict: 'later', reason, released: [] };
}

export function ignore(reason: GossipReason): GossipOutcome {
  return { verdict: 'ignore', reason, released: [] };
}
