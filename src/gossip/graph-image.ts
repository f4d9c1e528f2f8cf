import { crc32 } from 'node:zlib';
import type { GraphColumns } from '../routing/graph-arrays.ts';
import type { TypedArray } from '../routing/typed-arrays.ts';
import type { KnownColumns } from './known-channels.ts';

/** What is in an image. */
export interface GraphImage extends GraphColumns, KnownColumns {
  /** When each node was announced; `NOT_ANNOUNCED`. */
  readonly nodeTimestamp: Uint32Array;
}

export const NOT_ANNOUNCED = 0xffff_ffff;

type ColumnType = new (buffer: ArrayBuffer, byteOffset: number, length: number) => TypedArray;

/**
 * The columns in their order, and how many elements they have for each channel or node. The wider ones come first, so that each stands where
 * an array of its type can lie.
 */
const COLUMNS: { readonly [Name in keyof GraphImage]: readonly [ColumnType, number, 'channel' | 'node'] } = {
  shortChannelId: [BigUint64Array, 1, 'channel'],
  capacity: [Float64Array, 1, 'channel'],
  htlcMinimum: [Float64Array, 2, 'channel'],
  htlcMaximum: [Float64Array, 2, 'channel'],
  ends: [Uint32Array, 2, 'channel'],
  timestamp: [Uint32Array, 2, 'channel'],
  feeBase: [Uint32Array, 2, 'channel'],
  feePpm: [Uint32Array, 2, 'channel'],
  checksum: [Uint32Array, 2, 'channel'],
  addedAt: [Uint32Array, 1, 'channel'],
  spentHeight: [Uint32Array, 1, 'channel'],
  nodeTimestamp: [Uint32Array, 1, 'node'],
  cltvExpiryDelta: [Uint16Array, 2, 'channel'],
  policyFlags: [Uint8Array, 2, 'channel'],
  channelUsable: [Uint8Array, 1, 'channel'],
  featuresKnown: [Uint8Array, 1, 'channel'],
  fundingTxid: [Uint8Array, 32, 'channel'],
  nodeUsable: [Uint8Array, 1, 'node'],
  nodeId: [Uint8Array, 33, 'node'],
};
const NAMES = Object.keys(COLUMNS) as (keyof GraphImage)[];

const VERSION = 2;
/** The version, a checksum (CRC32) of what follows it, and the numbers of channels and nodes, of 32 bits each. */
const HEADER_BYTES = 16;
const CHECKED_FROM = 8;

/**
 * All that is known of the network as one piece of bytes: a header, then the columns as they lie in memory (little-endian, on a machine that
 * is). It says nothing that the messages do not say; a node that starts reads it in a fraction of the time that reading them takes.
 */
export function encodeImage(image: GraphImage): Uint8Array {
  const columns = NAMES.map((name) => image[name]);
  const bytes = new Uint8Array(columns.reduce((sum, { byteLength }) => sum + byteLength, HEADER_BYTES));
  let at = HEADER_BYTES;
  for (const { buffer, byteOffset, byteLength } of columns) {
    bytes.set(new Uint8Array(buffer, byteOffset, byteLength), at);
    at += byteLength;
  }
  const header = new Uint32Array(bytes.buffer, 0, 4);
  header.set([VERSION, 0, image.shortChannelId.length, image.nodeUsable.length]);
  header[1] = crc32(bytes.subarray(CHECKED_FROM));
  return bytes;
}

/** What `encodeImage` was given, in memory of its own; undefined if it is of another version or damaged: then the messages tell. */
export function decodeImage(image: Uint8Array): GraphImage | undefined {
  if (image.length < HEADER_BYTES) return undefined;
  const { buffer } = new Uint8Array(image);
  const [version, checksum, channels = 0, nodes = 0] = new Uint32Array(buffer, 0, 4);
  if (version !== VERSION || checksum !== crc32(new Uint8Array(buffer, CHECKED_FROM))) return undefined;
  const rows = { channel: channels, node: nodes };
  let at = HEADER_BYTES;
  return Object.fromEntries(NAMES.map((name) => {
    const [Column, each, of] = COLUMNS[name];
    const column = new Column(buffer, at, each * rows[of]);
    at += column.byteLength;
    return [name, column];
  })) as unknown as GraphImage;
}
