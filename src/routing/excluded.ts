import type { Direction } from './channel.ts';
import { directionKeyOf, type ChannelDirection } from './liquidity.ts';
import { clampMsat } from './msat.ts';
import type { RouteRequest } from './request.ts';

/** What a request excludes of channels: altogether, or from some amount on. */
export class Excluded {
  readonly #channels: ReadonlySet<bigint>;
  readonly #directions = new Map<bigint, ChannelDirection>();
  /** Of directions that are excluded for large amounts alone: the most that they are asked for. */
  readonly #caps = new Map<bigint, ChannelDirection & { readonly mostMsat: bigint }>();
  readonly #reserved: RouteRequest['reserved'];

  constructor({ exclude = {}, reserved = [] }: RouteRequest) {
    this.#channels = new Set(exclude.channels);
    this.#reserved = reserved;
    for (const { fromMsat, ...edge } of exclude.directions ?? []) {
      const key = directionKeyOf(edge);
      if (fromMsat === undefined) this.#directions.set(key, edge);
      else if (fromMsat <= (this.#caps.get(key)?.mostMsat ?? fromMsat)) this.#caps.set(key, { ...edge, mostMsat: fromMsat - 1n });
    }
  }

  has(edge: ChannelDirection): boolean {
    // Large nodes have thousands of channels, and most payments exclude nothing.
    if (this.#channels.size === 0 && this.#directions.size === 0) return false;
    return this.#channels.has(edge.shortChannelId) || this.#directions.has(directionKeyOf(edge));
  }

  /** All directions that are excluded altogether. */
  *directions(): IterableIterator<ChannelDirection> {
    for (const shortChannelId of this.#channels) {
      for (const direction of [0, 1] as Direction[]) yield { shortChannelId, direction };
    }
    yield* this.#directions.values();
  }

  capped(): Iterable<ChannelDirection> {
    return this.#caps.values();
  }

  /** What a direction may be asked for at most, beside what it holds for parts that are out. */
  capOf(edge: ChannelDirection): number {
    const key = directionKeyOf(edge);
    const cap = this.#caps.get(key);
    if (cap === undefined) return Infinity;
    const held = this.#reserved?.filter((other) => directionKeyOf(other) === key) ?? [];
    return clampMsat(held.reduce((sum, { amountMsat }) => sum + amountMsat, cap.mostMsat));
  }
}
