import { toString } from 'uint8arrays';

const MAX_TEXT_CHARACTERS = 1_000;

/** BOLT 1, "The error and warning Messages": text of a peer's as it may be shown, printable ASCII and bounded. */
export const printableText = (bytes: Uint8Array): string =>
  toString(bytes.subarray(0, MAX_TEXT_CHARACTERS), 'latin1').replace(/[^\x20-\x7e]/g, '?');
