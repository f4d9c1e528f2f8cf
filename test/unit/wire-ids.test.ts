import { generateKeyPair, privateKeyFromRaw } from '@libp2p/crypto/keys';
import { peerIdFromPrivateKey } from '@libp2p/peer-id';
import { describe, expect, test } from 'vitest';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import { gossipTopic, IdError, nodeIdFromPeerId, peerIdFromNodeId } from '../../protocols/ids.ts';

const refusal = (code: string) => expect.objectContaining({ constructor: IdError, code }) as Error;

describe('peer ids and node ids', () => {
  test.each([1, 2, 3, 4, 5])('are the same key (%i)', (n) => {
    const secretKey = new Uint8Array(32).fill(n);
    const peerId = peerIdFromPrivateKey(privateKeyFromRaw(secretKey));
    const nodeId = secp256k1.publicKey(secretKey);
    expect(nodeIdFromPeerId(peerId)).toEqual(nodeId);
    expect(nodeIdFromPeerId(peerId.toString())).toEqual(nodeId);
    expect(peerIdFromNodeId(nodeId).toString()).toBe(peerId.toString());
  });

  test('of other keys are refused', async () => {
    const peerId = peerIdFromPrivateKey(await generateKeyPair('Ed25519'));
    for (const bad of [peerId, peerId.toString(), 'nonsense', '']) {
      expect(() => nodeIdFromPeerId(bad)).toThrow(refusal('id_bad_peer_id'));
    }
  });

  test.each([new Uint8Array(), new Uint8Array(32).fill(1), new Uint8Array(33), new Uint8Array(65).fill(4)])(
    'that are no compressed public key are refused',
    (nodeId) => {
      expect(() => peerIdFromNodeId(nodeId)).toThrow(refusal('id_bad_node_id'));
    },
  );
});

test('the gossip topic names the chain as BOLT 7 writes its hash', () => {
  const chainHash = Uint8Array.from({ length: 32 }, (_, i) => i);
  expect(gossipTopic(chainHash)).toMatch(/^\/runnel\/000102[0-9a-f]{52}1d1e1f\/gossip\/1$/);
});
