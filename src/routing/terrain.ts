import type { NodeId } from '../network/network.ts';
import { directionOf, type EdgePolicy, type Direction } from './channel.ts';
import type { ChannelGraph, GraphArrays } from './graph.ts';
import type { ChannelDirection, Liquidity, LiquidityBounds } from './liquidity.ts';
import { clampMsat, MAX_AMOUNT_MSAT } from './msat.ts';
import { policyOfHint, type LocalChannel, type RouteRequest } from './request.ts';

/**
 * An edge that a search knows beside those of the graph: a channel of our own, a route hint's, or one with a payment's
 * own policy.
 */
export interface ExtraEdge {
  readonly id: number;
  readonly from: number;
  readonly shortChannelId: bigint;
  readonly htlcMinimum: number;
  readonly htlcMaximum: number;
  readonly capacity: number;
  readonly feeBase: number;
  readonly feePpm: number;
  readonly cltvExpiryDelta: number;
  readonly disabled: boolean;
  readonly excluded: boolean;
  readonly bounds: LiquidityBounds | undefined;
}

/** Values of `Terrain.mask`. */
export const MASK_EXCLUDED = 1;
export const MASK_REPLACED = 2;

interface ExtraPlan {
  readonly shortChannelId: bigint;
  readonly from: NodeId;
  readonly to: NodeId;
  readonly policy: EdgePolicy;
  readonly capacity: number;
}

/**
 * What one search walks on: the graph's arrays, and laid over them what holds for this payment alone. Nodes that the
 * graph does not know get indices beyond its own, edges likewise. Making it costs no more than clearing some arrays of
 * the graph's size.
 */
export class Terrain {
  readonly graph: ChannelGraph;
  readonly arrays: GraphArrays;
  /** Node indices below this one are the graph's. */
  readonly graphNodes: number;
  /** Edge ids below this one are the graph's. */
  readonly graphEdges: number;
  readonly source: number;
  readonly payee: number;
  /** For each edge of the graph: 0, or why it is not used. */
  readonly mask: Uint8Array;
  /** By node index: the nodes excluded. */
  readonly excludedNodes: Set<number>;
  /** By node index: how likely a node that failed works again. */
  readonly nodeProbability = new Map<number, number>();

  readonly #extraNodes = new Map<NodeId, number>();
  readonly #extraNodeIds: NodeId[] = [];
  readonly #extraEdges: ExtraEdge[] = [];
  readonly #extraInto = new Map<number, ExtraEdge[]>();
  /** For each edge of the graph: 0, or one more than its place in `#known`. */
  readonly #knownAt: Int32Array;
  readonly #known: LiquidityBounds[] = [];
  readonly #liquidity: Liquidity;
  readonly #excludedChannels: ReadonlySet<bigint>;
  readonly #excludedDirections: ReadonlySet<string>;

