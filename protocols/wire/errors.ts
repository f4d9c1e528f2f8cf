import { RunnelError } from '../errors.ts';

/**
 * Why bytes are not a BOLT message, or why a value cannot be written as one.
 *
 * - `wire_truncated`: fewer bytes than the contents need
 * - `wire_trailing_bytes`: more bytes than the contents need (inside a TLV record, or a fixed-size value)
 * - `wire_too_long`: more than fits into a message or into a length field
 * - `wire_not_minimal`: a BigSize or a truncated integer with a shorter encoding
 * - `wire_tlv_order`: TLV types not strictly increasing
 * - `wire_unknown_even_tlv`: a TLV record that we may not ignore
 * - `wire_unknown_message`: always an `UnknownMessageError`
 * - `wire_bad_value`: a value outside what its type allows
 */
export type WireErrorCode =
  | 'wire_truncated'
  | 'wire_trailing_bytes'
  | 'wire_too_long'
  | 'wire_not_minimal'
  | 'wire_tlv_order'
  | 'wire_unknown_even_tlv'
  | 'wire_unknown_message'
  | 'wire_bad_value';

/** Bytes that are not what the BOLTs say they must be; the one error that encoding and decoding throw. */
export class WireError extends RunnelError {
  declare readonly code: WireErrorCode;

  constructor(
    code: WireErrorCode,
    message: string,
    details: Readonly<Record<string, unknown>> = {},
    options?: ErrorOptions,
  ) {
    super(code, message, details, options);
  }
}

/** A message of a type that we do not know. BOLT 1, "Lightning Message Format", says what follows from its parity. */
export class UnknownMessageError extends WireError {
  readonly typeNumber: number;

  constructor(typeNumber: number) {
    super('wire_unknown_message', `message type ${typeNumber} is not known`, { typeNumber });
    this.typeNumber = typeNumber;
  }

  /** It's OK to be odd: an odd type is ignored; for an even one the connection must be closed. */
  get ignorable(): boolean {
    return this.typeNumber % 2 === 1;
  }
}

/** The same error with the place where it happened (`update_add_htlc.paymentHash`) put before its message. */
export function inContext(error: unknown, place: string, details: Readonly<Record<string, unknown>> = {}): unknown {
  if (!(error instanceof WireError)) return error;
  return new WireError(error.code, `${place}: ${error.message}`, { ...error.details, ...details }, { cause: error });
}
