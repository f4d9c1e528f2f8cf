import { WireError } from '../wire/errors.ts';

/** BOLT 7, "Definition of `short_channel_id`": where the funding output stands in the chain. */
export interface ShortChannelIdParts {
  /** 0 to 2^24 - 1, as `transactionIndex`. */
  readonly blockHeight: number;
  readonly transactionIndex: number;
  /** 0 to 2^16 - 1. */
  readonly outputIndex: number;
}

/** The eight bytes of a short channel id as an integer. Throws `WireError` for a part that does not fit. */
export function scidFromParts({ blockHeight, transactionIndex, outputIndex }: ShortChannelIdParts): bigint {
  requireFits('block height', blockHeight, 0xffffff);
  requireFits('transaction index', transactionIndex, 0xffffff);
  requireFits('output index', outputIndex, 0xffff);
  return (BigInt(blockHeight) << 40n) | (BigInt(transactionIndex) << 16n) | BigInt(outputIndex);
}

/** Where the funding output of a short channel id stands. */
export function scidToParts(scid: bigint): ShortChannelIdParts {
  return {
    blockHeight: Number(BigInt.asUintN(24, scid >> 40n)),
    transactionIndex: Number(BigInt.asUintN(24, scid >> 16n)),
    outputIndex: Number(BigInt.asUintN(16, scid)),
  };
}

/** The standard form for people: `539268x845x1`. */
export function formatScid(scid: bigint): string {
  const { blockHeight, transactionIndex, outputIndex } = scidToParts(scid);
  return `${blockHeight}x${transactionIndex}x${outputIndex}`;
}

/** Reads `539268x845x1`: decimal numbers without leading zeros. Throws `WireError` for anything else. */
export function parseScid(text: string): bigint {
  const match = /^(0|[1-9]\d{0,7})x(0|[1-9]\d{0,7})x(0|[1-9]\d{0,4})$/.exec(text);
  if (match === null) {
    throw new WireError('wire_bad_value', `expected something like 539268x845x1, got ${JSON.stringify(text)}`);
  }
  const [, blockHeight, transactionIndex, outputIndex] = match.map(Number);
  return scidFromParts({
    blockHeight: blockHeight ?? 0,
    transactionIndex: transactionIndex ?? 0,
    outputIndex: outputIndex ?? 0,
  });
}

function requireFits(what: string, value: number, max: number): void {
  if (Number.isInteger(value) && value >= 0 && value <= max) return;
  throw new WireError('wire_bad_value', `expected a ${what} of 0 to ${max}, got ${value}`);
}
