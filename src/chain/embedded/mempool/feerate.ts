/** Feerates here are whole satoshis per 1,000 virtual bytes, as bitcoind keeps them. */

/** The fee at a feerate for `vsize` virtual bytes, in satoshi, rounded up. */
export function feeAtRateSat(feerateSatPerKvb: bigint, vsize: number): bigint {
  return (feerateSatPerKvb * BigInt(vsize) + 999n) / 1_000n;
}

/** A feerate as bitcoind writes it into its messages. */
export function feerateText(feerate: bigint): string {
  const digits = feerate.toString().padStart(9, '0');
  return `${digits.slice(0, -8)}.${digits.slice(-8)} BTC/kvB`;
}

/** The feerate that a fee comes to over `vsize` virtual bytes, rounded down. */
export function feerateSatPerKvb(feeSat: bigint, vsize: number): bigint {
  return vsize === 0 ? 0n : (feeSat * 1_000n) / BigInt(vsize);
}
