import type { NodeId } from '../network/network.ts';
import { directionOf, type EdgePolicy, type Direction } from './channel.ts';
import { ExtraEdges, type ExtraEdge } from './extra-edges.ts';
import type { ChannelGraph } from './graph.ts';
import type { GraphArrays } from './graph-arrays.ts';
import type { Estimate, ChannelDirection, Liquidity } from './liquidity.ts';
import { clampMsat, MAX_AMOUNT_MSAT } from './msat.ts';
import { policyOfHint, type LocalChannel, type RouteRequest } from './request.ts';
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

interface ExtraPlan {
  readonly shortChannelId: bigint;
  readonly from: NodeId;
  readonly to: NodeId;
  readonly policy: EdgePolicy;
  readonly capacity: number;
}

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
  readonly #request: RouteRequest;
  readonly #liquidity: Liquidity;
  readonly #scratch: Scratch;
  readonly #excludedChannels: ReadonlySet<bigint>;
  readonly #excludedDirections: ReadonlySet<string>;
  /** Of directions that are excluded for large amounts alone: the most that they are asked for. */
  readonly #caps = new Map<string, bigint>();
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
    this.#request = request;
    this.#liquidity = roads.liquidity;
    this.#scratch = roads.scratch;
    this.#scratch.begin(this.graphNodes + mostExtraNodes(localChannels, request), this.graphEdges);
    this.edgeMask = this.#scratch.edgeMask;
    this.nodeMask = this.#scratch.nodeMask;
    const { nodes = [], channels = [], directions = [] } = request.exclude ?? {};
    this.#excludedChannels = new Set(channels);
    this.#excludedDirections = new Set(directions.filter(({ fromMsat }) => fromMsat === undefined).map(keyOf));
    for (const { fromMsat, ...direction } of directions) {
      if (fromMsat === undefined) continue;
      const known = this.#caps.get(keyOf(direction));
      if (known === undefined || fromMsat <= known) this.#caps.set(keyOf(direction), fromMsat - 1n);
    }

    // A circle begins at a node of its own, so that the way may end where it begins.
    this.source = request.payee === self ? this.#addNode('') : this.#resolve(self);
    this.payee = this.#resolve(request.payee);
    for (const nodeId of nodes) this.#scratch.markNode(this.#resolve(nodeId), NODE_EXCLUDED);
    for (const node of roads.failedNodes.keys()) this.#scratch.markNode(node, NODE_FAILED);
    this.#maskExcluded();
    for (const channel of localChannels) this.#addLocal(self, channel);
    for (const plan of this.#plans(request, self)) this.#addEdge(plan);
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

  #maskExcluded(): void {
    for (const shortChannelId of this.#excludedChannels) this.#maskEdges(shortChannelId, [0, 1], EDGE_EXCLUDED);
    for (const key of this.#excludedDirections) {
      const { shortChannelId, direction } = edgeOf(key);
      this.#maskEdges(shortChannelId, [direction], EDGE_EXCLUDED);
    }
  }

  #maskEdges(shortChannelId: bigint, directions: readonly Direction[], mark: number): void {
    const c = this.graph.channelIndex(shortChannelId);
    if (c === undefined) return;
    for (const direction of directions) this.#scratch.markEdge(2 * c + direction, mark);
  }

  #addLocal(self: NodeId, channel: LocalChannel): void {
    const direction = directionOf(self, channel.peer);
    this.#push({
      from: this.source,
      to: this.#resolve(channel.peer),
      shortChannelId: channel.shortChannelId,
      direction,
      isLocal: true,
      htlcMinimum: clampMsat(channel.htlcMinimumMsat),
      htlcMaximum: clampMsat(channel.htlcMaximumMsat),
      capacity: clampMsat(channel.spendableMsat),
      feeBase: 0,
      feePpm: 0,
      cltvExpiryDelta: 0,
      disabled: !channel.online,
      excluded: this.#isExcluded({ shortChannelId: channel.shortChannelId, direction }),
      estimate: CERTAIN,
    });
  }

  /** The edges of the hints, and those to which the payment has its own policy, which hide the graph's. */
  *#plans(request: RouteRequest, self: NodeId): IterableIterator<ExtraPlan> {
    const overrides = new Map((request.policyOverrides ?? []).map((override) => [keyOf(override), override]));
    for (const hint of request.routeHints ?? []) {
      for (const [index, hop] of hint.entries()) {
        const to = hint[index + 1]?.nodeId ?? request.payee;
        if (hop.nodeId === self || hop.nodeId === to) continue;
        const direction = directionOf(hop.nodeId, to);
        const override = overrides.get(keyOf({ shortChannelId: hop.shortChannelId, direction }));
        const policy = override?.policy ?? policyOfHint(hop);
        yield { shortChannelId: hop.shortChannelId, from: hop.nodeId, to, policy, capacity: MAX_AMOUNT_MSAT };
      }
    }
    for (const key of this.#caps.keys()) {
      const edge = edgeOf(key);
      const policy = this.graph.policy(edge.shortChannelId, edge.direction);
      if (policy !== undefined && !overrides.has(key)) overrides.set(key, { ...edge, policy });
    }
    for (const { shortChannelId, direction, policy } of overrides.values()) {
      const channel = this.graph.channel(shortChannelId);
      const c = this.graph.channelIndex(shortChannelId);
      if (channel === undefined || c === undefined || !channel.usable) continue;
      if (this.edgeMask[2 * c + direction] === EDGE_EXCLUDED) continue;
      this.#scratch.markEdge(2 * c + direction, EDGE_REPLACED);
      const [from, to] = direction === 0 ? [channel.nodeId1, channel.nodeId2] : [channel.nodeId2, channel.nodeId1];
      if (from !== self) yield { shortChannelId, from, to, policy, capacity: clampMsat(channel.capacityMsat) };
    }
  }

  #addEdge({ shortChannelId, from, to, policy, capacity }: ExtraPlan): void {
    const direction = directionOf(from, to);
    const edge = { shortChannelId, direction };
    this.#push({
      from: this.#resolve(from),
      to: this.#resolve(to),
      ...edge,
      isLocal: false,
      htlcMinimum: clampMsat(policy.htlcMinimumMsat),
      htlcMaximum: clampMsat(policy.htlcMaximumMsat),
      capacity: Math.min(capacity, this.#capOf(edge)),
      feeBase: policy.feeBaseMsat,
      feePpm: policy.feeProportionalMillionths,
      cltvExpiryDelta: policy.cltvExpiryDelta,
      disabled: policy.disabled,
      excluded: this.#isExcluded(edge),
      estimate: this.#liquidity.estimate(this.#liquidity.boundsOf(edge), capacity),
    });
  }

  /** What a direction may be asked for at most, beside what it holds for parts that are out. */
  #capOf(edge: ChannelDirection): number {
    const cap = this.#caps.get(keyOf(edge));
    if (cap === undefined) return Infinity;
    const held = this.#request.reserved?.filter((other) => keyOf(other) === keyOf(edge)) ?? [];
    return clampMsat(held.reduce((sum, { amountMsat }) => sum + amountMsat, cap));
  }

  #reserve(edge: ChannelDirection, amount: number): void {
    const c = this.graph.channelIndex(edge.shortChannelId);
    const ids = this.#extras.idsOf(edge);
    if (c !== undefined && this.edgeMask[2 * c + edge.direction] === 0) ids.push(2 * c + edge.direction);
    for (const id of ids) this.#reserved.set(id, (this.#reserved.get(id) ?? 0) + amount);
  }

  #push(edge: Omit<ExtraEdge, 'id'>): void {
    this.#extras.add(edge);
    this.#scratch.markNode(edge.to, NODE_HAS_EXTRA);
    this.#scratch.markNode(edge.from, NODE_HAS_EXTRA);
  }

  #isExcluded(edge: ChannelDirection): boolean {
    // Large nodes have thousands of channels, and most payments exclude nothing.
    if (this.#excludedChannels.size === 0 && this.#excludedDirections.size === 0) return false;
    return this.#excludedChannels.has(edge.shortChannelId) || this.#excludedDirections.has(keyOf(edge));
  }
}

/** Nodes that a request may bring beside the graph's: peers of ours, those of its hints and its exclusions, its payee and ourselves. */
function mostExtraNodes(localChannels: readonly LocalChannel[], { routeHints = [], exclude }: RouteRequest): number {
  const hintHops = routeHints.reduce((sum, hint) => sum + hint.length, 0);
  return localChannels.length + hintHops + (exclude?.nodes?.length ?? 0) + 2;
}

/** Of our own channels, whose balance is known. */
const CERTAIN: Estimate = { lower: MAX_AMOUNT_MSAT, upper: Infinity, works: 1 };

function keyOf({ shortChannelId, direction }: ChannelDirection): string {
  return `${shortChannelId}/${direction}`;
}

function edgeOf(key: string): ChannelDirection {
  const [shortChannelId = '0', direction] = key.split('/');
  return { shortChannelId: BigInt(shortChannelId), direction: direction === '0' ? 0 : 1 };
}
