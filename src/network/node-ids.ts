import type { PeerId } from '@libp2p/interface';
import { fromString } from 'uint8arrays/from-string';
import { toString as bytesToString } from 'uint8arrays/to-string';
import { nodeIdFromPeerId, peerIdFromNodeId } from '../../protocols/ids.ts';
import { BoundedMap } from '../runtime/bounded-map.ts';
import { NetworkError } from './errors.ts';
import type { NetworkErrorCode } from './errors.ts';
import type { NodeId } from './network.ts';

/** gossipsub asks for the same peers with each message and each second; a point of the curve is decompressed for each answer. */
const known = new BoundedMap<string, NodeId>(10_000);

/** The node of a peer id as text; undefined for a peer whose key is no node's. */
export function nodeIdOf(peerId: string): NodeId | undefined {
  try {
    const nodeId = known.get(peerId) ?? bytesToString(nodeIdFromPeerId(peerId), 'hex');
    known.set(peerId, nodeId);
    return nodeId;
  } catch {
    return undefined;
  }
}

/** @throws NetworkError with the given code for what is not a public key in lower-case hex */
export function peerIdOf(nodeId: NodeId, code: NetworkErrorCode = 'invalid_address'): PeerId {
  const expected = 'expected a node id of 66 lower-case hex digits (a compressed public key)';
  try {
    if (/^[0-9a-f]{66}$/.test(nodeId)) return peerIdFromNodeId(fromString(nodeId, 'hex'));
  } catch (error) {
    throw new NetworkError(code, `${expected}, got "${nodeId}"`, { nodeId }, { cause: error });
  }
  throw new NetworkError(code, `${expected}, got "${nodeId}"`, { nodeId });
}
