import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { concat, fromString } from 'uint8arrays';
import { sha256 } from '../../protocols/crypto/hash.ts';
import type { BackupCipher } from './signer-api.ts';

const FINGERPRINT_BYTES = 8;
const FINGERPRINT_TAG = fromString('runnel backup fingerprint', 'ascii');

/** `key`: 32 bytes, a secret that is used for nothing else. */
export function backupCipher(key: Uint8Array): BackupCipher {
  return {
    fingerprint: sha256(concat([FINGERPRINT_TAG, key])).slice(0, FINGERPRINT_BYTES),
    seal: (plaintext, nonce, header) => xchacha20poly1305(key, nonce, header).encrypt(plaintext),
    open(sealed, nonce, header) {
      try {
        return xchacha20poly1305(key, nonce, header).decrypt(sealed);
      } catch {
        return undefined;
      }
    },
  };
}
