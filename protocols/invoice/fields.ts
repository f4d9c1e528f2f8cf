import { utf8 } from '@scure/base';
import { fromString } from 'uint8arrays/from-string';
import { toString } from 'uint8arrays/to-string';
import { secp256k1 } from '../crypto/secp256k1.ts';
import { bytes, decode, encode, restArray, struct } from '../wire/codec.ts';
import { WireError } from '../wire/errors.ts';
import { encodeFeatures, missingDependencies, missingRequired } from '../wire/features.ts';
import { shortChannelId, u16, u32 } from '../wire/types.ts';
import { InvoiceError } from './errors.ts';
import type { InvoiceFields, RouteHint } from './invoice.ts';
import { bytesToWords, numberToWords, wordsToBytes, wordsToNumber, type Words } from './words.ts';

/** BOLT 11, "Tagged Fields": ten bits hold a field's length in words, which is 639 bytes. */
export const MAX_FIELD_WORDS = 1023;

/** `c` is compared with block heights, which are 32 bits wherever the BOLTs write them. */
const MAX_CLTV = 0xffffffff;

/** The features that an invoice of ours may ask for, and that we can pay with. */
const KNOWN_FEATURES = encodeFeatures({
  var_onion_optin: 'optional',
  payment_secret: 'optional',
  basic_mpp: 'optional',
  option_payment_metadata: 'optional',
});

const routeHints = restArray(
  struct<RouteHint>({
    nodeId: bytes(33),
    shortChannelId,
    feeBaseMsat: u32,
    feeProportionalMillionths: u32,
    cltvExpiryDelta: u16,
  }),
);

/** How one kind of field is read and written. Both throw `InvoiceError` for what is not allowed. */
interface FieldCodec<T> {
  read(words: Words): T;
  write(value: T): number[];
}

/** `d`: UTF-8. */
export const description: FieldCodec<string> = {
  read(words) {
    try {
      return utf8.encode(readBytes('description', words));
    } catch (error) {
      if (error instanceof InvoiceError) throw error;
      throw badField('description', 'UTF-8', 'other bytes', { cause: error });
    }
  },
  write(text) {
    try {
      return writeBytes('description', utf8.decode(text));
    } catch (error) {
      if (error instanceof InvoiceError) throw error;
      throw badField('description', 'well-formed text', typeof text, { cause: error });
    }
  },
};

/** `m`: any bytes. */
export const paymentMetadata: FieldCodec<Uint8Array> = {
  read: (words) => readBytes('paymentMetadata', words),
  write: (value) => writeBytes('paymentMetadata', value),
};

/** `x` and `c`: numbers, in as few words as hold them. */
export const expirySeconds = integer('expirySeconds', Number.MAX_SAFE_INTEGER);
export const minFinalCltvExpiryDelta = integer('minFinalCltvExpiryDelta', MAX_CLTV);

/** `r`: one way to the payee, channel by channel. */
export const routeHint: FieldCodec<readonly RouteHint[]> = {
  read(words) {
    const packed = readBytes('routeHints', words);
    const hops = attempt('routeHints', () => decode(routeHints, packed));
    requireHops(hops);
    return hops;
  },
  write(hops) {
    requireHops(hops);
    return writeBytes('routeHints', attempt('routeHints', () => encode(routeHints, hops)));
  },
};

/**
 * `9`: the bits of BOLT 9, bit 0 the last. BOLT 11, "Feature Bits": unknown even ones are not paid, nor missing
 * dependencies.
 */
export const features: FieldCodec<Uint8Array> = {
  read(words) {
    requireMinimal('features', words);
    const bits = numberToBytes(wordsToNumber(words));
    requireFeatures(bits);
    return bits;
  },
  write(bits) {
    requireFeatures(bits);
    return requireFieldLength('features', numberToWords(bytesToNumber(bits)));
  },
};

/** `p`, `s` and `h`: 32 bytes. Their length in words is looked at before they are read. */
export const paymentHash = bytes32('paymentHash');
export const paymentSecret = bytes32('paymentSecret');
export const descriptionHash = bytes32('descriptionHash');

