import { POLICY_CONTRADICTORY, POLICY_DISABLED, POLICY_KNOWN } from './graph-arrays.ts';
import { maximumFlow } from './maximum-flow.ts';
import { toMsat } from './msat.ts';
import { ConstraintTally, noRoute, type Constraint, type LeastOfAnyWay, type NoRoute, type Sendable } from './no-route.ts';
import type { Measure } from './frontier.ts';
import type { RouteRequest } from './request.ts';
import type { BrokenLimits, SearchLimits } from './search.ts';
import type { ExtraEdge } from './extra-edges.ts';
import { EDGE_REPLACED, NODE_EXCLUDED, type Terrain } from './terrain.ts';

/** Says why a search found nothing: looks once more, at what stands in the way. */
export function explainNoRoute(
  terrain: Terrain, limits: SearchLimits, request: RouteRequest, broken: BrokenLimits | undefined,
): NoRoute {
  const tally = new ConstraintTally();
  const isConnected = countRuledOut(terrain, limits, tally);
  for (const [constraint, edges] of Object.entries(broken ?? {})) {
    for (let count = edges.size; count > 0; count--) tally.ruleOut(constraint as Constraint);
  }
  const reason = broken !== undefined ? 'limited' : isConnected ? 'constrained' : 'disconnected';
  const least = broken === undefined ? undefined : leastOf(terrain, limits);
  return noRoute(reason, request, { tally, sendable: sendableOf(terrain, limits), ...(least !== undefined && { least }) });
}

/**
 * Looks at every edge that leads into the payee, or to a node from which the payee can be reached with this amount, and
 * counts what rules it out. False: nothing is ruled out, and nothing leads to us either.
 */
function countRuledOut(terrain: Terrain, limits: SearchLimits, tally: ConstraintTally): boolean {
  const seen = new Set([terrain.payee]);
  const queue = [terrain.payee];
  let isRuledOut = false;
  const look = (from: number, constraint: Constraint | undefined): void => {
    tally.examined++;
    if (constraint !== undefined) {
      isRuledOut = true;
      tally.ruleOut(constraint);
    } else if (!seen.has(from)) {
      seen.add(from);
      queue.push(from);
    }
  };
  for (let node = queue.pop(); node !== undefined; node = queue.pop()) {
    if (node === terrain.source) continue;
    for (const edge of terrain.extraInto(node)) look(edge.from, whatRulesOutExtra(terrain, limits, edge));
    if (node >= terrain.graphNodes) continue;
    const { firstInto, nextInto, ends } = terrain.arrays;
    for (let edge = firstInto[node] as number; edge !== -1; edge = nextInto[edge] as number) {
      const from = ends[edge] as number;
      if (from === terrain.source || terrain.edgeMask[edge] === EDGE_REPLACED) continue;
      look(from, whatRulesOut(terrain, limits, edge, from));
    }
  }
  return isRuledOut || seen.has(terrain.source);
}

function whatRulesOut(terrain: Terrain, { amount, maxAmount }: SearchLimits, edge: number, from: number): Constraint | undefined {
  const { policyFlags, channelUsable, htlcMinimum, htlcMaximum, capacity } = terrain.arrays;
  const flags = policyFlags[edge] as number;
  if (terrain.isExcluded(edge) || isExcluded(terrain, from)) return 'excluded';
  if (channelUsable[edge >> 1] === 0 || lacksFeatures(terrain, from)) return 'features';
  if ((flags & POLICY_KNOWN) === 0) return 'no_update';
  if ((flags & POLICY_DISABLED) !== 0) return 'disabled';
  if ((flags & POLICY_CONTRADICTORY) !== 0) return 'contradictory_update';
  const least = htlcMinimum[edge] as number;
  // The payee gets no more than it asked for, and others by no more than fees may come to.
  if (least > (terrain.toOf(edge) === terrain.payee ? amount : maxAmount)) return 'htlc_minimum';
  if (Math.max(amount, least) > (capacity[edge >> 1] as number)) return 'capacity';
  return Math.max(amount, least) > (htlcMaximum[edge] as number) ? 'htlc_maximum' : undefined;
}

function whatRulesOutExtra(terrain: Terrain, { amount, maxAmount }: SearchLimits, edge: ExtraEdge): Constraint | undefined {
  const { id, from, to, disabled, isLocal, htlcMinimum, htlcMaximum, capacity, isCapped } = edge;
  if (terrain.isExcluded(id) || isExcluded(terrain, from)) return 'excluded';
  if (disabled) return isLocal ? 'local_offline' : 'disabled';
  if (lacksFeatures(terrain, from)) return 'features';
  if (!isLocal && htlcMaximum < htlcMinimum) return 'contradictory_update';
  const sent = Math.max(amount, htlcMinimum);
  if (htlcMinimum > (to === terrain.payee ? amount : maxAmount) || sent > htlcMaximum) {
    return isLocal ? 'local_htlc_limits' : htlcMinimum > amount ? 'htlc_minimum' : 'htlc_maximum';
  }
  if (sent <= capacity) return undefined;
  return isLocal ? 'local_balance' : isCapped ? 'excluded' : 'capacity';
}

const isExcluded = (terrain: Terrain, node: number): boolean => ((terrain.nodeMask[node] as number) & NODE_EXCLUDED) !== 0;

/** BOLT 7: no payment is routed through a node with unknown even features. */
const lacksFeatures = (terrain: Terrain, node: number): boolean =>
  node < terrain.graphNodes && terrain.arrays.nodeUsable[node] === 0;

/** A part is at least such a part of the amount. */
const LEAST_PART = 20;

function sendableOf(terrain: Terrain, { amount, maxAmount, prices }: SearchLimits): Sendable {
  const local = terrain.extraOutOf(terrain.source).filter(({ id, disabled }) => !disabled && !terrain.isExcluded(id));
  const reach = terrain.roads.scratch.reach.narrowness;
  const isReached = reach.run(terrain, { measure: 'narrowness', amount: 1, maxAmount, prices, target: terrain.payee });
  const localMsat = local.reduce((sum, { capacity }) => sum + capacity, 0);
  const onePartMsat = isReached ? -reach.atLeast(terrain.payee) : 0;
  // Whether it would do in parts is of interest, not all that the network could carry.
  const wanted = Math.min(localMsat, 2 * amount);
  const inPartsMsat = isReached ? maximumFlow(terrain, { wanted, least: Math.max(1, Math.floor(Math.min(amount, localMsat) / LEAST_PART)) }).amount : 0;
  return {
    localMsat: toMsat(localMsat),
    onePartMsat: toMsat(onePartMsat),
    inPartsMsat: toMsat(Math.max(inPartsMsat, Math.min(onePartMsat, localMsat))),
  };
}

function leastOf(terrain: Terrain, { amount, prices, maxAmount, finalCltvDelta }: SearchLimits): LeastOfAnyWay | undefined {
  const distance = (measure: Measure): number => {
    const reach = terrain.roads.scratch.reach[measure];
    reach.run(terrain, { measure, amount, maxAmount, prices, target: terrain.payee });
    return reach.atLeast(terrain.payee);
  };
  return { feeMsat: toMsat(distance('fee')), blocks: distance('blocks') + finalCltvDelta, hops: distance('hops') };
}
