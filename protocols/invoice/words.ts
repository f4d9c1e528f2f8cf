import { bech32 } from '@scure/base';
import { concat } from 'uint8arrays/concat';
import { fromString } from 'uint8arrays/from-string';
import { sha256 } from '../crypto/hash.ts';

/** Bech32's data: numbers of 5 bits. */
export type Words = readonly number[];

/** A number without leading zero words; zero is no words at all. BOLT 11 asks for this of `c`, `x` and `9`. */
export function numberToWords(value: bigint): number[] {
  return value === 0n ? [] : [...value.toString(32)].map((digit) => Number.parseInt(digit, 32));
}

export function wordsToNumber(words: Words): bigint {
  return words.reduce((value, word) => value * 32n + BigInt(word), 0n);
}

/** The words that hold these bytes, the last one filled up with zero bits. */
export function bytesToWords(bytes: Uint8Array): number[] {
  return bech32.toWords(bytes);
}

/**
 * The bytes in these words, or undefined if what remains of the last word is not just zero bits, or is a whole word.
 */
export function wordsToBytes(words: Words): Uint8Array | undefined {
  return bech32.fromWordsUnsafe([...words]) ?? undefined;
}

/** BOLT 11, "Data Part": the hash that is signed, of the prefix and the data before the signature, in whole bytes. */
export function signedHash(prefix: string, words: Words): Uint8Array {
  const missingBits = (8 - ((words.length * 5) % 8)) % 8;
  const padded = [...words, ...Array<number>(Math.ceil(missingBits / 5)).fill(0)];
  return sha256(concat([fromString(prefix), bech32.fromWords(padded)]));
}
