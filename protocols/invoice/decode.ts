import { bech32 } from '@scure/base';
import { CryptoError, secp256k1 } from '../crypto/secp256k1.ts';
import { InvoiceError } from './errors.ts';
import { decodeFallback } from './fallback.ts';
import * as fields from './fields.ts';
import {
  DEFAULT_EXPIRY_SECONDS,
  DEFAULT_MIN_FINAL_CLTV_EXPIRY_DELTA,
  type Invoice,
  type RouteHint,
} from './invoice.ts';
import {
  HASH_WORDS,
  KEY_WORDS,
  MAX_INVOICE_LENGTH,
  SIGNATURE_WORDS,
  TAG_LETTERS,
  TIMESTAMP_WORDS,
} from './layout.ts';
import { decodePrefix, type Currency } from './prefix.ts';
import { signedHash, wordsToBytes, wordsToNumber, type Words } from './words.ts';

/** The fields of an invoice as they are found. */
interface Draft {
  paymentHash?: Uint8Array;
  paymentSecret?: Uint8Array;
  description?: string;
  descriptionHash?: Uint8Array;
  payeeNodeId?: Uint8Array;
  expirySeconds?: number;
  minFinalCltvExpiryDelta?: number;
  features?: Uint8Array;
  paymentMetadata?: Uint8Array;
  readonly routeHints: (readonly RouteHint[])[];
  readonly fallbackAddresses: string[];
}

/**
 * BOLT 11: reads an invoice, in either case, with or without `lightning:` before it. Whether it has expired and is for
 * the right network is the caller's to look at. Throws `InvoiceError`, and nothing else, whatever the text.
 */
export function decodeInvoice(text: string): Invoice {
  const { prefix, words } = decodeBech32(text.replace(/^lightning:/i, ''));
  const amount = decodePrefix(prefix);
  if (words.length < TIMESTAMP_WORDS + SIGNATURE_WORDS) {
    const expected = `a timestamp and a signature, ${TIMESTAMP_WORDS + SIGNATURE_WORDS} words`;
    throw new InvoiceError('invoice_truncated', { expected, actual: `${words.length}` });
  }
  const signed = words.slice(0, -SIGNATURE_WORDS);
  const draft = readFields(signed.slice(TIMESTAMP_WORDS), amount.currency);
  const { paymentHash, paymentSecret, payeeNodeId, ...optional } = draft;
  if (paymentHash === undefined) throw fields.missingField('paymentHash');
  if (paymentSecret === undefined) throw fields.missingField('paymentSecret');
  fields.requireOneDescription(draft);
  const signature = words.slice(-SIGNATURE_WORDS);
  return {
    expirySeconds: DEFAULT_EXPIRY_SECONDS,
    minFinalCltvExpiryDelta: DEFAULT_MIN_FINAL_CLTV_EXPIRY_DELTA,
    features: new Uint8Array(),
    ...amount,
    ...optional,
    timestamp: Number(wordsToNumber(signed.slice(0, TIMESTAMP_WORDS))),
    paymentHash,
    paymentSecret,
    payeeNodeId: checkSignature(signature, signedHash(prefix, signed), payeeNodeId),
  };
}

function decodeBech32(text: string): { prefix: string; words: number[] } {
  try {
    return bech32.decode(text, MAX_INVOICE_LENGTH);
  } catch (error) {
    const expected = `Bech32 of at most ${MAX_INVOICE_LENGTH} characters with a valid checksum`;
    const actual = `${text.length} characters that are not`;
    throw new InvoiceError('invoice_not_bech32', { expected, actual }, { cause: error });
  }
}

function readFields(words: Words, currency: Currency): Draft {
  const draft: Draft = { routeHints: [], fallbackAddresses: [] };
  let offset = 0;
  while (offset < words.length) {
    const [type = 0, ...length] = words.slice(offset, offset + 3);
    const start = offset + 3;
    offset = start + Number(wordsToNumber(length));
    if (length.length < 2 || offset > words.length) {
      const fault = { expected: `fields within ${words.length} words`, actual: `one up to ${offset}` };
      throw new InvoiceError('invoice_truncated', fault);
    }
    readField(draft, TAG_LETTERS[type], words.slice(start, offset), currency);
  }
  return draft;
}

/**
 * Of a field that may stand once the first counts (BOLT 11, "Payer / Payee Requirements", says so of `p`). One of fixed
 * length that has another is skipped, as in the vector "including fields which must be ignored": where it matters, the
 * field is then missing.
 */
function readField(draft: Draft, letter: string | undefined, words: Words, currency: Currency): void {
  switch (letter) {
    case 'p':
      if (words.length === HASH_WORDS) draft.paymentHash ??= fields.paymentHash.read(words);
      return;
    case 's':
      if (words.length === HASH_WORDS) draft.paymentSecret ??= fields.paymentSecret.read(words);
      return;
    case 'd':
      draft.description ??= fields.description.read(words);
      return;
    case 'h':
      if (words.length === HASH_WORDS) draft.descriptionHash ??= fields.descriptionHash.read(words);
      return;
    case 'n':
      if (words.length === KEY_WORDS) draft.payeeNodeId ??= fields.readPayeeNodeId(words);
      return;
    case 'x':
      draft.expirySeconds ??= fields.expirySeconds.read(words);
      return;
    case 'c':
      draft.minFinalCltvExpiryDelta ??= fields.minFinalCltvExpiryDelta.read(words);
      return;
    case 'm':
      draft.paymentMetadata ??= fields.paymentMetadata.read(words);
      return;
    case '9':
      draft.features ??= fields.features.read(words);
      return;
    case 'r':
      draft.routeHints.push(fields.routeHint.read(words));
      return;
    case 'f': {
      const address = decodeFallback(words, currency);
      if (address !== undefined) draft.fallbackAddresses.push(address);
      return;
    }
    default:
  }
}

/**
 * BOLT 11, "Requirements" of tagged fields: where the invoice names its payee, that key must have signed, with a low S;
 * otherwise the payee is whoever has signed, whatever the S.
 */
function checkSignature(words: Words, hash: Uint8Array, payeeNodeId: Uint8Array | undefined): Uint8Array {
  const signature = wordsToBytes(words) ?? new Uint8Array();
  if (payeeNodeId === undefined) return recoverPayee(signature, hash);
  if (secp256k1.verify(signature.subarray(0, 64), hash, payeeNodeId)) return payeeNodeId;
  throw badSignature('one of the payee that the invoice names, with a low S');
}

function recoverPayee(signature: Uint8Array, hash: Uint8Array): Uint8Array {
  try {
    return secp256k1.recover(signature, hash);
  } catch (error) {
    if (!(error instanceof CryptoError)) throw error;
    throw badSignature('one that a public key can be recovered from', { cause: error });
  }
}

function badSignature(expected: string, options?: ErrorOptions): InvoiceError {
  return new InvoiceError('invoice_bad_signature', { place: 'signature', expected, actual: 'another' }, options);
}
