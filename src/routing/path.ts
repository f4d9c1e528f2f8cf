import { POLICY_KNOWN } from './graph-arrays.ts';
import { forwardingFeeMsat } from './msat.ts';
import type { SearchLimits, SearchStart } from './search.ts';
import { EDGE_LOADED, NODE_EXCLUDED, type Terrain } from './terrain.ts';
import { isHopeless, type Prices } from './weights.ts';

/** What it takes to send an amount on over an edge. */
export interface Step {
  /** What the edge carries: the amount, or the edge's minimum. */
  readonly sent: number;
  /** What the node where the edge begins must receive for that. */
  readonly received: number;
  readonly blocks: number;
  /** The price of locked time and of a likely failure, in msat. */
  readonly risk: number;
  /** With what other parts of the payment send, it is nearly certain to fail. */
  readonly isHopeless: boolean;
}

/** Sends `needed` on over an edge: undefined if the edge, or the node where it begins, does not do that. */
export function stepOver(terrain: Terrain, prices: Prices, edge: number, needed: number): Step | undefined {
  const from = terrain.fromOf(edge);
  const isExtra = edge >= terrain.graphEdges;
  if (isExtra) {
    const { isLocal, disabled, htlcMinimum, htlcMaximum, capacity } = terrain.extra(edge);
    if (disabled || terrain.isExcluded(edge)) return undefined;
    const sent = raised(terrain, edge, needed, htlcMinimum, Math.min(htlcMaximum, capacity - terrain.loadOf(edge)));
    // One of our own channels: no fee, no delta, no doubt about the balance.
    if (isLocal) return sent === undefined ? undefined : { sent, received: sent, blocks: 0, risk: 0, isHopeless: false };
    return sent === undefined || !forwards(terrain, from) ? undefined : priced(terrain, prices, edge, from, sent);
  }
  const { policyFlags, channelUsable, htlcMinimum, htlcMaximum, capacity } = terrain.arrays;
  const c = edge >> 1;
  if (((terrain.edgeMask[edge] as number) & ~EDGE_LOADED) !== 0 || policyFlags[edge] !== POLICY_KNOWN || channelUsable[c] === 0) return undefined;
  if (!forwards(terrain, from)) return undefined;
  const most = Math.min(htlcMaximum[edge] as number, (capacity[c] as number) - terrain.loadOf(edge));
  const sent = raised(terrain, edge, needed, htlcMinimum[edge] as number, most);
  return sent === undefined ? undefined : priced(terrain, prices, edge, from, sent);
}

/**
 * A smaller amount is raised to the channel's minimum, and the node after it keeps the difference as a larger fee (BOLT 7
 * asks for a fee "equal to or greater"). But the payee gets what it asked for and not more.
 */
function raised(terrain: Terrain, edge: number, needed: number, least: number, most: number): number | undefined {
  if (least > needed && terrain.toOf(edge) === terrain.payee) return undefined;
  const sent = Math.max(needed, least);
  return sent > most ? undefined : sent;
}

/** BOLT 7: no payment is routed through a node with unknown even features. */
function forwards(terrain: Terrain, node: number): boolean {
  if (node < terrain.graphNodes && terrain.arrays.nodeUsable[node] === 0) return false;
  return ((terrain.nodeMask[node] as number) & NODE_EXCLUDED) === 0;
}

function priced(terrain: Terrain, prices: Prices, edge: number, from: number, sent: number): Step {
  const { feeBase, feePpm, cltvExpiryDelta } = edge < terrain.graphEdges
    ? {
        feeBase: terrain.arrays.feeBase[edge] as number,
        feePpm: terrain.arrays.feePpm[edge] as number,
        cltvExpiryDelta: terrain.arrays.cltvExpiryDelta[edge] as number,
      }
    : terrain.extra(edge);
  const { lower, upper, works } = edge < terrain.graphEdges ? terrain.estimateOf(edge) : terrain.extra(edge).estimate;
  const received = sent + forwardingFeeMsat(sent, feeBase, feePpm);
  const probability = works * terrain.nodeProbability(from);
  // What an edge carries beside other parts of the payment makes all of it less likely.
  const load = terrain.loadOf(edge);
  const before = load === 0 ? 0 : prices.ofRisk(lower, upper, load, probability);
  const risk = prices.ofLock(received, cltvExpiryDelta) + prices.ofRisk(lower, upper, load + sent, probability) - before;
  return { sent, received, blocks: cltvExpiryDelta, risk, isHopeless: load > 0 && isHopeless(lower, upper, load + sent) };
}

/** A way as it was walked backwards, with what each edge carries. */
export interface WalkedPath {
  /** From the source's to the last. */
  readonly steps: readonly Step[];
  readonly amount: number;
  readonly risk: number;
  readonly cltv: number;
  readonly hops: number;
}

/** Walks edges, in the order of the way, backwards from its end: undefined if one of them does not carry what it would have to. */
export function walkBack(terrain: Terrain, prices: Prices, edges: readonly number[], start: SearchStart): WalkedPath | undefined {
  let { amount, risk, cltv } = start;
  const steps: Step[] = [];
  for (let place = edges.length - 1; place >= 0; place--) {
    const step = stepOver(terrain, prices, edges[place] as number, amount);
    if (step === undefined) return undefined;
    steps.unshift(step);
    amount = step.received;
    risk += step.risk;
    cltv += step.blocks;
  }
  return { steps, amount, risk, cltv, hops: start.hops + edges.length };
}

/** A way that carries the amount and all fees, whatever limits it breaks. */
export interface CarryingWay {
  readonly edges: readonly number[];
  readonly walked: WalkedPath;
  /** Beside the amount itself, in msat. */
  readonly cost: number;
}

/** The way with what it costs once fees are paid on fees; undefined if it does not carry that. */
export function carry(terrain: Terrain, limits: SearchLimits, edges: readonly number[], start: SearchStart): CarryingWay | undefined {
  const walked = walkBack(terrain, limits.prices, edges, start);
  return walked && { edges, walked, cost: costOf(walked, limits) };
}

export const costOf = ({ amount, risk }: Pick<WalkedPath, 'amount' | 'risk'>, limits: SearchLimits): number => amount + risk - limits.amount;

/** Of edges that cannot be walked: the one that does not carry what it would have to. */
export function refusingEdge(terrain: Terrain, prices: Prices, edges: readonly number[], start: SearchStart): number | undefined {
  let { amount } = start;
  for (const edge of [...edges].reverse()) {
    const step = stepOver(terrain, prices, edge, amount);
    if (step === undefined) return edge;
    amount = step.received;
  }
  return undefined;
}

export function isWithin({ amount, cltv, hops }: Omit<WalkedPath, 'steps'>, limits: SearchLimits): boolean {
  return amount <= limits.maxAmount && cltv <= limits.maxCltvDelta && hops <= limits.maxHops;
}
