import { bigsize, tu32, tu64 } from '../wire/bigsize.ts';
import { checked, decode, encode, restBytes, type Codec } from '../wire/codec.ts';
import { WireError } from '../wire/errors.ts';
import { Reader } from '../wire/reader.ts';
import { record, tlvStream } from '../wire/tlv.ts';
import { bytes32, MAX_MSAT, shortChannelId } from '../wire/types.ts';
import { OnionPayloadError, OnionRouteError } from './errors.ts';

/** What a forwarding node is told: what to send, over which of its channels. */
export interface ForwardPayload {
  readonly amtToForwardMsat: bigint;
  readonly outgoingCltvValue: number;
  readonly shortChannelId: bigint;
}

/** What the final node is told. */
export interface FinalPayload {
  readonly amtToForwardMsat: bigint;
  readonly outgoingCltvValue: number;
  /** From the invoice: proves that the sender knows it, and says what all parts come to. */
  readonly paymentData?: PaymentData;
  readonly paymentMetadata?: Uint8Array;
  /** The preimage itself, of a payment that was made without an invoice. */
  readonly keysendPreimage?: Uint8Array;
}

export interface PaymentData {
  readonly paymentSecret: Uint8Array;
  readonly totalMsat: bigint;
}

/** BOLT 1, "Fundamental Types": a truncated amount, at most 21 million bitcoin. */
const tmsat = checked(tu64, (value) => {
  if (value <= MAX_MSAT) return;
  throw new WireError('wire_bad_value', `expected at most ${MAX_MSAT} millisatoshis, got ${value}`);
});

const paymentData: Codec<PaymentData> = {
  read: (reader) => ({ paymentSecret: bytes32.read(reader), totalMsat: tmsat.read(reader) }),
  write(writer, value) {
    bytes32.write(writer, value.paymentSecret);
    tmsat.write(writer, value.totalMsat);
  },
};

/**
 * BOLT 4, "`payload` format", without the records of blinded paths, which are even and therefore refused. Keysend's
 * record is of bLIP 3.
 */
const payloadStream = tlvStream({
  amtToForwardMsat: record(2, tmsat),
  outgoingCltvValue: record(4, tu32),
  shortChannelId: record(6, shortChannelId),
  paymentData: record(8, paymentData),
  paymentMetadata: record(16, restBytes),
  keysendPreimage: record(5482373484n, bytes32),
});

/**
 * The bytes of a hop's payload, without the length before them. Throws `OnionRouteError` for a value that its field
 * does not allow.
 */
export function encodePayload(payload: ForwardPayload | FinalPayload): Uint8Array {
  try {
    return encode(payloadStream, payload);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw new OnionRouteError('onion_bad_payload', error.message, error.details, { cause: error });
  }
}

/**
 * The payload of a node that is to forward. Throws `OnionPayloadError` if it is not a valid stream of TLV records,
 * holds an unknown even one, or lacks an amount, an expiry or a channel (BOLT 4, "Requirements" of the payload format).
 */
export function decodeForwardPayload(bytes: Uint8Array): ForwardPayload {
  const payload = decodePayload(bytes);
  return {
    amtToForwardMsat: required(payload.amtToForwardMsat, 2n, 'amt_to_forward'),
    outgoingCltvValue: required(payload.outgoingCltvValue, 4n, 'outgoing_cltv_value'),
    shortChannelId: required(payload.shortChannelId, 6n, 'short_channel_id'),
  };
}

/**
 * The payload of the final node. Throws `OnionPayloadError` as above; all that it must hold is an amount and an expiry.
 */
export function decodeFinalPayload(bytes: Uint8Array): FinalPayload {
  const { shortChannelId: _notForUs, ...payload } = decodePayload(bytes);
  return {
    ...payload,
    amtToForwardMsat: required(payload.amtToForwardMsat, 2n, 'amt_to_forward'),
    outgoingCltvValue: required(payload.outgoingCltvValue, 4n, 'outgoing_cltv_value'),
  };
}

function decodePayload(bytes: Uint8Array) {
  try {
    return decode(payloadStream, bytes);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    const { tlvType, offset } = locateFault(bytes);
    const message = `TLV record ${tlvType} at byte ${offset} of the onion payload: ${error.message}`;
    throw new OnionPayloadError(tlvType, offset, message, { cause: error });
  }
}

function required<T>(value: T | undefined, tlvType: bigint, name: string): T {
  if (value !== undefined) return value;
  throw new OnionPayloadError(tlvType, 0, `expected the onion payload to hold ${name}, got none`);
}

/**
 * BOLT 4, `invalid_onion_payload`: the type and the offset of the first record that does not decode, of a stream that
 * has one.
 */
function locateFault(bytes: Uint8Array): { tlvType: bigint; offset: number } {
  const reader = new Reader(bytes);
  let previous = -1n;
  for (;;) {
    const offset = bytes.length - reader.remaining;
    let tlvType = 0n;
    try {
      tlvType = bigsize.read(reader);
      if (tlvType <= previous) return { tlvType, offset };
      reader.bytes(Number(bigsize.read(reader)));
      decode(payloadStream, bytes.subarray(offset, bytes.length - reader.remaining));
      previous = tlvType;
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      return { tlvType, offset };
    }
  }
}
