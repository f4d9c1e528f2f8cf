import { decryptWithAd, encryptWithAd } from '../../../protocols/noise/aead.ts';
import { derive } from '../../../protocols/noise/handshake.ts';

/** BOLT 8, "Lightning Message Key Rotation": a key is used so often. */
const USES_OF_A_KEY = 1_000;

/** One direction of a session: its key, which changes as it is used. */
export class SessionCipher {
  #chainingKey: Uint8Array;
  #key: Uint8Array;
  #nonce = 0;

  constructor(chainingKey: Uint8Array, key: Uint8Array) {
    this.#chainingKey = chainingKey;
    this.#key = key;
  }

  encrypt(plaintext: Uint8Array): Uint8Array {
    const sealed = encryptWithAd(this.#key, this.#nonce, undefined, plaintext);
    this.#used();
    return sealed;
  }

  /** Undefined for what is not authentic: nothing after it can be read. */
  decrypt(sealed: Uint8Array): Uint8Array | undefined {
    const plaintext = decryptWithAd(this.#key, this.#nonce, undefined, sealed);
    this.#used();
    return plaintext;
  }

  /** BOLT 8, "Lightning Message Key Rotation". */
  #used(): void {
    this.#nonce += 1;
    if (this.#nonce < USES_OF_A_KEY) return;
    [this.#chainingKey, this.#key] = derive(this.#chainingKey, this.#key);
    this.#nonce = 0;
  }
}
