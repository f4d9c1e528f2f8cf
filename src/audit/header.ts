import { z } from 'zod';
import type { Funding, SideParameters } from '../../machines/channel/data.ts';
import { hash256 } from '../../protocols/crypto/hash.ts';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import { decodeJson, encodeJson } from '../../protocols/json.ts';
import { amount, bytes, count, funding, message, object, sideParameters, text, timeMs } from './data-schema.ts';
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
  software: text,
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
  gossip: object<AuditGossip>({ announcement: message.optional(), updates: z.array(message).max(2) }),
  withheld: object<Withheld>({ firstSequence: count, numEntries: z.int().min(1).max(MAX_ENTRIES) }).optional(),
});

const headerSignatures = object<HeaderSignatures>({ funding: bytes(64), node: bytes(64) });

/** What both keys sign of a header: the double SHA256 of BOLT 7's signatures, over its text. */
export const headerHash = (text: string): Uint8Array => hash256(new Uint8Array(Buffer.concat([DOMAIN, Buffer.from(text)])));

/** Who made the file holds both keys: the node's, and its funding key of this very channel. */
export interface HeaderSignatures {
  readonly funding: Uint8Array;
  readonly node: Uint8Array;
}

/** The first line of a file, without its end. */
export const headerLine = (text: string, { funding, node }: HeaderSignatures): string => `{"header":${text},"signatures":${encodeJson({ funding, node })}}`;

/** The longest header: two sets of keys, and gossip. Before it is read, nothing shows who made it. */
const MAX_HEADER_BYTES = 1_000_000;

/** Reads a first line, which both keys of the node must have signed. Throws `AuditError`. */
export function readHeader(line: string): AuditHeader {
  if (line.length > MAX_HEADER_BYTES) throw notOne(`its first line is longer than ${MAX_HEADER_BYTES} bytes`);
  const { header, signatures } = parts(line);
  if (header.version !== AUDIT_VERSION) {
    throw new AuditError('audit_newer', `expected an audit of version ${AUDIT_VERSION}, got ${String(header.version)}: verify it with a later version of Runnel`);
  }
  const written = encodeJson(header);
  const { funding, node } = checked(headerSignatures, signatures, 'signatures');
  if (headerLine(written, { funding, node }) !== line) throw new AuditError('audit_not_canonical', 'the header is not written as Runnel writes it');
  const read = checked(auditHeader, header, 'header');
  const { firstSequence, numEntries, withheld } = read;
  if (withheld !== undefined && withheld.firstSequence !== firstSequence + numEntries) {
    throw new AuditError('audit_parameters', `expected what is withheld to begin at entry ${firstSequence + numEntries}, got ${withheld.firstSequence}`);
  }
  const hash = headerHash(written);
  if (!secp256k1.verify(node, hash, read.localNodeId)) throw new AuditError('audit_signature', 'the header is not signed by the node that it names');
  if (!secp256k1.verify(funding, hash, read.local.fundingPubkey)) throw new AuditError('audit_signature', 'the header is not signed by the funding key that it names');
  return read;
}

function parts(line: string): { readonly header: Readonly<Record<string, unknown>>; readonly signatures: unknown } {
  let value: unknown;
  try {
    value = decodeJson(line);
  } catch (error) {
    throw notOne(error instanceof Error ? error.message : String(error));
  }
  if (!isObject(value) || !isObject(value.header) || value.header.format !== AUDIT_FORMAT) throw notOne('its first line is no header of one');
  return { header: value.header, signatures: value.signatures };
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null;

const notOne = (reason: string): AuditError => new AuditError('audit_not_one', `this is not a file of runnel audit export: ${reason}`);
