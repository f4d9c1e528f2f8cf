import type { MessageOf } from '../wire/messages.ts';
import { WireError } from '../wire/errors.ts';
import { encodeAddresses } from './addresses.ts';
import type { NodeAddress } from './node-address.ts';
import { encodeGossip, requireSignatures, signedHash, type GossipOf, type Sign, type SignatureClaim } from './gossip-message.ts';

/** What a node says about itself. */
export interface NodeDescription {
  readonly nodeId: Uint8Array;
  /** Seconds since 1970, greater than in every announcement that the node made before. */
  readonly timestamp: number;
  readonly features: Uint8Array;
  /** At most 32 bytes of UTF-8. */
  readonly alias: string;
  /** Red, green and blue. */
  readonly rgbColor: Uint8Array;
  readonly addresses: readonly NodeAddress[];
}

/** Makes and signs an announcement. Throws `WireError` for an alias or an address that it cannot carry. */
export function signNodeAnnouncement(node: NodeDescription, signWithNodeKey: Sign): GossipOf<'node_announcement'> {
  const unsigned: MessageOf<'node_announcement'> = {
    type: 'node_announcement',
    signature: new Uint8Array(64),
    features: node.features,
    timestamp: node.timestamp,
    nodeId: node.nodeId,
    rgbColor: node.rgbColor,
    alias: encodeAlias(node.alias),
    addresses: encodeAddresses(node.addresses),
  };
  const signature = signWithNodeKey(signedHash(encodeGossip<'node_announcement'>(unsigned)));
  return encodeGossip<'node_announcement'>({ ...unsigned, signature });
}

/** BOLT 7, "The `node_announcement` Message": the signature is the node's own. */
export function nodeAnnouncementClaims(gossip: GossipOf<'node_announcement'>): SignatureClaim[] {
  const { signature, nodeId } = gossip.message;
  return [{ field: 'signature', signature, hash: signedHash(gossip), key: nodeId }];
}

/** Refuses an announcement that its node has not signed. Throws `GossipError`. */
export function verifyNodeAnnouncement(gossip: GossipOf<'node_announcement'>): void {
  requireSignatures(nodeAnnouncementClaims(gossip));
}

/** An alias as 32 bytes of UTF-8, filled up with zeros. Throws `WireError` for a longer one. */
export function encodeAlias(alias: string): Uint8Array {
  const bytes = new TextEncoder().encode(alias);
  if (bytes.length > 32) {
    throw new WireError('wire_too_long', `expected an alias of at most 32 bytes, got ${bytes.length}`);
  }
  const padded = new Uint8Array(32);
  padded.set(bytes);
  return padded;
}

/**
 * An alias for people to read. Its origin may have put anything there: what is not valid UTF-8 and what is not
 * printable (control characters, changes of writing direction) is replaced by U+FFFD.
 */
export function decodeAlias(alias: Uint8Array): string {
  let end = alias.length;
  while (end > 0 && alias[end - 1] === 0) end--;
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(alias.subarray(0, end));
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '\ufffd');
}
