/** What fits into the largest QR code: nothing that anyone can scan is longer. (BOLT 11 sets no limit.) */
export const MAX_INVOICE_LENGTH = 7089;

/** BOLT 11, "Data Part" and "Tagged Fields": lengths in words of 5 bits. */
export const TIMESTAMP_WORDS = 7;
export const SIGNATURE_WORDS = 104;
export const HASH_WORDS = 52;
export const KEY_WORDS = 53;

/** A field's type is written as the Bech32 character of that number, which is also its name in BOLT 11. */
export const TAG_LETTERS = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
