import type { Direction } from './channel.ts';
import type { ChannelDirection, Estimate } from './liquidity.ts';

/**
 * An edge that a search knows beside those of the graph: a channel of our own, a route hint's, or one with a payment's
 * own policy.
 */
export interface ExtraEdge {
  readonly id: number;
  readonly from: number;
  readonly to: number;
  readonly shortChannelId: bigint;
  readonly direction: Direction;
  readonly isLocal: boolean;
  readonly htlcMinimum: number;
  readonly htlcMaximum: number;
  readonly capacity: number;
  /** The capacity is what the request leaves of it. */
  readonly isCapped: boolean;
  readonly feeBase: number;
  readonly feePpm: number;
  readonly cltvExpiryDelta: number;
  readonly disabled: boolean;
  readonly excluded: boolean;
  readonly estimate: Estimate;
}

const NONE: readonly ExtraEdge[] = [];

/** The extra edges of one search, by the nodes at their ends. */
export class ExtraEdges {
  readonly #firstId: number;
  readonly #all: ExtraEdge[] = [];
  readonly #into = new Map<number, ExtraEdge[]>();
  readonly #outOf = new Map<number, ExtraEdge[]>();

  /** Their ids count from this one on. */
  constructor(firstId: number) {
    this.#firstId = firstId;
  }

  get nextId(): number {
    return this.#firstId + this.#all.length;
  }

  /** With `nextId` for its id. */
  add(edge: ExtraEdge): void {
    this.#all.push(edge);
    append(this.#into, edge.to, edge);
    append(this.#outOf, edge.from, edge);
  }

  get(id: number): ExtraEdge {
    return this.#all[id - this.#firstId] as ExtraEdge;
  }

  into(node: number): readonly ExtraEdge[] {
    return this.#into.get(node) ?? NONE;
  }

  outOf(node: number): readonly ExtraEdge[] {
    return this.#outOf.get(node) ?? NONE;
  }

  /** Those of one direction of a channel: a hint may name what another names. */
  idsOf({ shortChannelId, direction }: ChannelDirection): number[] {
    return this.#all.filter((edge) => edge.shortChannelId === shortChannelId && edge.direction === direction).map(({ id }) => id);
  }
}

function append(map: Map<number, ExtraEdge[]>, node: number, edge: ExtraEdge): void {
  const list = map.get(node);
  if (list === undefined) map.set(node, [edge]);
  else list.push(edge);
}
