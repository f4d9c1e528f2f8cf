import type { NodeId } from '../network/network.ts';

/** What can rule out a channel in one direction. The bits of `ConstraintTally` follow this order. */
export const CONSTRAINTS = [
  'excluded',
  'features',
  'no_update',
  'contradictory_update',
  'disabled',
  'capacity',
  'htlc_minimum',
  'htlc_maximum',
  'fee_limit',
  'cltv_limit',
  'hop_limit',
  'local_offline',
  'local_balance',
  'local_htlc_limits',
] as const;

export type Constraint = (typeof CONSTRAINTS)[number];

/**
 * - `payee_is_self`: we do not pay ourselves
 * - `payee_unknown`: no channel leads to the payee, neither in the graph nor in a hint nor of our own
 * - `payee_features`: the payee announces a feature that it demands and we do not know
 * - `no_local_channels`: we have no channel to send from
 * - `expiry_limit`: the payee's own delta is beyond the limit
 * - `onion_size`: what the payee is to be told does not fit into the onion
 * - `constrained`: ways exist, and each is ruled out somewhere
 * - `disconnected`: nothing that is known connects us with the payee
 * - `search_exhausted`: the search gave up at its bound; there may be a route
 */
export type NoRouteReason =
  | 'payee_is_self'
  | 'payee_unknown'
  | 'payee_features'
  | 'no_local_channels'
  | 'expiry_limit'
  | 'onion_size'
  | 'constrained'
  | 'disconnected'
  | 'search_exhausted';

/** Why there is no route. */
export interface NoRoute {
  readonly found: false;
  readonly reason: NoRouteReason;
  /**
   * How many directions of channels the search looked at, and how many of those each constraint ruled out (one may be
   * in several).
   */
  readonly examined: number;
  readonly ruledOut: Readonly<Record<Constraint, number>>;
  /** One sentence for a person. */
  readonly message: string;
}

/** Counts, for each constraint, the edges that it ruled out, each edge once. */
export class ConstraintTally {
  readonly #seen: Uint16Array;
  readonly #counts = new Uint32Array(CONSTRAINTS.length);
  #examined = 0;

  constructor(edgeCount: number) {
    this.#seen = new Uint16Array(edgeCount);
  }

  /** `edge` was looked at. */
  examine(edge: number): void {
    const seen = this.#seen[edge] as number;
    if ((seen & EXAMINED) !== 0) return;
    this.#seen[edge] = seen | EXAMINED;
    this.#examined++;
  }

  /** `constraint` is an index into `CONSTRAINTS`. */
  ruleOut(edge: number, constraint: number): void {
    const seen = this.#seen[edge] as number;
    const bit = 1 << constraint;
    if ((seen & bit) !== 0) return;
    this.#seen[edge] = seen | bit;
    this.#counts[constraint] = (this.#counts[constraint] as number) + 1;
  }

  get examined(): number {
    return this.#examined;
  }

  counts(): Record<Constraint, number> {
    return Object.fromEntries(
      CONSTRAINTS.map((name, index) => [name, this.#counts[index] ?? 0]),
    ) as Record<Constraint, number>;
  }
}

const EXAMINED = 1 << 15;

/** The same for a person: of what kind, and what to do. */
const EXPLANATIONS: Readonly<Record<Constraint, string>> = {
  local_offline: 'of our own channels are offline',
  local_balance: 'of our own channels hold too little that can be sent',
  local_htlc_limits: 'of our own channels take no HTLC of this amount',
  excluded: 'are excluded, mostly since they failed in this payment already',
  features: 'ask for features that we do not know, or are closing',
  no_update: 'have announced no policy',
  contradictory_update: 'announce a policy that contradicts itself',
  disabled: 'are disabled',
  capacity: 'have too little capacity',
  htlc_minimum: 'take only larger amounts',
  htlc_maximum: 'take only smaller amounts',
  fee_limit: 'would exceed the fee limit',
  cltv_limit: 'would exceed the limit on the time lock',
  hop_limit: 'would make the route too long',
};

/** What stands before the counts. */
const REASONS: Readonly<Record<NoRouteReason, string>> = {
  payee_is_self: 'the payee is this node itself',
  payee_unknown: 'no channel to the payee is known '
    + '(gossip may still be incomplete, or it has only unannounced channels and its invoice no route hint)',
  payee_features: 'the payee demands a feature that this node does not know',
  no_local_channels: 'this node has no channel to send from (open one first)',
  expiry_limit: "the payee's own expiry delta is beyond the limit on the time lock",
  onion_size: 'what the payee must be told does not fit into the onion',
  constrained: 'no path satisfies all limits',
  disconnected: 'no known path connects this node with the payee',
  search_exhausted: 'the search reached its bound before an end (try a higher fee or time lock limit)',
};

/** Builds the result and its sentence. */
export function noRoute(reason: NoRouteReason, payee: NodeId, amountMsat: bigint, tally?: ConstraintTally): NoRoute {
  const ruledOut = (tally ?? new ConstraintTally(0)).counts();
  const examined = tally?.examined ?? 0;
  const parts = (Object.keys(EXPLANATIONS) as Constraint[])
    .filter((constraint) => ruledOut[constraint] > 0)
    .map((constraint) => `${ruledOut[constraint]} ${EXPLANATIONS[constraint]}`);
  const details = parts.length === 0 ? '' : `: of ${examined} channel directions examined, ${parts.join(', ')}`;
  return {
    found: false, reason, examined, ruledOut,
    message: `No route for ${amountMsat} msat to ${payee}: ${REASONS[reason]}${details}.`,
  };
}
