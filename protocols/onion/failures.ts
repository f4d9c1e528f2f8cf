import { bigsize } from '../wire/bigsize.ts';
import { struct, u16Bytes, type Codec } from '../wire/codec.ts';
import { WireError } from '../wire/errors.ts';
import { Reader } from '../wire/reader.ts';
import { bytes32, u16, u32, u64 } from '../wire/types.ts';
import { Writer } from '../wire/writer.ts';

/** BOLT 4, "Failure Messages": the flags in the top byte of a failure code. */
export const BADONION = 0x8000;
export const PERM = 0x4000;
export const NODE = 0x2000;
export const UPDATE = 0x1000;

/**
 * BOLT 4, "Failure Messages": each failure once, in the BOLT's order. `channelUpdate` is the bytes as they came, empty
 * where the node gave none, as nodes are expected to; whoever reads one may use it for this payment alone and never
 * show it to others.
 */
const failures = {
  temporary_node_failure: failure(NODE | 2, {}),
  permanent_node_failure: failure(PERM | NODE | 2, {}),
  required_node_feature_missing: failure(PERM | NODE | 3, {}),
  invalid_onion_version: failure(BADONION | PERM | 4, { sha256OfOnion: bytes32 }),
  invalid_onion_hmac: failure(BADONION | PERM | 5, { sha256OfOnion: bytes32 }),
  invalid_onion_key: failure(BADONION | PERM | 6, { sha256OfOnion: bytes32 }),
  temporary_channel_failure: failure(UPDATE | 7, { channelUpdate: u16Bytes }),
  permanent_channel_failure: failure(PERM | 8, {}),
  required_channel_feature_missing: failure(PERM | 9, {}),
  unknown_next_peer: failure(PERM | 10, {}),
  amount_below_minimum: failure(UPDATE | 11, { htlcMsat: u64, channelUpdate: u16Bytes }),
  fee_insufficient: failure(UPDATE | 12, { htlcMsat: u64, channelUpdate: u16Bytes }),
  incorrect_cltv_expiry: failure(UPDATE | 13, { cltvExpiry: u32, channelUpdate: u16Bytes }),
  expiry_too_soon: failure(UPDATE | 14, { channelUpdate: u16Bytes }),
  incorrect_or_unknown_payment_details: failure(PERM | 15, { htlcMsat: u64, height: u32 }),
  final_incorrect_cltv_expiry: failure(18, { cltvExpiry: u32 }),
  final_incorrect_htlc_amount: failure(19, { incomingHtlcAmtMsat: u64 }),
  channel_disabled: failure(UPDATE | 20, { disabledFlags: u16, channelUpdate: u16Bytes }),
  expiry_too_far: failure(21, {}),
  invalid_onion_payload: failure(PERM | 22, { tlvType: bigsize, offset: u16 }),
  mpp_timeout: failure(23, {}),
  invalid_onion_blinding: failure(BADONION | PERM | 24, { sha256OfOnion: bytes32 }),
};

export type FailureName = keyof typeof failures;

/** One failure message, as `FailureMessageOf<'fee_insufficient'>`: its name and the fields of its data. */
export type FailureMessageOf<N extends FailureName> = N extends FailureName
  ? { readonly type: N } & ((typeof failures)[N] extends FailureTable<infer D> ? Readonly<D> : never)
  : never;

/** A failure whose code is not in BOLT 4's list, or whose data is not what its code asks for. */
export interface UnknownFailure {
  readonly type: 'unknown';
  readonly code: number;
  readonly data: Uint8Array;
}

/** Any failure message. */
export type FailureMessage = { [N in FailureName]: FailureMessageOf<N> }[FailureName] | UnknownFailure;

/** A failure of the packet itself, which `update_fail_malformed_htlc` carries. */
export type BadOnionFailure = FailureMessageOf<'invalid_onion_version' | 'invalid_onion_hmac' | 'invalid_onion_key'>;

interface FailureTable<D> {
  readonly code: number;
  readonly data: Codec<D>;
}

const byName = new Map(Object.entries(failures) as unknown as [FailureName, FailureTable<FailureMessage>][]);
const byCode = new Map([...byName].map(([name, { code, data }]) => [code, { name, data }]));

/** The failure's two-byte code, flags included. */
export function failureCode(message: FailureMessage): number {
  return message.type === 'unknown' ? message.code : failures[message.type].code;
}

/** BOLT 4, "Failure Messages": what the flags of a failure say about who failed, and whether to try again. */
export function failureFlags(message: FailureMessage): {
  readonly badOnion: boolean;
  readonly perm: boolean;
  readonly node: boolean;
  readonly update: boolean;
} {
  const code = failureCode(message);
  const has = (flag: number) => (code & flag) !== 0;
  return { badOnion: has(BADONION), perm: has(PERM), node: has(NODE), update: has(UPDATE) };
}

/** The bytes of a failure message: code, then data. Throws `WireError` for a value that its field does not allow. */
export function encodeFailure(message: FailureMessage): Uint8Array {
  const writer = new Writer();
  writer.uint(failureCode(message), 2);
  if (message.type === 'unknown') writer.bytes(message.data);
  else byName.get(message.type)?.data.write(writer, message);
  return writer.finish();
}

/**
 * The failure that the bytes hold. They come from a node that may write what it likes, so this never throws: what it
 * cannot make sense of is `unknown`, with the code 0 (no flag set) where even that is missing. Bytes after the data are
 * ignored (BOLT 4, "Receiving Failure Codes").
 */
export function decodeFailure(bytes: Uint8Array): FailureMessage {
  if (bytes.length < 2) return { type: 'unknown', code: 0, data: bytes.slice() };
  const reader = new Reader(bytes);
  const code = reader.uint(2);
  const entry = byCode.get(code);
  if (entry === undefined) return { type: 'unknown', code, data: reader.rest() };
  try {
    return { ...entry.data.read(reader), type: entry.name } as FailureMessage;
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    return { type: 'unknown', code, data: bytes.slice(2) };
  }
}

/**
 * BOLT 2, "Removing an HTLC": the failure that a node reports to the origin when its downstream peer answered with
 * `update_fail_malformed_htlc`. Throws `WireError` if the code lacks BADONION, for which the peer must be refused.
 */
export function failureFromMalformed(code: number, sha256OfOnion: Uint8Array): FailureMessage {
  if ((code & BADONION) === 0) {
    throw new WireError('wire_bad_value', `expected a failure code with BADONION set, got 0x${code.toString(16)}`, {
      failureCode: code,
    });
  }
  const writer = new Writer();
  writer.uint(code, 2);
  bytes32.write(writer, sha256OfOnion);
  return decodeFailure(writer.finish());
}

function failure<D extends object>(code: number, fields: { readonly [K in keyof D]: Codec<D[K]> }): FailureTable<D> {
  return { code, data: struct<D>(fields) };
}
