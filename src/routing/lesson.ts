import { failureFlags, type FailureMessage } from '../../protocols/onion/failures.ts';
import type { NodeId } from '../network/network.ts';
import { directionOf } from './channel.ts';
import { readVerifiedUpdate } from './verified-update.ts';
import type { ChannelGraph } from './graph.ts';
import type { ChannelDirection, FailureLesson, Liquidity } from './liquidity.ts';
import type { Exclusions, PolicyOverride, RouteRequest } from './request.ts';
import { htlcsOf, type Route } from './route.ts';

/** How the attempt to send one HTLC along a route ended. */
export type AttemptOutcome =
  /** The preimage came back. */
  | { readonly type: 'settled'; readonly route: Route }
  /** The node `route.hops[hopIndex]` answered with a failure. */
  | {
    readonly type: 'failed';
    readonly route: Route;
    readonly hopIndex: number;
    readonly failure: FailureMessage;
    /** Those of the request that gave the route. */
    readonly policyOverrides?: readonly PolicyOverride[];
  }
  /** A failure came back that no hop's key reads: one of them, and no one knows which, garbled it. */
  | { readonly type: 'unreadable'; readonly route: Route }
  /** The HTLC could not be offered to the first hop at all. */
  | { readonly type: 'not_sent'; readonly route: Route };

/** What an outcome means for the rest of the same payment. */
export interface Lesson {
  /** False: the payment is over, since it succeeded, or the payee said no (BOLT 4, "Receiving Failure Codes"). */
  readonly retry: boolean;
  /**
   * To be added to the request's exclusions. Each lesson with `retry` excludes something or overrides a policy with a
   * newer one, so that the next attempt differs; a node that keeps on sending newer policies is stopped by the
   * payment's own limit on attempts.
   */
  readonly exclude: Exclusions;
  /** To be added to the request's overrides. BOLT 4: for this payment alone, and never shown to others. */
  readonly policyOverride?: PolicyOverride;
  /** What was taught and what is excluded, for whoever wants to see it; in this order. */
  readonly learnt: readonly Learnt[];
}

/** One thing that an attempt has taught, about a channel in one direction or about a node. Plain data. */
export interface Learnt {
  /**
   * To the liquidity estimate, for all payments: `carried`, `settled` and `failed` amounts, or that a node failed; to the
   * same payment alone: a `policy` newer than gossip's, and what is `excluded` from its next attempts.
   */
  readonly kind: 'carried' | 'settled' | 'failed' | 'nodeFailed' | 'policy' | 'excluded';
  readonly shortChannelId?: bigint;
  /** Our own end of our own channel is not named. */
  readonly fromNodeId?: NodeId;
  readonly toNodeId?: NodeId;
  readonly nodeId?: NodeId;
  /** Of a failure, 1 for any amount. */
  readonly amountMsat?: bigint;
  /** A failure that the node called permanent. */
  readonly isPermanent?: true;
  /** A failure of which others are suspected as well. */
  readonly isSuspicion?: true;
}

/** What the teaching reads and changes. */
export interface LessonContext {
  readonly graph: ChannelGraph;
  readonly liquidity: Liquidity;
  readonly chainHash: Uint8Array;
}

/**
 * One channel of a route, from the second on: the first is our own, of which we know more than a failure could tell.
 */
interface RouteEdge extends ChannelDirection {
  readonly amountMsat: bigint;
  readonly fromNodeId: NodeId;
  readonly toNodeId: NodeId;
}

/** How the payment may go on. */
type Verdict = Omit<Lesson, 'learnt'>;

const DONE: Verdict = { retry: false, exclude: {} };

/** Teaches the liquidity estimate and notes it: what is told of a lesson is what was taught. */
class Teacher {
  readonly learnt: Learnt[] = [];
  readonly #liquidity: Liquidity;
  readonly #graph: ChannelGraph;

  constructor({ liquidity, graph }: LessonContext) {
    this.#liquidity = liquidity;
    this.#graph = graph;
  }

  carried(edge: RouteEdge): void {
    this.#liquidity.carried(edge, edge.amountMsat);
    this.learnt.push({ kind: 'carried', ...ends(edge), amountMsat: edge.amountMsat });
  }

  settled(edge: RouteEdge): void {
    this.#liquidity.settled(edge, edge.amountMsat, this.#graph.channel(edge.shortChannelId)?.capacityMsat);
    this.learnt.push({ kind: 'settled', ...ends(edge), amountMsat: edge.amountMsat });
  }

  /** It holds too little for the amount. */
  lacked(edge: RouteEdge): void {
    this.#liquidity.lacked(edge, edge.amountMsat);
    this.learnt.push({ kind: 'failed', ...ends(edge), amountMsat: edge.amountMsat });
  }

