import { pureJsCrypto } from '@chainsafe/libp2p-noise';
import { defaultCrypto } from '@chainsafe/libp2p-noise/crypto';
import { toString } from 'uint8arrays';
import { expect, it } from 'vitest';
import { noiseCrypto } from '../../src/network/noise-crypto.ts';

const hex = (bytes: Uint8Array): string => toString(bytes, 'hex');

it('makes keys, and of them the shared keys that other implementations make', () => {
  for (let i = 0; i < 50; i++) {
    const [a, b] = [noiseCrypto.generateX25519KeyPair(), pureJsCrypto.generateX25519KeyPair()];
    expect(hex(pureJsCrypto.generateX25519KeyPairFromSeed(a.privateKey.subarray()).publicKey.subarray())).toBe(hex(a.publicKey.subarray()));
    const shared = hex(noiseCrypto.generateX25519SharedKey(a.privateKey, b.publicKey));
    expect(hex(pureJsCrypto.generateX25519SharedKey(b.privateKey, a.publicKey))).toBe(shared);
    expect(hex(noiseCrypto.generateX25519SharedKey(b.privateKey, a.publicKey))).toBe(shared);
    expect(hex(defaultCrypto.generateX25519SharedKey(a.privateKey, b.publicKey))).toBe(shared);
  }
});

it.each([
  ['a point of low order', new Uint8Array(32)],
  ['too few bytes', new Uint8Array(31)],
  ['too many', new Uint8Array(33)],
])('throws for a key that is %s', (_, publicKey) => {
  const { privateKey } = noiseCrypto.generateX25519KeyPair();
  expect(() => noiseCrypto.generateX25519SharedKey(privateKey, publicKey)).toThrow();
});
