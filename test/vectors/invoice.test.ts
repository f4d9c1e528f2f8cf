import { bech32 } from '@scure/base';
import { fromString } from 'uint8arrays/from-string';
import { describe, expect, it } from 'vitest';
import { sha256 } from '../../protocols/crypto/hash.ts';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import { decodeInvoice } from '../../protocols/invoice/decode.ts';
import { encodeInvoice } from '../../protocols/invoice/encode.ts';
import { InvoiceError } from '../../protocols/invoice/errors.ts';
import type { Invoice, InvoiceFields } from '../../protocols/invoice/invoice.ts';
import { encodeFeatureBits } from '../../protocols/wire/features.ts';
import vectors from './data/bolt11.json' with { type: 'json' };

const bytes = (hex: string) => fromString(hex, 'hex');
const secretKey = bytes(vectors.private_key);
const sign = (hash: Uint8Array) => secp256k1.signRecoverable(hash, secretKey);

const longDescription =
  'One piece of chocolate cake, one icecream cone, one pickle, one slice of swiss cheese, one slice of salami, ' +
  'one lollypop, one piece of cherry pie, one sausage, one cupcake, and one slice of watermelon';

/** What all of BOLT 11's examples have unless they say otherwise. */
const common = {
  currency: 'bc',
  timestamp: 1_496_314_658,
  paymentHash: bytes('0001020304050607080900010203040506070809000102030405060708090102'),
  paymentSecret: new Uint8Array(32).fill(0x11),
  payeeNodeId: bytes('03e7156ae33b0a208d0744199163177e909e80176e55d97a2f221ede0f934dd9ad'),
  expirySeconds: 3600,
  minFinalCltvExpiryDelta: 18,
  routeHints: [],
  fallbackAddresses: [],
  features: encodeFeatureBits([8, 14]),
} as const;
const hashed = { ...common, amountMsat: 2_000_000_000n, descriptionHash: sha256(fromString(longDescription)) };
const donation = { ...common, description: 'Please consider supporting this project' };
const coffee = {
  ...common,
  amountMsat: 2_500_000_000n,
  description: 'coffee beans',
  features: encodeFeatureBits([8, 14, 99]),
};

/** By place in the vectors. */
const expected: Invoice[] = [
  donation,
  { ...common, amountMsat: 250_000_000n, description: '1 cup coffee', expirySeconds: 60 },
  { ...common, amountMsat: 250_000_000n, description: 'ナンセンス 1杯', expirySeconds: 60 },
  hashed,
  { ...hashed, currency: 'tb', fallbackAddresses: ['mk2QpYatsKicvFVuTAQLBryyccRXMUaGHP'] },
  {
    ...hashed,
    fallbackAddresses: ['1RustyRX2oai4EYYDpQGWvEL62BBGqN9T'],
    routeHints: [
      [
        {
          nodeId: bytes('029e03a901b85534ff1e92c43c74431f7ce72046060fcf7a95c37e148f78c77255'),
          shortChannelId: 66051n << 40n | 263430n << 16n | 1800n,
          feeBaseMsat: 1,
          feeProportionalMillionths: 20,
          cltvExpiryDelta: 3,
        },
        {
          nodeId: bytes('039e03a901b85534ff1e92c43c74431f7ce72046060fcf7a95c37e148f78c77255'),
          shortChannelId: 197637n << 40n | 395016n << 16n | 2314n,
          feeBaseMsat: 2,
          feeProportionalMillionths: 30,
          cltvExpiryDelta: 4,
        },
      ],
    ],
  },
  { ...hashed, fallbackAddresses: ['3EktnHQD7RiAE6uzMj2ZifT9YgRrkSgzQX'] },
  { ...hashed, fallbackAddresses: ['bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4'] },
  { ...hashed, fallbackAddresses: ['bc1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qccfmv3'] },
  {
    ...common,
    amountMsat: 967_878_534n,
    timestamp: 1_572_468_703,
    paymentHash: bytes('462264ede7e14047e9b249da94fefc47f41f7d02ee9b091815a5506bc8abf75f'),
    expirySeconds: 604_800,
    minFinalCltvExpiryDelta: 10,
    description:
      'Blockstream Store: 88.85 USD for Blockstream Ledger Nano S x 1, "Back In My Day" Sticker x 2, ' +
      '"I Got Lightning Working" Sticker x 2 and 1 more items',
    routeHints: [
      [
        {
          nodeId: bytes('03d06758583bb5154774a6eb221b1276c9e82d65bbaceca806d90e20c108f4b1c7'),
          shortChannelId: 589390n << 40n | 3312n << 16n | 1n,
          feeBaseMsat: 1000,
          feeProportionalMillionths: 2500,
          cltvExpiryDelta: 40,
        },
      ],
    ],
  },
  coffee,
  coffee,
  coffee,
  {
    ...common,
    amountMsat: 1_000_000_000n,
    description: 'payment metadata inside',
    paymentMetadata: bytes('01fafaf0'),
    features: encodeFeatureBits([8, 14, 48]),
  },
  // The S was negated without flipping the recovery id, which makes the signature another key's.
  { ...donation, payeeNodeId: bytes('02d0139ce7427d6dfffd26a326c18be754ef1e64672b42694ba5b23ef6e6e7803d') },
];

