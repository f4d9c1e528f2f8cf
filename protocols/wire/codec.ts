import { inContext, WireError } from './errors.ts';
import { Reader } from './reader.ts';
import { Writer } from './writer.ts';

/**
 * How one value crosses the wire. Both directions throw `WireError`, and nothing else, for what the type does not
 * allow.
 */
export interface Codec<T> {
  read(reader: Reader): T;
  write(writer: Writer, value: T): void;
}

/** Reads a value that fills the bytes exactly. */
export function decode<T>(codec: Codec<T>, bytes: Uint8Array): T {
  const reader = new Reader(bytes);
  const value = codec.read(reader);
  reader.expectEnd();
  return value;
}

/** Writes one value. */
export function encode<T>(codec: Codec<T>, value: T): Uint8Array {
  const writer = new Writer();
  codec.write(writer, value);
  return writer.finish();
}

/** Exactly `length` bytes. */
export function bytes(length: number): Codec<Uint8Array> {
  return {
    read: (reader) => reader.bytes(length),
    write(writer, value) {
      if (value instanceof Uint8Array && value.length !== length) {
        throw new WireError('wire_bad_value', `expected ${length} bytes, got ${value.length}`);
      }
      writer.bytes(value);
    },
  };
}

/** As many bytes as the two-byte length before them says. */
export const u16Bytes: Codec<Uint8Array> = {
  read: (reader) => reader.bytes(reader.uint(2)),
  write(writer, value) {
    if (value instanceof Uint8Array && value.length > 0xffff) {
      throw new WireError('wire_too_long', `expected at most 65535 bytes, got ${value.length}`);
    }
    writer.uint(value instanceof Uint8Array ? value.length : 0, 2);
    writer.bytes(value);
  },
};

/** All the bytes that remain: the last field of a TLV record. */
export const restBytes: Codec<Uint8Array> = {
  read: (reader) => reader.rest(),
  write: (writer, value) => writer.bytes(value),
};

/** As many items as the two-byte count before them says. */
export function u16Array<T>(item: Codec<T>): Codec<readonly T[]> {
  return {
    read: (reader) => readItems(reader, item, reader.uint(2)),
    write(writer, items) {
      requireArray(items);
      if (items.length > 0xffff) {
        throw new WireError('wire_too_long', `expected at most 65535 items, got ${items.length}`);
      }
      writer.uint(items.length, 2);
      for (const value of items) item.write(writer, value);
    },
  };
}

/** Exactly `count` items. */
export function array<T>(item: Codec<T>, count: number): Codec<readonly T[]> {
  return {
    read: (reader) => readItems(reader, item, count),
    write(writer, items) {
      requireArray(items);
      if (items.length !== count) throw new WireError('wire_bad_value', `expected ${count} items, got ${items.length}`);
      for (const value of items) item.write(writer, value);
    },
  };
}

/** Items up to the end of what is being read, which must hold a whole number of them. */
export function restArray<T>(item: Codec<T>): Codec<readonly T[]> {
  return {
    read(reader) {
      const items: T[] = [];
      while (reader.remaining > 0) items.push(item.read(reader));
      return items;
    },
    write(writer, items) {
      requireArray(items);
      for (const value of items) item.write(writer, value);
    },
  };
}

/** A table of fields in wire order, for an object of type `T`. */
export type Fields<T> = { readonly [K in keyof T]: Codec<T[K]> };

/** Fields one after another, as one object. */
export function struct<T extends object>(fields: Fields<T>): Codec<Readonly<T>> {
  const entries = Object.entries(fields) as [string, Codec<unknown>][];
  return {
    read(reader) {
      const value: Record<string, unknown> = {};
      for (const [name, codec] of entries) {
        try {
          value[name] = codec.read(reader);
        } catch (error) {
          throw inContext(error, name);
        }
      }
      return value as T;
    },
    write(writer, value) {
      if (typeof value !== 'object' || value === null) {
        throw new WireError('wire_bad_value', `expected an object, got ${String(value)}`);
      }
      for (const [name, codec] of entries) {
        try {
          codec.write(writer, (value as Record<string, unknown>)[name]);
        } catch (error) {
          throw inContext(error, name);
        }
      }
    },
  };
}

/** The same wire form, with values that `check` throws a `WireError` for refused in both directions. */
export function checked<T>(codec: Codec<T>, check: (value: T) => void): Codec<T> {
  return {
    read(reader) {
      const value = codec.read(reader);
      check(value);
      return value;
    },
    write(writer, value) {
      codec.write(writer, value);
      check(value);
    },
  };
}

function readItems<T>(reader: Reader, item: Codec<T>, count: number): T[] {
  const items: T[] = [];
  for (let i = 0; i < count; i++) items.push(item.read(reader));
  return items;
}

function requireArray(value: unknown): void {
  if (!Array.isArray(value)) throw new WireError('wire_bad_value', `expected an array, got ${String(value)}`);
}
