import { POLICY_DISABLED, POLICY_KNOWN } from './graph.ts';
import { TypedHeap } from './heap.ts';
import { Labels } from './labels.ts';
import type { Liquidity, LiquidityBounds } from './liquidity.ts';
import { forwardingFeeMsat } from './msat.ts';
import { CONSTRAINTS, ConstraintTally, type Constraint } from './no-route.ts';
import { MASK_EXCLUDED, type ExtraEdge, type Terrain } from './terrain.ts';

/** The limits of one search, as the arithmetic of the router has them. */
export interface SearchLimits {
  readonly amount: number;
  /** The most that the first HTLC may carry: the amount and the fee limit. */
  readonly maxAmount: number;
  readonly finalCltvDelta: number;
  readonly maxCltvDelta: number;
  readonly maxHops: number;
  /** The price of locking an amount for one block, in billionths of it. */
  readonly timeValuePpb: number;
  readonly maxLabels: number;
}

/** The labels of a finished search and the one at our own node: -1 if there is none. */
export interface SearchOutcome {
  readonly labels: Labels;
  readonly best: number;
  /** The search stopped at its bound on labels. */
  readonly exhausted: boolean;
  readonly tally: ConstraintTally;
}

const [
  EXCLUDED, FEATURES, NO_UPDATE, CONTRADICTORY, DISABLED, CAPACITY, HTLC_MINIMUM, HTLC_MAXIMUM, FEE_LIMIT, CLTV_LIMIT,
  HOP_LIMIT, LOCAL_OFFLINE, LOCAL_BALANCE, LOCAL_HTLC_LIMITS,
] = CONSTRAINTS.map((_: Constraint, index) => index) as [
  number, number, number, number, number, number, number, number, number, number, number, number, number, number,
];

/**
 * One search backwards from the payee, label by label in the order of their cost (fees, the price of locked time, the
 * price of likely failures). The first label to reach our node is the cheapest path. See `findPath` for what `bounded`
 * is about.
 */
export class Search {
  readonly #terrain: Terrain;
  readonly #liquidity: Liquidity;
  readonly #limits: SearchLimits;
  readonly #bounded: boolean;
  readonly #labels: Labels;
  readonly #tally: ConstraintTally;
  readonly #heap = new TypedHeap();
  #best = -1;
  #bestCost = Infinity;

  constructor(terrain: Terrain, liquidity: Liquidity, limits: SearchLimits, bounded: boolean) {
    this.#terrain = terrain;
    this.#liquidity = liquidity;
    this.#limits = limits;
    this.#bounded = bounded;
    this.#labels = new Labels(terrain.nodeSlots);
    this.#tally = new ConstraintTally(terrain.edgeSlots);
  }