describe('BOLT 11: valid invoices', () => {
  it('are all here', () => {
    expect(expected).toHaveLength(vectors.valid.length);
  });

  it.each(vectors.valid.map(({ description, invoice }, index) => [index, description, invoice] as const))(
    '%i is read: %s',
    (index, _, text) => {
      expect(decodeInvoice(text)).toEqual(expected[index]);
      expect(decodeInvoice(`lightning:${text}`)).toEqual(expected[index]);
    },
  );

  /** What the invoice says without the fields that its text leaves out. */
  const fieldsOf = (invoice: Invoice): InvoiceFields => ({
    ...invoice,
    expirySeconds: invoice.expirySeconds === 3600 ? undefined : invoice.expirySeconds,
    minFinalCltvExpiryDelta: invoice.minFinalCltvExpiryDelta === 18 ? undefined : invoice.minFinalCltvExpiryDelta,
  });
  const textAt = (index: number) => vectors.valid[index]!.invoice;

  it.each([0, 1, 2, 3, 5])('%i, whose fields stand in our order, is written again to the same text', (index) => {
    expect(encodeInvoice(fieldsOf(expected[index]!), sign)).toBe(textAt(index));
  });

  // These have their fields in other orders (11 is 10 in upper case). 12 holds fields that are ignored and so
  // forgotten, and 14 is 0 with a high S, which we do not sign with.
  it.each([4, 6, 7, 8, 9, 10, 11, 13])('%i is written again with the same fields in our order', (index) => {
    const text = encodeInvoice(fieldsOf(expected[index]!), sign);
    expect(fieldsInText(text)).toEqual(fieldsInText(textAt(index)));
    expect(decodeInvoice(text)).toEqual(expected[index]);
  });
});

/** The prefix, the timestamp and the tagged fields of an invoice, sorted. */
function fieldsInText(text: string): string[] {
  const { prefix, words } = bech32.decode(text, false);
  const found = [prefix, words.slice(0, 7).join()];
  for (let offset = 7; offset < words.length - 104; ) {
    const end = offset + 3 + words[offset + 1]! * 32 + words[offset + 2]!;
    found.push(words.slice(offset, end).join());
    offset = end;
  }
  return found.sort();
}

describe('BOLT 11: invalid invoices', () => {
  const codes = [
    'invoice_not_bech32',
    'invoice_not_bech32',
    'invoice_not_bech32',
    'invoice_bad_signature',
    'invoice_truncated',
    'invoice_bad_amount',
    'invoice_bad_amount',
    'invoice_missing_field',
    'invoice_bad_signature',
  ];

  it('are all here', () => {
    expect(codes).toHaveLength(vectors.invalid.length);
  });

  it.each(vectors.invalid.map(({ reason, invoice }, index) => [reason, codes[index], invoice] as const))(
    '%s (%s)',
    (_, code, text) => {
      expect(() => decodeInvoice(text)).toThrow(expect.objectContaining({ code }));
      expect(() => decodeInvoice(text)).toThrow(InvoiceError);
    },
  );

  it('unknown feature 100, an example of the text that the vectors leave out', () => {
    const text =
      'lnbc25m1pvjluezpp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5vdhkven9v5sxyetpdeessp5zyg3zyg3zyg3' +
      'zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygs9q4psqqqqqqqqqqqqqqqqsgqtqyx5vggfcsll4wu246hz02kp85x4katwsk9639we5n5' +
      'yngc3yhqkm35jnjw4len8vrnqnf5ejh0mzj9n3vz2px97evektfm2l6wqccp3y7372';
    const details = expect.objectContaining({ actual: 'bit 100' });
    expect(() => decodeInvoice(text)).toThrow(expect.objectContaining({ code: 'invoice_unknown_feature', details }));
  });
});