  failed(edge: RouteEdge, lesson: FailureLesson = {}): void {
    this.#liquidity.failed(edge, lesson);
    const { permanent = false, certainty = 1 } = lesson;
    this.learnt.push({
      kind: 'failed',
      ...ends(edge),
      amountMsat: 1n,
      ...(permanent && { isPermanent: true }),
      ...(certainty < 1 && { isSuspicion: true }),
    });
  }

  nodeFailed(nodeId: NodeId, permanent: boolean): void {
    this.#liquidity.nodeFailed(nodeId, { permanent });
    this.learnt.push({ kind: 'nodeFailed', nodeId, ...(permanent && { isPermanent: true }) });
  }
}

/**
 * The failures with which a node says that its outgoing channel's policy was not kept; with the policy, they can be
 * mended.
 */
const POLICY_FAILURES: ReadonlySet<FailureMessage['type']> = new Set([
  'amount_below_minimum', 'fee_insufficient', 'incorrect_cltv_expiry', 'channel_disabled',
]);
/** What a forwarding node has no business to say, or cannot blame on a channel. */
const OWN_FAILURES: ReadonlySet<FailureMessage['type']> = new Set([
  'incorrect_or_unknown_payment_details', 'final_incorrect_cltv_expiry', 'final_incorrect_htlc_amount', 'mpp_timeout',
  'invalid_onion_payload', 'invalid_onion_blinding', 'expiry_too_far',
]);

/**
 * Teaches the liquidity estimate what an attempt has shown, and says how its payment may go on. BOLT 4, "Receiving
 * Failure Codes".
 */
export function learn(context: LessonContext, outcome: AttemptOutcome): Lesson {
  const teacher = new Teacher(context);
  const edges = edgesOf(outcome.route);
  const verdict = judge(context, teacher, edges, outcome);
  return { ...verdict, learnt: [...teacher.learnt, ...keptOff(verdict, edges)] };
}

function judge(context: LessonContext, teacher: Teacher, edges: readonly RouteEdge[], outcome: AttemptOutcome): Verdict {
  switch (outcome.type) {
    case 'settled':
      for (const edge of edges) teacher.settled(edge);
      return DONE;
    case 'not_sent':
      return { retry: true, exclude: { channels: outcome.route.hops.slice(0, 1).map((hop) => hop.shortChannelId) } };
    case 'unreadable':
      return fromUnreadable(teacher, edges);
    case 'failed':
      // The HTLC came as far as to the node that answers.
      for (const edge of edges.slice(0, outcome.hopIndex)) teacher.carried(edge);
      return outcome.hopIndex >= outcome.route.hops.length - 1
        ? fromPayee(teacher, outcome)
        : fromForwarder(context, teacher, outcome);
  }
}

/** What the rest of the payment goes by, beside the estimate. */
function keptOff({ exclude, policyOverride }: Verdict, edges: readonly RouteEdge[]): Learnt[] {
  const endsOf = ({ shortChannelId, direction }: ChannelDirection) => {
    const edge = edges.find((other) => other.shortChannelId === shortChannelId && other.direction === direction);
    return edge === undefined ? { shortChannelId } : ends(edge);
  };
  return [
    ...(policyOverride === undefined ? [] : [{ kind: 'policy' as const, ...endsOf(policyOverride) }]),
    ...(exclude.nodes ?? []).map((nodeId): Learnt => ({ kind: 'excluded', nodeId })),
    ...(exclude.channels ?? []).map((shortChannelId): Learnt => ({ kind: 'excluded', shortChannelId })),
    ...(exclude.directions ?? []).map((edge): Learnt => ({ kind: 'excluded', ...endsOf(edge) })),
  ];
}

/** The request for the next attempt of the same payment. */
export function withLesson(request: RouteRequest, { exclude, policyOverride }: Pick<Lesson, 'exclude' | 'policyOverride'>): RouteRequest {
  const before = request.exclude ?? {};
  return {
    ...request,
    exclude: {
      nodes: [...(before.nodes ?? []), ...(exclude.nodes ?? [])],
      channels: [...(before.channels ?? []), ...(exclude.channels ?? [])],
      directions: [...(before.directions ?? []), ...(exclude.directions ?? [])],
    },
    policyOverrides: [...(request.policyOverrides ?? []), ...(policyOverride === undefined ? [] : [policyOverride])],
  };
}

type Failed = Extract<AttemptOutcome, { type: 'failed' }>;

function fromPayee(teacher: Teacher, { route, failure }: Failed): Verdict {
  if (failureFlags(failure).perm) return DONE;
  const before = route.hops.at(-2);
  // When we are the payee's only peer on the route, nothing that we could do differently is left.
  if (before === undefined) return DONE;
  // The HTLC was not what the onion says: the node before the payee changed it.
  if (failure.type === 'final_incorrect_cltv_expiry' || failure.type === 'final_incorrect_htlc_amount') {
    return excludeNode(teacher, before.nodeId, false);
  }
  const last = edgesOf(route).at(-1);
  return { retry: true, exclude: { directions: last === undefined ? [] : [bare(last)] } };
}