  run(): SearchOutcome {
    const { amount, finalCltvDelta, maxLabels } = this.#limits;
    const labels = this.#labels;
    const start = labels.add(this.#terrain.payee, amount, amount, 0, finalCltvDelta, 0, -1, -1, this.#bounded);
    this.#heap.push(amount, start);
    let exhausted = false;
    for (let label = this.#heap.pop(); label !== -1; label = this.#heap.pop()) {
      if (label === this.#best) break;
      if (labels.dead[label] === 1) continue;
      if (labels.count > maxLabels) {
        exhausted = true;
        break;
      }
      this.#expand(label);
    }
    return { labels, best: this.#best, exhausted, tally: this.#tally };
  }

  /** Puts every edge that leads into the label's node before it. */
  #expand(label: number): void {
    const terrain = this.#terrain;
    const node = this.#labels.node[label] as number;
    const extra = terrain.extraInto(node);
    if (extra !== undefined) for (const edge of extra) this.#considerExtra(label, edge);
    if (node >= terrain.graphNodes) return;
    const { nextInto, firstInto, ends } = terrain.arrays;
    for (let edge = firstInto[node] as number; edge !== -1; edge = nextInto[edge] as number) {
      const from = ends[edge] as number;
      // Our own channels are among the extra edges, with what they really hold; and no path leads through us.
      if (from !== terrain.source) this.#considerGraph(label, edge, from);
    }
  }

  #considerGraph(label: number, edge: number, from: number): void {
    const terrain = this.#terrain;
    const {
      channelUsable, policyFlags, htlcMinimum, htlcMaximum, capacity, feeBase, feePpm, cltvExpiryDelta,
    } = terrain.arrays;
    const mask = terrain.mask[edge] as number;
    if (mask !== 0 && mask !== MASK_EXCLUDED) return;
    this.#tally.examine(edge);
    if (mask === MASK_EXCLUDED) return this.#tally.ruleOut(edge, EXCLUDED);
    const c = edge >> 1;
    if (channelUsable[c] === 0) return this.#tally.ruleOut(edge, FEATURES);
    const flags = policyFlags[edge] as number;
    if (flags !== POLICY_KNOWN) {
      return this.#tally.ruleOut(
        edge, (flags & POLICY_KNOWN) === 0 ? NO_UPDATE : (flags & POLICY_DISABLED) !== 0 ? DISABLED : CONTRADICTORY,
      );
    }
    this.#extend(
      label, edge, from, htlcMinimum[edge] as number, htlcMaximum[edge] as number, capacity[c] as number,
      feeBase[edge] as number, feePpm[edge] as number, cltvExpiryDelta[edge] as number, terrain.boundsOf(edge),
    );
  }

  #considerExtra(label: number, edge: ExtraEdge): void {
    const tally = this.#tally;
    const isLocal = edge.from === this.#terrain.source;
    tally.examine(edge.id);
    if (edge.excluded) return tally.ruleOut(edge.id, EXCLUDED);
    if (edge.disabled) return tally.ruleOut(edge.id, isLocal ? LOCAL_OFFLINE : DISABLED);
    if (isLocal) return this.#arrive(label, edge);
    if (edge.htlcMaximum < edge.htlcMinimum) return tally.ruleOut(edge.id, CONTRADICTORY);
    this.#extend(
      label, edge.id, edge.from, edge.htlcMinimum, edge.htlcMaximum, edge.capacity,
      edge.feeBase, edge.feePpm, edge.cltvExpiryDelta, edge.bounds,
    );
  }

  /** The node `from` forwards over `edge` to the label's node, and takes its fee. */
  #extend(
    label: number, edge: number, from: number, minimum: number, maximum: number, capacity: number,
    feeBase: number, feePpm: number, cltvExpiryDelta: number, bounds: LiquidityBounds | undefined,
  ): void {
    const { maxAmount, maxCltvDelta, maxHops, timeValuePpb } = this.#limits;
    const terrain = this.#terrain;
    const labels = this.#labels;
    const tally = this.#tally;
    // BOLT 7: no payment is routed through a node with unknown even features.
    if (from < terrain.graphNodes && terrain.arrays.nodeUsable[from] === 0) return tally.ruleOut(edge, FEATURES);
    if (terrain.excludedNodes.has(from)) return tally.ruleOut(edge, EXCLUDED);

    const needed = labels.amount[label] as number;
    // A smaller amount is raised to the channel's minimum, and the node after it keeps the difference as a larger fee
    // (BOLT 7 asks for a fee "equal to or greater"). But the payee gets what it asked for and not more.
    if (minimum > needed && labels.parent[label] === -1) return tally.ruleOut(edge, HTLC_MINIMUM);
    const sent = Math.max(needed, minimum);
    if (sent > capacity) return tally.ruleOut(edge, CAPACITY);
    if (sent > maximum) return tally.ruleOut(edge, HTLC_MAXIMUM);
    const received = sent + forwardingFeeMsat(sent, feeBase, feePpm);
    if (received > maxAmount) return tally.ruleOut(edge, sent > needed ? HTLC_MINIMUM : FEE_LIMIT);
    const cltv = (labels.cltv[label] as number) + cltvExpiryDelta;
    const hops = (labels.hops[label] as number) + 1;
    if (this.#bounded) {
      if (cltv > maxCltvDelta) return tally.ruleOut(edge, CLTV_LIMIT);
      // One more is needed for the way from us to this node.
      if (hops + 1 > maxHops) return tally.ruleOut(edge, HOP_LIMIT);
    }
    const nodeProbability = terrain.nodeProbability.size === 0 ? 1 : (terrain.nodeProbability.get(from) ?? 1);
    const risk = (labels.risk[label] as number)
      + Math.floor((received * cltvExpiryDelta * timeValuePpb) / 1e9)
      + this.#liquidity.penaltyMsat(bounds, sent, capacity, nodeProbability);
    this.#add(from, received, sent, risk, cltv, hops, edge, label);
  }

  /** One of our own channels leads to the label's node: no fee, no delta, no doubt about the balance. */
  #arrive(label: number, edge: ExtraEdge): void {
    const labels = this.#labels;
    const tally = this.#tally;
    const needed = labels.amount[label] as number;
    if (edge.htlcMinimum > needed && labels.parent[label] === -1) return tally.ruleOut(edge.id, LOCAL_HTLC_LIMITS);
    const sent = Math.max(needed, edge.htlcMinimum);
    if (sent > edge.htlcMaximum) return tally.ruleOut(edge.id, LOCAL_HTLC_LIMITS);
    if (sent > edge.capacity) return tally.ruleOut(edge.id, LOCAL_BALANCE);
    if (sent > this.#limits.maxAmount) return tally.ruleOut(edge.id, LOCAL_HTLC_LIMITS);
    const hops = (labels.hops[label] as number) + 1;
    if (this.#bounded && hops > this.#limits.maxHops) return tally.ruleOut(edge.id, HOP_LIMIT);
    this.#add(edge.from, sent, sent, labels.risk[label] as number, labels.cltv[label] as number, hops, edge.id, label);
  }

  #add(
    node: number, amount: number, sent: number, risk: number, cltv: number, hops: number, edge: number, parent: number,
  ): void {
    const cost = amount + risk;
    if (cost >= this.#bestCost) return;
    const label = this.#labels.add(node, amount, sent, risk, cltv, hops, edge, parent, this.#bounded);
    if (label === -1) return;
    if (node === this.#terrain.source) {
      this.#best = label;
      this.#bestCost = cost;
    }
    this.#heap.push(cost, label);
  }
}
