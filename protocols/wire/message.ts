import { decode, struct, type Codec, type Fields } from './codec.ts';
import { inContext } from './errors.ts';
import type { Reader } from './reader.ts';
import { tlvStream, type TlvRecords } from './tlv.ts';
import type { Writer } from './writer.ts';

/** The check for an extension of which nothing is known: a TLV stream of odd records. */
const unknownRecords = tlvStream({});

/** One message of the BOLTs: its type number, and its payload after the two bytes of the type. */
export interface MessageTable<P> extends Codec<P> {
  readonly typeNumber: number;
}

/** The payload that a message table describes. */
export type PayloadOf<T> = T extends MessageTable<infer P> ? P : never;

/**
 * Declares a message: its fields in wire order, then the records of its TLV stream. Records that the table does not
 * name are dropped when odd and refused when even (BOLT 1, "Lightning Message Format").
 */
export function message<F extends object, R extends object = Record<never, never>>(
  typeNumber: number,
  fields: Fields<F>,
  records?: TlvRecords<R>,
): MessageTable<Readonly<F> & Readonly<Partial<R>>> {
  const body = struct(fields);
  const extension = tlvStream<R>(records ?? ({} as TlvRecords<R>));
  return {
    typeNumber,
    read: (reader) => ({ ...body.read(reader), ...extension.read(reader) }),
    write(writer, payload) {
      body.write(writer, payload);
      extension.write(writer, payload);
    },
  };
}

/**
 * Declares a gossip message. Its signatures cover whatever follows its fields (BOLT 7, "The `channel_announcement`
 * Message"), so those bytes, when there are any, are kept in the field `extension` exactly as they came.
 */
export function signedMessage<F extends object>(
  typeNumber: number,
  fields: Fields<F>,
): MessageTable<Readonly<F> & { readonly extension?: Uint8Array }> {
  const body = struct(fields);
  return {
    typeNumber,
    read(reader) {
      const payload = body.read(reader);
      return reader.remaining === 0 ? payload : { ...payload, extension: readExtension(reader) };
    },
    write(writer, payload) {
      body.write(writer, payload);
      if (payload.extension !== undefined) writeExtension(writer, payload.extension);
    },
  };
}

function readExtension(reader: Reader): Uint8Array {
  const extension = reader.rest();
  checkExtension(extension);
  return extension;
}

function writeExtension(writer: Writer, extension: Uint8Array): void {
  writer.bytes(extension);
  checkExtension(extension);
}

function checkExtension(extension: Uint8Array): void {
  try {
    decode(unknownRecords, extension);
  } catch (error) {
    throw inContext(error, 'extension');
  }
}
