import { hash256 } from '../crypto/hash.ts';
import { secp256k1 } from '../crypto/secp256k1.ts';
import { decodeMessage, encodeMessage, type Message, type MessageOf } from '../wire/messages.ts';
import { GossipError } from './errors.ts';

/** The messages of BOLT 7 that are passed on from node to node, each signed by its origin. */
export type GossipName = 'channel_announcement' | 'node_announcement' | 'channel_update';

/** A gossip message with the bytes that it came in: those are what was signed, and what is stored and passed on. */
export interface GossipOf<N extends GossipName> {
  readonly raw: Uint8Array;
  readonly message: MessageOf<N>;
}

/** Any gossip message, with its bytes. */
export type Gossip = { [N in GossipName]: GossipOf<N> }[GossipName];

/** Makes the signature of a 32-byte hash: 64 bytes, compact. */
export type Sign = (hash: Uint8Array) => Uint8Array;

/** That a field holds the signature (64 bytes, compact) of a 32-byte hash by a compressed key. */
export interface SignatureClaim {
  readonly field: string;
  readonly signature: Uint8Array;
  readonly hash: Uint8Array;
  readonly key: Uint8Array;
}

/** The signatures stand first, after the two bytes of the type; the hash covers everything behind them. */
const SIGNED_FROM: Readonly<Record<GossipName, number>> = {
  channel_announcement: 2 + 4 * 64,
  node_announcement: 2 + 64,
  channel_update: 2 + 64,
};

/** Reads a gossip message. Throws `WireError`, or `GossipError` for a message that is not broadcast. */
export function decodeGossip(bytes: Uint8Array): Gossip {
  const message = decodeMessage(bytes);
  if (!isGossipMessage(message)) {
    throw new GossipError('gossip_not_broadcast', `expected a gossip message, got ${message.type}`, {
      messageType: message.type,
    });
  }
  return { raw: bytes.slice(), message } as Gossip;
}

/** Narrows a gossip message to one of the three. */
export function isGossip<N extends GossipName>(gossip: Gossip, name: N): gossip is Extract<Gossip, GossipOf<N>> {
  return gossip.message.type === name;
}

/** A message that was made here, with its bytes. */
export function encodeGossip<N extends GossipName>(message: MessageOf<N>): GossipOf<N> {
  return { raw: encodeMessage(message as Message), message };
}

/** BOLT 7: the double SHA256 of everything after the signatures, whatever future nodes may have appended included. */
export function signedHash(gossip: Gossip): Uint8Array {
  return hash256(gossip.raw.subarray(SIGNED_FROM[gossip.message.type]));
}

/** Refuses claims one of which is wrong. Throws `GossipError` that names the field. */
export function requireSignatures(claims: readonly SignatureClaim[]): void {
  for (const { field, signature, hash, key } of claims) {
    if (secp256k1.verify(signature, hash, key)) continue;
    throw new GossipError('gossip_bad_signature', `expected ${field} to be a valid signature, but it is not`, { field });
  }
}

function isGossipMessage(message: Message): message is MessageOf<GossipName> {
  return Object.hasOwn(SIGNED_FROM, message.type);
}
