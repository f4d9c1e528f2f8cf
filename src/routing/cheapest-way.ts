import type { Labels } from './labels.ts';
import { isWithin, refusingEdge, walkBack, type WalkedPath } from './path.ts';
import type { Surcharge } from './frontier.ts';
import type { Reach, ReachRequest } from './reach.ts';
import { Search, type BrokenLimits, type LowerBounds, type SearchLimits, type SearchStart } from './search.ts';
import type { Terrain } from './terrain.ts';

/** The edges of a way, from us on. Without them: no way carries the amount, or those that do break a limit. */
export interface FoundWay {
  readonly edges?: readonly number[];
  readonly exhausted?: boolean;
  readonly broken?: BrokenLimits;
}

/** A way that keeps to all limits, though it may not be the cheapest of those. */
interface KnownWay {
  readonly edges: readonly number[];
  readonly cost: number;
}

/** The cheapest way from us to where the search starts; where the search meets its bound, the cheapest that it came by. */
export function searchFrom(terrain: Terrain, limits: SearchLimits, start: SearchStart): FoundWay {
  const { prices } = limits;
  const cost = terrain.roads.scratch.reach.cost;
  const request: ReachRequest = { measure: 'cost', amount: start.amount, prices, target: start.node };
  const met = cost.meet(terrain, request);
  if (met === undefined) return {};
  const known = carryingWay(terrain, request, start, met.edges);
  if (known === undefined || !isWithin(known, limits)) return searchWithin(terrain, limits, start, known);
  const knownCost = costOf(known, limits);
  cost.widen(terrain, request, knownCost - costOf(start, limits));
  // Most often the limits do not matter; then a node needs fewer labels.
  const way = exactly(terrain, limits, start, { kind: 'cost', cost, knownCost });
  const walked = way.edges && walkBack(terrain, prices, way.edges, start);
  return walked !== undefined && isWithin(walked, limits) ? way : searchWithin(terrain, limits, start, walked);
}

/** How often another way is looked for, where a channel is too small for the fees that come on top. */
const DETOURS = 8;

/**
 * The way, if it carries the amount and all fees; else, one after the other, ways around the channels that do not. Leaves
 * the distances as after a `meet` without detours.
 */
function carryingWay(terrain: Terrain, request: ReachRequest, start: SearchStart, edges: readonly number[]): WalkedPath | undefined {
  const { prices } = request;
  const direct = walkBack(terrain, prices, edges, start);
  if (direct !== undefined) return direct;
  const reach = terrain.roads.scratch.reach.cost;
  const closed: number[] = [];
  let found: WalkedPath | undefined;
  for (let way: readonly number[] | undefined = edges; way !== undefined && found === undefined && closed.length < DETOURS; ) {
    closed.push(refusingEdge(terrain, prices, way, start) as number);
    way = terrain.without(closed, [], () => reach.meet(terrain, request))?.edges;
    found = way && walkBack(terrain, prices, way, start);
  }
  reach.meet(terrain, request);
  return found;
}

/** Likewise, where the cheapest way of all breaks a limit. */
function searchWithin(terrain: Terrain, limits: SearchLimits, start: SearchStart, broken: WalkedPath | undefined): FoundWay {
  const { prices } = limits;
  const found = broken && surchargeFor(terrain, limits, start, broken);
  if (found !== undefined) {
    const { way, surcharge } = found;
    const mixed = terrain.roads.scratch.reach.mixed;
    const request: ReachRequest = { measure: 'mixed', surcharge, amount: start.amount, prices, target: start.node };
    mixed.meet(terrain, request);
    const spared = surcharge.ofFee * (limits.maxAmount - start.amount) + surcharge.ofBlock * (limits.maxCltvDelta - start.cltv);
    mixed.widen(terrain, request, way.cost - costOf(start, limits) + spared + 1);
    const best = exactly(terrain, limits, start, { kind: 'mixed', mixed, surcharge, knownCost: way.cost });
    return best.edges === undefined ? way : best;
  }
  const bounds = { cost: reachBy('cost'), fee: reachBy('fee'), blocks: reachBy('blocks'), hops: reachBy('hops') };
  const ways = Object.values(bounds).flatMap((reach) => keptWay(terrain, limits, start, reach.pathTo(terrain, start.node)) ?? []);
  const [best] = ways.sort((a, b) => a.cost - b.cost);
  const way = exactly(terrain, limits, start, { kind: 'limits', limits: bounds, knownCost: best?.cost ?? Infinity });
  return way.exhausted === true && best !== undefined ? best : way;

  function reachBy(measure: 'cost' | 'fee' | 'blocks' | 'hops'): Reach {
    const reach = terrain.roads.scratch.reach[measure];
    reach.run(terrain, { measure, amount: start.amount, prices, target: start.node, everywhere: true });
    return reach;
  }
}

