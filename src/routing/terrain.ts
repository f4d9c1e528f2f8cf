import type { NodeId } from '../network/network.ts';
import { directionOf } from './channel.ts';
import { Excluded } from './excluded.ts';
import { ExtraEdges, type ExtraEdge } from './extra-edges.ts';
import { mostExtraNodes, plansOf, type ExtraPlan } from './extra-plan.ts';
import type { ChannelGraph } from './graph.ts';
import type { GraphArrays } from './graph-arrays.ts';
import type { ChannelDirection, Estimate, Liquidity } from './liquidity.ts';
import { clampMsat, MAX_AMOUNT_MSAT } from './msat.ts';
import type { LocalChannel, RouteRequest } from './request.ts';
import type { Roads } from './roads.ts';
import type { Scratch } from './scratch.ts';

/** Marks of edges in `Terrain.edgeMask`. */
export const EDGE_EXCLUDED = 1;
export const EDGE_REPLACED = 2;
export const EDGE_LOADED = 4;
/** Marks of nodes in `Terrain.nodeMask`. */
export const NODE_EXCLUDED = 1;
export const NODE_HAS_EXTRA = 2;
export const NODE_FAILED = 4;

/**
 * What one search walks on: the graph, and laid over it what holds for this payment alone. Nodes that the graph does not
 * know get indices beyond its own, edges likewise. One at a time for all that share the same `Roads`: it marks their
 * scratch until `leave`.
 */
export class Terrain {
  readonly graph: ChannelGraph;
  readonly roads: Roads;
  readonly arrays: GraphArrays;
  /** Node indices below this one are the graph's. */
  readonly graphNodes: number;
  /** Edge ids below this one are the graph's. */
  readonly graphEdges: number;
  readonly source: number;
  readonly payee: number;
  readonly edgeMask: Uint8Array;
  readonly nodeMask: Uint8Array;

  readonly #extraNodes = new Map<NodeId, number>();
  readonly #extraNodeIds: NodeId[] = [];
  readonly #extras: ExtraEdges;
  readonly #liquidity: Liquidity;
  readonly #scratch: Scratch;
  readonly #excluded: Excluded;
  /** What parts that are out hold. */
  readonly #reserved = new Map<number, number>();
  /** What other parts of the same payment send over an edge already. */
  readonly #loads = new Map<number, number>();
  /** Extra edges that are closed for now. */
  readonly #closedExtras = new Set<number>();

