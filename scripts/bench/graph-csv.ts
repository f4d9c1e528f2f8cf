/** A channel graph as `test/graph/*.csv.gz` have it. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import type { NodeId } from '../../src/network/network.ts';
import { directionOf, type EdgePolicy, type GraphChannel } from '../../src/routing/channel.ts';
import type { ChannelGraph } from '../../src/routing/graph.ts';

export interface GraphRow {
  readonly channel: GraphChannel;
  /** By direction; undefined: no update is known. */
  readonly policies: readonly [EdgePolicy | undefined, EdgePolicy | undefined];
}

/** Mainnet's graph, from where compiled programs lie. */
export const MAINNET = fileURLToPath(new URL('../../../test/graph/mainnet-2026-02-03.csv.gz', import.meta.url));

/** The rows of a file; short channel ids count from 1. */
export function readGraphRows(path: string): GraphRow[] {
  const [, ...lines] = gunzipSync(readFileSync(path)).toString('utf8').trim().split('\n');
  return lines.map((line) => {
    const [index = '', a = '', b = '', capacitySat = '', ...fields] = line.split(',');
    const [nodeId1, nodeId2] = [a, b].sort() as [NodeId, NodeId];
    const policies: [EdgePolicy | undefined, EdgePolicy | undefined] = [undefined, undefined];
    policies[directionOf(a, b)] = readPolicy(fields.slice(0, 6));
    policies[directionOf(b, a)] = readPolicy(fields.slice(6, 12));
    const shortChannelId = BigInt(index) + 1n;
    return { channel: { shortChannelId, nodeId1, nodeId2, capacityMsat: BigInt(capacitySat) * 1000n, usable: true }, policies };
  });
}

/** What contradicts itself (BOLT 7: a maximum above the capacity) we do not route over, and LDK, told no capacities, cannot see. */
export function withoutContradictions(rows: readonly GraphRow[]): GraphRow[] {
  return rows.map(({ channel, policies: [a, b] }) => {
    const sound = (policy: typeof a): typeof a =>
      policy !== undefined && policy.htlcMaximumMsat <= channel.capacityMsat ? policy : undefined;
    return { channel, policies: [sound(a), sound(b)] };
  });
}

export function addRows(graph: ChannelGraph, rows: readonly GraphRow[]): ChannelGraph {
  for (const { channel, policies } of rows) {
    graph.addChannel(channel);
    for (const direction of [0, 1] as const) {
      const policy = policies[direction];
      if (policy !== undefined) graph.applyUpdate(channel.shortChannelId, direction, policy);
    }
  }
  return graph;
}

function readPolicy([base = '', ppm = '', cltv = '', min = '', max = '', disabled]: readonly string[]): EdgePolicy | undefined {
  if (base === '') return undefined;
  return {
    timestamp: 1,
    disabled: disabled === '1',
    cltvExpiryDelta: Number(cltv),
    htlcMinimumMsat: BigInt(min),
    htlcMaximumMsat: BigInt(max),
    feeBaseMsat: Number(base),
    feeProportionalMillionths: Number(ppm),
  };
}
