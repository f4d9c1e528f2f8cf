import { pureJsCrypto } from '@chainsafe/libp2p-noise';
import { defaultCrypto } from '@chainsafe/libp2p-noise/crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { noiseCrypto } from '../../src/network/noise-crypto.ts';

const seed = fc.uint8Array({ minLength: 32, maxLength: 32 });

it('makes the shared key that other implementations make of any keys', () => {
  fc.assert(
    fc.property(seed, seed, (ours, theirs) => {
      const [a, b] = [pureJsCrypto.generateX25519KeyPairFromSeed(ours), pureJsCrypto.generateX25519KeyPairFromSeed(theirs)];
      const shared = noiseCrypto.generateX25519SharedKey(a.privateKey, b.publicKey);
      expect(Buffer.compare(shared, pureJsCrypto.generateX25519SharedKey(a.privateKey, b.publicKey))).toBe(0);
      expect(Buffer.compare(shared, noiseCrypto.generateX25519SharedKey(b.privateKey, a.publicKey))).toBe(0);
    }),
    { numRuns: 50 },
  );
});

it('takes the keys that noise makes', () => {
  const [a, b] = [defaultCrypto.generateX25519KeyPair(), noiseCrypto.generateX25519KeyPair()];
  const shared = noiseCrypto.generateX25519SharedKey(b.privateKey, a.publicKey);
  expect(Buffer.compare(shared, defaultCrypto.generateX25519SharedKey(a.privateKey, b.publicKey))).toBe(0);
});

it.each([
  ['a point of low order', new Uint8Array(32)],
  ['no key', new Uint8Array(31)],
])('throws for %s', (_, publicKey) => {
  const { privateKey } = noiseCrypto.generateX25519KeyPair();
  expect(() => noiseCrypto.generateX25519SharedKey(privateKey, publicKey)).toThrow();
});
