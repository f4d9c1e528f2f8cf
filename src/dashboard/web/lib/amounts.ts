/** Amounts as decimal strings and bigint, never as floating point. */

export const msatOf = (decimal: string | undefined): bigint => BigInt(decimal ?? '0');
export const satToMsat = (decimal: string | undefined): bigint => BigInt(decimal ?? '0') * 1_000n;

/** A narrow no-break space, as SI has it: `1 234 567`. */
const SEPARATOR = '\u202f';

export function grouped(value: bigint): string {
  const sign = value < 0n ? '−' : '';
  const digits = (value < 0n ? -value : value).toString();
  return sign + digits.replace(/\B(?=(\d{3})+$)/g, SEPARATOR);
}

/** Msat in sat: whole where there is no rest, with three decimals where there is. */
export function formatMsat(amountMsat: bigint): string {
  const size = amountMsat < 0n ? -amountMsat : amountMsat;
  const sign = amountMsat < 0n ? '−' : '';
  const rest = size % 1_000n;
  return `${sign}${grouped(size / 1_000n)}${rest === 0n ? '' : `.${rest.toString().padStart(3, '0')}`}`;
}

/** Sat without the rest, where the eye is on the whole. */
export const formatWholeSat = (amountMsat: bigint): string => grouped(amountMsat / 1_000n);

/** Sat as people type them (`1500`, `1 500.25`) in msat; undefined for anything else. */
export function parseSatAsMsat(text: string): bigint | undefined {
  const match = /^([0-9]{1,16})(?:\.([0-9]{1,3}))?$/.exec(text.replace(/[\s\u202f']/g, ''));
  if (match === null) return undefined;
  return BigInt(match[1] ?? '') * 1_000n + BigInt((match[2] ?? '').padEnd(3, '0'));
}

/** What part of `whole` it is, from 0 to 1, for the length of a bar: the only place where an amount becomes a fraction. */
export function share(part: bigint, whole: bigint): number {
  if (whole <= 0n || part <= 0n) return 0;
  return part >= whole ? 1 : Number((part * 10_000n) / whole) / 10_000;
}