/** `n`: the payee's key. It is only read: whoever signs an invoice can be told from the signature. */
export function readPayeeNodeId(words: Words): Uint8Array {
  const key = readBytes('payeeNodeId', words);
  if (secp256k1.isPublicKey(key)) return key;
  throw badField('payeeNodeId', 'a point of the curve', toString(key, 'hex'));
}

/** BOLT 11, "Requirements" of tagged fields: neither both nor none. */
export function requireOneDescription(found: Pick<InvoiceFields, 'description' | 'descriptionHash'>): void {
  if (found.description === undefined && found.descriptionHash === undefined) throw missingField('description');
  if (found.description !== undefined && found.descriptionHash !== undefined) {
    const fault = { place: 'description', expected: 'a description or the hash of one', actual: 'both' };
    throw new InvoiceError('invoice_conflicting_fields', fault);
  }
}

/** A field that must be there and is not. */
export function missingField(place: string): InvoiceError {
  return new InvoiceError('invoice_missing_field', { place, expected: 'a valid one', actual: 'none' });
}

function bytes32(place: string): FieldCodec<Uint8Array> {
  return {
    read: (words) => readBytes(place, words),
    write(value) {
      if (value instanceof Uint8Array && value.length === 32) return bytesToWords(value);
      throw badField(place, '32 bytes', value instanceof Uint8Array ? `${value.length}` : typeof value);
    },
  };
}

function integer(place: string, max: number): FieldCodec<number> {
  return {
    read(words) {
      requireMinimal(place, words);
      const value = wordsToNumber(words);
      if (value > BigInt(max)) throw badField(place, `at most ${max}`, String(value));
      return Number(value);
    },
    write(value) {
      if (Number.isSafeInteger(value) && value >= 0 && value <= max) return numberToWords(BigInt(value));
      throw badField(place, `a whole number up to ${max}`, String(value));
    },
  };
}

function readBytes(place: string, words: Words): Uint8Array {
  const value = wordsToBytes(words);
  if (value !== undefined) return value;
  throw badField(place, 'whole bytes padded with zero bits', `${words.length} words that end otherwise`);
}

function writeBytes(place: string, value: Uint8Array): number[] {
  return requireFieldLength(place, bytesToWords(value));
}

function requireFieldLength(place: string, words: number[]): number[] {
  if (words.length <= MAX_FIELD_WORDS) return words;
  throw badField(place, 'at most 639 bytes', `${Math.floor((words.length * 5) / 8)}`);
}

/** BOLT 11, "Requirements" of tagged fields: `c`, `x` and `9` without leading zeros. */
function requireMinimal(place: string, words: Words): void {
  if (words[0] === 0) throw badField(place, 'no leading zero word', `${words.length} words with one`);
}

function requireHops(hops: readonly RouteHint[]): void {
  if (hops.length === 0) throw badField('routeHints', 'at least one channel in each', 'none');
  for (const { nodeId } of hops) {
    if (!secp256k1.isPublicKey(nodeId)) throw badField('routeHints', 'node ids on the curve', toString(nodeId, 'hex'));
  }
}

function requireFeatures(bits: Uint8Array): void {
  const [unknown] = missingRequired(bits, KNOWN_FEATURES);
  if (unknown !== undefined) {
    const expected = 'no compulsory feature that Runnel does not have';
    throw new InvoiceError('invoice_unknown_feature', { place: 'features', expected, actual: unknown });
  }
  const [missing] = missingDependencies(bits);
  if (missing !== undefined) {
    const expected = `${missing.dependency} with ${missing.feature}`;
    const fault = { place: 'features', expected, actual: 'neither of its bits' };
    throw new InvoiceError('invoice_missing_dependency', fault);
  }
}

/** Runs a codec of the wire, whose errors become an invoice's. */
function attempt<T>(place: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw badField(place, 'a valid value', error.message, { cause: error });
  }
}

function numberToBytes(value: bigint): Uint8Array {
  const digits = value === 0n ? '' : value.toString(16);
  return fromString(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex');
}

function bytesToNumber(value: Uint8Array): bigint {
  return value.length === 0 ? 0n : BigInt(`0x${toString(value, 'hex')}`);
}

function badField(place: string, expected: string, actual: string, options?: ErrorOptions): InvoiceError {
  return new InvoiceError('invoice_bad_field', { place, expected, actual }, options);
}
