import { bech32, utf8 } from '@scure/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import { decodeInvoice } from '../../protocols/invoice/decode.ts';
import { encodeInvoice } from '../../protocols/invoice/encode.ts';
import { InvoiceError } from '../../protocols/invoice/errors.ts';
import type { InvoiceFields } from '../../protocols/invoice/invoice.ts';
import { MAX_INVOICE_LENGTH, TAG_LETTERS } from '../../protocols/invoice/layout.ts';
import { CURRENCIES } from '../../protocols/invoice/prefix.ts';
import { signedHash } from '../../protocols/invoice/words.ts';
import { encodeFeatureBits } from '../../protocols/wire/features.ts';
import { MAX_MSAT } from '../../protocols/wire/types.ts';

const secretKey = new Uint8Array(32).fill(0x77);
const payeeNodeId = secp256k1.publicKey(secretKey);
const otherNodeId = secp256k1.publicKey(new Uint8Array(32).fill(0x78));
const sign = (hash: Uint8Array) => secp256k1.signRecoverable(hash, secretKey);

const minimal: InvoiceFields = {
  currency: 'bcrt',
  timestamp: 1_700_000_000,
  paymentHash: new Uint8Array(32).fill(1),
  paymentSecret: new Uint8Array(32).fill(2),
  description: 'tea',
};

