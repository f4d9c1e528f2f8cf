import { bech32 } from '@scure/base';
import { InvoiceError } from './errors.ts';
import { encodeFallback } from './fallback.ts';
import * as fields from './fields.ts';
import type { InvoiceFields } from './invoice.ts';
import { MAX_INVOICE_LENGTH, SIGNATURE_WORDS, TAG_LETTERS, TIMESTAMP_WORDS } from './layout.ts';
import { encodePrefix } from './prefix.ts';
import { bytesToWords, numberToWords, signedHash } from './words.ts';

/**
 * BOLT 11: writes an invoice. `signRecoverable` signs a hash of 32 bytes with the payee's key: 64 bytes and the
 * recovery id, which is how the payer learns who the payee is. Fields that are left out are not written, and so are
 * what BOLT 11 has for a default. Throws `InvoiceError` for a field that cannot be written, or if all together are too
 * long.
 */
export function encodeInvoice(invoice: InvoiceFields, signRecoverable: (hash: Uint8Array) => Uint8Array): string {
  const prefix = encodePrefix(invoice.currency, invoice.amountMsat);
  const words = [...timestampWords(invoice.timestamp), ...fieldWords(invoice)];
  const length = prefix.length + 1 + words.length + SIGNATURE_WORDS + 6;
  if (length > MAX_INVOICE_LENGTH) {
    const expected = `fields that fit into ${MAX_INVOICE_LENGTH} characters`;
    throw new InvoiceError('invoice_bad_field', { expected, actual: `${length}` });
  }
  const signature = bytesToWords(signRecoverable(signedHash(prefix, words)));
  return bech32.encode(prefix, [...words, ...signature], MAX_INVOICE_LENGTH);
}

/** The tagged fields, in the order in which most of BOLT 11's examples have them. */
function fieldWords(invoice: InvoiceFields): number[] {
  fields.requireOneDescription(invoice);
  const optional = <T>(letter: string, value: T | undefined, write: (value: T) => number[]) =>
    value === undefined ? [] : tagged(letter, write(value));
  const { routeHints = [], fallbackAddresses = [], features } = invoice;
  const featureWords = features === undefined ? [] : fields.features.write(features);
  return [
    ...tagged('s', fields.paymentSecret.write(invoice.paymentSecret)),
    ...tagged('p', fields.paymentHash.write(invoice.paymentHash)),
    ...optional('d', invoice.description, fields.description.write),
    ...optional('h', invoice.descriptionHash, fields.descriptionHash.write),
    ...optional('m', invoice.paymentMetadata, fields.paymentMetadata.write),
    ...optional('x', invoice.expirySeconds, fields.expirySeconds.write),
    ...optional('c', invoice.minFinalCltvExpiryDelta, fields.minFinalCltvExpiryDelta.write),
    ...fallbackAddresses.flatMap((address) => tagged('f', encodeFallback(address, invoice.currency))),
    ...routeHints.flatMap((hops) => tagged('r', fields.routeHint.write(hops))),
    // BOLT 11: no field at all rather than one without a bit.
    ...(featureWords.length === 0 ? [] : tagged('9', featureWords)),
  ];
}

/** BOLT 11, "Tagged Fields": the type, the length in ten bits, the data. */
function tagged(letter: string, words: readonly number[]): number[] {
  return [TAG_LETTERS.indexOf(letter), words.length >> 5, words.length & 31, ...words];
}

function timestampWords(timestamp: number): number[] {
  if (!Number.isSafeInteger(timestamp) || timestamp < 0 || timestamp >= 2 ** 35) {
    const fault = { place: 'timestamp', expected: 'whole seconds of at most 35 bits', actual: String(timestamp) };
    throw new InvoiceError('invoice_bad_field', fault);
  }
  const words = numberToWords(BigInt(timestamp));
  return [...Array<number>(TIMESTAMP_WORDS - words.length).fill(0), ...words];
}
