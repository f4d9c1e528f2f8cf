import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import { RunnelError } from './errors.ts';

/** Deeper nesting is a cycle or an attack; the walk below is recursive. */
const MAX_DEPTH = 256;
/** More digits than any amount has; reading millions of them takes a minute. */
const MAX_DIGITS = 80;
const TOO_LARGE = 10n ** BigInt(MAX_DIGITS);
const NUMBER = new RegExp(`^(?:0|-?[1-9]\\d{0,${MAX_DIGITS - 1}})$`);

/**
 * A value that has no JSON form here (`json_unsupported`), or a text that `encodeJson` did not write
 * (`json_malformed`).
 */
export class JsonError extends RunnelError {
  declare readonly code: 'json_unsupported' | 'json_malformed';
}

/**
 * Writes plain data as JSON: like `JSON.stringify`, but bigint becomes `{"$n":"123"}`, Uint8Array `{"$x":"hex"}`, keys
 * are sorted, and what would not come back as it was is refused: Map, Set, Date and other instances, NaN, Infinity,
 * functions, symbols, undefined anywhere but as a property (which is left out), and keys that begin with `$`. Equal
 * values give equal texts. Throws `JsonError`.
 */
export function encodeJson(value: unknown): string {
  return write(value, 0);
}

/** Reads what `encodeJson` wrote. Throws `JsonError` for anything that is not JSON, or uses `$` keys in another way. */
export function decodeJson(text: string): unknown {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new JsonError('json_malformed', `expected JSON: ${(error as Error).message}`, {}, { cause: error });
  }
  return revive(parsed, 0);
}

function write(value: unknown, depth: number): string {
  switch (typeof value) {
    case 'string':
      return writeString(value);
    case 'number':
      if (!Number.isFinite(value)) throw unsupported(String(value));
      return Object.is(value, -0) ? '-0' : String(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'bigint':
      if (value <= -TOO_LARGE || value >= TOO_LARGE) throw unsupported(`a number of more than ${MAX_DIGITS} digits`);
      return `{"$n":"${value}"}`;
    case 'object':
      return value === null ? 'null' : writeObject(value, depth);
    default:
      throw unsupported(typeof value);
  }
}

/** Most strings are names that need no escape, and are written without the call. */
function writeString(value: string): string {
  return /^[\w ./:-]*$/.test(value) ? `"${value}"` : JSON.stringify(value);
}

function writeObject(value: object, depth: number): string {
  if (depth === MAX_DEPTH) throw unsupported(`nesting deeper than ${MAX_DEPTH}`);
  if (value instanceof Uint8Array) return `{"$x":"${bytesToHex(value)}"}`;
  if (Array.isArray(value)) return writeArray(value, depth);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw unsupported(`an instance of ${value.constructor?.name ?? 'a class'}`);
  }
  let text = '';
  for (const key of Object.keys(value).sort()) {
    const item = (value as Record<string, unknown>)[key];
    if (item === undefined) continue;
    if (key.startsWith('$')) throw unsupported(`key ${JSON.stringify(key)}`);
    text += `${text === '' ? '' : ','}${writeString(key)}:${write(item, depth + 1)}`;
  }
  return `{${text}}`;
}

function writeArray(items: readonly unknown[], depth: number): string {
  let text = '';
  for (let i = 0; i < items.length; i++) text += `${i === 0 ? '' : ','}${write(items[i], depth + 1)}`;
  return `[${text}]`;
}

/** Replaces the `$` objects in what JSON.parse gave, in place: nobody else holds it. */
function revive(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (depth === MAX_DEPTH) throw malformed(`nesting deeper than ${MAX_DEPTH}`);
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) value[i] = revive(value[i], depth + 1);
    return value;
  }
  const object = value as Record<string, unknown>;
  const keys = Object.keys(object);
  for (const key of keys) {
    if (key.startsWith('$')) return reviveTagged(object, keys);
    object[key] = revive(object[key], depth + 1);
  }
  return object;
}

function reviveTagged(object: Record<string, unknown>, keys: readonly string[]): bigint | Uint8Array {
  const { $n, $x } = object;
  if (keys.length === 1) {
    if (typeof $n === 'string' && NUMBER.test($n)) return BigInt($n);
    if (typeof $x === 'string' && /^(?:[0-9a-f]{2})*$/.test($x)) return hexToBytes($x);
  }
  throw malformed(`an object with the keys ${keys.map((key) => JSON.stringify(key)).join(', ')}`);
}

function unsupported(what: string): JsonError {
  return new JsonError('json_unsupported', `expected plain data, got ${what}`);
}

function malformed(what: string): JsonError {
  return new JsonError('json_malformed', `expected JSON as encodeJson writes it, got ${what}`);
}
