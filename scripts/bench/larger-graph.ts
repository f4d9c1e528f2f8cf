/** A graph so many times as large as another, with the same degrees, capacities and policies. */
import { toString } from 'uint8arrays';
import { sha256 } from '../../protocols/crypto/hash.ts';
import { SeededRandom } from '../../src/cluster/seeded-random.ts';
import type { NodeId } from '../../src/network/network.ts';
import { directionOf } from '../../src/routing/channel.ts';
import type { GraphRow } from './graph-csv.ts';

/** One channel in so many leads to another copy. */
const CROSSING = 4;

/**
 * Copies of the graph side by side, in which one end of every fourth channel is moved to the same node's counterpart in
 * another copy, so that they are one network.
 */
export function largerGraph(rows: readonly GraphRow[], times: number): GraphRow[] {
  if (times === 1) return [...rows];
  const random = new SeededRandom(`larger ${times}`);
  const ids = new Map<string, NodeId>();
  const copyOf = (nodeId: NodeId, copy: number): NodeId => {
    const key = `${nodeId} ${copy}`;
    const known = ids.get(key) ?? `02${toString(sha256(new TextEncoder().encode(key)), 'hex')}`;
    ids.set(key, known);
    return known;
  };
  return Array.from({ length: times }, (_, copy) => copy).flatMap((copy) =>
    rows.map(({ channel, policies }, index): GraphRow => {
      const a = copyOf(channel.nodeId1, copy);
      const b = copyOf(channel.nodeId2, index % CROSSING === 0 ? random.below(times) : copy);
      const [nodeId1, nodeId2] = [a, b].sort() as [NodeId, NodeId];
      const shortChannelId = BigInt(copy * rows.length + index + 1);
      return {
        channel: { ...channel, shortChannelId, nodeId1, nodeId2 },
        policies: directionOf(a, b) === 0 ? policies : [policies[1], policies[0]],
      };
    }),
  );
}
