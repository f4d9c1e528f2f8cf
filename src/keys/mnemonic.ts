import { entropyToMnemonic, mnemonicToSeedSync, validateMnemonic } from '@scure/bip39';
import { wordlist } from '@scure/bip39/wordlists/english.js';
import type { RandomBytes } from '../runtime/clock.ts';
import { KeysError } from './errors.ts';

/** 24 new English words (BIP39, 256 bits of entropy). A secret. */
export function generateMnemonic(randomBytes: RandomBytes): string {
  return entropyToMnemonic(randomBytes(32), wordlist);
}

/**
 * The words in BIP39's own form: lower case, one space between them. Throws `KeysError` unless they are 24 with a right
 * checksum.
 */
export function normalizeMnemonic(words: string): string {
  const list = words.normalize('NFKD').trim().toLowerCase().split(/\s+/);
  const mnemonic = list.join(' ');
  if (list.length !== 24) throw new KeysError('invalid_mnemonic', `expected 24 words, got ${list.length}`);
  if (!validateMnemonic(mnemonic, wordlist)) {
    throw new KeysError(
      'invalid_mnemonic',
      'the words are no BIP39 mnemonic: one is not in the English list, or the checksum is wrong',
    );
  }
  return mnemonic;
}

/**
 * The 64-byte BIP39 seed of a valid mnemonic (without BIP39's own passphrase), from which all keys derive. A secret.
 */
export function seedFromMnemonic(mnemonic: string): Uint8Array {
  return mnemonicToSeedSync(mnemonic);
}
