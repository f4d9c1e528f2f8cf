import { bigsize } from './bigsize.ts';
import { encode, type Codec } from './codec.ts';
import { inContext, WireError } from './errors.ts';
import type { Reader } from './reader.ts';
import type { Writer } from './writer.ts';

/** A known record of a TLV stream: its type and how its value is written. */
export interface TlvRecord<T> {
  readonly type: bigint;
  readonly value: Codec<T>;
}

/** The known records of a stream, by the name of the field that each becomes. */
export type TlvRecords<T> = { readonly [K in keyof T]: TlvRecord<T[K]> };

/** Declares a known record. */
export function record<T>(type: number | bigint, value: Codec<T>): TlvRecord<T> {
  return { type: BigInt(type), value };
}

/**
 * A TLV stream that fills the rest of what is being read. BOLT 1, "Type-Length-Value Format": types and lengths
 * minimal, types strictly increasing, known records exactly as long as their value, unknown odd records dropped,
 * unknown even ones refused.
 */
export function tlvStream<T extends object>(records: TlvRecords<T>): Codec<Readonly<Partial<T>>> {
  const known = (Object.entries(records) as [string, TlvRecord<unknown>][])
    .map(([name, { type, value }]) => ({ name, type, value }))
    .sort((a, b) => (a.type < b.type ? -1 : 1));
  const byType = new Map(known.map((entry) => [entry.type, entry]));

  return {
    read(reader) {
      const values: Record<string, unknown> = {};
      forEachRecord(reader, (type, section) => {
        const entry = byType.get(type);
        if (entry === undefined) return refuseEven(type);
        try {
          values[entry.name] = entry.value.read(section);
          section.expectEnd();
        } catch (error) {
          throw inContext(error, entry.name);
        }
      });
      return values as Partial<T>;
    },
    write(writer, values) {
      for (const { name, type, value } of known) {
        const field = (values as Record<string, unknown>)[name];
        if (field !== undefined) writeRecord(writer, type, encodeIn(name, value, field));
      }
    },
  };
}

function forEachRecord(reader: Reader, visit: (type: bigint, section: Reader) => void): void {
  let previous = -1n;
  while (reader.remaining > 0) {
    const type = requireIncreasing(bigsize.read(reader), previous);
    previous = type;
    const length = bigsize.read(reader);
    if (length > BigInt(reader.remaining)) {
      throw new WireError('wire_truncated', `TLV record ${type} claims ${length} bytes, ${reader.remaining} remain`);
    }
    visit(type, reader.section(Number(length)));
  }
}

function requireIncreasing(type: bigint, previous: bigint): bigint {
  if (type > previous) return type;
  throw new WireError('wire_tlv_order', `TLV type ${type} stands after ${previous}`);
}

function refuseEven(type: bigint): void {
  if (type % 2n === 0n) throw new WireError('wire_unknown_even_tlv', `TLV type ${type} is even and not known`);
}

function writeRecord(writer: Writer, type: bigint, value: Uint8Array): void {
  bigsize.write(writer, type);
  bigsize.write(writer, BigInt(value.length));
  writer.bytes(value);
}

function encodeIn(name: string, codec: Codec<unknown>, value: unknown): Uint8Array {
  try {
    return encode(codec, value);
  } catch (error) {
    throw inContext(error, name);
  }
}
