import { Transaction } from 'bitcoinjs-lib';
import { toString } from 'uint8arrays';
import { decodeAddresses } from '../../protocols/gossip/addresses.ts';
import { toHostPort } from '../../protocols/gossip/node-address.ts';
import { decodeAlias } from '../../protocols/gossip/node-announcement.ts';
import { formatScid } from '../../protocols/gossip/short-channel-id.ts';
import { failureFromMalformed } from '../../protocols/onion/failures.ts';
import { bolt1Messages } from '../../protocols/wire/bolt1.ts';
import { bolt2Messages } from '../../protocols/wire/bolt2.ts';
import { WireError } from '../../protocols/wire/errors.ts';
import { namedFeatures } from '../../protocols/wire/features.ts';
import { decodeMessage, type Message } from '../../protocols/wire/messages.ts';
import { printableText } from '../../protocols/wire/text.ts';
import type { JournalEntry } from './journal.ts';

/** A field as people read it; its name and its value say what it is, so that no list of messages stands here beside the codec's. */
export interface DecodedField {
  readonly name: string;
  readonly type: 'amount' | 'hex' | 'number' | 'text' | 'list';
  readonly value: string;
  readonly unit?: 'sat' | 'msat';
  /** The items of a list, or what is known of a value that is more than one. */
  readonly fields?: DecodedField[];
}

export interface Decoded {
  readonly name: string;
  /** Of a wire message: the BOLT that defines it. */
  readonly bolt?: string;
  readonly fields: DecodedField[];
}

/** An entry's event by field: the peer's message where it is one. */
export function decodeEntry({ event, wire }: Pick<JournalEntry, 'event' | 'wire'>): Decoded {
  if (wire !== undefined) return decodeWire(wire);
  const { type, ...fields } = event;
  return { name: type, fields: fieldsOf(fields) };
}

/** A wire message by field. Never throws: bytes that are no message are shown as they are. */
export function decodeWire(bytes: Uint8Array): Decoded {
  try {
    return decodedMessage(decodeMessage(bytes));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { name: 'unreadable', fields: [field('bytes', bytes), { name: 'reason', type: 'text', value: reason }] };
  }
}

/** A message in the order of its fields on the wire. */
export function decodedMessage({ type, ...fields }: Message): Decoded {
  return { name: type, bolt: type in bolt1Messages ? 'BOLT 1' : type in bolt2Messages ? 'BOLT 2' : 'BOLT 7', fields: fieldsOf(fields, type) };
}

const fieldsOf = (values: object, message?: string): DecodedField[] =>
  Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [field(name, value as unknown, message)]));

function field(name: string, value: unknown, message?: string): DecodedField {
  if (value instanceof Uint8Array) return bytesField(name, value, message);
  if (Array.isArray(value)) return listField(name, value);
  switch (typeof value) {
    case 'bigint':
    case 'number':
      return numberField(name, value);
    case 'object':
      return value === null ? { name, type: 'text', value: 'none' } : structField(name, value);
    default:
      return { name, type: 'text', value: String(value) };
  }
}

function numberField(name: string, value: bigint | number): DecodedField {
  if (/msat$/i.test(name)) return { name, type: 'amount', value: `${value}`, unit: 'msat' };
  if (/sat(oshis)?$/i.test(name)) return { name, type: 'amount', value: `${value}`, unit: 'sat' };
  if (/shortChannelId|remoteAlias$/i.test(name)) return { name, type: 'text', value: formatScid(BigInt(value)) };
  if (name === 'failureCode') return { name, type: 'text', value: failureText(Number(value)) };
  return { name, type: 'number', value: `${value}` };
}

function bytesField(name: string, bytes: Uint8Array, message?: string): DecodedField {
  const value = toString(bytes, 'base16');
  // Transactions are called by their hashes turned round.
  if (/txid$/i.test(name)) return { name, type: 'hex', value: toString(bytes.toReversed(), 'base16') };
  if (/features$/i.test(name) || name === 'channelType') return { name, type: 'text', value: namedFeatures(bytes).join(', ') || 'none' };
  if (/transactions?$/i.test(name)) return { name, type: 'hex', value, ...transactionParts(bytes) };
  switch (name) {
    case 'data':
      return message === 'error' || message === 'warning' ? { name, type: 'text', value: printableText(bytes) } : { name, type: 'hex', value };
    case 'alias':
      return { name, type: 'text', value: decodeAlias(bytes) };
    case 'addresses':
      return addressesField(name, bytes);
    default:
      return { name, type: 'hex', value };
  }
}

/** Addresses that cannot be read leave the rest of their message as readable as it is. */
function addressesField(name: string, bytes: Uint8Array): DecodedField {
  try {
    return listField(name, decodeAddresses(bytes).addresses.map(toHostPort));
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    return { name, type: 'hex', value: toString(bytes, 'base16') };
  }
}

function listField(name: string, items: readonly unknown[]): DecodedField {
  // An item is what its list is a list of: `shortChannelIds` holds a short channel id at 0.
  const singular = name.replace(/s$/, '');
  const fields = items.map((item, index) => ({ ...field(singular, item), name: `${index}` }));
  return { name, type: 'list', value: `${items.length} ${items.length === 1 ? 'item' : 'items'}`, ...(fields.length > 0 && { fields }) };
}

function structField(name: string, value: object): DecodedField {
  const fields = fieldsOf(value);
  return { name, type: 'list', value: `${fields.length} ${fields.length === 1 ? 'field' : 'fields'}`, fields };
}

/** What a transaction spends and pays: enough to find it by. */
function transactionParts(bytes: Uint8Array): Pick<DecodedField, 'fields'> {
  try {
    const transaction = Transaction.fromBuffer(bytes);
    const spends = transaction.ins.map(({ hash, index }) => `${toString(hash.toReversed(), 'base16')}:${index}`);
    const pays = transaction.outs.map(({ value, script }): DecodedField => ({
      name: 'output',
      type: 'amount',
      value: `${value}`,
      unit: 'sat',
      fields: [field('scriptpubkey', script)],
    }));
    return {
      fields: [
        { name: 'txid', type: 'hex', value: transaction.getId() },
        listField('inputs', spends),
        { ...listField('outputs', []), value: `${pays.length} ${pays.length === 1 ? 'item' : 'items'}`, fields: pays.map((pay, index) => ({ ...pay, name: `${index}` })) },
      ],
    };
  } catch {
    return {};
  }
}

/** BOLT 4, "Failure Messages": of `update_fail_malformed_htlc`. */
function failureText(code: number): string {
  const hex = `0x${code.toString(16).padStart(4, '0')}`;
  try {
    const { type } = failureFromMalformed(code, new Uint8Array(32));
    return type === 'unknown' ? hex : `${type} (${hex})`;
  } catch {
    return hex;
  }
}
