/** Amounts as people write and read them, by whole-number arithmetic only. */

const MSAT_PER = { msat: 1n, sat: 1_000n, btc: 100_000_000_000n } as const;
const DECIMALS = { msat: 0, sat: 3, btc: 11 } as const;
export type AmountUnit = keyof typeof MSAT_PER;

/**
 * Reads an amount such as `1500`, `1500.25`, `1500msat`, `0.001btc`, in `unit` where none is named, as msat.
 * Returns undefined for anything else, also for decimals of a msat.
 */
export function parseAmountMsat(text: string, unit: AmountUnit): bigint | undefined {
  const match = /^([0-9]{1,19})(?:\.([0-9]{1,11}))? ?(msat|sat|btc)?$/i.exec(text.trim());
  if (match === null) return undefined;
  const [, whole = '', decimals = '', named] = match;
  const used = (named?.toLowerCase() as AmountUnit | undefined) ?? unit;
  if (decimals.length > DECIMALS[used]) return undefined;
  return BigInt(whole) * MSAT_PER[used] + BigInt(decimals.padEnd(DECIMALS[used], '0') || '0');
}