const hop = {
  nodeId: otherNodeId,
  shortChannelId: 1n,
  feeBaseMsat: 1,
  feeProportionalMillionths: 1,
  cltvExpiryDelta: 1,
};

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });
const u32 = fc.nat({ max: 0xffffffff });
const routeHint = fc.record({
  nodeId: fc.constantFrom(payeeNodeId, otherNodeId),
  shortChannelId: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  feeBaseMsat: u32,
  feeProportionalMillionths: u32,
  cltvExpiryDelta: fc.nat({ max: 0xffff }),
});
/** Odd bits that nobody knows, and the bits that we know. */
const featureBits = fc.uniqueArray(
  fc.oneof(
    fc.integer({ min: 40, max: 100 }).map((half) => 2 * half + 1),
    fc.constantFrom(8, 9, 14, 15, 16, 17, 48, 49),
  ),
);
const fallbackAddresses = {
  bc: ['1RustyRX2oai4EYYDpQGWvEL62BBGqN9T', '3EktnHQD7RiAE6uzMj2ZifT9YgRrkSgzQX', 'bc1pfeessrawgf'],
  tb: ['mk2QpYatsKicvFVuTAQLBryyccRXMUaGHP', 'tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx'],
  tbs: ['mk2QpYatsKicvFVuTAQLBryyccRXMUaGHP', 'tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx'],
  bcrt: ['mk2QpYatsKicvFVuTAQLBryyccRXMUaGHP', 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080'],
};

const roundAmounts = fc
  .tuple(fc.nat({ max: 11 }), fc.bigInt({ min: 1n, max: 2_000_000n }))
  .map(([exponent, digits]) => digits * 10n ** BigInt(exponent));
const descriptions = fc.oneof(
  fc.record({ description: fc.string({ unit: 'grapheme', maxLength: 60 }) }),
  fc.record({ descriptionHash: bytes32 }),
);
const invoices = fc.constantFrom(...CURRENCIES).chain((currency) =>
  fc
    .tuple(
      descriptions,
      fc.record(
        {
          currency: fc.constant(currency),
          amountMsat: fc.oneof(fc.bigInt({ min: 1n, max: MAX_MSAT }), roundAmounts),
          timestamp: fc.nat({ max: 2 ** 35 - 1 }),
          paymentHash: bytes32,
          paymentSecret: bytes32,
          expirySeconds: fc.maxSafeNat(),
          minFinalCltvExpiryDelta: u32,
          routeHints: fc.array(fc.array(routeHint, { minLength: 1, maxLength: 3 }), { maxLength: 3 }),
          features: featureBits.map(encodeFeatureBits),
          paymentMetadata: fc.uint8Array({ maxLength: 100 }),
          fallbackAddresses: fc.subarray(fallbackAddresses[currency]),
        },
        { requiredKeys: ['currency', 'timestamp', 'paymentHash', 'paymentSecret'] },
      ),
    )
    .map(([description, fields]): InvoiceFields => ({ ...description, ...fields })),
);

const defaults = {
  expirySeconds: 3600,
  minFinalCltvExpiryDelta: 18,
  routeHints: [],
  features: new Uint8Array(),
  fallbackAddresses: [],
};

describe('invoices', () => {
  it('round-trip', () => {
    fc.assert(
      fc.property(invoices, (fields) => {
        const text = encodeInvoice(fields, sign);
        expect(decodeInvoice(text)).toEqual({ ...defaults, ...fields, payeeNodeId });
        expect(decodeInvoice(`LIGHTNING:${text.toUpperCase()}`)).toEqual(decodeInvoice(text));
      }),
      { numRuns: 200 },
    );
  });

  it.each([
    [100_000_000_000n, 'lnbcrt11'],
    [250_000_000n, 'lnbcrt2500u1'],
    [100n, 'lnbcrt1n1'],
    [1n, 'lnbcrt10p1'],
    [123_400_000_000n, 'lnbcrt1234m1'],
    [undefined, 'lnbcrt1'],
  ])('name %s msat in the largest unit', (amountMsat, prefix) => {
    const text = encodeInvoice({ ...minimal, amountMsat }, sign);
    expect(text.slice(0, text.lastIndexOf('1') + 1)).toBe(prefix);
  });

  it('may be as long as the largest QR code, and no longer', () => {
    const hint = Array.from({ length: 12 }, () => hop);
    const hints = (count: number) => ({ ...minimal, routeHints: Array.from({ length: count }, () => hint) });
    expect(decodeInvoice(encodeInvoice(hints(6), sign)).routeHints).toHaveLength(6);
    expect(() => encodeInvoice(hints(7), sign)).toThrow(InvoiceError);
    expect(() => decodeInvoice('1'.repeat(MAX_INVOICE_LENGTH + 1))).toThrow(InvoiceError);
  });
});

describe('an invoice is not made', () => {
  const cases: [string, string, Partial<Record<keyof InvoiceFields, unknown>>][] = [
    ['for another network', 'invoice_unknown_prefix', { currency: 'xx' }],
    ['for nothing', 'invoice_bad_amount', { amountMsat: 0n }],
    ['for less', 'invoice_bad_amount', { amountMsat: -1n }],
    ['for more than there is', 'invoice_bad_amount', { amountMsat: MAX_MSAT + 1n }],
    ['before 1970', 'invoice_bad_field', { timestamp: -1 }],
    ['after the year 3058', 'invoice_bad_field', { timestamp: 2 ** 35 }],
    ['at half a second', 'invoice_bad_field', { timestamp: 0.5 }],
    ['with a short payment hash', 'invoice_bad_field', { paymentHash: new Uint8Array(31) }],
    ['with a long payment secret', 'invoice_bad_field', { paymentSecret: new Uint8Array(33) }],
    ['without a description', 'invoice_missing_field', { description: undefined }],
    ['with a description and a hash', 'invoice_conflicting_fields', { descriptionHash: new Uint8Array(32) }],
    ['with a description of 640 bytes', 'invoice_bad_field', { description: 'ä'.repeat(320) }],
    ['with a description that is no text', 'invoice_bad_field', { description: '\ud800' }],
    ['with metadata of 640 bytes', 'invoice_bad_field', { paymentMetadata: new Uint8Array(640) }],
    ['that expired before it was made', 'invoice_bad_field', { expirySeconds: -1 }],
    ['with a CLTV delta of 33 bits', 'invoice_bad_field', { minFinalCltvExpiryDelta: 2 ** 32 }],
    ['with an empty route hint', 'invoice_bad_field', { routeHints: [[]] }],
    ['with a route hint of 13 channels', 'invoice_bad_field', { routeHints: [Array.from({ length: 13 }, () => hop)] }],
    ['with a hint of no node', 'invoice_bad_field', { routeHints: [[{ ...hop, nodeId: new Uint8Array(33) }]] }],
    ['with a fee of 33 bits', 'invoice_bad_field', { routeHints: [[{ ...hop, feeBaseMsat: 2 ** 32 }]] }],
    ['with an unknown compulsory feature', 'invoice_unknown_feature', { features: encodeFeatureBits([100]) }],
    ['with a feature that lacks another', 'invoice_missing_dependency', { features: encodeFeatureBits([51]) }],
    ['with an address of main', 'invoice_bad_field', { fallbackAddresses: ['1RustyRX2oai4EYYDpQGWvEL62BBGqN9T'] }],
    ['with a segwit address of main', 'invoice_bad_field', { fallbackAddresses: ['bc1pfeessrawgf'] }],
    ['with an address that is none', 'invoice_bad_field', { fallbackAddresses: ['bcrt1nonsense'] }],
  ];

  it.each(cases)('%s: %s', (_, code, wrong) => {
    const fields = { ...minimal, ...wrong } as InvoiceFields;
    expect(() => encodeInvoice(fields, sign)).toThrow(InvoiceError);
    expect(() => encodeInvoice(fields, sign)).toThrow(expect.objectContaining({ code }));
  });
});

/** A tagged field in words. */
const field = (letter: string, words: readonly number[]) => [
  TAG_LETTERS.indexOf(letter),
  words.length >> 5,
  words.length & 31,
  ...words,
];
const zeros = (count: number) => Array.from({ length: count }, () => 0);
const words = (bytes: Uint8Array) => bech32.toWords(bytes);

/** An invoice of these fields after a timestamp, signed whatever they are. */
function signed(fields: readonly number[], { prefix = 'lnbcrt', key = secretKey } = {}): string {
  const data = [...zeros(7), ...fields];
  const signature = secp256k1.signRecoverable(signedHash(prefix, data), key);
  return bech32.encode(prefix, [...data, ...words(signature)], false);
}

describe('an invoice that is signed', () => {
  const p = field('p', words(minimal.paymentHash));
  const s = field('s', words(minimal.paymentSecret));
  const d = field('d', words(utf8.decode('tea')));
  const needed = [...p, ...s, ...d];

  it('is read with the fields that it needs', () => {
    expect(decodeInvoice(signed(needed))).toMatchObject({ ...defaults, description: 'tea', timestamp: 0, payeeNodeId });
  });

  it('is read as the first of each field that may stand once', () => {
    const more = [...field('p', zeros(52)), ...field('d', [31]), ...field('s', zeros(52))];
    expect(decodeInvoice(signed([...needed, ...more]))).toEqual(decodeInvoice(signed(needed)));
  });

  it.each([
    ['no payment hash', 'invoice_missing_field', [...s, ...d]],
    ['no payment secret', 'invoice_missing_field', [...p, ...d]],
    ['no description', 'invoice_missing_field', [...p, ...s]],
    ['a description and a hash', 'invoice_conflicting_fields', [...needed, ...field('h', zeros(52))]],
    ['a payment hash that is too short', 'invoice_missing_field', [...field('p', zeros(51)), ...s, ...d]],
    ['a payment secret that is too long', 'invoice_missing_field', [...p, ...field('s', zeros(53)), ...d]],
    ['a payment hash padded with ones', 'invoice_bad_field', [...field('p', [...zeros(51), 1]), ...s, ...d]],
    ['a description that is not UTF-8', 'invoice_bad_field', [...p, ...s, ...field('d', words(Uint8Array.of(0xff)))]],
    ['a whole word of padding', 'invoice_bad_field', [...p, ...s, ...field('d', [...words(utf8.decode('tea')), 0])]],
    ['an expiry with a leading zero', 'invoice_bad_field', [...needed, ...field('x', [0, 1])]],
    ['an expiry of 1023 words', 'invoice_bad_field', [...needed, ...field('x', [1, ...zeros(1022)])]],
    ['a CLTV delta of 35 bits', 'invoice_bad_field', [...needed, ...field('c', [31, 31, 31, 31, 31, 31, 31])]],
    ['features with a leading zero', 'invoice_bad_field', [...needed, ...field('9', [0, 2])]],
    ['a payee that is no point', 'invoice_bad_field', [...needed, ...field('n', zeros(53))]],
    ['another payee than its signer', 'invoice_bad_signature', [...needed, ...field('n', words(otherNodeId))]],
    ['an empty route hint', 'invoice_bad_field', [...needed, ...field('r', [])]],
    ['half a route hint', 'invoice_bad_field', [...needed, ...field('r', words(new Uint8Array(52).fill(2)))]],
    ['a route hint of no node', 'invoice_bad_field', [...needed, ...field('r', words(new Uint8Array(51)))]],
    ['a fallback of no version', 'invoice_bad_field', [...needed, ...field('f', [])]],
    ['a fallback key hash of 19 bytes', 'invoice_bad_field', [...needed, ...field('f', [17, ...zeros(31)])]],
    ['a witness program of 21 bytes', 'invoice_bad_field', [...needed, ...field('f', [0, ...zeros(34)])]],
    ['a field that runs into the signature', 'invoice_truncated', [...needed, 13, 0, 1]],
    ['a field that breaks off', 'invoice_truncated', [...needed, 13, 0]],
    ['unknown compulsory feature 18', 'invoice_unknown_feature', [...needed, ...field('9', [8, 0, 0, 0])]],
    ['a feature without another', 'invoice_missing_dependency', [...needed, ...field('9', [2, ...zeros(10)])]],
  ])('but has %s is refused (%s)', (_, code, fields) => {
    expect(() => decodeInvoice(signed(fields))).toThrow(expect.objectContaining({ code }));
    expect(() => decodeInvoice(signed(fields))).toThrow(InvoiceError);
  });

  it('by the payee that it names is accepted, with a low S only', () => {
    const named = [...needed, ...field('n', words(payeeNodeId))];
    expect(decodeInvoice(signed(named)).payeeNodeId).toEqual(payeeNodeId);
    expect(() => decodeInvoice(withHighS(signed(named)))).toThrow(
      expect.objectContaining({ code: 'invoice_bad_signature' }),
    );
    expect(decodeInvoice(withHighS(signed(needed))).payeeNodeId).toEqual(payeeNodeId);
  });

  it.each([
    ['lnbcrt01', 'invoice_bad_amount'],
    ['lnbcrt0m', 'invoice_bad_amount'],
    ['lnbcrt01m', 'invoice_bad_amount'],
    ['lnbcrtm', 'invoice_unknown_prefix'],
    ['lnbcrt1mm', 'invoice_bad_amount'],
    ['lnbcrt1.5m', 'invoice_bad_amount'],
    ['lnbcrt-1', 'invoice_bad_amount'],
    ['lnbcrt21000001', 'invoice_bad_amount'],
    [`lnbcrt${'9'.repeat(60)}`, 'invoice_bad_amount'],
    ['lnxx', 'invoice_unknown_prefix'],
    ['ln', 'invoice_unknown_prefix'],
    ['bc', 'invoice_unknown_prefix'],
  ])('but has the prefix %s is refused (%s)', (prefix, code) => {
    expect(() => decodeInvoice(signed(needed, { prefix }))).toThrow(expect.objectContaining({ code }));
  });

  it('with all bitcoin for an amount is read', () => {
    expect(decodeInvoice(signed(needed, { prefix: 'lnbcrt21000000' })).amountMsat).toBe(MAX_MSAT);
  });
});

/** The same signature with the other S: valid for ECDSA, but not standard. */
function withHighS(text: string): string {
  const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
  const { prefix, words: all } = bech32.decode(text, false);
  const signature = bech32.fromWords(all.slice(-104));
  const s = BigInt(`0x${Buffer.from(signature.subarray(32, 64)).toString('hex')}`);
  signature.set(Buffer.from((order - s).toString(16).padStart(64, '0'), 'hex'), 32);
  signature[64] = signature[64]! ^ 1;
  return bech32.encode(prefix, [...all.slice(0, -104), ...words(signature)], false);
}

describe('whatever the text', () => {
  const valid = encodeInvoice(
    { ...minimal, amountMsat: 1n, features: encodeFeatureBits([8, 14, 17]), paymentMetadata: Uint8Array.of(1) },
    sign,
  );
  const alwaysInvoiceError = (text: string) => {
    try {
      decodeInvoice(text);
    } catch (error) {
      expect(error).toBeInstanceOf(InvoiceError);
    }
  };

  it('reading it throws an InvoiceError or nothing', () => {
    // The last is the Kelvin sign, whose lower case is a k.
    const character = fc.constantFrom(...TAG_LETTERS, '1', 'b', 'A', '\u212a');
    const mutated = fc
      .array(fc.tuple(fc.nat({ max: valid.length - 1 }), character), { minLength: 1 })
      .map((changes) => {
        const characters = [...valid];
        for (const [index, changed] of changes) characters[index] = changed;
        return characters.join('');
      });
    const text = fc.oneof(mutated, fc.string({ unit: 'binary' }), fc.string().map((rest) => `lnbc${rest}`));
    fc.assert(fc.property(text, alwaysInvoiceError), { numRuns: 500 });
  });

  it('nor if the checksum and the signature are right', () => {
    const word = fc.nat({ max: 31 });
    const tagged = fc
      .tuple(fc.constantFrom(...TAG_LETTERS), fc.array(word, { maxLength: 120 }))
      .map(([letter, contents]) => field(letter, contents));
    const body = fc.oneof(fc.array(word, { maxLength: 400 }), fc.array(tagged).map((all) => all.flat()));
    const prefix = fc.constantFrom('lnbc', 'lntb1', 'lntbs20m', 'lnbcrt1p');
    fc.assert(
      fc.property(body, prefix, (fields, chosen) => alwaysInvoiceError(signed(fields, { prefix: chosen }))),
      { numRuns: 500 },
    );
  });

  it('nor if the signature is any 104 words', () => {
    const { prefix, words: all } = bech32.decode(valid, false);
    const signature = fc.array(fc.nat({ max: 31 }), { minLength: 104, maxLength: 104 });
    fc.assert(
      fc.property(signature, (random) => {
        alwaysInvoiceError(bech32.encode(prefix, [...all.slice(0, -104), ...random], false));
      }),
    );
  });
});