  constructor(
    graph: ChannelGraph, liquidity: Liquidity, self: NodeId, localChannels: readonly LocalChannel[],
    request: RouteRequest,
  ) {
    this.graph = graph;
    this.arrays = graph.arrays();
    this.graphNodes = graph.nodeSlots;
    this.graphEdges = 2 * graph.channelSlots;
    this.mask = new Uint8Array(this.graphEdges);
    this.#knownAt = new Int32Array(this.graphEdges);
    this.#liquidity = liquidity;
    const { nodes = [], channels = [], directions = [] } = request.exclude ?? {};
    this.#excludedChannels = new Set(channels);
    this.#excludedDirections = new Set(directions.map(keyOf));

    this.source = this.#resolve(self);
    this.payee = this.#resolve(request.payee);
    this.excludedNodes = new Set(nodes.map((nodeId) => this.#resolve(nodeId)));
    this.#layLiquidity();
    this.#maskExcluded();
    for (const channel of localChannels) this.#addLocal(self, channel);
    for (const plan of this.#plans(request, self)) this.#addEdge(plan);
  }

  /** One more than the largest node index. */
  get nodeSlots(): number {
    return this.graphNodes + this.#extraNodeIds.length;
  }

  get edgeSlots(): number {
    return this.graphEdges + this.#extraEdges.length;
  }

  /** The extra edges that lead into a node; undefined for most. */
  extraInto(node: number): readonly ExtraEdge[] | undefined {
    return this.#extraInto.get(node);
  }

  /** What is known of a graph edge's liquidity; undefined for most. */
  boundsOf(edge: number): LiquidityBounds | undefined {
    const place = this.#knownAt[edge] as number;
    return place === 0 ? undefined : this.#known[place - 1];
  }

  nodeId(node: number): NodeId {
    return node < this.graphNodes ? this.graph.nodeId(node) : (this.#extraNodeIds[node - this.graphNodes] ?? '');
  }

  shortChannelId(edge: number): bigint {
    const scid = edge < this.graphEdges
      ? this.arrays.shortChannelId[edge >> 1]
      : this.#extraEdges[edge - this.graphEdges]?.shortChannelId;
    return scid ?? 0n;
  }

  #resolve(nodeId: NodeId): number {
    const known = this.graph.nodeIndex(nodeId) ?? this.#extraNodes.get(nodeId);
    if (known !== undefined) return known;
    const node = this.nodeSlots;
    this.#extraNodes.set(nodeId, node);
    this.#extraNodeIds.push(nodeId);
    return node;
  }

  #layLiquidity(): void {
    for (const [{ shortChannelId, direction }, bounds] of this.#liquidity.known()) {
      const c = this.graph.channelIndex(shortChannelId);
      if (c !== undefined) this.#knownAt[2 * c + direction] = this.#known.push(bounds);
    }
    for (const [nodeId, probability] of this.#liquidity.nodeProbabilities()) {
      const node = this.graph.nodeIndex(nodeId);
      if (node !== undefined) this.nodeProbability.set(node, probability);
    }
  }

  #maskExcluded(): void {
    for (const shortChannelId of this.#excludedChannels) this.#maskEdges(shortChannelId, [0, 1], MASK_EXCLUDED);
    for (const key of this.#excludedDirections) {
      const { shortChannelId, direction } = edgeOf(key);
      this.#maskEdges(shortChannelId, [direction], MASK_EXCLUDED);
    }
  }

  #maskEdges(shortChannelId: bigint, directions: readonly Direction[], value: number): void {
    const c = this.graph.channelIndex(shortChannelId);
    if (c === undefined) return;
    for (const direction of directions) this.mask[2 * c + direction] = value;
  }

  #addLocal(self: NodeId, channel: LocalChannel): void {
    this.#push(this.#resolve(channel.peer), {
      from: this.source,
      shortChannelId: channel.shortChannelId,
      htlcMinimum: clampMsat(channel.htlcMinimumMsat),
      htlcMaximum: clampMsat(channel.htlcMaximumMsat),
      capacity: clampMsat(channel.spendableMsat),
      feeBase: 0,
      feePpm: 0,
      cltvExpiryDelta: 0,
      disabled: !channel.online,
      excluded: this.#isExcluded(
        { shortChannelId: channel.shortChannelId, direction: directionOf(self, channel.peer) },
      ),
      bounds: undefined,
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
    for (const { shortChannelId, direction, policy } of overrides.values()) {
      const channel = this.graph.channel(shortChannelId);
      const c = this.graph.channelIndex(shortChannelId);
      if (channel === undefined || c === undefined || !channel.usable) continue;
      if (this.mask[2 * c + direction] === MASK_EXCLUDED) continue;
      this.mask[2 * c + direction] = MASK_REPLACED;
      const [from, to] = direction === 0 ? [channel.nodeId1, channel.nodeId2] : [channel.nodeId2, channel.nodeId1];
      if (from !== self) yield { shortChannelId, from, to, policy, capacity: clampMsat(channel.capacityMsat) };
    }
  }

  #addEdge({ shortChannelId, from, to, policy, capacity }: ExtraPlan): void {
    const edge = { shortChannelId, direction: directionOf(from, to) };
    this.#push(this.#resolve(to), {
      from: this.#resolve(from),
      shortChannelId,
      htlcMinimum: clampMsat(policy.htlcMinimumMsat),
      htlcMaximum: clampMsat(policy.htlcMaximumMsat),
      capacity,
      feeBase: policy.feeBaseMsat,
      feePpm: policy.feeProportionalMillionths,
      cltvExpiryDelta: policy.cltvExpiryDelta,
      disabled: policy.disabled,
      excluded: this.#isExcluded(edge),
      bounds: this.#liquidity.boundsOf(edge),
    });
  }

  #push(to: number, edge: Omit<ExtraEdge, 'id'>): void {
    const numbered = { ...edge, id: this.edgeSlots };
    this.#extraEdges.push(numbered);
    const list = this.#extraInto.get(to);
    if (list === undefined) this.#extraInto.set(to, [numbered]);
    else list.push(numbered);
  }

  #isExcluded(edge: ChannelDirection): boolean {
    return this.#excludedChannels.has(edge.shortChannelId) || this.#excludedDirections.has(keyOf(edge));
  }
}

function keyOf({ shortChannelId, direction }: ChannelDirection): string {
  return `${shortChannelId}/${direction}`;
}

function edgeOf(key: string): ChannelDirection {
  const [shortChannelId = '0', direction] = key.split('/');
  return { shortChannelId: BigInt(shortChannelId), direction: direction === '0' ? 0 : 1 };
}
