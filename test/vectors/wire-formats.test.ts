import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeMessage, messageTables, type Message, type MessageName } from '../../protocols/wire/messages.ts';
import { arbitraries } from '../unit/wire-arbitraries.ts';
import formats from './data/bolt-message-formats.json' with { type: 'json' };

/** A format as the BOLTs print it: fields as [type, name], and the records of the TLV stream. */
interface Format {
  readonly type: number;
  readonly fields: readonly (readonly string[])[];
  readonly records: Readonly<Record<string, Omit<Format, 'records'>>>;
}

/** What is not called as the BOLT calls it, so that it says what the decoded value is. */
const RENAMED: Readonly<Record<string, string>> = {
  htlc_signature: 'htlcSignatures',
  encoded_short_ids: 'shortChannelIds',
  short_channel_id_record: 'shortChannelIdAlias',
  blinded_path_record: 'pathKey',
  timestamps_tlv_record: 'timestamps',
  checksums_tlv_record: 'checksums',
};
const camelCase = (name: string) => name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
const fieldName = (name: string) => RENAMED[name] ?? camelCase(name);

const LENGTHS: Readonly<Record<string, number>> = {
  byte: 1,
  u16: 2,
  u32: 4,
  u64: 8,
  short_channel_id: 8,
  chain_hash: 32,
  channel_id: 32,
  sha256: 32,
  point: 33,
  signature: 64,
};

function bigEndian(value: number | bigint, length: number): number[] {
  return Array.from({ length }, (_, i) => Number((BigInt(value) >> BigInt(8 * (length - 1 - i))) & 0xffn));
}

function bigSize(value: number | bigint): number[] {
  if (value < 0xfd) return [Number(value)];
  if (value < 0x10000) return [0xfd, ...bigEndian(value, 2)];
  return value < 0x100000000 ? [0xfe, ...bigEndian(value, 4)] : [0xff, ...bigEndian(value, 8)];
}

/** One value of a type that the BOLTs name, or a list of those. */
function write(type: string, value: unknown): number[] {
  if (value instanceof Uint8Array) {
    const length = LENGTHS[type] ?? /^(\d+)\*byte$/.exec(type)?.[1];
    if (length !== undefined) expect(value).toHaveLength(Number(length));
    return [...value];
  }
  if (Array.isArray(value)) return value.flatMap((item) => write(type.replace(/^[\w.]+\*/, ''), item));
  if (type === 'bigsize') return bigSize(value as bigint);
  if (typeof value === 'object') return Object.values(value as object).flatMap((item) => write('u32', item));
  const length = LENGTHS[type];
  if (length === undefined) throw new Error(`a value of type ${type} was not expected`);
  return bigEndian(value as number | bigint, length);
}

/** The items of an `encoded_…` array, after the byte 0. */
function writeEncoded(name: string, value: unknown): number[] {
  const types: Record<string, string> = { encoded_short_ids: 'u64', encoded_query_flags: 'bigsize' };
  return [0, ...write(`...*${types[name] ?? 'u32'}`, value)];
}

function writeFields(fields: Format['fields'], values: Readonly<Record<string, unknown>>): number[] {
  return fields.flatMap(([type, name], index) => {
    const [nextType, nextName] = fields[index + 1] ?? [];
    if (nextType?.startsWith(`${name!}*`)) {
      const next = values[fieldName(nextName!)] as ArrayLike<unknown>;
      const length = nextName!.startsWith('encoded_') ? writeEncoded(nextName!, next).length : next.length;
      return bigEndian(length, 2);
    }
    const value = values[fieldName(name!)];
    return name!.startsWith('encoded_') ? writeEncoded(name!, value) : write(type!, value);
  });
}

function writeRecord(fields: Format['fields'], value: unknown): number[] {
  if (fields.length === 1) return write(fields[0]![0]!, value);
  if (fields[0]![1] === 'encoding_type') return writeEncoded(fields[1]![1]!, value);
  return writeFields(fields, value as Record<string, unknown>);
}

/** The message as its format has it, written without any of the code under test. */
function writeMessage(format: Format, message: Message): Uint8Array {
  const values = message as unknown as Readonly<Record<string, unknown>>;
  const records = Object.entries(format.records).flatMap(([name, { type, fields }]) => {
    const value = values[RENAMED[`${name}_record`] ?? camelCase(name)];
    if (value === undefined) return [];
    const bytes = writeRecord(fields, value);
    return [...bigSize(type), ...bigSize(bytes.length), ...bytes];
  });
  const extension = (values['extension'] ?? []) as ArrayLike<number>;
  const payload = writeFields(format.fields, values);
  return Uint8Array.from([...bigEndian(format.type, 2), ...payload, ...records, ...Array.from(extension)]);
}

describe('the message formats of BOLT 1, 2 and 7', () => {
  test('are those of every message that there is', () => {
    expect(Object.keys(formats).sort()).toEqual(Object.keys(messageTables).sort());
  });

  test.each(Object.keys(arbitraries) as MessageName[])('%s is written as its BOLT says', (name) => {
    fc.assert(
      fc.property(arbitraries[name] as fc.Arbitrary<Message>, (message) => {
        expect(encodeMessage(message)).toEqual(writeMessage(formats[name], message));
      }),
      { numRuns: 40 },
    );
  });
});
