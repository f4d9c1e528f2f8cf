/** Where the money of a network really lies, which nobody but the two ends of a channel knows. */
import { SeededRandom } from '../../src/cluster/seeded-random.ts';
import type { NodeId } from '../../src/network/network.ts';
import { directionOf } from '../../src/routing/channel.ts';
import type { ChannelGraph } from '../../src/routing/graph.ts';
import { clampMsat, toMsat } from '../../src/routing/msat.ts';
import type { LocalChannel } from '../../src/routing/request.ts';
import { localChannelsOf } from './graph-pairs.ts';

/**
 * `uniform`: anywhere between nothing and the capacity, with the same chance. `probed`: what LDK's developers found to fit the results of probing mainnet
 * best (rust-lightning's pull request 3495, `nonlinear_success_probability`): at a share x of the capacity with the density 128 (1/256 + 9 (x - 1/2)^8),
 * so that half of all channels lie anywhere, and half near one of their ends.
 */
export const DISTRIBUTIONS = ['uniform', 'probed'] as const;
export type Distribution = (typeof DISTRIBUTIONS)[number];

/** A hop of a way, and what it is asked to carry. */
export interface HopLoad {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly shortChannelId: bigint;
  readonly amountMsat: bigint;
}

const STEPS = 1_000_000;

export class HiddenBalances {
  readonly graph: ChannelGraph;
  /** By edge, in msat: what lies where it begins. Integers below 2^53, of which float64 holds each (`msat.ts`). */
  readonly balances: Float64Array;
  /** By edge: what HTLCs hold that are out. */
  readonly #held = new Map<number, number>();

  private constructor(graph: ChannelGraph, balances: Float64Array) {
    this.graph = graph;
    this.balances = balances;
  }

  static draw(graph: ChannelGraph, distribution: Distribution): HiddenBalances {
    const random = new SeededRandom(`balances ${distribution}`);
    const { capacity } = graph.arrays();
    const balances = new Float64Array(2 * graph.channelSlots);
    for (let c = 0; c < graph.channelSlots; c++) {
      const all = toMsat(capacity[c] as number);
      const own = (all * BigInt(shareOf(distribution, random))) / BigInt(STEPS);
      balances[2 * c] = clampMsat(own);
      balances[2 * c + 1] = clampMsat(all - own);
    }
    return new HiddenBalances(graph, balances);
  }

  /** The same balances once more, over a graph with the same channels in the same order. */
  copy(graph: ChannelGraph): HiddenBalances {
    return new HiddenBalances(graph, this.balances.slice());
  }

  /** All that lies in a node's own channels is its own, as if it had just opened them. */
  fill(nodeId: NodeId): void {
    for (const scid of this.graph.channelsOf(nodeId)) {
      const edge = this.#edgeOf(scid, nodeId);
      this.balances[edge] = this.graph.arrays().capacity[edge >> 1] as number;
      this.balances[edge ^ 1] = 0;
    }
  }

  /** A node's own channels, whose balances it knows. */
  localChannels(nodeId: NodeId): LocalChannel[] {
    return localChannelsOf(this.graph, nodeId).map((channel) => ({
      ...channel, spendableMsat: toMsat(this.#availableAt(this.#edgeOf(channel.shortChannelId, nodeId))),
    }));
  }

  /** Sends one HTLC along a way: undefined if all of its hops hold it now, else the first hop that cannot, and then none does. */
  hold(hops: readonly HopLoad[]): number | undefined {
    const steps = hops.map(({ from, shortChannelId, amountMsat }) => ({ edge: this.#edgeOf(shortChannelId, from), amount: clampMsat(amountMsat) }));
    const refusing = steps.findIndex(({ edge, amount }) => amount > this.#availableAt(edge));
    if (refusing !== -1) return refusing;
    for (const { edge, amount } of steps) this.#held.set(edge, (this.#held.get(edge) ?? 0) + amount);
    return undefined;
  }

  /** All that is held moves to the other side. */
  settle(): void {
    for (const [edge, amount] of this.#held) {
      this.balances[edge] = (this.balances[edge] as number) - amount;
      this.balances[edge ^ 1] = (this.balances[edge ^ 1] as number) + amount;
    }
    this.#held.clear();
  }

  /** All that is held goes back. */
  release(): void {
    this.#held.clear();
  }

  #availableAt(edge: number): number {
    return (this.balances[edge] as number) - (this.#held.get(edge) ?? 0);
  }

  #edgeOf(shortChannelId: bigint, from: NodeId): number {
    const { nodeId1, nodeId2 } = this.graph.channel(shortChannelId) ?? { nodeId1: '', nodeId2: '' };
    const c = this.graph.channelIndex(shortChannelId);
    if (c === undefined || (from !== nodeId1 && from !== nodeId2)) throw new Error(`expected a channel of ${from}, got ${shortChannelId}`);
    return 2 * c + directionOf(from, from === nodeId1 ? nodeId2 : nodeId1);
  }
}

/** In millionths. */
function shareOf(distribution: Distribution, random: SeededRandom): number {
  if (distribution === 'uniform' || random.below(2) === 0) return random.below(STEPS + 1);
  const fromMiddle = Math.round((STEPS / 2) * ((1 + random.below(STEPS)) / STEPS) ** (1 / 9));
  return random.below(2) === 0 ? STEPS / 2 - fromMiddle : STEPS / 2 + fromMiddle;
}
