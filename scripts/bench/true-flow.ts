/** Whether the money could arrive at all: what somebody could tell who knew every balance. */
import type { NodeId } from '../../src/network/network.ts';
import { POLICY_KNOWN } from '../../src/routing/graph-arrays.ts';
import type { HiddenBalances } from './hidden-balances.ts';

/** Wide ways are looked for first, down to such a part of the amount; then those that are left. */
const FINEST = 1_000;

/**
 * Whether a maximum flow over the true balances brings the amount to the payee, without fees and limits, and with so many parts over each channel
 * (Ford and Fulkerson, the widest ways first). Where it does not, no router could have paid.
 */
export function couldArrive({ graph, balances }: HiddenBalances, payer: NodeId, payee: NodeId, amountMsat: bigint, maxParts: number): boolean {
  const { ends, firstInto, nextInto, policyFlags, htlcMaximum } = graph.arrays();
  const [source, target] = [graph.nodeIndex(payer), graph.nodeIndex(payee)];
  if (source === undefined || target === undefined) return false;
  // Of each edge: what flows over it, less what flows over the opposite one.
  const flow = new Float64Array(balances.length);
  const via = new Int32Array(graph.nodeSlots);
  const mostOf = (edge: number): number =>
    policyFlags[edge] === POLICY_KNOWN ? Math.min(balances[edge] as number, maxParts * (htlcMaximum[edge] as number)) : 0;
  const roomOf = (edge: number): number => mostOf(edge) - (flow[edge] as number);

  /** A shortest way with at least so much room, searched from the payee on; false: there is none. */
  const search = (narrowest: number): boolean => {
    via.fill(-1);
    const queue = [target];
    for (let place = 0; place < queue.length; place++) {
      const node = queue[place] as number;
      for (let edge = firstInto[node] as number; edge !== -1; edge = nextInto[edge] as number) {
        const from = ends[edge] as number;
        if (from === target || via[from] !== -1 || roomOf(edge) < narrowest) continue;
        via[from] = edge;
        if (from === source) return true;
        queue.push(from);
      }
    }
    return false;
  };

  let left = Number(amountMsat);
  for (let width = left; ; ) {
    while (left > 0 && search(Math.max(1, Math.min(width, left)))) {
      const edges: number[] = [];
      for (let node = source; node !== target; node = ends[(edges.at(-1) as number) ^ 1] as number) edges.push(via[node] as number);
      const pushed = Math.min(left, ...edges.map(roomOf));
      for (const edge of edges) {
        flow[edge] = (flow[edge] as number) + pushed;
        flow[edge ^ 1] = (flow[edge ^ 1] as number) - pushed;
      }
      left -= pushed;
    }
    if (left === 0) return true;
    if (width === 1) return false;
    width = width * FINEST > Number(amountMsat) ? Math.ceil(width / 2) : 1;
  }
}