function fromForwarder(
  context: LessonContext, teacher: Teacher, { route, hopIndex, failure, policyOverrides = [] }: Failed,
): Verdict {
  const node = route.hops[hopIndex];
  const edge = edgesOf(route)[hopIndex];
  if (node === undefined || edge === undefined) return DONE;
  const { badOnion, perm, node: isNodeFailure } = failureFlags(failure);
  const exclude = { directions: [bare(edge)] };
  // A smaller part may still pass, the likelier the smaller it is, which its price tells; each failure lowers the bound by a quarter, so that few do.
  const excludeAmount = { directions: [{ ...bare(edge), fromMsat: (edge.amountMsat * 3n) / 4n + 1n }] };

  if (isNodeFailure || OWN_FAILURES.has(failure.type)) {
    return excludeNode(teacher, node.nodeId, perm && isNodeFailure);
  }
  // The node after it could not read the onion: one of the two has garbled it.
  if (badOnion) {
    teacher.failed(edge, { certainty: 0.5 });
    return { retry: true, exclude };
  }
  if (POLICY_FAILURES.has(failure.type)) {
    const policyOverride = freshPolicy(context, node.nodeId, edge, failure, policyOverrides);
    if (policyOverride !== undefined) return { retry: true, exclude: {}, policyOverride };
    teacher.failed(edge);
    return { retry: true, exclude };
  }
  // `temporary_channel_failure` and whatever is not known: it may pass later, or a smaller amount now.
  if (perm) teacher.failed(edge, { permanent: true });
  else teacher.lacked(edge);
  return { retry: true, exclude: perm ? exclude : excludeAmount };
}

function fromUnreadable(teacher: Teacher, edges: readonly RouteEdge[]): Verdict {
  if (edges.length === 0) return DONE;
  for (const edge of edges) teacher.failed(edge, { certainty: 0.5 });
  // The last channel may be the payee's only one: it is spared as long as others can be suspected.
  const suspects = edges.length > 1 ? edges.slice(0, -1) : edges;
  return { retry: true, exclude: { directions: suspects.map(bare) } };
}

function excludeNode(teacher: Teacher, nodeId: NodeId, permanent: boolean): Verdict {
  teacher.nodeFailed(nodeId, permanent);
  return { retry: true, exclude: { nodes: [nodeId] } };
}

/**
 * The policy that came with the failure, if it is newer than the one that the attempt was made with, and says something
 * else.
 */
function freshPolicy(
  { graph, chainHash }: LessonContext, nodeId: NodeId, edge: RouteEdge, failure: FailureMessage,
  overrides: readonly PolicyOverride[],
): PolicyOverride | undefined {
  if (!('channelUpdate' in failure)) return undefined;
  const policy = readVerifiedUpdate(failure.channelUpdate, chainHash, nodeId, edge);
  if (policy === undefined) return undefined;
  const { shortChannelId, direction } = edge;
  const used = overrides.findLast(
    (other) => other.shortChannelId === shortChannelId && other.direction === direction,
  )?.policy
    ?? graph.policy(shortChannelId, direction);
  if (used !== undefined) {
    if (policy.timestamp <= used.timestamp) return undefined;
    const isSame = (Object.keys(policy) as (keyof typeof policy)[]).every(
      (field) => field === 'timestamp' || policy[field] === used[field],
    );
    if (isSame) return undefined;
  }
  return { shortChannelId, direction, policy };
}

/**
 * The channels after our own, with what the HTLC over each carries: `edgesOf(route)[i]` leads from hop `i` to hop `i +
 * 1`.
 */
function edgesOf(route: Route): RouteEdge[] {
  const htlcs = htlcsOf(route);
  return route.hops.slice(1).map((hop, index) => {
    const fromNodeId = route.hops[index]?.nodeId ?? '';
    return {
      shortChannelId: hop.shortChannelId,
      direction: directionOf(fromNodeId, hop.nodeId),
      amountMsat: htlcs[index + 1]?.amountMsat ?? 0n,
      fromNodeId,
      toNodeId: hop.nodeId,
    };
  });
}

const ends = ({ shortChannelId, fromNodeId, toNodeId }: RouteEdge): Pick<Learnt, 'shortChannelId' | 'fromNodeId' | 'toNodeId'> =>
  ({ shortChannelId, fromNodeId, toNodeId });

function bare({ shortChannelId, direction }: RouteEdge): ChannelDirection {
  return { shortChannelId, direction };
}
