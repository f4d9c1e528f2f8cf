import { createPrivateKey, createPublicKey, diffieHellman } from 'node:crypto';
import type { ICryptoInterface } from '@chainsafe/libp2p-noise';
import { defaultCrypto } from '@chainsafe/libp2p-noise/crypto';
import { toString } from 'uint8arrays';

/**
 * noise's own cryptography, but for how its X25519 keys come to OpenSSL: as a JWK, which holds the raw bytes. To read them in DER, as noise's own
 * does, costs ten times the multiplication itself, and a handshake has three.
 */
export const noiseCrypto: ICryptoInterface = {
  ...defaultCrypto,
  generateX25519SharedKey: (privateKey, publicKey) =>
    diffieHellman({
      // Node wants an `x` and does not use it.
      privateKey: createPrivateKey({ key: { ...jwk(''), d: toString(privateKey.subarray(), 'base64url') }, format: 'jwk' }),
      publicKey: createPublicKey({ key: jwk(toString(publicKey.subarray(), 'base64url')), format: 'jwk' }),
    }),
};

const jwk = (x: string) => ({ kty: 'OKP', crv: 'X25519', x });
