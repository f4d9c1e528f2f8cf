/** Where the money of a network really lies, which nobody but the two ends of a channel knows. */
import { SeededRandom } from '../../src/cluster/seeded-random.ts';
import type { NodeId } from '../../src/network/network.ts';
import { directionOf } from '../../src/routing/channel.ts';
import type { ChannelGraph } from '../../src/routing/graph.ts';
import type { LocalChannel } from '../../src/routing/request.ts';
import { localChannelsOf } from './graph-pairs.ts';

/**
 * `uniform`: anywhere between nothing and the capacity, with the same chance. `lopsided`: in seven channels of ten all but
 * a tenth of the capacity, or less, lies on one side.
 */
export type Distribution = 'uniform' | 'lopsided';

/** A hop of a way, and what it is asked to carry. */
export interface HopLoad {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly shortChannelId: bigint;
  readonly amountMsat: bigint;
}

const STEPS = 1_000_000;

export class HiddenBalances {
  readonly #graph: ChannelGraph;
  /** By short channel id: what lies on the side of node 1. */
  readonly #balances = new Map<bigint, bigint>();

  constructor(graph: ChannelGraph, distribution: Distribution, seed: string) {
    this.#graph = graph;
    const random = new SeededRandom(`balances ${seed}`);
    for (const scid of graph.shortChannelIds()) {
      const { capacityMsat } = graph.channel(scid) ?? { capacityMsat: 0n };
      this.#balances.set(scid, (capacityMsat * BigInt(shareOf(distribution, random))) / BigInt(STEPS));
    }
  }

  /** All that lies in a node's own channels is its own, as if it had opened them. */
  fill(nodeId: NodeId): void {
    for (const scid of this.#graph.channelsOf(nodeId)) {
      const channel = this.#graph.channel(scid);
      if (channel !== undefined) this.#balances.set(scid, channel.nodeId1 === nodeId ? channel.capacityMsat : 0n);
    }
  }

  of(scid: bigint, from: NodeId, to: NodeId): bigint {
    const own = this.#balances.get(scid) ?? 0n;
    return directionOf(from, to) === 0 ? own : (this.#graph.channel(scid)?.capacityMsat ?? 0n) - own;
  }

  /** A node's own channels, whose balances it knows. */
  localChannels(nodeId: NodeId): LocalChannel[] {
    return localChannelsOf(this.#graph, nodeId).map((channel) => ({
      ...channel, spendableMsat: this.of(channel.shortChannelId, nodeId, channel.peer),
    }));
  }

  /** Moves the amounts along the ways, all or none: the first hop that holds too little, by way and place. */
  pay(ways: readonly (readonly HopLoad[])[]): { readonly way: number; readonly hop: number } | undefined {
    const held = new Map<string, bigint>();
    for (const [way, hops] of ways.entries()) {
      for (const [hop, { from, to, shortChannelId, amountMsat }] of hops.entries()) {
        const key = `${shortChannelId}/${directionOf(from, to)}`;
        const before = held.get(key) ?? 0n;
        if (before + amountMsat > this.of(shortChannelId, from, to)) return { way, hop };
        held.set(key, before + amountMsat);
      }
    }
    for (const { from, to, shortChannelId, amountMsat } of ways.flat()) {
      const own = this.#balances.get(shortChannelId) ?? 0n;
      this.#balances.set(shortChannelId, directionOf(from, to) === 0 ? own - amountMsat : own + amountMsat);
    }
    return undefined;
  }
}

/** In millionths. */
function shareOf(distribution: Distribution, random: SeededRandom): number {
  if (distribution === 'uniform' || random.below(10) < 3) return random.below(STEPS + 1);
  const little = random.below(STEPS / 10 + 1);
  return random.below(2) === 0 ? little : STEPS - little;
}