  constructor(roads: Roads, self: NodeId, localChannels: readonly LocalChannel[], request: RouteRequest) {
    roads.refresh();
    this.roads = roads;
    this.graph = roads.graph;
    this.arrays = roads.graph.arrays();
    this.graphNodes = roads.graph.nodeSlots;
    this.graphEdges = 2 * roads.graph.channelSlots;
    this.#extras = new ExtraEdges(this.graphEdges);
    this.#liquidity = roads.liquidity;
    this.#scratch = roads.scratch;
    this.#scratch.begin(this.graphNodes + mostExtraNodes(localChannels.length, request), this.graphEdges);
    this.edgeMask = this.#scratch.edgeMask;
    this.nodeMask = this.#scratch.nodeMask;
    this.#excluded = new Excluded(request);

    // A circle begins at a node of its own, so that the way may end where it begins.
    this.source = request.payee === self ? this.#addNode('') : this.#resolve(self);
    this.payee = this.#resolve(request.payee);
    for (const nodeId of request.exclude?.nodes ?? []) this.#scratch.markNode(this.#resolve(nodeId), NODE_EXCLUDED);
    for (const node of roads.failedNodes.keys()) this.#scratch.markNode(node, NODE_FAILED);
    for (const edge of this.#excluded.directions()) this.#markExcluded(edge);
    for (const channel of localChannels) this.#addLocal(self, channel);
    for (const plan of plansOf(this.graph, self, request, this.#excluded)) {
      if (plan.replaces !== undefined) this.#scratch.markEdge(plan.replaces, EDGE_REPLACED);
      // What we send over our own channels is known.
      if (plan.from !== self) this.#addEdge(plan);
    }
    for (const { amountMsat, ...edge } of request.reserved ?? []) this.#reserve(edge, clampMsat(amountMsat));
    this.clearLoads();
  }

  /** Takes the marks off again. */
  leave(): void {
    this.#reserved.clear();
    this.clearLoads();
    this.#scratch.clear();
  }

  /** Closes these edges and nodes for the searches in `work`. */
  without<Result>(edges: Iterable<number>, nodes: Iterable<number>, work: () => Result): Result {
    const opened: (() => void)[] = [];
    for (const edge of edges) {
      if (this.isExcluded(edge)) continue;
      if (edge >= this.graphEdges) {
        this.#closedExtras.add(edge);
        opened.push(() => this.#closedExtras.delete(edge));
      } else {
        const mark = this.edgeMask[edge] as number;
        this.edgeMask[edge] = EDGE_EXCLUDED;
        opened.push(() => (this.edgeMask[edge] = mark));
      }
    }
    for (const node of nodes) {
      const marks = this.nodeMask[node] as number;
      this.nodeMask[node] = marks | NODE_EXCLUDED;
      opened.push(() => (this.nodeMask[node] = marks));
    }
    try {
      return work();
    } finally {
      for (const open of opened.reverse()) open();
    }
  }

  /** What other parts of the same payment send over an edge already. */
  loadOf(edge: number): number {
    return this.#loads.size === 0 ? 0 : (this.#loads.get(edge) ?? 0);
  }

  addLoad(edge: number, change: number): void {
    const load = this.loadOf(edge) + change;
    if (load === 0) this.#loads.delete(edge);
    else this.#loads.set(edge, load);
    if (edge < this.graphEdges) this.edgeMask[edge] = load === 0 ? 0 : EDGE_LOADED;
  }

  /** Only what parts that are out hold is left. */
  clearLoads(): void {
    for (const edge of this.#loads.keys()) if (edge < this.graphEdges) this.edgeMask[edge] = 0;
    this.#loads.clear();
    for (const [edge, amount] of this.#reserved) this.addLoad(edge, amount);
  }

  /** Whether the payment must not use the edge. */
  isExcluded(edge: number): boolean {
    if (edge >= this.graphEdges) return this.extra(edge).excluded || this.#closedExtras.has(edge);
    return this.edgeMask[edge] === EDGE_EXCLUDED;
  }

  /** One more than the largest node index. */
  get nodeSlots(): number {
    return this.graphNodes + this.#extraNodeIds.length;
  }

  /** The extra edges that lead into a node. */
  extraInto(node: number): readonly ExtraEdge[] {
    return this.#extras.into(node);
  }

  extraOutOf(node: number): readonly ExtraEdge[] {
    return this.#extras.outOf(node);
  }

  extra(edge: number): ExtraEdge {
    return this.#extras.get(edge);
  }

  /** How likely a node is to forward at all; 1 for most. */
  nodeProbability(node: number): number {
    const failed = ((this.nodeMask[node] as number) & NODE_FAILED) !== 0;
    return failed ? this.#liquidity.nodeProbability(this.roads.failedNodes.get(node) ?? '') : 1;
  }

  /** Where a graph edge's balance is believed to lie. */
  estimateOf(edge: number): Estimate {
    return this.#liquidity.estimate(this.roads.boundsOf(edge), this.arrays.capacity[edge >> 1] as number);
  }

  nodeId(node: number): NodeId {
    return node < this.graphNodes ? this.graph.nodeId(node) : (this.#extraNodeIds[node - this.graphNodes] ?? '');
  }

  fromOf(edge: number): number {
    return edge < this.graphEdges ? (this.arrays.ends[edge] as number) : this.extra(edge).from;
  }

  toOf(edge: number): number {
    return edge < this.graphEdges ? (this.arrays.ends[edge ^ 1] as number) : this.extra(edge).to;
  }

  htlcMaximumOf(edge: number): number {
    return edge < this.graphEdges ? (this.arrays.htlcMaximum[edge] as number) : this.extra(edge).htlcMaximum;
  }

  shortChannelId(edge: number): bigint {
    return edge < this.graphEdges ? (this.arrays.shortChannelId[edge >> 1] ?? 0n) : this.extra(edge).shortChannelId;
  }

  #resolve(nodeId: NodeId): number {
    return this.graph.nodeIndex(nodeId) ?? this.#extraNodes.get(nodeId) ?? this.#addNode(nodeId);
  }

  #addNode(nodeId: NodeId): number {
    const node = this.nodeSlots;
    this.#extraNodes.set(nodeId, node);
    this.#extraNodeIds.push(nodeId);
    return node;
  }

  #markExcluded({ shortChannelId, direction }: ChannelDirection): void {
    const c = this.graph.channelIndex(shortChannelId);
    if (c !== undefined) this.#scratch.markEdge(2 * c + direction, EDGE_EXCLUDED);
  }

  #addLocal(self: NodeId, { shortChannelId, peer, htlcMinimumMsat, htlcMaximumMsat, spendableMsat, online }: LocalChannel): void {
    const edge = { shortChannelId, direction: directionOf(self, peer) };
    this.#push({
      id: this.#extras.nextId,
      from: this.source,
      to: this.#resolve(peer),
      shortChannelId,
      direction: edge.direction,
      isLocal: true,
      htlcMinimum: clampMsat(htlcMinimumMsat),
      htlcMaximum: clampMsat(htlcMaximumMsat),
      capacity: clampMsat(spendableMsat),
      isCapped: false,
      feeBase: 0,
      feePpm: 0,
      cltvExpiryDelta: 0,
      disabled: !online,
      excluded: this.#excluded.has(edge),
      estimate: CERTAIN,
    });
  }

