/** Amounts in answers and messages, as people read them. */

/** Sat with three decimals: `98995500n` msat is `98995.500`. */
export function formatMsat(amountMsat: bigint): string {
  const sign = amountMsat < 0n ? '-' : '';
  const size = amountMsat < 0n ? -amountMsat : amountMsat;
  return `${sign}${size / 1_000n}.${(size % 1_000n).toString().padStart(3, '0')}`;
}
