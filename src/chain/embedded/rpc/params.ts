import { fromString } from 'uint8arrays';
import { btcToSat } from '../../amounts.ts';
import { ChainRpcError } from '../../errors.ts';
import { MAX_MONEY_SAT } from '../consensus/params.ts';

/** bitcoind's error codes. */
export const RpcCode = {
  misc: -1,
  type: -3,
  invalidAddressOrKey: -5,
  invalidParameter: -8,
  database: -20,
  deserialization: -22,
  verify: -25,
  rejected: -26,
  alreadyInUtxoSet: -27,
  invalidRequest: -32600,
  methodNotFound: -32601,
  internal: -32603,
  parse: -32700,
} as const;

type JsonType = 'number' | 'string' | 'bool' | 'array';

/** One parameter of a method: its name, and the JSON types that it may have. */
export interface Parameter {
  readonly name: string;
  readonly types: readonly JsonType[];
  readonly optional?: boolean;
}

/** A required parameter. */
export function required(name: string, ...types: JsonType[]): Parameter {
  return { name, types };
}

/** A parameter that may be left out, or be null. */
export function optional(name: string, ...types: JsonType[]): Parameter {
  return { name, types, optional: true };
}

/**
 * The parameters of a call, checked in number and type as bitcoind does before a method runs: -1 with the usage for a
 * wrong number, -3 for a wrong type, -8 for an unknown name.
 */
export class Arguments {
  readonly #values: readonly unknown[];
  readonly #parameters: readonly Parameter[];

  constructor(method: string, parameters: readonly Parameter[], given: unknown) {
    this.#parameters = parameters;
    const values = Array.isArray(given) ? given : positional(parameters, given);
    const least = parameters.filter((parameter) => parameter.optional !== true).length;
    if (values.length < least || values.length > parameters.length) {
      throw new ChainRpcError(RpcCode.misc, usage(method, parameters));
    }
    const mismatches = parameters.flatMap((parameter, i) => mismatch(parameter, i, values[i]));
    if (mismatches.length > 0) {
      throw new ChainRpcError(RpcCode.type, `Wrong type passed:\n{\n${mismatches.join(',\n')}\n}`);
    }
    this.#values = values;
  }

  has(index: number): boolean {
    return this.#values[index] !== undefined && this.#values[index] !== null;
  }

  string(index: number): string {
    const value = this.#values[index];
    if (typeof value !== 'string') throw notOfType(value, 'string');
    return value;
  }

  boolean(index: number, fallback: boolean): boolean {
    const value = this.#values[index];
    return typeof value === 'boolean' ? value : fallback;
  }

  array(index: number): readonly unknown[] {
    const value = this.#values[index];
    if (!Array.isArray(value)) throw notOfType(value, 'array');
    return value;
  }

  /** A 32-bit integer. */
  integer(index: number, fallback?: number): number {
    const value = this.has(index) ? this.#values[index] : fallback;
    if (typeof value !== 'number') throw notOfType(value, 'number');
    if (!Number.isInteger(value) || Math.abs(value) > 0x7fffffff) {
      throw new ChainRpcError(RpcCode.misc, 'JSON integer out of range');
    }
    return value;
  }

  /** A verbosity: an integer, or the boolean that it once was. */
  verbosity(index: number, fallback: number): number {
    const value = this.#values[index];
    return typeof value === 'boolean' ? Number(value) : this.integer(index, fallback);
  }

  /** 32 bytes as lower-case hex; an error calls them `name`, or by the parameter's own name. */
  hash(index: number, name = this.#parameters[index]?.name ?? 'hash'): string {
    return parseHash(this.string(index), name);
  }

  /** An amount in BTC, as a number or as text, in satoshi. */
  amountSat(index: number, fallbackSat: bigint): bigint {
    if (!this.has(index)) return fallbackSat;
    const value = this.#values[index];
    const amountSat = typeof value === 'string' && !/^-?\d+(\.\d+)?$/.test(value) ? undefined : btcToSat(Number(value));
    if (amountSat === undefined) throw new ChainRpcError(RpcCode.type, 'Invalid amount');
    if (amountSat < 0n || amountSat > MAX_MONEY_SAT) throw new ChainRpcError(RpcCode.type, 'Amount out of range');
    return amountSat;
  }
}

/** A text that must be bytes in hex, for whatever `failure` says it should be. */
export function parseHex(text: string, failure: string): Uint8Array {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) throw new ChainRpcError(RpcCode.deserialization, failure);
  return fromString(text.toLowerCase(), 'base16');
}

/** Checks 32 bytes of hex; throws -8 as bitcoind words it. */
export function parseHash(text: string, name: string): string {
  if (/^[0-9a-fA-F]{64}$/.test(text)) return text.toLowerCase();
  const problem =
    text.length === 64
      ? `must be hexadecimal string (not '${text}')`
      : `must be of length 64 (not ${text.length}, for '${text}')`;
  throw new ChainRpcError(RpcCode.invalidParameter, `${name} ${problem}`);
}

/** The JSON type of a value as bitcoind names it. */
export function jsonType(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (typeof value === 'boolean') return 'bool';
  if (Array.isArray(value)) return 'array';
  return typeof value;
}

/** Checks the type of something inside an array; throws -3. */
export function expectString(value: unknown): string {
  if (typeof value !== 'string') throw notOfType(value, 'string');
  return value;
}

function notOfType(value: unknown, expected: string): ChainRpcError {
  return new ChainRpcError(RpcCode.type, `JSON value of type ${jsonType(value)} is not of expected type ${expected}`);
}

function positional(parameters: readonly Parameter[], given: unknown): unknown[] {
  if (given === undefined || given === null) return [];
  if (typeof given !== 'object') {
    throw new ChainRpcError(RpcCode.invalidRequest, 'Params must be an array or object');
  }
  const named = new Map(Object.entries(given));
  for (const name of named.keys()) {
    if (!parameters.some((parameter) => parameter.name === name)) {
      throw new ChainRpcError(RpcCode.invalidParameter, `Unknown named parameter ${name}`);
    }
  }
  const values = parameters.map(({ name }) => named.get(name));
  while (values.length > 0 && values.at(-1) === undefined) values.pop();
  return values;
}

function mismatch({ name, types, optional: mayMiss }: Parameter, index: number, value: unknown): string[] {
  const type = jsonType(value);
  if (types.some((allowed) => allowed === type) || (mayMiss === true && type === 'null')) return [];
  const expected = types.join(' or ');
  return [`    "Position ${index + 1} (${name})": "JSON value of type ${type} is not of expected type ${expected}"`];
}

function usage(method: string, parameters: readonly Parameter[]): string {
  const words = parameters.map(({ name, optional: mayMiss }) => (mayMiss === true ? `( ${name} )` : name));
  return [method, ...words].join(' ');
}