  #addEdge({ shortChannelId, direction, from, to, policy, capacity }: ExtraPlan): void {
    const edge = { shortChannelId, direction };
    const cap = this.#excluded.capOf(edge);
    this.#push({
      id: this.#extras.nextId,
      from: this.#resolve(from),
      to: this.#resolve(to),
      shortChannelId,
      direction,
      isLocal: false,
      htlcMinimum: clampMsat(policy.htlcMinimumMsat),
      htlcMaximum: clampMsat(policy.htlcMaximumMsat),
      capacity: Math.min(capacity, cap),
      isCapped: cap < capacity,
      feeBase: policy.feeBaseMsat,
      feePpm: policy.feeProportionalMillionths,
      cltvExpiryDelta: policy.cltvExpiryDelta,
      disabled: policy.disabled,
      excluded: this.#excluded.has(edge),
      estimate: this.#liquidity.estimate(this.#liquidity.boundsOf(edge), capacity),
    });
  }

  #reserve(edge: ChannelDirection, amount: number): void {
    const c = this.graph.channelIndex(edge.shortChannelId);
    const ids = this.#extras.idsOf(edge);
    if (c !== undefined && this.edgeMask[2 * c + edge.direction] === 0) ids.push(2 * c + edge.direction);
    for (const id of ids) this.#reserved.set(id, (this.#reserved.get(id) ?? 0) + amount);
  }

  #push(edge: ExtraEdge): void {
    this.#extras.add(edge);
    this.#scratch.markNode(edge.to, NODE_HAS_EXTRA);
    this.#scratch.markNode(edge.from, NODE_HAS_EXTRA);
  }
}

/** Of our own channels, whose balance is known. */
const CERTAIN: Estimate = { lower: MAX_AMOUNT_MSAT, upper: Infinity, works: 1 };