/** Tries of a surcharge: each quadruples it, or halves the distance between one that is too low and one that is not. */
const TRIES = 7;

/**
 * The smallest surcharge under which the cheapest way keeps to the limits, nearly (a Lagrange multiplier): that way is a
 * good one, and the surcharge tells how much cheaper any other could be. It is on fees, on blocks or on both, as ways have
 * `broken` those limits. Undefined if no surcharge helps.
 */
function surchargeFor(
  terrain: Terrain, limits: SearchLimits, start: SearchStart, broken: WalkedPath,
): { readonly way: KnownWay; readonly surcharge: Surcharge } | undefined {
  const { prices } = limits;
  const budget = Math.max(limits.maxAmount - limits.amount, 1);
  const reach = terrain.roads.scratch.reach.mixed;
  let [low, high, scale] = [0, Infinity, 1 / 4];
  let isOnFees = broken.amount > limits.maxAmount;
  let isOnBlocks = broken.cltv > limits.maxCltvDelta;
  // Nothing but hops is short: no surcharge makes a way shorter.
  if (!isOnFees && !isOnBlocks) return undefined;
  let found: { readonly way: KnownWay; readonly surcharge: Surcharge } | undefined;
  for (let attempt = 0; attempt < TRIES; attempt++) {
    // As much for all the blocks that are allowed as for all the fees; nothing for what is not short.
    const surcharge = { ofFee: isOnFees ? scale : 0, ofBlock: isOnBlocks ? (scale * budget) / Math.max(limits.maxCltvDelta, 1) : 0 };
    const met = reach.meet(terrain, { measure: 'mixed', surcharge, amount: start.amount, prices, target: start.node });
    const walked = met && walkBack(terrain, prices, met.edges, start);
    if (met !== undefined && walked !== undefined && isWithin(walked, limits)) {
      const way = { edges: met.edges, cost: costOf(walked, limits) };
      high = scale;
      found = { surcharge, way: found === undefined || way.cost <= found.way.cost ? way : found.way };
    } else low = scale;
    if (walked !== undefined && found === undefined) {
      isOnFees ||= walked.amount > limits.maxAmount;
      isOnBlocks ||= walked.cltv > limits.maxCltvDelta;
    }
    scale = high === Infinity ? scale * 4 : (low + high) / 2;
  }
  return found;
}

function exactly(terrain: Terrain, limits: SearchLimits, start: SearchStart, bounds: LowerBounds): FoundWay {
  const { labels, best, exhausted, broken } = new Search(terrain, limits, bounds).run(start);
  return best === -1 ? (exhausted ? { exhausted } : { broken }) : { edges: edgesOf(labels, best) };
}

/** The edges from a label to where the search began. */
export function edgesOf(labels: Labels, from: number): number[] {
  const edges: number[] = [];
  for (let label = from; labels.parent[label] !== -1; label = labels.parent[label] as number) {
    edges.push(labels.edge[label] as number);
  }
  return edges;
}

/** The way, with what it costs once fees are paid on fees; undefined if it does not carry that, or breaks a limit. */
function keptWay(terrain: Terrain, limits: SearchLimits, start: SearchStart, edges: readonly number[]): KnownWay | undefined {
  const walked = walkBack(terrain, limits.prices, edges, start);
  return walked !== undefined && isWithin(walked, limits) ? { edges, cost: costOf(walked, limits) } : undefined;
}

const costOf = ({ amount, risk }: Pick<WalkedPath, 'amount' | 'risk'>, limits: SearchLimits): number => amount + risk - limits.amount;
