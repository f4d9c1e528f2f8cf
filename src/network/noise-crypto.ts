import { createPublicKey, diffieHellman, generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { ICryptoInterface } from '@chainsafe/libp2p-noise';
import { defaultCrypto } from '@chainsafe/libp2p-noise/crypto';
import { fromString, toString } from 'uint8arrays';

/** Those of the key pairs made here, by the bytes that noise keeps of them and brings back. */
const privateKeys = new WeakMap<object, KeyObject>();

/**
 * noise's own cryptography, but for how X25519 keys come to OpenSSL: our own as they were made, a peer's as a JWK, which holds the raw bytes. To
 * read them in DER, as noise's own does, costs some fifteen times the multiplication itself, and a handshake has three.
 */
export const noiseCrypto: ICryptoInterface = {
  ...defaultCrypto,
  generateX25519KeyPair: () => {
    const { privateKey } = generateKeyPairSync('x25519');
    const { d = '', x = '' } = privateKey.export({ format: 'jwk' });
    const pair = { privateKey: fromString(d, 'base64url'), publicKey: fromString(x, 'base64url') };
    privateKeys.set(pair.privateKey, privateKey);
    return pair;
  },
  generateX25519SharedKey: (privateKey, publicKey) => {
    const ours = privateKeys.get(privateKey);
    if (ours === undefined) return defaultCrypto.generateX25519SharedKey(privateKey, publicKey);
    const theirs = { kty: 'OKP', crv: 'X25519', x: toString(publicKey.subarray(), 'base64url') };
    return diffieHellman({ privateKey: ours, publicKey: createPublicKey({ key: theirs, format: 'jwk' }) });
  },
};
