/** A graph as a snapshot of LDK's "rapid gossip sync", version 1 (as `lightning-rapid-gossip-sync` reads it): the way to give LDK a graph without signatures. */
import { fromString } from 'uint8arrays';
import { bigsize } from '../../protocols/wire/bigsize.ts';
import { Writer } from '../../protocols/wire/writer.ts';
import type { EdgePolicy } from '../../src/routing/channel.ts';
import type { GraphRow } from './graph-csv.ts';

/** Of Bitcoin's mainnet, in the order of the wire. */
const CHAIN_HASH = '6fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000';
const PREFIX = Uint8Array.of(0x4c, 0x44, 0x4b, 1);
/** An update that gives delta, minimum, base fee, ppm and maximum, and so makes no use of the defaults. */
const ALL_FIELDS = 0x7c;

/** Of rows in the order of their short channel ids; the timestamp in seconds. */
export function rapidGossipSnapshot(rows: readonly GraphRow[], timestamp: number): Uint8Array {
  const writer = new Writer();
  writer.bytes(PREFIX);
  writer.bytes(fromString(CHAIN_HASH, 'hex'));
  writer.uint(timestamp, 4);
  const nodes = writeNodes(writer, rows);
  writeAnnouncements(writer, rows, nodes);
  writeUpdates(writer, rows);
  return writer.finish();
}

function writeNodes(writer: Writer, rows: readonly GraphRow[]): Map<string, number> {
  const nodes = new Map<string, number>();
  for (const { channel: { nodeId1, nodeId2 } } of rows) {
    for (const nodeId of [nodeId1, nodeId2]) if (!nodes.has(nodeId)) nodes.set(nodeId, nodes.size);
  }
  writer.uint(nodes.size, 4);
  for (const nodeId of nodes.keys()) writer.bytes(fromString(nodeId, 'hex'));
  return nodes;
}

function writeAnnouncements(writer: Writer, rows: readonly GraphRow[], nodes: ReadonlyMap<string, number>): void {
  writer.uint(rows.length, 4);
  let before = 0n;
  for (const { channel: { shortChannelId, nodeId1, nodeId2 } } of rows) {
    // No features.
    writer.uint(0, 2);
    bigsize.write(writer, shortChannelId - before);
    for (const nodeId of [nodeId1, nodeId2]) bigsize.write(writer, BigInt(nodes.get(nodeId) ?? 0));
    before = shortChannelId;
  }
}

function writeUpdates(writer: Writer, rows: readonly GraphRow[]): void {
  const updates = rows.flatMap(({ channel: { shortChannelId }, policies }) =>
    policies.flatMap((policy, direction) => (policy === undefined ? [] : [{ shortChannelId, direction, policy }])),
  );
  writer.uint(updates.length, 4);
  // The defaults: delta, minimum, base fee, ppm, maximum.
  for (const size of [2, 6, 2, 4, 4, 6, 2]) writer.uint(0, size);
  let before = 0n;
  for (const { shortChannelId, direction, policy } of updates) {
    bigsize.write(writer, shortChannelId - before);
    writeUpdate(writer, policy, direction);
    before = shortChannelId;
  }
}

function writeUpdate(writer: Writer, policy: EdgePolicy, direction: number): void {
  writer.uint(ALL_FIELDS | (policy.disabled ? 2 : 0) | direction, 1);
  writer.uint(policy.cltvExpiryDelta, 2);
  writer.uint64(policy.htlcMinimumMsat);
  writer.uint(policy.feeBaseMsat, 4);
  writer.uint(policy.feeProportionalMillionths, 4);
  writer.uint64(policy.htlcMaximumMsat);
}
