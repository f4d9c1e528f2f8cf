import { z } from 'zod';
import type { Funding, SideParameters } from '../../machines/channel/data.ts';
import { hash256 } from '../../protocols/crypto/hash.ts';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import { decodeJson, encodeJson } from '../../protocols/json.ts';
import { amount, bytes, count, funding, object, sideParameters, timeMs } from './data-schema.ts';
import { checked } from './entry-schema.ts';
import { AuditError } from './errors.ts';

export const AUDIT_FORMAT = 'runnel-audit';
export const AUDIT_VERSION = 1;

/** Says that what is signed is an audit's header, and nothing of the Lightning protocol's. */
const DOMAIN = new TextEncoder().encode('runnel audit header\n');

/** The first line of an audit file: which channel it is, and where the journal begins and ends. */
export interface AuditHeader {
  readonly format: typeof AUDIT_FORMAT;
  readonly version: number;
  /** The version of Runnel that made it. */
  readonly software: string;
  /** Milliseconds since the Unix epoch. */
  readonly createdAt: number;
  readonly chainHash: Uint8Array;
  readonly channelId: Uint8Array;
  readonly funding: Funding;
  readonly fundingSatoshis: bigint;
  readonly shortChannelId: bigint | undefined;
  readonly announce: boolean;
  readonly isOpener: boolean;
  readonly localNodeId: Uint8Array;
  readonly remoteNodeId: Uint8Array;
  readonly local: SideParameters;
  readonly remote: SideParameters;
  readonly firstSequence: number;
  readonly numEntries: number;
  /** The hash of the last entry. */
  readonly headHash: Uint8Array;
  readonly gossip: AuditGossip;
  readonly withheld: Withheld | undefined;
}

/** What the network was told of the channel, as it was signed. */
export interface AuditGossip {
  readonly announcement: Uint8Array | undefined;
  readonly updates: readonly Uint8Array[];
}

/** Entries at the journal's end that hold a preimage which the peer does not have yet: whoever knew it could take the payment. */
export interface Withheld {
  readonly firstSequence: number;
  readonly numEntries: number;
}

/** How many entries of how long a file is believed to have: what a channel does in its life. */
const MAX_ENTRIES = 1_000_000_000;

const auditHeader = object<AuditHeader>({
  format: z.literal(AUDIT_FORMAT),
  version: count,
  software: z.string(),
  createdAt: timeMs,
  chainHash: bytes(32),
  channelId: bytes(32),
  funding,
  fundingSatoshis: amount,
  shortChannelId: amount.optional(),
  announce: z.boolean(),
  isOpener: z.boolean(),
  localNodeId: bytes(33),
  remoteNodeId: bytes(33),
  local: sideParameters,
  remote: sideParameters,
  firstSequence: count,
  numEntries: z.int().min(1).max(MAX_ENTRIES),
  headHash: bytes(32),
  gossip: object<AuditGossip>({ announcement: bytes().optional(), updates: z.array(bytes()).max(2) }),
  withheld: object<Withheld>({ firstSequence: count, numEntries: count }).optional(),
});

/** What the node signs of a header: the double SHA256 of BOLT 7's signatures, over its text. */
export const headerHash = (text: string): Uint8Array => hash256(new Uint8Array(Buffer.concat([DOMAIN, Buffer.from(text)])));

/** The first line of a file, without its end. */
export const headerLine = (text: string, signature: Uint8Array): string => `{"header":${text},"signature":${encodeJson(signature)}}`;

/** Reads a first line, whose signature the node's id must have made. Throws `AuditError`. */
export function readHeader(line: string): AuditHeader {
  const { header, signature } = parts(line);
  if (header.version !== AUDIT_VERSION) {
    throw new AuditError('audit_newer', `expected an audit of version ${AUDIT_VERSION}, got ${String(header.version)}: verify it with a later version of Runnel`);
  }
  const text = encodeJson(header);
  if (!(signature instanceof Uint8Array) || headerLine(text, signature) !== line) throw new AuditError('audit_not_canonical', 'the header is not written as Runnel writes it');
  const read = checked(auditHeader, header, 'header');
  if (!secp256k1.verify(signature, headerHash(text), read.localNodeId)) throw new AuditError('audit_signature', 'the header is not signed by the node that it names');
  return read;
}

function parts(line: string): { readonly header: Readonly<Record<string, unknown>>; readonly signature: unknown } {
  let value: unknown;
  try {
    value = decodeJson(line);
  } catch (error) {
    throw notOne(error instanceof Error ? error.message : String(error));
  }
  if (!isObject(value) || !isObject(value.header) || value.header.format !== AUDIT_FORMAT) throw notOne('its first line is no header of one');
  return { header: value.header, signature: value.signature };
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null;

const notOne = (reason: string): AuditError => new AuditError('audit_not_one', `this is not a file of runnel audit export: ${reason}`);
