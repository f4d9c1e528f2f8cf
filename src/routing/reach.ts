import { Frontier, type Horizon, type Metric } from './frontier.ts';
import type { Terrain } from './terrain.ts';

export interface ReachRequest extends Metric {
  /** The payee, or a node from which the rest of the way is settled. */
  readonly target: number;
  /** Does not stop at the target. */
  readonly everywhere?: boolean;
  /** Of `meet`: only a shorter way than this is of interest. */
  readonly within?: number;
}

/**
 * How far each node is from us at least, whatever the amount grows to on the way: a search in which every edge carries
 * what the target is to receive, fees not added. What a node forwards is never less, and no price falls when the amount
 * rises; so these distances are lower bounds, and close ones, since fees are small. (An edge that asks for a larger
 * minimum is taken to carry that.) They tell the exact search, which runs backwards, where not to look.
 */
export class Reach {
  readonly #forward = new Frontier('forward');
  readonly #backward = new Frontier('backward');
  /** Up to this length `meet` has left nothing out. */
  #widest = 0;

  /** Searches from us until the target is reached, or everywhere. False: there is no way. */
  run(terrain: Terrain, request: ReachRequest): boolean {
    const { target, everywhere = false } = request;
    const forward = this.#begin(terrain, request.measure === 'narrowness' ? -Infinity : 0);
    const horizon: Horizon = { farthest: Infinity, atLeast: nothing };
    const { distance } = forward;
    forward.expand(terrain, request, terrain.source, target, horizon);
    for (let node = forward.next(); node !== -1; node = forward.next()) {
      if (!everywhere) horizon.farthest = distance[target] as number;
      if (!everywhere && (distance[node] as number) >= horizon.farthest) break;
      if (node !== target) forward.expand(terrain, request, node, target, horizon);
    }
    const isReached = distance[target] !== Infinity;
    if (!isReached) forward.radius = Infinity;
    return isReached;
  }

  /**
   * Finds the shortest way to the target alone, from both ends at once and always on from where less waits to be looked at, which takes a
   * fraction of the time. Then `widen`
   * is to be called before distances are asked for. Undefined: there is no way.
   */
  meet(terrain: Terrain, request: ReachRequest): { readonly edges: readonly number[]; readonly length: number } | undefined {
    const { target, within = Infinity } = request;
    const forward = this.#begin(terrain, 0);
    const backward = this.#backward;
    backward.reset(terrain.nodeSlots);
    backward.distance[target] = 0;
    const { source } = terrain;
    let shortest = within;
    let meeting = -1;
    const horizon: Horizon = { farthest: within, atLeast: nothing };
    const advance = (own: Frontier, other: Frontier, node: number, goal: number): void => {
      const length = (own.distance[node] as number) + (other.distance[node] as number);
      if (length < shortest) {
        shortest = length;
        meeting = node;
        horizon.farthest = widened(length);
      }
      if (node !== goal) own.expand(terrain, request, node, goal, horizon);
    };
    advance(forward, backward, source, target);
    advance(backward, forward, target, source);
    // A way through a node that neither has looked at is as long as both radii, at least.
    while (forward.radius + backward.radius < shortest) {
      const isForward = forward.size <= backward.size;
      const own = isForward ? forward : backward;
      const node = own.next();
      if (node === -1) break;
      advance(own, isForward ? backward : forward, node, isForward ? target : source);
    }
    if (meeting === -1) return undefined;
    this.#widest = widened(shortest);
    return { edges: [...this.pathTo(terrain, meeting), ...this.#pathFrom(terrain, meeting, target)], length: shortest };
  }

  /** After `meet`: the distances of all nodes on ways to the target that are no longer than `longest`; others are infinite. */
  widen(terrain: Terrain, request: ReachRequest, longest: number): void {
    const forward = this.#forward;
    const backward = this.#backward;
    const horizon: Horizon = { farthest: longest, atLeast: (node) => backward.atLeast(node) };
    if (longest > this.#widest) this.#begin(terrain, 0).expand(terrain, request, terrain.source, request.target, horizon);
    const { distance } = forward;
    for (let node = forward.next(); node !== -1; node = forward.next()) {
      const key = distance[node] as number;
      if (key > longest) break;
      if (node !== request.target && key + backward.atLeast(node) <= longest) {
        forward.expand(terrain, request, node, request.target, horizon);
      }
    }
    forward.radius = Infinity;
  }

  /** The least distance that a node can have. */
  atLeast(node: number): number {
    return this.#forward.atLeast(node);
  }

  /** The edges of the way found, from us to a node. */
  pathTo(terrain: Terrain, node: number): number[] {
    const edges: number[] = [];
    for (let at = node; at !== terrain.source; ) {
      const edge = this.#forward.via[at] as number;
      edges.push(edge);
      at = terrain.fromOf(edge);
    }
    return edges.reverse();
  }

  #pathFrom(terrain: Terrain, node: number, target: number): number[] {
    const edges: number[] = [];
    for (let at = node; at !== target; ) {
      const edge = this.#backward.via[at] as number;
      edges.push(edge);
      at = terrain.toOf(edge);
    }
    return edges;
  }

  /** No way leads through ourselves: our channels are extra edges, with what they really hold. */
  #begin(terrain: Terrain, distance: number): Frontier {
    this.#forward.reset(terrain.nodeSlots);
    this.#forward.distance[terrain.source] = distance;
    return this.#forward;
  }
}

const nothing = (): number => 0;

/** By how much the cheapest way at the target's amount may be dearer once fees are paid on fees: nearly always by less. */
const widened = (length: number): number => length * 1.125 + 1_000;
