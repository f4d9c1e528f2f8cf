import { publicKeyFromRaw } from '@libp2p/crypto/keys';
import type { PeerId } from '@libp2p/interface';
import { peerIdFromPublicKey, peerIdFromString } from '@libp2p/peer-id';
import { toString } from 'uint8arrays';
import { RunnelError } from './errors.ts';

/** The long-lived stream of a pair of peers that carries BOLT messages, each after its length. */
export const CHANNEL_PROTOCOL = '/runnel/channel/1.0.0';

/** A stream on which one node asks, and the other answers with the gossip that it knows. */
export const GOSSIP_SYNC_PROTOCOL = '/runnel/gossip-sync/1.0.0';

/** The DHT in which nodes find each other's addresses. */
export const KAD_PROTOCOL = '/runnel/kad/1.0.0';

/** The topic of the gossip about one chain; the hash is written as in BOLT 7 (bytes in wire order). */
export function gossipTopic(chainHash: Uint8Array): string {
  return `/runnel/${toString(chainHash, 'hex')}/gossip/1`;
}

/** `id_bad_node_id`: not a public key; `id_bad_peer_id`: not the peer id of a secp256k1 key. */
export class IdError extends RunnelError {
  declare readonly code: 'id_bad_node_id' | 'id_bad_peer_id';
}

/** The peer id of a node id (33 bytes): they are the same key. Throws `IdError`. */
export function peerIdFromNodeId(nodeId: Uint8Array): PeerId {
  try {
    const key = publicKeyFromRaw(nodeId);
    if (key.type === 'secp256k1') return peerIdFromPublicKey(key);
  } catch (error) {
    throw badNodeId(nodeId, { cause: error });
  }
  throw badNodeId(nodeId);
}

/**
 * The node id (33 bytes) of a peer id, or of its text. Throws `IdError` for a peer whose key is not a secp256k1 one.
 */
export function nodeIdFromPeerId(peerId: PeerId | string): Uint8Array {
  const { publicKey } = typeof peerId === 'string' ? parsePeerId(peerId) : peerId;
  if (publicKey?.type === 'secp256k1') return publicKey.raw;
  throw new IdError('id_bad_peer_id', `expected the peer id of a secp256k1 key, got ${peerId.toString()}`);
}

function parsePeerId(text: string): PeerId {
  try {
    return peerIdFromString(text);
  } catch (error) {
    throw new IdError('id_bad_peer_id', `expected a peer id, got ${JSON.stringify(text)}`, {}, { cause: error });
  }
}

function badNodeId(nodeId: Uint8Array, options?: ErrorOptions): IdError {
  const message = `expected a node id of 33 bytes (a compressed public key), got ${toString(nodeId, 'hex')}`;
  return new IdError('id_bad_node_id', message, {}, options);
}
