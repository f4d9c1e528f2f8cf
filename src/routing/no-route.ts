import { formatMsat } from '../amounts.ts';
import { MAX_HOPS, MAX_HTLC_CLTV, type RouteRequest } from './request.ts';

/** What can rule out a channel in one direction. */
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
 * - `payee_is_self`: we do not pay ourselves, unless a circle is asked for
 * - `payee_unknown`: no channel leads to the payee, neither in the graph nor in a hint nor of our own
 * - `payee_features`: the payee announces a feature that it demands and we do not know
 * - `no_local_channels`: we have no channel to send from
 * - `expiry_limit`: the payee's own delta is beyond the limit
 * - `onion_size`: what the payee is to be told does not fit into the onion
 * - `constrained`: ways exist, and each has a channel that does not carry the amount
 * - `limited`: ways carry the amount, and each breaks the limit on fees, on the time lock or on hops
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
  | 'limited'
  | 'disconnected'
  | 'search_exhausted';

/** What could be sent to the payee, fees not taken off. */
export interface Sendable {
  /** All that our own channels could send to whomever. */
  readonly localMsat: bigint;
  /** The largest single HTLC that all channels on some way take. */
  readonly onePartMsat: bigint;
  /** Likewise of parts that are no smaller than a twentieth of the amount; what is more than twice the amount is not looked for. */
  readonly inPartsMsat: bigint;
}

/** The least that any way asks for, each by a way of its own. */
export interface LeastOfAnyWay {
  readonly feeMsat: bigint;
  readonly blocks: number;
  readonly hops: number;
}

/** Why there is no route. */
export interface NoRoute {
  readonly found: false;
  readonly reason: NoRouteReason;
  /**
   * How many directions of channels the search looked at, and how many of those each constraint ruled out: the first that
   * holds, for those that do not carry the amount.
   */
  readonly examined: number;
  readonly ruledOut: Readonly<Record<Constraint, number>>;
  readonly sendable?: Sendable;
  readonly least?: LeastOfAnyWay;
  /** For a person, without the payee's name. */
  readonly message: string;
}

/** Counts, for each constraint, the edges that it ruled out. */
export class ConstraintTally {
  readonly #counts = new Map<Constraint, number>();
  examined = 0;

  ruleOut(constraint: Constraint): void {
    this.#counts.set(constraint, (this.#counts.get(constraint) ?? 0) + 1);
  }

  counts(): Record<Constraint, number> {
    return Object.fromEntries(CONSTRAINTS.map((name) => [name, this.#counts.get(name) ?? 0])) as Record<Constraint, number>;
  }
}

/** The same for a person, behind a number. */
const EXPLANATIONS: Readonly<Record<Constraint, string>> = {
  local_offline: 'of our own offline',
  local_balance: 'of our own with too little that can be sent',
  local_htlc_limits: 'of our own with limits that rule this amount out',
  excluded: 'not to be used for this amount, by the request or since it failed there in this payment already',
  features: 'with features that we do not know, or closing',
  no_update: 'without a policy',
  contradictory_update: 'with a policy that contradicts itself',
  disabled: 'disabled',
  capacity: 'with too little capacity',
  htlc_minimum: 'for larger amounts only',
  htlc_maximum: 'for smaller amounts only',
  fee_limit: 'beyond the fee limit',
  cltv_limit: 'beyond the limit on the time lock',
  hop_limit: 'beyond the longest route',
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
  constrained: 'every way is ruled out somewhere',
  limited: 'no way keeps to all limits at once',
  disconnected: 'no known path connects this node with the payee',
  search_exhausted: 'the search reached its bound before an end (try a higher fee or time lock limit)',
};

export interface NoRouteEvidence {
  readonly tally?: ConstraintTally;
  readonly sendable?: Sendable;
  readonly least?: LeastOfAnyWay;
}

/** Builds the result and its sentences. */
export function noRoute(reason: NoRouteReason, request: RouteRequest, { tally, sendable, least }: NoRouteEvidence = {}): NoRoute {
  const ruledOut = (tally ?? new ConstraintTally()).counts();
  const examined = tally?.examined ?? 0;
  const sentences = [
    `No route for ${formatMsat(request.amountMsat)} sat: ${REASONS[reason]}`,
    ...(sendable === undefined ? [] : [couldSend(sendable)]),
    ...(reason === 'limited' && least !== undefined ? [asksFor(least, request)] : []),
    ...(examined === 0 ? [] : [`Of ${examined} channel directions looked at: ${listed(ruledOut, examined)}`]),
  ];
  return {
    found: false,
    reason,
    examined,
    ruledOut,
    ...(sendable !== undefined && { sendable }),
    ...(least !== undefined && { least }),
    message: `${sentences.join('. ')}.`,
  };
}

function couldSend({ localMsat, onePartMsat, inPartsMsat }: Sendable): string {
  const local = `Our channels can send ${formatMsat(localMsat)} sat in all`;
  if (onePartMsat === 0n) return `${local}, and nothing of it to this payee`;
  return `${local}, and to this payee, as far as channels announce it and it has not failed, ${formatMsat(onePartMsat)} sat at once, ${formatMsat(inPartsMsat)} in parts of a twentieth or more`;
}

function asksFor({ feeMsat, blocks, hops }: LeastOfAnyWay, { maxFeeMsat, maxTotalCltvDelta, maxHops }: RouteRequest): string {
  const limits = [
    `fees from ${formatMsat(feeMsat)} sat (the limit is ${formatMsat(maxFeeMsat)})`,
    `a time lock from ${blocks} blocks (${maxTotalCltvDelta ?? MAX_HTLC_CLTV})`,
    `${hops} hops or more (${maxHops ?? MAX_HOPS})`,
  ];
  return `Ways to it ask for ${limits.join(', ')}`;
}

function listed(ruledOut: Readonly<Record<Constraint, number>>, examined: number): string {
  const named = (Object.keys(EXPLANATIONS) as Constraint[]).filter((constraint) => ruledOut[constraint] > 0);
  if (named.length === 0) return 'none is ruled out by itself';
  // One may break several limits, by different ways.
  const others = examined - named.reduce((sum, constraint) => sum + ruledOut[constraint], 0);
  const parts = named.map((constraint) => `${ruledOut[constraint]} ${EXPLANATIONS[constraint]}`);
  return `${parts.join(', ')}${others > 0 ? `; nothing is wrong with the other ${others}` : ''}`;
}
