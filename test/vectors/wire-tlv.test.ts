import { concat, fromString, toString } from 'uint8arrays';
import { describe, expect, test } from 'vitest';
import { bigsize, tu32, tu64 } from '../../protocols/wire/bigsize.ts';
import { decode, encode, struct, type Codec } from '../../protocols/wire/codec.ts';
import { WireError } from '../../protocols/wire/errors.ts';
import { decodeMessage } from '../../protocols/wire/messages.ts';
import { Reader } from '../../protocols/wire/reader.ts';
import { record, tlvStream } from '../../protocols/wire/tlv.ts';
import { point, shortChannelId, u16, u64 } from '../../protocols/wire/types.ts';
import vectors from './data/bolt01-tlv.json' with { type: 'json' };

const n1 = tlvStream({
  tlv1: record(1, tu64),
  tlv2: record(2, shortChannelId),
  tlv3: record(3, struct({ nodeId: point, amountMsat1: u64, amountMsat2: u64 })),
  tlv4: record(254, u16),
});
const n2 = tlvStream({ tlv1: record(0, tu64), tlv2: record(11, tu32) });

type Namespaces = Readonly<Record<string, Codec<object>>>;
const namespaces: Namespaces = { n1, n2 };

const hex = (text: string) => fromString(text.replace(/^0x| /g, ''), 'hex');

/** `in namespace `n1`` names one; any other wording means both. */
function namespacesOf(context: string): [string, Codec<object>][] {
  const name = /`(n[12])`/.exec(context)?.[1];
  return Object.entries(namespaces).filter(([other]) => name === undefined || name === other);
}

const failures = [...vectors['TLV Decoding Failures'], ...vectors['TLV Stream Decoding Failure']].flatMap((vector) =>
  namespacesOf(vector.context).map(([name, codec]) => ({ name, codec, stream: vector['Invalid stream'], ...vector })),
);
const successes = vectors['TLV Decoding Successes'].flatMap((vector) =>
  namespacesOf(vector.context).map(([name, codec]) => ({ name, codec, stream: vector['Valid stream'], ...vector })),
);

/** The type of the one record of a valid stream; an empty one goes before all others. */
const typeOf = (stream: string) => (stream === '0x' ? -1n : bigsize.read(new Reader(hex(stream))));

/** The values as the vectors print them. */
function print(values: object): string {
  const { tlv1, tlv2, tlv3, tlv4 } = values as { tlv1?: bigint; tlv2?: bigint; tlv4?: number } & {
    tlv3?: { nodeId: Uint8Array; amountMsat1: bigint; amountMsat2: bigint };
  };
  if (tlv1 !== undefined) return `\`tlv1\` \`amount_msat\`=${tlv1}`;
  if (tlv2 !== undefined) return `\`tlv2\` \`scid\`=${tlv2 >> 40n}x${(tlv2 >> 16n) & 0xffffffn}x${tlv2 & 0xffffn}`;
  if (tlv4 !== undefined) return `\`tlv4\` \`cltv_delta\`=${tlv4}`;
  if (tlv3 === undefined) return '';
  const amounts = `\`amount_msat_1\`=${tlv3.amountMsat1} \`amount_msat_2\`=${tlv3.amountMsat2}`;
  return `\`tlv3\` \`node_id\`=${toString(tlv3.nodeId, 'hex')} ${amounts}`;
}

describe('BOLT 1, appendix B: type-length-value', () => {
  test.each(failures)('$name refuses $stream: $Reason', ({ codec, stream }) => {
    expect(() => decode(codec, hex(stream))).toThrow(WireError);
  });

  test.each(successes)('$name accepts $stream', ({ codec, stream, Values }) => {
    const values = decode(codec, hex(stream));
    expect(print(values)).toBe(Values ?? '');
    if (Values !== undefined) expect(encode(codec, values)).toEqual(hex(stream));
  });

  test('has all the vectors', () => {
    expect(new Set(failures.map(({ stream }) => stream)).size).toBe(38);
    expect(new Set(successes.map(({ stream }) => stream)).size).toBe(19);
  });

  test('refuses an invalid stream after a valid one', () => {
    for (const good of successes) {
      for (const bad of failures.filter(({ name }) => name === good.name)) {
        expect(() => decode(good.codec, concat([hex(good.stream), hex(bad.stream)]))).toThrow(WireError);
      }
    }
  });

  test('accepts a valid stream of higher types after a valid one, and refuses one of lower types', () => {
    for (const first of successes) {
      for (const second of successes.filter(({ name }) => name === first.name)) {
        const both = concat([hex(first.stream), hex(second.stream)]);
        if (second.stream === '0x' || typeOf(first.stream) < typeOf(second.stream)) {
          expect(decode(first.codec, both)).toEqual({
            ...decode(first.codec, hex(first.stream)),
            ...decode(first.codec, hex(second.stream)),
          });
        } else {
          expect(() => decode(first.codec, both)).toThrow(WireError);
        }
      }
    }
  });
});

describe('BOLT 1, appendix C: message extension', () => {
  test.each(['001000000000', '001000000000c9012acb0104'])('accepts init %s', (bytes) => {
    expect(decodeMessage(hex(bytes))).toEqual({
      type: 'init',
      globalfeatures: new Uint8Array(),
      features: new Uint8Array(),
    });
  });

  test.each([
    ['00100000000001', 'wire_truncated'],
    ['001000000000ca012a', 'wire_unknown_even_tlv'],
    ['001000000000c90101c90102', 'wire_tlv_order'],
  ])('refuses init %s', (bytes, code) => {
    expect(() => decodeMessage(hex(bytes))).toThrow(expect.objectContaining({ constructor: WireError, code }));
  });
});
