import { bolt1Messages } from './bolt1.ts';
import { bolt2Messages } from './bolt2.ts';
import { bolt7Messages } from './bolt7.ts';
import { inContext, UnknownMessageError, WireError } from './errors.ts';
import type { MessageTable, PayloadOf } from './message.ts';
import { Reader } from './reader.ts';
import { Writer } from './writer.ts';

export { UnknownMessageError, WireError } from './errors.ts';

/** BOLT 1, "Lightning Message Format": what the transport's two-byte length allows. */
export const MAX_MESSAGE_LENGTH = 65535;

/**
 * Every message that Runnel knows, each declared once: the types below and both directions of the codec come from
 * here.
 */
export const messageTables = { ...bolt1Messages, ...bolt2Messages, ...bolt7Messages };

export type MessageName = keyof typeof messageTables;

type Flatten<T> = { [K in keyof T]: T[K] };

/** One message, as `MessageOf<'update_add_htlc'>`: `type` and its fields, those of its TLV records optional. */
export type MessageOf<N extends MessageName> = N extends MessageName
  ? Flatten<{ readonly type: N } & PayloadOf<(typeof messageTables)[N]>>
  : never;

/** Any message. */
export type Message = { [N in MessageName]: MessageOf<N> }[MessageName];

/** The type numbers of the BOLTs. */
export const MESSAGE_TYPE_NUMBERS = Object.fromEntries(
  Object.entries(messageTables).map(([name, { typeNumber }]) => [name, typeNumber]),
) as Readonly<Record<MessageName, number>>;

const entries = Object.entries(messageTables) as [MessageName, MessageTable<object>][];
const byName = new Map(entries);
const byNumber = new Map(entries.map(([name, table]) => [table.typeNumber, { name, table }]));

/** The bytes of a message, its two-byte type first. Throws `WireError` for a value that its field does not allow. */
export function encodeMessage(message: Message): Uint8Array {
  const table = byName.get(message.type);
  if (table === undefined) throw new WireError('wire_bad_value', `no message is called ${String(message.type)}`);
  const writer = new Writer();
  writer.uint(table.typeNumber, 2);
  try {
    table.write(writer, message);
  } catch (error) {
    throw inContext(error, message.type, { messageType: message.type });
  }
  requireMessageLength(writer.length);
  return writer.finish();
}

/**
 * The message that the bytes hold. Throws `UnknownMessageError` for a type that is not in the tables (`ignorable` says
 * whether it is odd), and `WireError` for anything else that BOLT 1 answers by closing the connection.
 */
export function decodeMessage(bytes: Uint8Array): Message {
  requireMessageLength(bytes.length);
  const reader = new Reader(bytes);
  const typeNumber = reader.uint(2);
  const entry = byNumber.get(typeNumber);
  if (entry === undefined) throw new UnknownMessageError(typeNumber);
  try {
    return { type: entry.name, ...entry.table.read(reader) } as Message;
  } catch (error) {
    throw inContext(error, entry.name, { messageType: entry.name });
  }
}

/** The message that the bytes hold; undefined for what is none, or none that is known. */
export function readMessage(bytes: Uint8Array): Message | undefined {
  try {
    return decodeMessage(bytes);
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

function requireMessageLength(length: number): void {
  if (length <= MAX_MESSAGE_LENGTH) return;
  throw new WireError('wire_too_long', `expected a message of at most ${MAX_MESSAGE_LENGTH} bytes, got ${length}`);
}
